"""Who may write a run: the process that holds a kernel lock on the file RUN.lock.

The operating system releases the lock when its holder dies, however that happens, so no clock and no process
id is compared. The lock file stays behind: unlinking it would let two processes lock different files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from opro_local.errors import StoreBusy


def is_held(path: Path) -> bool:
    """Whether a process is writing the run now; one that cannot be locked here is not to be written."""
    if not Path(f"{path}.lock").exists():
        return False
    try:
        with writing(path):
            return False
    except (StoreBusy, OSError):
        return True


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Be the one writer of a run. Raises StoreBusy at once when another process is."""
    try:
        lock = FileLock(f"{path}.lock", timeout=0, mode=0o600)
        lock.acquire()
    except Timeout:
        raise StoreBusy(
            f"{path}: this run is being written by another process. Wait until it ends."
        ) from None
    try:
        yield
    finally:
        lock.release()
