"""Settings as a run resolves them for a chat model with a long context, and what is made of them."""

from typing import Any

from memory_store import MemoryStore

from opro_local.config import (
    CalibrationMethod,
    ResolvedScoring,
    ResolvedSearch,
    ScoringSettings,
    SearchSettings,
)
from opro_local.llm import Engine
from opro_local.problem import NullWatcher, Watcher
from opro_local.problems.instruction import InstructionProblem
from opro_local.problems.measurement import Measurement
from opro_local.problems.search_space import SearchSpace
from opro_local.recording import OutcomeLedger, ReplyCache
from opro_local.records import Candidate
from opro_local.scoring.scorer import Scorer, scoring_mode
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task


def searching(**settings: Any) -> ResolvedSearch:
    """A search with these settings; shots are searched for by the portfolio alone."""
    search = SearchSettings.model_validate(settings)
    decided = {
        "starts": search.starts or ("",),
        "style": search.style or "tagged",
        "styles": (search.style,) if search.style else ("tagged", "bracket", "completion"),
        "racing": search.racing or "on",
        "reflection": search.reflection or "on",
        "meta_prompt_tokens": search.meta_prompt_tokens or 10**6,
        "temperature_end": search.temperature if search.temperature_end is None else search.temperature_end,
        "max_shots": search.max_shots if search.method == "portfolio" else 0,
    }
    return ResolvedSearch.model_validate(search.model_dump() | decided)


def instruction_problem(
    scorer: Scorer,
    task: Task,
    split: Split,
    search: ResolvedSearch,
    *,
    calibration: CalibrationMethod = "none",
    ledger: OutcomeLedger | None = None,
    watcher: Watcher | None = None,
) -> InstructionProblem:
    """Without rivals; its ledger is a memory of its own if none is given."""
    measurement = Measurement(
        task=task,
        split=split,
        scorer=scorer,
        calibration=calibration,
        block=search.block,
        watcher=watcher or NullWatcher(),
    )
    return InstructionProblem(
        space=SearchSpace(task=task, split=split, scorer=scorer, search=search),
        measurement=measurement,
        style=search.style,
        ledger=ledger or MemoryStore[Candidate](),
        rivals={},
    )


def scorer_of(
    engine: Engine, task: Task, settings: ScoringSettings, cache: ReplyCache | None = None
) -> Scorer:
    calibration: CalibrationMethod = settings.calibration or "none"
    decided = {"mode": scoring_mode(task, settings), "calibration": calibration}
    return Scorer(engine, task, ResolvedScoring.model_validate(settings.model_dump() | decided), cache)
