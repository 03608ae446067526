"""What the one run of a home has recorded so far, while it goes on."""

from contextlib import closing
from pathlib import Path

import apsw


def recorded_outcomes(home: Path) -> int:
    """How many outcomes; -1 where there is no run yet."""
    path = next((home / "opro-local" / "runs").glob("2*.sqlite"), None)
    if path is None:
        return -1
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as database:
            ((count,),) = database.execute("SELECT count(*) FROM outcome")
    except apsw.Error:
        return -1
    return int(count)
