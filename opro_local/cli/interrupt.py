"""Ctrl-C: the first one lets the current block finish and be saved, the second one stops at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from opro_local.errors import Interrupted


@contextmanager
def graceful_interrupt(tell: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Yields what to call after each commit: it raises Interrupted once the user has pressed Ctrl-C.

    tell shows a line to the user.
    """
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, previous)
        tell("Stopping after this block; press Ctrl-C again to stop at once.")

    def after_commit() -> None:
        if asked:
            raise Interrupted("Stopped.")

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield after_commit
    finally:
        signal.signal(signal.SIGINT, previous)
