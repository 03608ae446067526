"""What a command and all that it starts ask of the network, as the kernel sees it (strace)."""

import re
import subprocess
from pathlib import Path
from shutil import which

CALL = re.compile(r"^\d+ +(connect|sendto|sendmsg|sendmmsg|bind)\(.*\bAF_INET6?\b.*")
LOOPBACK = re.compile(r'inet_addr\("127\.\d+\.\d+\.\d+"\)|AF_INET6, "(?:::1|::ffff:127\.\d+\.\d+\.\d+)"')


def permitted(*command: str) -> bool:
    return which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0


def following(trace: Path) -> list[str]:
    """What a command is started under so that its calls are in trace; [] where that is not permitted."""
    calls = "trace=connect,sendto,sendmsg,sendmmsg,bind"
    follow = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", calls, "-o", str(trace)]
    return follow if permitted(*follow, "true") else []


def elsewhere(trace: str) -> list[str]:
    """The internet calls of a trace that name another address than the loopback."""
    return [line for line in trace.splitlines() if CALL.match(line) and not LOOPBACK.search(line)]


def outward(trace: str) -> list[str]:
    """The internet calls of a trace, but for binding the loopback.

    urllib3 binds it once, when it is imported, to learn whether IPv6 works.
    """
    calls = ((CALL.match(line), line) for line in trace.splitlines())
    return [line for call, line in calls if call and not (call[1] == "bind" and LOOPBACK.search(line))]
