import socket
import subprocess
import sys

import pytest

from opro_local.offline import refused


class Socket:
    def __init__(self, family: int) -> None:
        self.family = family


INTERNET, INTERNET6, LOCAL = Socket(socket.AF_INET), Socket(socket.AF_INET6), Socket(socket.AF_UNIX)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (INTERNET, ("192.0.2.1", 443))),
        ("socket.connect", (INTERNET, ("127.0.0.1", 443))),
        ("socket.connect", (INTERNET6, ("2001:db8::1", 443, 0, 0))),
        ("socket.sendto", (INTERNET, ("192.0.2.1", 53))),
        ("socket.sendmsg", (INTERNET6, None)),
        ("socket.bind", (INTERNET, ("0.0.0.0", 80))),
        ("socket.bind", (INTERNET, ("", 80))),
        ("socket.getaddrinfo", ("huggingface.co", 443, 0, 0, 0)),
        ("socket.getaddrinfo", (b"huggingface.co", 443, 0, 0, 0)),
        ("socket.gethostbyname", ("huggingface.co",)),
        ("socket.getnameinfo", (("192.0.2.1", 80),)),
    ],
)
def test_what_would_leave_the_machine_is_refused(event: str, arguments: tuple[object, ...]) -> None:
    assert refused(event, arguments)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (LOCAL, "/run/some.sock")),
        ("socket.bind", (LOCAL, "/run/some.sock")),
        ("socket.bind", (INTERNET, ("127.0.0.1", 0))),
        ("socket.bind", (INTERNET6, ("::1", 0))),
        ("socket.bind", (INTERNET, ("localhost", 8000))),
        ("socket.getaddrinfo", ("127.0.0.1", 8000, 0, 1, 0)),
        ("socket.getaddrinfo", (None, 8000, 0, 1, 0)),
        ("socket.__new__", (INTERNET, socket.AF_INET, socket.SOCK_STREAM, 0)),
        ("socket.gethostname", ()),
    ],
)
def test_what_stays_on_the_machine_passes(event: str, arguments: tuple[object, ...]) -> None:
    assert not refused(event, arguments)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment or None
    )


def test_closing_refuses_every_way_out_and_keeps_local_sockets() -> None:
    done = run_python(
        "import os, socket\n"
        "from opro_local.offline import close_network\n"
        "close_network(); close_network()\n"
        "def refused(call):\n"
        "    try: call()\n"
        "    except PermissionError as error: return 'has closed the network' in str(error)\n"
        "    return False\n"
        "tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)\n"
        "assert refused(lambda: tcp.connect(('127.0.0.1', 9)))\n"
        "assert refused(lambda: udp.sendto(b'x', ('127.0.0.1', 9)))\n"
        "assert refused(lambda: socket.getaddrinfo('huggingface.co', 443))\n"
        "assert refused(lambda: tcp.bind(('0.0.0.0', 0)))\n"
        "tcp.bind(('127.0.0.1', 0))\n"
        "a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n"
        "assert os.environ['HF_HUB_OFFLINE'] == '1'\n"
    )
    assert done.returncode == 0, done.stderr


def test_closing_after_the_hub_client_was_imported_open_is_our_own_mistake() -> None:
    code = "import huggingface_hub.constants\nfrom opro_local.offline import close_network\nclose_network()\n"
    late = run_python(code, HF_HUB_OFFLINE="0")
    assert "AssertionError: huggingface_hub was imported with the network open" in late.stderr
    assert run_python(code, HF_HUB_OFFLINE="1").returncode == 0
