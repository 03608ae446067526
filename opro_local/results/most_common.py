"""What needs no model: one answer, said to every test row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from opro_local.evidence.paired import Comparison
from opro_local.evidence.verdict import Word, verdicts
from opro_local.records import Answer, Example, Outcome, Score
from opro_local.results.overview import Figures
from opro_local.results.reading import fields_of, figures
from opro_local.scoring.marking import Marking


@dataclass(frozen=True, slots=True, kw_only=True)
class MostCommon(Figures):
    """The score on test of answering so to every row, and the winner beside it (Verdict, by itself).

    answer is the one that is best on train in the task's metric, of equal ones the most common: the most
    common label; of sets and of grades it may be another. Where a figure hangs on nothing but how common the
    labels are (F1, kappa), it has no interval, and the comparison has the winner's.
    """

    answer: str
    word: Word
    comparison: Comparison
    adjusted_p: float
    n_to_settle: int | None


def most_common(marking: Marking, train: Sequence[str], ours: Sequence[Answer]) -> MostCommon | None:
    """train are targets, ours the winner's answers on test.

    None where answers are open, nothing was tested, or the metric is of probabilities.
    """
    if not (train and ours and (marking.kind.classes or marking.kind.members)):
        return None
    answer = _best(marking, train)
    always = _said(answer, marking, [(each.example_id, each.target) for each in ours])
    comparison = marking.compare(ours, always)
    if comparison is None:
        return None
    score = replace(marking.score(always), prompt_tokens=None)
    if marking.is_of_tables:  # other rows with as many of each label would show the same
        score, comparison = (
            replace(score, interval=None),
            _beside_fixed(comparison, score, marking.score(ours)),
        )
    (verdict,) = verdicts([comparison])
    return MostCommon(answer=answer, **fields_of(figures(score)), **fields_of(verdict))


def _best(marking: Marking, train: Sequence[str]) -> str:
    """On train; of equal ones the first."""
    rows = [(str(i), target) for i, target in enumerate(train)]

    def worth(answer: str) -> float:
        return marking.spec.sign * marking.value(_said(answer, marking, rows))

    first, *others = marking.kind.constants(train)
    return max((first, *others), key=worth) if others else first


def _said(answer: str, marking: Marking, rows: Sequence[tuple[str, str]]) -> list[Answer]:
    """To rows, each with its id and target."""
    examples = [Example(id=name, text="", target=target) for name, target in rows]
    return marking.answers(
        [
            Outcome(
                example_id=each.id,
                target=each.target,
                prediction=answer,
                score=marking.kind.worth(answer, each),
            )
            for each in examples
        ]
    )


def _beside_fixed(comparison: Comparison, fixed: Score, ours: Score) -> Comparison:
    """With our interval, moved to the difference; as it is where we have none."""
    if ours.interval is None:
        return comparison
    low, high = (end - fixed.value for end in ours.interval)
    return replace(comparison, interval=(low, high))
