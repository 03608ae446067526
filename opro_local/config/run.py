"""All settings of a run together."""

from opro_local.config.budget import BudgetSettings
from opro_local.config.models import ModelSettings
from opro_local.config.scoring import ScoringSettings
from opro_local.config.search import SearchSettings
from opro_local.config.settings import Settings


class RunSettings(Settings):
    """Everything that decides what a run does; stored with the run, so that resuming needs no flag."""

    models: ModelSettings
    search: SearchSettings = SearchSettings()
    scoring: ScoringSettings = ScoringSettings()
    budget: BudgetSettings = BudgetSettings()
