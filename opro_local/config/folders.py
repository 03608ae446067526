"""Where models and runs are kept."""

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
        """The folders below home; below the user's data folder if not given."""
        root = home or user_data_path("opro-local")
        return cls(models=root / "models", runs=root / "runs")
