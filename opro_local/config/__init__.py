"""The only place with defaults. The CLI reads its own from here; checking.py refuses what is unknown."""

from opro_local.config.budget import BUDGETS, BudgetSettings, Preset
from opro_local.config.choices import (
    Annotators,
    Arm,
    BadRows,
    Baselines,
    Blank,
    BlockOrder,
    BudgetName,
    CalibrationMethod,
    DecimalSign,
    ExemplarChoice,
    Grading,
    Method,
    Metric,
    Position,
    Prefer,
    Quantize,
    ScoreDisplay,
    ScoringMode,
    Style,
    Switch,
    TrajectoryOrder,
    Twins,
)
from opro_local.config.folders import Folders
from opro_local.config.models import ModelSettings
from opro_local.config.resolved import ResolvedBudget, ResolvedScoring, ResolvedSearch, ResolvedSettings
from opro_local.config.run import RunSettings
from opro_local.config.scoring import ScoringSettings
from opro_local.config.search import HEADROOM_CANDIDATES, SHORTER_FINALISTS, SearchSettings
from opro_local.config.settings import Settings
from opro_local.config.task import FieldSettings, SplitSettings, TaskSettings

__all__ = [
    "BUDGETS",
    "HEADROOM_CANDIDATES",
    "SHORTER_FINALISTS",
    "Annotators",
    "Arm",
    "BadRows",
    "Baselines",
    "Blank",
    "BlockOrder",
    "BudgetName",
    "BudgetSettings",
    "CalibrationMethod",
    "DecimalSign",
    "ExemplarChoice",
    "FieldSettings",
    "Folders",
    "Grading",
    "Method",
    "Metric",
    "ModelSettings",
    "Position",
    "Prefer",
    "Preset",
    "Quantize",
    "ResolvedBudget",
    "ResolvedScoring",
    "ResolvedSearch",
    "ResolvedSettings",
    "RunSettings",
    "ScoreDisplay",
    "ScoringMode",
    "ScoringSettings",
    "SearchSettings",
    "Settings",
    "SplitSettings",
    "Style",
    "Switch",
    "TaskSettings",
    "TrajectoryOrder",
    "Twins",
]
