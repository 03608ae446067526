#!/usr/bin/env bash
# ray 2.60.0: whom a local Ray calls that has no dashboard and is told to report no usage. Needs strace.
#
# Behaviour: with RAY_USAGE_STATS_ENABLED=0, ray.init(address="local", include_dashboard=False) connects to
#   169.254.169.254, where clouds tell a machine its name, and asks a name server for metadata.google.internal.
# Expected: nothing but the loopback: no usage is reported, so nobody needs the cloud's name.
# Seen: the process of the dashboard is begun all the same, with the module for usage alone; that module finds out
#   the cloud before it looks whether it may report anything.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat >"$folder/local.py" <<'PYTHON'
import time

import ray

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
time.sleep(20)
print(ray.__version__)
ray.shutdown()
PYTHON
RAY_USAGE_STATS_ENABLED=0 RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 \
    strace -f -qq -e trace=connect -o "$folder/trace" "$folder/venv/bin/python" "$folder/local.py" >"$folder/out" 2>/dev/null
cat "$folder/out"
grep -q '^2.60.0$' "$folder/out"
grep -o 'sin_port=htons(80), sin_addr=inet_addr("169.254.169.254")' "$folder/trace" | sort | uniq -c
grep -q '169.254.169.254' "$folder/trace"
echo "as stated: a local Ray without dashboard and usage reports asks for the cloud's name"
