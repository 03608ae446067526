#!/usr/bin/env bash
# ray 2.60.0: the priority of a worker process on Linux.
#
# Behaviour: a worker runs at niceness 15, whatever the niceness of the program that has started Ray; any other work
#   on the machine comes first. On two cores beside two busy processes a worker that imports torch had not begun after
#   three minutes. RAY_worker_niceness=0 in the environment of ray.init is heeded.
# Expected: the priority of the program that asks, as with multiprocessing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat >"$folder/nice.py" <<'PYTHON'
import os

import ray

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
print(ray.__version__, "program", os.nice(0), "worker", ray.get(ray.remote(lambda: os.nice(0)).remote()))
PYTHON
export RAY_USAGE_STATS_ENABLED=0
"$folder/venv/bin/python" "$folder/nice.py" 2>/dev/null | tee "$folder/out"
RAY_worker_niceness=0 "$folder/venv/bin/python" "$folder/nice.py" 2>/dev/null | tee "$folder/out0"
grep -q '^2.60.0 program 0 worker 15$' "$folder/out"
grep -q '^2.60.0 program 0 worker 0$' "$folder/out0"
echo "as stated: workers yield to everything else unless told otherwise"
