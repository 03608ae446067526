#!/usr/bin/env bash
# ray 2.60.0: ray.init with an address at which nothing listens.
#
# Behaviour: SystemExit(15), after more than a minute.
# Expected: a ConnectionError within seconds. `except Exception` does not catch SystemExit, so that the process of a
#   caller that handles errors ends all the same.
# Seen: 72 to 82 s on a busy machine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
RAY_USAGE_STATS_ENABLED=0 "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import time

import ray

assert ray.__version__ == "2.60.0"
begun = time.monotonic()
try:
    ray.init(address="127.0.0.1:9", log_to_driver=False, configure_logging=False)
except Exception as error:
    raise AssertionError(f"changed: {type(error).__name__}") from None
except SystemExit as error:
    seconds = time.monotonic() - begun
    print(f"ray {ray.__version__}: SystemExit({error.code}) after {seconds:.0f} s")
    assert error.code == 15
    assert seconds > 30
PYTHON
echo "as stated: a wrong address ends the process"
