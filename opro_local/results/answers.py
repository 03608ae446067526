"""What candidates answered, as their scores count it; a run file holds the outcomes before calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opro_local.records import Answer, Candidate
from opro_local.results.by_label import Confusion, LabelFigures
from opro_local.results.overview import finite
from opro_local.results.reading import fields_of
from opro_local.results.tasks import layout_of
from opro_local.scoring.marking import Marking
from opro_local.scoring.render import ScorerPrompt
from opro_local.store.reader import RunReader
from opro_local.tasks.task import task_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerResult:
    """An outcome as the candidate's score counts it, with the turns that the scorer was shown.

    prompt is None for a baseline that the run was cut off at: only its key is recorded then.
    """

    key: str
    split: str
    prompt: ScorerPrompt | None
    example_id: str
    target: str
    prediction: str | None
    score: float
    reason: str | None
    choice_log_probs: Sequence[float | None]
    gold_log_likelihood: float | None
    reply: str | None
    prompt_tokens: int
    generated_tokens: int
    feedback: str | None
    correct: bool


def all_answers(run: RunReader) -> list[AnswerResult]:
    """Every example of every candidate; one that the run was cut off at has its outcomes uncalibrated."""
    prompt, marking = _prompts(run), Marking.of(task_from_json(run.header.problem_json))
    outcomes = run.every_outcome()
    biases = {split: _biases(run, split) for split in {split for _, split, _ in outcomes}}
    return [
        _answer(key, split, prompt(key, outcome.example_id), answer)
        for key, split, outcome in outcomes
        for answer in marking.answers([outcome], biases[split].get(key, ()))
    ]


def _answer(key: str, split: str, prompt: ScorerPrompt | None, answer: Answer) -> AnswerResult:
    written = {
        "choice_log_probs": [finite(value) for value in answer.choice_log_probs],
        "gold_log_likelihood": finite(answer.gold_log_likelihood),
        "correct": answer.correct,
    }
    return AnswerResult(key=key, split=split, prompt=prompt, **fields_of(answer) | written)


def confusion_of(run: RunReader, *, key: str, split: str) -> Confusion | None:
    """None for a task without labels, and where nothing is recorded."""
    marking = Marking.of(task_from_json(run.header.problem_json))
    classes, answers = marking.kind.classes, _answers(run, marking, key, split)
    return Confusion(labels=classes, rows=marking.confusion(answers)) if classes and answers else None


def per_label_of(run: RunReader, *, key: str, split: str) -> list[LabelFigures] | None:
    """None where answers are no sets, and where nothing is recorded."""
    marking = Marking.of(task_from_json(run.header.problem_json))
    answers = _answers(run, marking, key, split)
    if not marking.kind.members or not answers:
        return None
    return [
        LabelFigures(
            label=label,
            rows=right + missed,
            precision=_share(right, right + wrong),
            recall=_share(right, right + missed),
            f1=_share(2 * right, 2 * right + wrong + missed),
        )
        for label, (right, wrong, missed) in zip(
            marking.kind.members, marking.label_counts(answers), strict=True
        )
    ]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _answers(run: RunReader, marking: Marking, key: str, split: str) -> list[Answer]:
    """Of a candidate on a split, as its score there counts them."""
    return marking.answers(list(run.outcomes(key, split).values()), _biases(run, split).get(key, ()))


def _biases(run: RunReader, split: str) -> dict[str, tuple[float, ...]]:
    """Candidate key -> the calibration that the candidate was scored with on a split.

    The winner and the baselines are fitted once more for test. Of those fitted for one split the last are
    on most rows: a race may have dropped what a rival found again.
    """
    measured = [e for e in run.evaluations if e.role != "headroom"]
    scored = [entry for step in run.steps for entry in step.scored] if run.header.is_task else []
    fitted = [
        *(e.candidate for e in run.evaluations if e.role == "headroom"),
        *(e.candidate for e in measured if e.split != split),
        *(Candidate.from_json(e.solution) for e in sorted(scored, key=lambda e: not e.dropped)),
        *(e.candidate for e in measured if e.split == split),
    ]
    return {candidate.key: candidate.calibration for candidate in fitted}


def _prompts(run: RunReader) -> Callable[[str, str], ScorerPrompt | None]:
    """(candidate key, example id) -> the prompt, rendered again from what the file holds."""
    layout, task = layout_of(run.header), task_from_json(run.header.problem_json)
    texts = {example.id: example.text for example in task.rows}
    proposals = [proposal for step in run.all_steps for proposal in step.proposals]
    candidates = [Candidate.from_json(p.solution) for p in proposals if p.solution is not None]
    candidates += [evaluation.candidate for evaluation in run.evaluations]
    by_key = {candidate.key: candidate for candidate in candidates}

    def prompt(key: str, example_id: str) -> ScorerPrompt | None:
        if key not in by_key:
            return None
        return layout.prompt(by_key[key], texts[example_id], task.kind.classes, task.kind.shown)

    return prompt
