"""What needs no model: the most common answer of train, said to every test row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from opro_local.evidence.paired import Comparison
from opro_local.evidence.verdict import Word, verdicts
from opro_local.records import Answer, Example, Outcome
from opro_local.results.overview import Figures
from opro_local.results.reading import fields_of, figures
from opro_local.scoring.marking import Marking


@dataclass(frozen=True, slots=True, kw_only=True)
class MostCommon(Figures):
    """The score on test of answering so to every row, and the winner beside it (Verdict, by itself)."""

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
    ((answer, _),) = Counter(train).most_common(1)
    always = marking.answers([_said(answer, each, marking) for each in ours])
    comparison = marking.compare(ours, always)
    if comparison is None:
        return None
    (verdict,) = verdicts([comparison])
    score = replace(marking.score(always), prompt_tokens=None)
    return MostCommon(answer=answer, **fields_of(figures(score)), **fields_of(verdict))


def _said(answer: str, row: Answer, marking: Marking) -> Outcome:
    example = Example(id=row.example_id, text="", target=row.target)
    worth = marking.kind.worth(answer, example)
    return Outcome(example_id=row.example_id, target=row.target, prediction=answer, score=worth)
