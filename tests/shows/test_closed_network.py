"""A whole run needs no network and tries none; the kernel is the witness."""

import re
import subprocess
from dataclasses import dataclass
from shutil import which

import pytest
from whole_command import Done, FinishedRun, call, result

pytestmark = pytest.mark.slow

CALL = re.compile(r"^\d+ +(?:connect|sendto|sendmsg|sendmmsg|bind)\(.*\bAF_INET6?\b.*")
LOOPBACK = re.compile(r'bind\(.*(?:inet_addr\("127\.0\.0\.1"\)|AF_INET6, "::1")')
"""urllib3 binds the loopback once, when it is imported, to learn whether IPv6 works."""


def permitted(*command: str) -> bool:
    return which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0


def outward(trace: str) -> list[str]:
    """The internet calls of a trace, but for binding the loopback."""
    return [line for line in trace.splitlines() if CALL.match(line) and not LOOPBACK.search(line)]


def test_what_leaves_the_machine_is_found_in_a_trace() -> None:
    away = [
        '7 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
        '71  sendto(3, "x", 1, 0, {sa_family=AF_INET6, sin6_port=htons(53)}, 28) = 1',
        '7 bind(3, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
    ]
    harmless = [
        "7 socket(AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3",
        '7 bind(3, {sa_family=AF_INET6, sin6_port=htons(0), inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0',
        '7 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT',
    ]
    assert outward("\n".join([*harmless, *away])) == away


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRun:
    """A run that is watched, in a namespace without network where both are permitted; trace is its calls."""

    alone: bool
    done: Done
    trace: str | None


@pytest.fixture(scope="module")
def closed(unbroken: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> ClosedRun:
    home = tmp_path_factory.mktemp("closed")
    trace = home / "trace"
    apart = ["unshare", "-rn"]
    follow = ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(trace)]
    alone, traced = permitted(*apart, "true"), permitted(*follow, "true")
    under = [*(apart if alone else []), *(follow if traced else [])]
    done = call(*unbroken.arguments, home=home, under=under)
    return ClosedRun(alone=alone, done=done, trace=trace.read_text() if traced else None)


def test_a_run_works_where_there_is_no_network(unbroken: FinishedRun, closed: ClosedRun) -> None:
    if not closed.alone:
        pytest.skip("this machine does not let a user make a network namespace (unshare -rn)")
    assert result(closed.done)["best"] == result(unbroken.done)["best"]


def test_no_system_call_of_a_run_reaches_out(closed: ClosedRun) -> None:
    if closed.trace is None:
        pytest.skip("strace is not installed or not permitted here")
    assert result(closed.done)["status"] == "finished"
    assert outward(closed.trace) == []
