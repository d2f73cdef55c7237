#!/usr/bin/env bash
# Start a one-machine Slurm, run a command in it, check each job's end with the scheduler, tear down.
#
#   tests/slurm/one_machine.sh COMMAND [ARGUMENT ...]
#
# Needs root and Debian's slurmctld, slurmd, slurm-client and munge. Keeps all state in a temporary
# folder, but for the link /etc/slurm/slurm.conf, which srun inside a job looks for. Exit status:
# the command's own, or 1 where Slurm saw no job or a job that failed. A test may stop and start the
# scheduler itself: its process id is in $SLURM_ONE_MACHINE/slurmctld.pid.
set -euo pipefail

[ $# -gt 0 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "error: a one-machine Slurm needs root" >&2; exit 2; }
for program in munged slurmctld slurmd sinfo; do
    command -v "$program" >/dev/null || {
        echo "error: no $program (Debian packages slurmctld slurmd slurm-client munge)" >&2
        exit 2
    }
done
[ ! -e /etc/slurm/slurm.conf ] || { echo "error: this machine has a Slurm already: /etc/slurm/slurm.conf" >&2; exit 2; }

state=$(mktemp -d)
export SLURM_ONE_MACHINE=$state
stop() {
    local name pid
    for name in slurmctld slurmd munged; do
        if [ -f "$state/$name.pid" ]; then
            pid=$(cat "$state/$name.pid")
            kill "$pid" 2>/dev/null || true
            for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        fi
    done
    rm -rf /etc/slurm/slurm.conf "$state"
}
trap stop EXIT
trap 'exit 143' TERM HUP
trap 'exit 130' INT
chmod 755 "$state"

install -d -o munge -g munge -m 700 "$state/munge"
head -c 64 /dev/urandom >"$state/munge/munge.key"
chown munge:munge "$state/munge/munge.key"
chmod 400 "$state/munge/munge.key"
install -d -o munge -g munge -m 755 "$state/socket"
setpriv --reuid munge --regid munge --clear-groups munged \
    --key-file "$state/munge/munge.key" --socket "$state/socket/munge.socket" \
    --pid-file "$state/munge/munged.pid" --log-file "$state/munge/munged.log" \
    --seed-file "$state/munge/munged.seed"
ln -s "$state/munge/munged.pid" "$state/munged.pid"

mkdir -p "$state/spool" "$state/save" /etc/slurm
cat >"$state/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$state/socket/munge.socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$state/jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2
MinJobAge=600
ReturnToService=2
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
SlurmdSpoolDir=$state/spool
StateSaveLocation=$state/save
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo) State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
ln -s "$state/slurm.conf" /etc/slurm/slurm.conf
slurmctld
slurmd
for _ in $(seq 100); do
    [ "$(sinfo -h -o %t 2>/dev/null)" = idle ] && break
    sleep 0.2
done
[ "$(sinfo -h -o %t)" = idle ] || { tail -20 "$state"/slurm*.log >&2; echo "error: Slurm did not start" >&2; exit 1; }

status=0
"$@" || status=$?

# The scheduler's own account of what it ran, beside what Snakemake says.
jobs=$(grep -c JobState= "$state/jobs.txt" 2>/dev/null || true)
failed=$(grep -cv JobState=COMPLETED "$state/jobs.txt" 2>/dev/null || true)
echo "Slurm ran ${jobs:-0} jobs, ${failed:-0} of them not completed"
grep -oE 'JobState=[A-Z]+' "$state/jobs.txt" 2>/dev/null | sort | uniq -c || true
[ "$status" = 0 ] || exit "$status"
[ "${jobs:-0}" -gt 0 ] && [ "${failed:-0}" = 0 ]
