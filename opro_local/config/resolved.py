"""Settings with nothing left open: what the user, the method and the models say together, once a run."""

from dataclasses import dataclass

from opro_local.config.budget import BudgetSettings
from opro_local.config.choices import BudgetName, CalibrationMethod, ScoringMode, Style, Switch
from opro_local.config.run import RunSettings
from opro_local.config.scoring import ScoringSettings
from opro_local.config.search import SearchSettings


class ResolvedSearch(SearchSettings):
    """max_shots is 0 where the method searches none, None without a limit; styles may take turns."""

    starts: tuple[str, ...]
    style: Style
    styles: tuple[Style, ...]
    racing: Switch
    reflection: Switch
    meta_prompt_tokens: int
    temperature_end: float

    @property
    def races(self) -> bool:
        return self.racing == "on"

    @property
    def reflects(self) -> bool:
        """Whether the optimizer may be shown what candidates get wrong."""
        return self.reflection == "on" and self.exemplars > 0 and not self.instructions_only


class ResolvedScoring(ScoringSettings):
    """calibration is none where answers are generated."""

    mode: ScoringMode
    calibration: CalibrationMethod


class ResolvedBudget(BudgetSettings):
    """A search always ends; the other limits may be none."""

    preset: BudgetName
    steps: int
    train_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSettings:
    """What a run goes by; stored is what its file keeps, from which the same is resolved again."""

    stored: RunSettings
    search: ResolvedSearch
    scoring: ResolvedScoring
    budget: ResolvedBudget
