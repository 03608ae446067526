"""Shuts the network for this process: the environment first, then an audit hook.

The environment tells the model libraries not to try; it must be set before they are imported. The audit hook
refuses what is tried all the same. It sees every socket call of Python code, not those of C extensions or of
child processes (which inherit the environment). An audit hook cannot be taken back.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ipaddress import ip_address
from socket import AF_INET, AF_INET6

ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "DO_NOT_TRACK": "1",
}

_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
_opened: ContextVar[tuple[str, int] | None] = ContextVar("opened", default=None)
_SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")


def close_network() -> None:
    """Make this process unable to reach anything but itself; calling it again changes nothing."""
    constants = sys.modules.get("huggingface_hub.constants")
    assert constants is None or constants.HF_HUB_OFFLINE, "huggingface_hub was imported with the network open"
    os.environ.update(ENVIRONMENT)
    _install_guard()


@contextmanager
def opened_to(host: str, port: int) -> Iterator[None]:
    """Inside, this thread may connect to one address of the loopback, and still to nothing else."""
    assert _is_loopback(host), f"{host} is not of this machine"
    before = _opened.set((host, port))
    try:
        yield
    finally:
        _opened.reset(before)


def refused(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether an audit event would leave this process for another one.

    Refused on AF_INET and AF_INET6: connecting to anything but what is opened, sending anywhere, binding
    other than to the loopback (urllib3 binds it once at import to learn whether IPv6 works), looking up names
    other than the loopback's.
    """
    if event in _LOOKUPS:
        return not _is_loopback(arguments[0])
    if event not in _SENDS and event != "socket.bind":
        return False
    if getattr(arguments[0], "family", None) not in (AF_INET, AF_INET6):
        return False
    address = arguments[1]
    if event == "socket.connect":
        return not isinstance(address, tuple) or address[:2] != _opened.get()
    return event != "socket.bind" or not _is_loopback(address)


def _is_loopback(address: object) -> bool:
    host = address[0] if isinstance(address, tuple) and address else address
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "localhost"):
        return True
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False


@cache  # hooks pile up: a second one would do the work twice
def _install_guard() -> None:
    sys.addaudithook(_guard)


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket.") and refused(event, arguments):
        # An OSError, because libraries know how to live without a network but not with an unknown error.
        raise PermissionError(f"{event}: opro-local has closed the network of this process")
