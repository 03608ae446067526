"""What is expected of a winner elsewhere, as a score with an interval."""

from dataclasses import dataclass, field
from typing import Any

from opro_local.answers.number import Number
from opro_local.problems.selection import Compared
from opro_local.records import Answer, Candidate, Outcome
from opro_local.scoring.marking import Marking


@dataclass
class Measured:
    """What Compared asks of a Measurement."""

    marking: Marking = field(default_factory=lambda: Marking(kind=Number(), metric="mae", spread=4.0))


def answers(errors: list[int]) -> list[Answer]:
    return [
        Answer(Outcome(example_id=str(i), target="0", prediction=str(error), score=0.0))
        for i, error in enumerate(errors)
    ]


def test_no_more_error_is_expected_than_the_spread() -> None:
    measured: Any = Measured()
    rows = answers([4, 4, 4, 4, 4, 4, 4, 0, 4, 4, 4, 4])
    compared = Compared(
        measurement=measured, candidates=[Candidate(instruction="")], train=[rows], validation=[rows]
    )
    (found,) = compared.expected()
    assert found.interval is not None
    assert 2 < found.interval[0] < found.value < found.interval[1] <= 4
    lucky = Compared(
        measurement=measured,
        candidates=[Candidate(instruction="a"), Candidate(instruction="b")],
        train=[rows, rows],
        validation=[
            answers([4, 4, 4, 4, 4, 4, 3, 0, 4, 4, 4, 4]),
            answers([4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 0, 4]),
        ],
    )
    (moved,) = lucky.expected()
    assert moved.interval is not None
    assert moved.interval[1] == 4
