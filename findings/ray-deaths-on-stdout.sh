#!/usr/bin/env bash
# ray 2.60.0: where the death of an actor is told.
#
# Behaviour: with log_to_driver=False, and an error that the caller handles, the driver's stdout holds a line that
#   begins with "(raylet) A worker died or was killed".
# Expected: nothing, or a line on stderr: a program that prints one JSON object cannot be parsed any more.
# Seen: log_to_driver governs what workers print; errors that a node publishes go to stdout whatever it says.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" - >"$folder/out" 2>"$folder/err" <<'PYTHON'
import json
import os
import signal
import time

import ray

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)


@ray.remote(max_restarts=0)
class Worker:
    def end(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


worker = Worker.remote()
try:
    ray.get(worker.end.remote())
except ray.exceptions.RayError as error:
    kind = type(error).__name__
time.sleep(5)  # what the node publishes comes a moment later
print(json.dumps({"ray": ray.__version__, "raised": kind}))
ray.shutdown()
PYTHON
cat "$folder/out"
grep -q '"ray": "2.60.0"' "$folder/out"
grep -q 'A worker died or was killed' "$folder/out"
! grep -q 'A worker died or was killed' "$folder/err"
echo "as stated: the death of an actor is told on stdout"
