"""Files that are whole or not there: what was written is on the disk under its name, or the old file is."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_file(path: Path, content: str | bytes, *, mode: int | None = None) -> None:
    """Replace a file in one go that a power loss or a kill cannot cut: write beside it, sync, rename, sync.

    Text becomes UTF-8, its line ends as they are. mode is that of the new file; if not given, a file that is
    replaced keeps its own. What is no file (a pipe, a device) is written into. Raises OSError.
    """
    content = content.encode() if isinstance(content, str) else content
    path = path.resolve()  # what a link leads to is replaced, not the link
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    if mode is None and path.exists():
        mode = path.stat().st_mode & 0o777
    new = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        _write_new(new, content, mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_new(path: Path, content: bytes, mode: int | None) -> None:
    """A mode that is not given is the user's usual one."""
    number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if mode is None else 0o600)
    with os.fdopen(number, "wb") as file:
        if mode is not None:
            path.chmod(mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """So that the new name survives a power loss; some file systems cannot sync folders."""
    with suppress(OSError):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
