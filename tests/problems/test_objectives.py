"""The mathematical objectives: their data, what they accept, and what other methods find on them."""

from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest

from opro_local.errors import SettingsError
from opro_local.problem import Rejected
from opro_local.problems.objective import Objective
from opro_local.problems.objectives import objective_class, objective_name, objective_names
from opro_local.problems.objectives.box import Box
from opro_local.problems.objectives.linear_regression import LinearRegression
from opro_local.problems.objectives.tsp import Tsp
from opro_local.problems.tours import farthest_insertion, nearest_neighbour, shortest_tour

LINE = np.array([[0.0, 3, 1, 9], [3, 0, 2, 6], [1, 2, 0, 8], [9, 6, 8, 0]])
"""Distances of points at 0, 3, 1 and 9 of a line."""


def around(tour: tuple[int, ...], distances: np.ndarray) -> float:
    return float(sum(distances[a, b] for a, b in pairwise((*tour, tour[0]))))


def test_known_methods_find_tours_worked_out_by_hand() -> None:
    assert nearest_neighbour(LINE) == (0, 2, 1, 3)
    square = np.hypot(
        *(
            np.array([[0, 0], [0, 1], [1, 1], [1, 0], [3, 0.5]]).T[:, :, None]
            - np.array([[0, 0], [0, 1], [1, 1], [1, 0], [3, 0.5]]).T[:, None]
        )
    )
    # From 0 the farthest is 4; then 1 costs most, between 0 and 4; 2 and 3 go where they lie.
    assert farthest_insertion(square) == (0, 1, 2, 4, 3)


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_tour_is_as_short_as_the_shortest_of_all(seed: int) -> None:
    points = np.random.default_rng(seed).integers(-9, 9, size=(7, 2))
    distances = np.hypot(*(points.T[:, :, None] - points.T[:, None]))
    shortest = min(around((0, *rest), distances) for rest in permutations(range(1, 7)))
    assert around(shortest_tour(distances), distances) == pytest.approx(shortest)


def test_rings_apart_are_joined() -> None:
    """Two far clusters: without cuts each would be a ring of its own."""
    points = np.array([[0, 0], [0, 1], [1, 0], [100, 0], [100, 1], [101, 0]])
    distances = np.hypot(*(points.T[:, :, None] - points.T[:, None]))
    tour = shortest_tour(distances)
    assert sorted(tour) == list(range(6)) and tour[0] == 0
    assert around(tour, distances) == pytest.approx(2 * 1 + 2 * 99 + 1 + 2**0.5, abs=2.5)


def test_linear_regression_is_solved_by_the_true_pair_alone() -> None:
    objective = LinearRegression(w=3, b=5)
    assert objective.solved_by(objective.parse("the pair is [w=3, b=5.2]"))
    assert not objective.solved_by((3.0, 6.0))
    references = objective.references()
    assert references["least squares"] <= references["the true pair"] == objective.value((3.0, 5.0))
    assert "9.8±2.8 55.8±16.1" in objective.published()[0]
    assert LinearRegression(w=4).published() == LinearRegression(w=3, b=5, noise=2).published() == ()


def test_the_set_up_can_be_changed() -> None:
    still = LinearRegression(points=7, noise=0, start_pairs=3, start_low=-2, start_high=-1)
    assert still.references()["the true pair"] == 0
    assert still.value((16.0, 14.0)) == sum(x * x for x in range(1, 8))
    assert all(-2 <= number <= -1 for start in still.starts() for number in start)
    assert len(Tsp(nodes=9, start_tours=2).starts()) == 2
    assert Tsp(asks=7).tries() == 7


def test_repeats_have_other_data() -> None:
    first, second = LinearRegression(), LinearRegression().with_data(2)
    assert first.value((1.0, 1.0)) != second.value((1.0, 1.0))
    assert first.starts() != second.starts()
    tsp = Tsp()
    assert tsp.value(tsp.starts()[0]) > 0
    assert tsp.with_data(2).starts() != tsp.starts()
    assert tsp.with_data(2).optimum() != tsp.optimum()


def test_a_tour_knows_its_optimum_and_what_was_published() -> None:
    tsp = Tsp(nodes=10)
    assert tsp.optimum() <= min(tsp.references().values()) <= min(map(tsp.value, tsp.starts()))
    assert tsp.solved_by(shortest_tour(tsp._distances))
    assert not tsp.solved_by(max(tsp.starts(), key=tsp.value))
    assert "9.6±3.0" in tsp.published()[0]


@pytest.mark.parametrize(
    ("objective", "reply", "reason"),
    [
        (LinearRegression(), "w=3", "wrong number of numbers"),
        (LinearRegression(), "w=3, b=1e400", "outside the limits"),
        (Tsp(nodes=4), "0,1,2,x", "not a list of points"),
        (Tsp(nodes=4), "0,-1,2,3", "not a list of points"),
        (Tsp(nodes=4), "0,1,2", "wrong number of points"),
        (Tsp(nodes=4), "0,1,2,2", "a point twice or unknown"),
        (Tsp(nodes=4), "0,1,2,4", "a point twice or unknown"),
        (Tsp(nodes=4), "1,0,2,3", "does not begin with 0"),
    ],
)
def test_what_is_no_solution_has_a_reason(objective: Objective, reply: str, reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        objective.parse(reply)
    assert rejected.value.reason == reason


@pytest.fixture
def bowl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.chdir(tmp_path)
    code = (
        "def bowl(x, y):\n"
        "    if x == 7:\n"
        "        return xx\n"
        "    return 1 / 0 if x == 5 else float('nan') if x == 6 else x * x + y * y\n"
    )
    Path("own.py").write_text(code, encoding="utf-8")
    return Box(function="own.py:bowl", low=-8, high=8)


def test_a_box_holds_a_function_of_the_users(bowl: Box) -> None:
    assert bowl.value((3.0, 4.0)) == 25
    assert bowl.value((5.0, 0.0)) == bowl.value((6.0, 0.0)) == float("inf")
    with pytest.raises(SettingsError, match=r"own\.py line 3: bowl raised NameError: name 'xx'"):
        bowl.value((7.0, 0.0))
    assert bowl.parse("[1.5, -2e-1") == (1.5, -0.2)
    with pytest.raises(Rejected, match="outside the limits"):
        bowl.parse("9, 0")
    assert all(-8 <= number <= 8 for start in bowl.starts() for number in start)
    assert Box.model_validate_json(bowl.model_dump_json()) == bowl
    Path("own.py").write_text("def bowl(x, y):\n    return 0\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="has changed"):
        Box.model_validate_json(bowl.model_dump_json()).value((0.0, 0.0))


def test_every_file_is_an_objective_with_its_name() -> None:
    assert {"linear-regression", "tsp", "box"} <= set(objective_names())
    assert objective_name(objective_class("linear-regression")()) == "linear-regression"
