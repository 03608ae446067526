"""Where models and runs are kept."""

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where models and runs are kept."""

    models: Path
    runs: Path

    @classmethod
    def of_user(cls, home: Path | None = None) -> "Folders":
        """The folders below home, else below $OPRO_LOCAL_HOME, else below the user's data folder.

        The one variable that is read outside the command line: rows must not go elsewhere from Python.
        """
        named = os.environ.get("OPRO_LOCAL_HOME")
        root = home or (Path(named) if named else user_data_path("opro-local"))
        return cls(models=root / "models", runs=root / "runs")
