"""How the answers of a run's winner are had: what its score elsewhere needs beside the prompt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opro_local.config import ScoringMode, ScoringSettings
from opro_local.results.overview import Figures, Overview, Prompt, ProposedPrompt
from opro_local.results.reading import figures
from opro_local.results.steps import calibrations_of_test, proposals_of
from opro_local.results.tasks import row_ids
from opro_local.scoring.marking import Marking
from opro_local.scoring.scorer import scoring_mode
from opro_local.store.reader import RunReader
from opro_local.tasks.task import Task, task_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """mode and reading (a sentence) say how an answer is had; labels are () where answers are open.

    wordings has the word of each label in the prompt, None where the labels stand for themselves.
    alternatives are the texts that were compared, for most the labels; of in_a_choice side by side one is
    right. code is the Python expression that makes an answer of their scores. () and None where replies are
    read. others has the reading of candidates whose answers are had in another way, by key. shown has how a
    prompt writes the answers of the task, None where it writes them as they are. form is a regular expression
    that replies were held to while they were written, if they were.

    biases are the winner's calibration: nats by alternative, to be added to its log-probability. With a
    calibration stands uncalibrated, its score on test without, worked out from what the model gave: the run
    keeps that.
    """

    mode: ScoringMode
    labels: Sequence[str]
    reading: str
    biases: Mapping[str, float]
    uncalibrated: Figures | None
    wordings: Mapping[str, str] | None = None
    alternatives: Sequence[str] = ()
    in_a_choice: int | None = None
    code: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] | None = None
    form: str | None = None


def answering(run: RunReader, known: Overview) -> Answering:
    task = task_from_json(run.header.problem_json)
    scoring = _scoring(known.settings.get("scoring", {}))
    mode = scoring_mode(task, scoring)
    best = known.best if isinstance(known.best, Prompt) else None
    calibration, words = (best.calibration, best.verbalizer) if best else ((), None)
    biases, rule = task.kind.parts_of(calibration)
    compares = mode == "likelihood"

    def decision(calibration: Sequence[float], words: Sequence[str] | None) -> str:
        biases, rule = task.kind.parts_of(calibration)
        return task.kind.decision(rule, _of_each(biased=any(biases), worded=words is not None))

    reading = decision(calibration, words) if compares else _read(task, scoring)
    each = {key: decision(*parts) for key, parts in _candidates(known)} if compares else {}
    return Answering(
        mode=mode,
        labels=task.kind.labels,
        reading=reading,
        biases=dict(zip(task.kind.alternatives, biases, strict=True)) if any(biases) else {},
        uncalibrated=_uncalibrated(run, task, best) if best and calibration else None,
        wordings=dict(zip(task.kind.classes, words, strict=True)) if words else None,
        alternatives=task.kind.alternatives if compares else (),
        in_a_choice=task.kind.in_a_choice if compares else None,
        code=task.kind.code(rule) if compares else None,
        others={key: other for key, other in each.items() if other != reading},
        shown=_shown(task),
        form=task.kind.constraint if not compares and scoring.grammar == "on" else None,
    )


def _candidates(known: Overview) -> Iterator[tuple[str, tuple[Sequence[float], Sequence[str] | None]]]:
    """Keys, each with the calibration, that of test where it was measured there, and the words."""
    tested = calibrations_of_test(known)
    for _, proposal in proposals_of(known):
        prompt = proposal.solution
        if proposal.key is not None and isinstance(prompt, ProposedPrompt):
            yield proposal.key, (tested.get(proposal.key, prompt.calibration), prompt.verbalizer)


def _shown(task: Task) -> Mapping[str, str] | None:
    shown = {row.target: task.kind.shown(row.target) for row in task.rows}
    return shown if any(written != target for target, written in shown.items()) else None


def _scoring(stored: Mapping[str, Any]) -> ScoringSettings:
    """Of a run of whichever version: what it did not know has its default."""
    return ScoringSettings(**{name: stored[name] for name in ScoringSettings.model_fields if name in stored})


def _of_each(*, biased: bool, worded: bool) -> str:
    whose, added = "wording's " if worded else "", ", its bias added," if biased else ""
    return f"{whose}log-probability behind the prompt{added}"


def _read(task: Task, scoring: ScoringSettings) -> str:
    if scoring.grading == "official":
        read = "read as the published implementation does (lenient)"
    else:
        read = f"read as {task.kind.reading}"
    again = "; without an answer, asked once more for it" if scoring.second_round else ""
    return f"what the model writes at temperature 0, at most {scoring.answer_tokens} tokens, {read}{again}"


def _uncalibrated(run: RunReader, task: Task, best: Prompt) -> Figures | None:
    """None before all test rows are measured."""
    rows, found = row_ids(run.header, "test"), run.outcomes(best.key, "test")
    if not rows or not found.keys() >= set(rows):
        return None
    marking = Marking.of(task)
    return figures(marking.score(marking.answers([found[row] for row in rows])))
