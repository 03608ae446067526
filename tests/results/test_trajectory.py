"""Which way is better, and the best so far."""

import pytest

from opro_local.records import Direction
from opro_local.results.trajectory import best_so_far, better, gain


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("maximize", {1: 0.2, 2: 0.4, 3: 0.4, 4: 0.4}),
        ("minimize", {1: 0.2, 2: 0.2, 3: 0.2, 4: 0.1}),
    ],
)
def test_the_best_is_followed_in_either_direction_from_the_first_score(
    direction: Direction, expected: dict[int, float]
) -> None:
    steps: list[tuple[int, list[float]]] = [(0, []), (1, [0.2]), (2, [0.4, 0.3]), (3, []), (4, [0.1])]
    assert best_so_far(steps, direction) == expected


def test_a_gain_is_positive_where_the_first_is_better() -> None:
    assert (gain(-0.5, "maximize"), gain(-0.5, "minimize")) == (-0.5, 0.5)
    assert (better([3.0, 1.0], "maximize"), better([3.0, 1.0], "minimize")) == (3.0, 1.0)
