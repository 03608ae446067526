"""When a file was last read whole, and its SHA-256 then: one that looks unchanged need not be read again.

It looks unchanged when device, inode, size, modification and change time are the same. Whatever writes into a
file or sets its times moves the change time, which no call sets back. What stays unseen is a fault of the
disk, and what is written past the file system or with the clock set back. Who may write the ledger may write
SHA256SUMS as well.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from opro_local.catalogue.files import files_sha256
from opro_local.config import Settings
from opro_local.durable import write_file

LEDGER = ".checks.json"
"""Its name in the models folder."""

SETTLED_NS = 2_000_000_000
"""How long a file must have lain still for its check to count later. Of two changes within one tick of a file
system's clock (two seconds on FAT) the second leaves no trace; git's index has the same race."""


class Looks(Settings):
    """What a file system says of a file: which one it is, its size in bytes, its times in ns since 1970."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Check(Settings):
    """A file was read whole: how it looked before and after, its SHA-256 in hexadecimal, and when."""

    looks: Looks
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    checked: AwareDatetime


_CHECKS = TypeAdapter(tuple[Check, ...])


class Ledger:
    """The hashes of files, from the last full check of those that look unchanged since.

    If it is not trusted all are read, and written down for later.
    """

    def __init__(self, models_folder: Path, *, trusted: bool = True) -> None:
        self._relied: list[datetime] = []
        self._path = models_folder / LEDGER
        self._trusted = trusted

    @property
    def relied_on(self) -> str | None:
        """When the oldest check was made that stood in for reading (UTC, ISO 8601), None if none did."""
        return min(self._relied).isoformat() if self._relied else None

    def hashes(self, paths: Sequence[Path]) -> list[str]:
        """The SHA-256 of each file in hexadecimal. Raises OSError."""
        looks = {path: _looks(path) for path in paths}
        known = {check.looks: check for check in self._read()} if self._trusted else {}
        held = {path: known[seen] for path, seen in looks.items() if seen in known}
        self._relied += [check.checked for check in held.values()]
        fresh = self._read_whole({path: seen for path, seen in looks.items() if path not in held})
        return [held[path].sha256 if path in held else fresh[path] for path in paths]

    def _read_whole(self, looks: Mapping[Path, Looks]) -> Mapping[Path, str]:
        """Hash files, and write down those that lay still before and meanwhile."""
        begun = time.time_ns()
        found = dict(zip(looks, files_sha256(list(looks)), strict=True))
        self._keep(
            [
                Check(looks=seen, sha256=found[path], checked=datetime.fromtimestamp(begun // 10**9, UTC))
                for path, seen in looks.items()
                if max(seen.modified_ns, seen.changed_ns) + SETTLED_NS <= begun and _looks(path) == seen
            ]
        )
        return found

    def _read(self) -> tuple[Check, ...]:
        """A ledger that is damaged or not there knows nothing."""
        try:
            return _CHECKS.validate_json(self._path.read_bytes()) if self._path.is_file() else ()
        except (OSError, ValidationError):
            return ()

    def _keep(self, checks: Sequence[Check]) -> None:
        """Of two processes that write at once one may lose its checks; its next start makes them again."""
        if not checks:
            return
        by_file = {(check.looks.device, check.looks.inode): check for check in (*self._read(), *checks)}
        with suppress(OSError):  # a folder that only others may write
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._path, _CHECKS.dump_json(tuple(by_file.values()), indent=1) + b"\n")


def _looks(path: Path) -> Looks:
    found = path.stat()
    return Looks(
        device=found.st_dev,
        inode=found.st_ino,
        size=found.st_size,
        modified_ns=found.st_mtime_ns,
        changed_ns=found.st_ctime_ns,
    )
