"""What a piece of work costs this process: CPU seconds, wall seconds, memory.

Of the standard library only, as the interpreters of other libraries import it too.
"""

import os
import resource
import time
from pathlib import Path

from spikespeech.errors import InputError


class Meter:
    """Context manager that measures what runs inside it.

    Attributes
    ----------
    cpu_s, wall_s : CPU and wall seconds
    peak_mb : peak resident memory of the process in MB, its libraries and data included
    growth_mb : by how much that peak lies above the resident memory at the start

    Memory is NaN where /proc does not tell.
    """

    def __enter__(self):
        reset_peak()
        self._start = memory("VmRSS"), time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        resident, wall, cpu = self._start
        self.cpu_s, self.wall_s = time.process_time() - cpu, time.perf_counter() - wall
        self.peak_mb = memory("VmHWM")
        self.growth_mb = self.peak_mb - resident

    def cost(self):
        """Return the four measurements as a dictionary."""
        return {key: getattr(self, key) for key in ("cpu_s", "wall_s", "peak_mb", "growth_mb")}


def memory(field):
    """Return a field of /proc/self/status in MB: VmRSS, resident now, or VmHWM, its peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(fields[field].split()[0]) / 1024


def require(n_bytes, what):
    """Raise InputError, before anything is allocated, where `what` takes more than there is.

    There is what the machine has, or as much of it as a container or `ulimit -v` leaves.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limits += [n for n in resource.getrlimit(resource.RLIMIT_AS) if n != resource.RLIM_INFINITY]
    group = Path("/sys/fs/cgroup/memory.max")
    if group.exists() and (text := group.read_text().strip()).isdecimal():
        limits.append(int(text))
    if n_bytes > min(limits):
        raise InputError(
            f"{what} would take {n_bytes / 2**30:,.1f} GiB of memory, of which there are "
            f"{min(limits) / 2**30:,.1f}",
            hint="make it smaller, or use another machine",
        )


def reset_peak():
    """Let the kernel's peak begin anew, where it can; else it is that of the whole process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
