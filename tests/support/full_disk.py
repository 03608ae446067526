"""A disk for SQLite that is quick, since nothing is synced, and can fill up."""

import sys

import apsw


class FullDisk(apsw.VFS):
    """A disk on which the writes after the first `room` ones fail; nothing is synced, to be quick."""

    def __init__(self) -> None:
        super().__init__("full_disk", "unix", makedefault=True)
        self.room = sys.maxsize

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "FullDiskFile":  # noqa: N802
        return FullDiskFile(self, name, flags)


class FullDiskFile(apsw.VFSFile):
    def __init__(self, disk: FullDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self.disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.room -= 1
        if self.disk.room < 0:
            raise apsw.FullError("test")
        super().xWrite(data, offset)

    def xLock(self, level: int) -> None:  # noqa: N802
        try:
            super().xLock(level)
        except apsw.IOError:  # a reader cannot lock for writing: SQLite does not mind, apsw would report it
            raise apsw.BusyError from None

    def xSync(self, flags: int) -> None:  # noqa: N802
        pass
