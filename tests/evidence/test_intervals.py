import numpy as np
import pytest
from numpy.typing import NDArray

from opro_local.evidence.intervals import bootstrap, wilson

Array = NDArray[np.float64]


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # (p + z²/2n ± z·sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) with z = 1.959964, by hand
        (7, 10, 0.3968, 0.8922),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilson_intervals(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def share_of_first(counts: Array) -> Array:
    share: Array = counts[:, 0] / counts.sum(axis=1)
    return share


def test_the_bootstrap_of_a_share_has_its_binomial_width() -> None:
    low, high = bootstrap(np.array([250, 750]), share_of_first)
    half = 1.96 * (0.25 * 0.75 / 1000) ** 0.5  # 0.0268
    assert low == pytest.approx(0.25 - half, abs=0.004)
    assert high == pytest.approx(0.25 + half, abs=0.004)


def test_the_bootstrap_repeats_itself_and_follows_its_seed() -> None:
    counts = np.array([5, 7])
    assert bootstrap(counts, share_of_first) == bootstrap(counts, share_of_first, seed=0)
    assert bootstrap(np.array([50, 77]), share_of_first) != bootstrap(
        np.array([50, 77]), share_of_first, seed=1
    )


def test_a_sample_without_spread_has_a_point_as_interval() -> None:
    assert bootstrap(np.array([12, 0]), share_of_first) == (1.0, 1.0)


def test_every_resample_is_as_large_as_the_sample() -> None:
    sizes: list[Array] = []

    def remember(counts: Array) -> Array:
        sizes.append(counts.sum(axis=1))
        return sizes[0]

    bootstrap(np.array([2, 3, 4]), remember)
    assert sizes[0].shape == (1000,)
    assert set(sizes[0]) == {9.0}
