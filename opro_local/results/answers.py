"""What candidates answered, as their scores count it; a run file holds the outcomes before calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opro_local.records import Answer, Candidate, Outcome
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
    prompt, as_scored = _prompts(run), _as_scored(run)
    return [
        _answer(key, split, prompt(key, outcome.example_id), as_scored(key, outcome))
        for key, split, outcome in run.every_outcome()
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
    marking, as_scored = Marking.of(task_from_json(run.header.problem_json)), _as_scored(run)
    classes = marking.kind.classes
    answers = [as_scored(key, outcome) for outcome in run.outcomes(key, split).values()]
    return Confusion(labels=classes, rows=marking.confusion(answers)) if classes and answers else None


def per_label_of(run: RunReader, *, key: str, split: str) -> list[LabelFigures] | None:
    """None where answers are no sets, and where nothing is recorded."""
    marking, as_scored = Marking.of(task_from_json(run.header.problem_json)), _as_scored(run)
    answers = [as_scored(key, outcome) for outcome in run.outcomes(key, split).values()]
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


def _as_scored(run: RunReader) -> Callable[[str, Outcome], Answer]:
    """(candidate key, outcome) -> the outcome under the calibration that the candidate was scored with."""
    marking = Marking.of(task_from_json(run.header.problem_json))
    biases = {candidate.key: candidate.calibration for candidate in _fitted(run)}
    return lambda key, outcome: marking.answers([outcome], biases.get(key, ()))[0]


def _fitted(run: RunReader) -> list[Candidate]:
    """What was fitted last, on most rows, comes last: a race may have dropped what a rival found again."""
    scored = [entry for step in run.steps for entry in step.scored] if run.header.is_task else []
    first = [e.candidate for e in run.evaluations if e.role == "headroom"]
    evaluated = [e.candidate for e in run.evaluations if e.role != "headroom"]
    searched = sorted(scored, key=lambda entry: not entry.dropped)
    return [*first, *(Candidate.from_json(entry.solution) for entry in searched), *evaluated]


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
