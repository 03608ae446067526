"""The judge of a task whose answers are graded: which model it is, and whether a person agrees with it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opro_local.config import ModelSettings, RunSettings, ScoringSettings
from opro_local.errors import DataError, SettingsError
from opro_local.evidence.judge_record import ALPHA, JudgeRecord
from opro_local.problem import Watcher
from opro_local.recording import ReplyCache
from opro_local.results.words import p_text, with_interval
from opro_local.stopwatch import Stopwatch
from opro_local.tasks.task import Task
from opro_local.wiring.models import Models
from opro_local.wiring.timed import TimedEngine

if TYPE_CHECKING:
    from opro_local.scoring.judging import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredJudge:
    """A judge, and what a run keeps and tells of it."""

    judge: "Judge"
    record: JudgeRecord


def with_judge(settings: ModelSettings, task: Task) -> ModelSettings:
    """The settings with the judge by name where the task has one, and without where it has none."""
    return settings.model_copy(update={"judge": settings.judge_name if task.rubric else None})


def check_rows(task: Task, settings: ScoringSettings) -> None:
    """Raises SettingsError for a judge that nobody could measure; asked before models are loaded."""
    if task.rubric and not task.judge_rows and settings.judge_kappa > 0:
        raise SettingsError(
            "a judge is measured before it grades: pass --judge-rows FILE, some replies that a person graded "
            "(columns text, reply, grade), or --judge-kappa 0 to take it unmeasured."
        )


def measured_judge(
    task: Task,
    settings: RunSettings,
    models: Models,
    cache: ReplyCache,
    *,
    watch: Stopwatch,
    watcher: Watcher,
) -> MeasuredJudge | None:
    """None for a task without a rubric; watcher is told. Raises SettingsError if it agrees too little."""
    if not task.rubric:
        return None
    from opro_local.evidence.agreement import agreement  # these take libraries of statistics
    from opro_local.scoring.judging import Judge

    engine = models.judge or models.optimizer
    plain = Judge.of(TimedEngine(engine, "judge", watch), task.rubric, cache)
    judge, pairs = plain.beside_person(task.judge_rows)
    if task.judge_rows and not pairs:
        raise DataError("the judge could grade no row of --judge-rows: are they longer than its context?")
    record = JudgeRecord(
        model=settings.models.judge_name,
        prompt=judge.candidate.instruction,
        sharpness=judge.scale.sharpness,
        biases=judge.scale.biases,
        is_scorer=engine.digest == models.scorer.digest,
        least=settings.scoring.judge_kappa,
        agreement=agreement(*zip(*pairs, strict=True)) if pairs else None,
    )
    _check(record)
    watcher.judge_measured(record)
    return MeasuredJudge(judge=judge, record=record)


def _check(judge: JudgeRecord) -> None:
    found = judge.agreement
    if judge.least == 0 or (found is not None and found.suffices(judge.least)):
        return
    assert found is not None, "check_rows comes first"
    raise SettingsError(
        f"the judge {judge.model} agrees too little with the person: kappa "
        f"{with_interval(found.kappa, found.interval)} on {found.n} replies, where --judge-kappa wants "
        f"{judge.least:g} and more than chance ({p_text(found.p_value)}, at most {ALPHA:g}). Take "
        "another --judge, say more in the rubric, grade more replies, or pass --judge-kappa 0 to take it."
    )
