"""What a study file says, and the runs that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field

from opro_local.config import RunSettings, Settings
from opro_local.config.checking import Tables, parse_settings, read_toml
from opro_local.errors import SettingsError

SHIPPED = Path(__file__).parent / "shipped"
VARIED = ("search", "scoring", "budget")
"""Groups of settings that may differ from run to run; all runs share the loaded models."""


class StudySettings(Settings):
    """A study file: what differs (grid), what is the same for all runs, how often each is repeated.

    grid names settings as "search.temperature", with the values that they take; all combinations are run. A
    key may name several with commas, which change together: its values are lists, one value for each.
    """

    description: str = Field("", description="One line on what is compared.")
    repeats: int = Field(3, ge=1, description="Runs of each combination, with seeds one after the other.")
    grid: dict[str, list[Any]] = Field(min_length=1, description="Settings and the values that they take.")
    task: Tables = Field({}, description="As in task.toml.")
    models: Tables = Field({})
    search: Tables = Field({})
    scoring: Tables = Field({})
    budget: Tables = Field({})

    def fixed(self) -> dict[str, Tables]:
        """The settings that all runs share."""
        return {group: getattr(self, group) for group in ("models", *VARIED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run of a study: the values of the grid's settings, by name, and which repeat it is, from 0."""

    values: Mapping[str, Any]
    repeat: int

    @property
    def label(self) -> str:
        """Without the groups: settings have different names."""
        return ", ".join(f"{name.partition('.')[2]} {_said(value)}" for name, value in self.values.items())


def _said(value: Any) -> str:
    if value in ("", []):
        return "(empty)"
    return " / ".join(map(_said, value)) if isinstance(value, list) else str(value)


def find_study(name: str) -> Path:
    """The file that is meant: a path, or the name of a shipped study. Raises SettingsError."""
    for path in (Path(name), SHIPPED / f"{name}.toml"):
        if path.is_file():
            return path
    raise SettingsError(f"No study {name!r}. Shipped are: {', '.join(shipped_studies())}.")


def shipped_studies() -> dict[str, StudySettings]:
    return {path.stem: read_study(path) for path in sorted(SHIPPED.glob("*.toml"))}


def read_study(path: Path) -> StudySettings:
    """Raises SettingsError naming what is wrong."""
    study = parse_settings(StudySettings, read_toml(path), source=str(path))
    for key, values in study.grid.items():
        names = setting_names(key)
        for name in names:
            if name.partition(".")[0] not in VARIED or not name.partition(".")[2]:
                raise SettingsError(
                    f"{path}: grid cannot vary {name!r}; it takes settings of {', '.join(VARIED)}, "
                    "as in 'search.temperature'."
                )
        if not values:
            raise SettingsError(f"{path}: grid.{key} has no values.")
        for value in values:
            if len(names) > 1 and (not isinstance(value, list) or len(value) != len(names)):
                raise SettingsError(f"{path}: grid.{key} takes lists of {len(names)} values, not {value!r}.")
    return study


def setting_names(key: str) -> list[str]:
    """The settings that a key of the grid changes together."""
    return [name.strip() for name in key.split(",")]


def cells(study: StudySettings) -> list[Cell]:
    """All combinations in the order of the file, the repeats of each in turn."""
    choices = [[_together(key, value) for value in values] for key, values in study.grid.items()]
    return [
        Cell(values={name: value for part in parts for name, value in part.items()}, repeat=repeat)
        for parts in product(*choices)
        for repeat in range(study.repeats)
    ]


def _together(key: str, value: Any) -> Tables:
    """The settings of one key of the grid with their values."""
    names = setting_names(key)
    return dict(zip(names, value if len(names) > 1 else [value], strict=True))


def settings_of(cell: Cell, base: RunSettings) -> RunSettings:
    """The settings of one run. Raises SettingsError for a value that a setting does not take."""
    tables = base.model_dump(mode="json", exclude_unset=True)
    for name, value in cell.values.items():
        group, _, key = name.partition(".")
        tables.setdefault(group, {})[key] = value
    search = tables.setdefault("search", {})
    search["seed"] = search.get("seed", base.search.seed) + cell.repeat
    return parse_settings(RunSettings, tables, source=f"grid ({cell.label})")


def all_settings(plan: Sequence[Cell], base: RunSettings) -> list[RunSettings]:
    """Of every run, so that a wrong value is told before the first one begins."""
    return [settings_of(cell, base) for cell in plan]
