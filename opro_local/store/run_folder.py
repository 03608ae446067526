"""The folder of a user's runs: the one place that knows what its files are called."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from opro_local.errors import SettingsError, StoreError
from opro_local.store import lease
from opro_local.store.reader import reading
from opro_local.store.reply_cache import clear

T = TypeVar("T")
SUFFIX = ".sqlite"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A file a run, named by its id, and beside them the cache of replies and the ledger of test rows."""

    path: Path

    @property
    def reply_cache(self) -> Path:
        return self.path / f"cache{SUFFIX}"

    @property
    def test_ledger(self) -> Path:
        return self.path / "test-uses.db"

    def file(self, run_id: str) -> Path:
        return self.path / f"{run_id}{SUFFIX}"

    def files(self) -> list[Path]:
        """Of all runs, the oldest first: ids begin with the time."""
        return sorted(path for path in self.path.glob(f"*{SUFFIX}") if path != self.reply_cache)

    def find(self, name: str) -> Path:
        """The file of a run by its id, the beginning of its id, or its path. Raises SettingsError."""
        for path in (self.file(name), Path(name)):
            with suppress(OSError):  # too long for a name
                if path.is_file():
                    return path
        begun = [path for path in self.files() if name and path.stem.startswith(name)]
        if len(begun) == 1:
            return begun[0]
        several = f"{len(begun)} runs begin with {name!r}" if begun else f"No run {name!r}"
        raise SettingsError(f"{several} in {self.path}. See: opro-local runs list")

    def remove(self, run: Path) -> None:
        """Delete the file of a run, and the replies of the cache that no other run of the folder uses.

        Raises StoreBusy while a process writes the run, StoreError.
        """
        with lease.writing(run):
            clear(self.reply_cache, keep=[path.stem for path in self.files() if path != run])
            for suffix in ("", "-journal", "-wal", "-shm", ".lock"):
                Path(f"{run}{suffix}").unlink(missing_ok=True)

    def newest(self, unreadable: Callable[[StoreError], object], *, unfinished: bool = False) -> Path:
        """The latest run that can be read, or the latest to go on with: nobody writes it.

        Raises SettingsError.
        """
        files = self.files()
        if not files:
            raise SettingsError(f"No runs in {self.path} yet. Start one with: opro-local run")
        for path, finished in readable(reversed(files), is_finished, unreadable):
            if not unfinished or not (finished or lease.is_held(path)):
                return path
        kind = "unfinished" if unfinished else "readable"
        raise SettingsError(f"No {kind} run in {self.path}. See: opro-local runs list")


def readable(
    paths: Iterable[Path], read: Callable[[Path], T], unreadable: Callable[[StoreError], object]
) -> Iterator[tuple[Path, T]]:
    """What read makes of each file that holds a run; unreadable is told of each that does not."""
    for path in paths:
        try:
            yield path, read(path)
        except StoreError as error:
            unreadable(error)


def is_finished(path: Path) -> bool:
    """Raises StoreError."""
    with reading(path) as run:
        return run.finished
