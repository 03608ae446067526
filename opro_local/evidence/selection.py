"""Which of several candidates is chosen, and what its score will be on rows that had no part in the choice.

Candidates answered the same rows of train and of validation, and both count. Train counts TRAIN_WEIGHT a row:
there every candidate is one of the best of many, and fitted to the rows a little, some more than others
(scripts/simulate_selection.md).

The best of several validation scores is partly luck. So the choice is made again and again, each time on a
resample of the validation rows, and the chosen one is looked at on the rows that were not drawn: the
out-of-bag estimate (Breiman 1996). It is one of the way of choosing, and needs no model of the scores. About
.63 of the rows choose each time, so that it errs on the low side, by less than a point in the simulation.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from opro_local.config import Prefer

TRAIN_WEIGHT = 0.5
RESAMPLES = 500
BLOCK = 2_000_000
"""Numbers that are added up at a time."""
DIGITS = 9
"""Fractions are not added up exactly; ties are to be ties."""

Numbers = NDArray[np.float64]
Figure = Callable[[Numbers], Numbers]
"""(R, D) sums over rows -> (R) values, larger is better."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """K candidates on the same rows.

    train and validation have for each candidate what its answers add to the sums that figure takes, (n, D).
    tokens (K) are the lengths of their prompts.
    """

    train: Sequence[csr_array]
    validation: Sequence[csr_array]
    figure: Figure
    tokens: Sequence[float]
    prefer: Prefer = "best"
    seed: int = 0

    @cached_property
    def values(self) -> Numbers:
        """Of each candidate on train and validation together, (K)."""
        (values,) = self._values(np.ones((1, self._rows)), np.full((1, self._train_rows), TRAIN_WEIGHT))
        return np.asarray(values)

    @cached_property
    def front(self) -> list[int]:
        return front(self.values, self.tokens)

    @cached_property
    def chosen(self) -> int:
        return self._choice(self.values)

    @cached_property
    def expected(self) -> float | None:
        """What the chosen one will score on other rows; None where validation has too few rows to say."""
        drawn = self._draw(self._rows)
        train = np.full((1, self._train_rows), TRAIN_WEIGHT)
        picks = np.array([self._choice(values) for values in self._values(drawn, train)])
        unseen = (drawn == 0).astype(np.float64)  # (R, n)
        times = unseen.sum(axis=0)
        if not times.all():
            return None
        sums = sum(
            (unseen[picks == k].sum(axis=0) / times)[np.newaxis] @ rows
            for k, rows in enumerate(self.validation)
        )
        return float(self.figure(np.asarray(sums))[0])

    @cached_property
    def noise(self) -> Numbers:
        """Standard errors of the differences of the values, (K, K)."""
        values = self._values(self._draw(self._rows), TRAIN_WEIGHT * self._draw(self._train_rows))
        return np.array([(values - values[:, [k]]).std(axis=0) for k in range(values.shape[1])])

    def _choice(self, values: Numbers) -> int:
        return CHOICES[self.prefer](self, values)

    @property
    def _rows(self) -> int:
        return int(self.validation[0].shape[0])

    @property
    def _train_rows(self) -> int:
        return int(self.train[0].shape[0])

    def _draw(self, rows: int) -> Numbers:
        """How often each row is in each resample, (R, rows)."""
        draw = np.random.default_rng([self.seed, rows])
        return draw.multinomial(rows, np.full(rows, 1 / rows), size=RESAMPLES).astype(np.float64)

    def _values(self, validation: Numbers, train: Numbers) -> Numbers:
        """Rows weighted by (R, n) each -> (R, K); train may have one weighting for all R."""
        step = max(1, BLOCK // self.validation[0].shape[1])
        blocks = [validation[i : i + step] for i in range(0, len(validation), step)]
        shared = len(train) == 1
        found = [
            [
                self.figure(
                    block @ ours + (train if shared else train[i * step : i * step + len(block)]) @ theirs
                )
                for ours, theirs in zip(self.validation, self.train, strict=True)
            ]
            for i, block in enumerate(blocks)
        ]
        return np.concatenate([np.stack(block, axis=1) for block in found]).round(DIGITS)


def front(values: Numbers, tokens: Sequence[float]) -> list[int]:
    """Those that no other beats in both value and tokens, the shortest first; of equal ones the first."""
    return list(_front(values, tokens))


def _front(values: Numbers, tokens: Sequence[float]) -> Iterator[int]:
    best = -np.inf
    for k in sorted(range(len(values)), key=lambda k: (tokens[k], -values[k])):
        if values[k] > best:
            best = values[k]
            yield k


def _best(contest: Contest, values: Numbers) -> int:
    """The highest value; of equal ones the shortest, or the first."""
    return min(range(len(values)), key=lambda k: (-values[k], contest.tokens[k]))


def _short(contest: Contest, values: Numbers) -> int:
    """The shortest that is behind the best by one standard error at most (Breiman et al. 1984)."""
    best = _best(contest, values)
    near = (k for k in front(values, contest.tokens) if values[best] - values[k] <= contest.noise[best, k])
    return next(near, best)


def _balanced(contest: Contest, values: Numbers) -> int:
    """The point of the front that is farthest above the line between its ends; the best where none is.

    Value and tokens each count from 0 to 1, from the shortest to the best.
    """
    points = front(values, contest.tokens)
    short, best = points[0], points[-1]
    if short == best:
        return best
    gains = (values[points] - values[short]) / (values[best] - values[short])
    tokens = np.array([contest.tokens[k] for k in points])
    above = (gains - (tokens - tokens[0]) / (tokens[-1] - tokens[0])).round(DIGITS)
    return max(zip(above, range(len(points)), points, strict=True))[2]


CHOICES: dict[Prefer, Callable[[Contest, Numbers], int]] = {
    "best": _best,
    "short": _short,
    "balanced": _balanced,
}
