#!/usr/bin/env bash
# Make a virtual environment with Lava's fixed-point simulation: .ci/lava.sh [folder]
# Then SPIKESPEECH_LAVA_PYTHON=<folder>/bin/python lets the tests compare exports with real Lava,
# as does scripts/peers/lava_check.py --lava-python.
#
# lava-nc and lava-dl declare Python 3.10 and torch. scripts/peers/lava_record.py does without either, so
# that they are installed without their dependencies and beside any Python that this project needs.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.venv/lava}
pip="$folder/bin/pip --disable-pip-version-check --quiet"
[ -e "$folder/.installed" ] && exit
"${PYTHON:-python3}" -m venv "$folder"
$pip install -r envs/lava.txt
$pip install --no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0
touch "$folder/.installed"
