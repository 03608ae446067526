"""Settings resolved: what the user left open is decided by the method, the task and the models."""

from typing import Any

from opro_local.config import (
    BUDGETS,
    BudgetName,
    BudgetSettings,
    ResolvedBudget,
    ResolvedScoring,
    ResolvedSearch,
    ResolvedSettings,
    RunSettings,
    ScoringMode,
    SearchSettings,
    Settings,
)
from opro_local.errors import SettingsError
from opro_local.llm import Engine
from opro_local.meta_prompt import STYLES
from opro_local.problems.instruction import default_starts
from opro_local.problems.kept import with_kept
from opro_local.tasks.task import Task
from opro_local.wiring.methods import METHODS
from opro_local.wiring.models import Models

LEAST_THAT_REFLECTS = 900_000_000
"""Parameters of an optimizer that is shown wrong answers by default; "1B" may be 0.99.

What smaller ones make of them costs more than it brings (scripts/figures/optimizer.md).
"""

LEAST_STORED = 1024
"""Tokens of a store of prefixes that limits a search: a smaller one is for no prompt with shots."""


def resolved(task: Task, settings: RunSettings, mode: ScoringMode, models: Models) -> ResolvedSettings:
    """The settings of a run on a task, whose answers are obtained in this mode."""
    stored = completed(settings, models)
    search, scoring = stored.search, stored.scoring
    shots = search.max_shots if METHODS[search.method].searches_shots else 0
    decided = {"racing": search.racing, "reflection": search.reflection, "max_shots": shots}
    return ResolvedSettings(
        stored=stored,
        search=_search(search, models.optimizer, starts=_starts(task, search), **decided),
        scoring=ResolvedScoring.model_validate(
            _with(scoring, mode=mode, calibration=scoring.calibration if mode == "likelihood" else "none")
        ),
        budget=ResolvedBudget.model_validate(_with(stored.budget)),
    )


def _starts(task: Task, search: SearchSettings) -> list[str]:
    """With the sentences to keep. Raises SettingsError where these leave no room for others."""
    if sum(map(len, search.keep)) >= search.max_characters:
        raise SettingsError(
            f"The sentences of --keep have {sum(map(len, search.keep))} characters; an instruction may have "
            f"{search.max_characters}. Shorten them, or raise --max-characters."
        )
    starts = default_starts(task) if search.starts is None else search.starts
    return [with_kept(start, search.keep) for start in starts]


def resolved_for_objective(settings: RunSettings, optimizer: Engine) -> ResolvedSettings:
    """The settings of a run that no scorer takes part in: nothing is raced, no style or start chosen."""
    stored = settings.model_copy(update={"budget": with_preset(settings.budget, fallback="medium")})
    return ResolvedSettings(
        stored=stored,
        search=_search(stored.search, optimizer, starts=(), max_shots=0, racing="off", reflection="off"),
        scoring=ResolvedScoring.model_validate(_with(stored.scoring, mode="generation", calibration="none")),
        budget=ResolvedBudget.model_validate(_with(stored.budget)),
    )


def completed(settings: RunSettings, models: Models) -> RunSettings:
    """The settings with what method, preset and models decide filled in where the user said nothing."""
    search, scoring = settings.search, settings.scoring
    method = METHODS[search.method]
    racing = search.racing or ("off" if method.published else "on")
    calibration = scoring.calibration or ("none" if method.published else "auto")
    tokens = search.meta_prompt_tokens or method.meta_prompt_tokens
    fallback: BudgetName = "light" if models.scorer.device == "cpu" else "medium"
    decided = {
        "racing": racing,
        "reflection": search.reflection or ("on" if method.reflects and _large(models) else "off"),
        "meta_prompt_tokens": tokens,
        "max_prompt_tokens": search.max_prompt_tokens or _most_stored(models),
    }
    return settings.model_copy(
        update={
            "search": search.model_copy(update=decided),
            "scoring": scoring.model_copy(update={"calibration": calibration}),
            "budget": with_preset(settings.budget, fallback=fallback),
        }
    )


def _large(models: Models) -> bool:
    """Whether the optimizer can make something of its wrong answers, or nobody knows its size."""
    count = models.optimizer_parameters
    return count is None or count >= LEAST_THAT_REFLECTS


def _most_stored(models: Models) -> int | None:
    """Of a prompt that is not run anew for each block of rows; None where it is anyhow."""
    most = min(models.stored_tokens, models.scorer.context_length)
    return most if most >= LEAST_STORED else None


def with_preset(settings: BudgetSettings, *, fallback: BudgetName) -> BudgetSettings:
    """The settings with steps and train_rows of their preset filled in where the user gave none."""
    name = settings.preset or fallback
    preset = BUDGETS[name]
    return settings.model_copy(
        update={
            "preset": name,
            "steps": preset.steps if settings.steps is None else settings.steps,
            "train_rows": preset.train_rows if settings.train_rows is None else settings.train_rows,
        }
    )


def _search(search: SearchSettings, optimizer: Engine, **decided: Any) -> ResolvedSearch:
    """decided are the fields that the method and the task decide."""
    end = search.temperature if search.temperature_end is None else search.temperature_end
    return ResolvedSearch.model_validate(
        _with(
            search,
            style=search.style or ("tagged" if optimizer.chat else "completion"),
            styles=(search.style,) if search.style else tuple(STYLES),
            meta_prompt_tokens=search.meta_prompt_tokens or optimizer.context_length,
            temperature_end=end,
            **decided,
        )
    )


def _with(settings: Settings, **changes: Any) -> dict[str, Any]:
    return settings.model_dump() | changes
