"""The rules by which arms share their pulls."""

import numpy as np
import pytest

from opro_local.proposers.bandit import FADING, Tally, allocate, remembered


def share(memory: dict[str, Tally], arm: str, *, seed: int = 0) -> float:
    draw = np.random.default_rng(seed)
    return allocate(("a", "b"), memory, 4000, draw)[arm] / 4000


def test_a_round_counts_less_with_each_round_after_it() -> None:
    rounds = [{"a": Tally(1, 2)}, {"b": Tally(0, 3)}, {"a": Tally(4, 4)}]
    assert remembered(rounds) == {
        "a": Tally(FADING**2 + 4, 2 * FADING**2 + 4),
        "b": Tally(0, 3 * FADING),
    }
    assert remembered([]) == {}


def test_unknown_arms_share_alike_and_all_pulls_are_given_out() -> None:
    counts = allocate(("a", "b", "c"), {}, 3000, np.random.default_rng(1))
    assert counts.total() == 3000
    assert min(counts[arm] for arm in "abc") > 900


def test_arms_are_pulled_as_often_as_their_chance_is_the_highest() -> None:
    # Beta(2, 1) against Beta(1, 2): P(a > b) is the integral of 2x (2x - x^2), 5/6.
    assert share({"a": Tally(1, 1), "b": Tally(0, 1)}, "a") == pytest.approx(5 / 6, abs=0.02)
    # Beta(3, 1) against the uniform Beta(1, 1): E[a], 3/4.
    assert share({"a": Tally(2, 2)}, "a") == pytest.approx(3 / 4, abs=0.02)


def test_the_same_draws_give_the_same_shares() -> None:
    memory = {"a": Tally(3, 5)}
    assert share(memory, "a", seed=3) == share(memory, "a", seed=3)
    assert share(memory, "a", seed=3) != share(memory, "a", seed=4)
