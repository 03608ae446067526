"""A whole run needs no network and tries none; the kernel is the witness."""

import pytest
from traced import elsewhere, outward
from whole_command import FinishedRun, result

pytestmark = pytest.mark.slow


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
    within = [
        '7 connect(3, {sa_family=AF_INET, sin_port=htons(6379), sin_addr=inet_addr("127.0.0.2")}, 16) = 0',
        '7 connect(3, {sa_family=AF_INET6, inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6_addr)}, 28) = 0',
    ]
    assert elsewhere("\n".join([*harmless, *within, *away])) == away
    assert outward("\n".join(within)) == within


def test_a_run_works_where_there_is_no_network(unbroken: FinishedRun) -> None:
    """Other tests compare it with runs that have one."""
    if not unbroken.offline:
        pytest.skip("this machine does not let a user make a network namespace (unshare -rn)")
    assert result(unbroken.done)["status"] == "finished"


def test_no_system_call_of_a_run_reaches_out(unbroken: FinishedRun) -> None:
    if unbroken.trace is None:
        pytest.skip("strace is not installed or not permitted here")
    assert result(unbroken.done)["status"] == "finished"
    assert outward(unbroken.trace) == []
