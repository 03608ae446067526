"""Serves the live page on the loopback interface until it is interrupted."""

import logging
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType

import uvicorn

from opro_local.errors import SettingsError
from opro_local.web.guard import Guard
from opro_local.web.pages import LivePages


def serve_folder(folder: Path, *, port: int, editable: bool, ready: Callable[[str], None]) -> None:
    """ready is told the address to open. port 0 takes any that is free. Raises SettingsError."""
    with closing(_listening(port)) as listener:
        number = listener.getsockname()[1]
        guard = Guard(app=LivePages(folder=folder, editable=editable).app(), port=number, editable=editable)
        settings = uvicorn.Config(
            guard,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        ready(guard.address)
        try:
            QuietlyEnding(settings).run(sockets=[listener])
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # another Ctrl-C does not wait for a page
            raise


class QuietlyEnding(uvicorn.Server):
    """Says nothing of the pages that are cut off when it ends."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise SettingsError(
            f"Port {port} of the loopback interface cannot be used ({error.strerror}). Choose another --port."
        ) from None
