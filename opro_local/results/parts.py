"""Answers that have parts: what these are worth on test, one by one, for the winner and each baseline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from opro_local.answers import AnswerKind
from opro_local.evidence.paired import Comparison
from opro_local.records import Answer
from opro_local.results.findings import Pair
from opro_local.results.overview import Figures
from opro_local.results.reading import figures
from opro_local.scoring.marking import Marking


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBeside:
    """A part beside the baseline with this instruction; fixed and broken count test rows."""

    instruction: str
    score: Figures
    comparison: Comparison
    fixed: int
    broken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartResult:
    """The mean of what one part of the winner's answers is worth."""

    name: str
    score: Figures
    baselines: Sequence[PartBeside]


def part_results(pairs: Sequence[Pair], kind: AnswerKind) -> list[PartResult] | None:
    """In the order of the parts; None where answers have none, or nothing was tested."""
    names = list(kind.parts(None, pairs[0].ours[0].target)) if pairs else []
    return [_part(name, pairs, kind) for name in names] or None


def _part(name: str, pairs: Sequence[Pair], kind: AnswerKind) -> PartResult:
    marking = Marking(kind=kind, metric="mean_score")
    ours = _of_part(name, pairs[0].ours, kind)
    others = [pair for pair in pairs if not pair.won]
    return PartResult(
        name=name,
        score=figures(marking.score(ours)),
        baselines=[_beside(name, pair, ours, marking) for pair in others],
    )


def _beside(name: str, pair: Pair, ours: Sequence[Answer], marking: Marking) -> PartBeside:
    theirs = _of_part(name, pair.theirs, marking.kind)
    compared = marking.compare(ours, theirs)
    assert compared is not None  # every answer has a score
    gains = [a.score - b.score for a, b in zip(ours, theirs, strict=True)]
    return PartBeside(
        instruction=pair.instruction,
        score=figures(marking.score(theirs)),
        comparison=compared,
        fixed=sum(gain > 0 for gain in gains),
        broken=sum(gain < 0 for gain in gains),
    )


def _of_part(name: str, answers: Sequence[Answer], kind: AnswerKind) -> list[Answer]:
    """The answers with what this part of them is worth."""
    return [
        Answer(replace(answer, score=kind.parts(answer.prediction, answer.target)[name]))
        for answer in answers
    ]
