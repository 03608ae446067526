"""What other rows of the same labels might have shown: confusion tables drawn around the observed ones.

Resampling rows hides what few rows cannot tell: a label with one row, answered right, is right in every
resample. So the rows of a label are smoothed before they are drawn. With k labels that have rows, each gets
1/k of a row that is answered right and 1/k of one that is answered wrong, in all two rows, as Agresti and
Coull (1998) and, for sums over groups, Price and Bonett (2004) add some to a share. Where two candidates are
compared it is 1/k of a row that only one of them answers right, for each of the two (Bonett and Price 2012).
A wrong answer is the other label that is given most.

Every label keeps its number of rows: the figures are for rows whose labels are as frequent as here. The
shares of the answers to a label are drawn from a Dirichlet distribution (Bayesian bootstrap, Rubin 1981).
scripts/simulate_intervals.py shows how often such intervals hold the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from opro_local.evidence.intervals import RESAMPLES as INTERVAL_DRAWS
from opro_local.evidence.intervals import Interval, of_draws
from opro_local.evidence.paired import RESAMPLES as COMPARISON_DRAWS
from opro_local.evidence.paired import Comparison, compare_exchanged
from opro_local.scoring.confusion_tables import Array, OfTables

Places = NDArray[np.int64]
MANY_LABELS = 5
FEWEST_ROWS_A_LABEL = 3
"""With many labels and fewer rows each, on average, there is no interval: it would seldom hold the truth."""
BLOCK = 500_000
"""Numbers of tables that are made at a time: they stay in the processor's cache."""
LEAST = 0.5
"""Parameters of the Dirichlet distribution in all, where a label has one row; with less they underflow."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Kinds of rows, those with the same right label side by side.

    kinds (1 + A, K): the right label and what each of A candidates answered, by place in the label order,
    classes for no answer. counts (K) are the rows of each kind, pseudo (K) what smoothing adds.
    """

    kinds: Places
    counts: Array
    pseudo: Array
    classes: int

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def labels(self) -> int:
        """Those that have rows."""
        return len(np.unique(self.kinds[0]))

    @property
    def width(self) -> int:
        """Numbers of a table."""
        return self.classes * (self.classes + 1)

    @classmethod
    def of(cls, targets: Sequence[int], answers: Sequence[Sequence[int]], classes: int) -> "Cells":
        """targets (N) and answers (A, N), of one candidate or of two."""
        seen = np.array([targets, *answers])
        added = np.array(_pseudo_rows(seen, classes)).T
        kinds, which = np.unique(np.hstack([seen, added]), axis=1, return_inverse=True)
        rows, n = which.ravel(), seen.shape[1]
        return cls(
            kinds=kinds,
            counts=np.bincount(rows[:n], minlength=kinds.shape[1]).astype(np.float64),
            pseudo=np.bincount(rows[n:], minlength=kinds.shape[1]) / len(np.unique(seen[0])),
            classes=classes,
        )

    def drawn(self, times: int, *, seed: int = 0) -> Array:
        """(times, K) rows of each kind, as many for each label as there are.

        A label with n rows and s added ones has N = n + s; with N - 1 parameters in all a share p varies as
        it does among N rows, by p (1 - p) / N.
        """
        _, starts, label = np.unique(self.kinds[0], return_index=True, return_inverse=True)
        smoothed = self.counts + self.pseudo
        sizes = np.add.reduceat(smoothed, starts)
        shapes = smoothed * (np.maximum(sizes - 1, LEAST) / sizes)[label]
        weights = np.random.default_rng(seed).standard_gamma(shapes, size=(times, len(shapes)))
        shares = weights / np.add.reduceat(weights, starts, axis=1)[:, label]
        rows: Array = shares * np.add.reduceat(self.counts, starts)[label]
        return rows

    def exchanged(self, times: int, *, seed: int = 0) -> Array:
        """(times, K) rows of each kind for which a coin says so; none where both answers are the same."""
        differing = np.where(self.kinds[1] == self.kinds[2], 0, self.counts).astype(np.int64)
        coins = np.random.default_rng(seed).binomial(differing, 0.5, (times, len(differing)))
        return coins.astype(np.float64)

    def tables(self, rows: Array, candidate: int = 0) -> Array:
        """Confusion tables of a candidate: (R, K) rows of each kind -> (R, C, C + 1)."""
        place = self.kinds[0] * (self.classes + 1) + self.kinds[1 + candidate]
        ones = csr_array(
            (np.ones(len(place)), (place, np.arange(len(place)))), shape=(self.width, len(place))
        )
        tables: Array = (ones @ rows.T).T.reshape(-1, self.classes, self.classes + 1)
        return tables

    def figures(self, figure: Callable[[Array], Array], rows: Array) -> Array:
        """figure of rows (R, K) -> (R), some at a time."""
        step = max(1, BLOCK // self.width)
        return np.concatenate([figure(rows[i : i + step]) for i in range(0, len(rows), step)])


def interval_of(cells: Cells, statistic: OfTables) -> Interval | None:
    """The 95 % interval of what one candidate's table shows; None where many labels have too few rows."""
    if cells.labels >= MANY_LABELS and cells.rows < FEWEST_ROWS_A_LABEL * cells.labels:
        return None

    def figure(rows: Array) -> Array:
        return statistic(cells.tables(rows))

    observed = float(figure(cells.counts[np.newaxis])[0])
    return of_draws(cells.figures(figure, cells.drawn(INTERVAL_DRAWS)), observed)


def comparison_of(cells: Cells, statistic: OfTables) -> Comparison:
    """What the first candidate's table shows more than the second's."""

    def difference(rows: Array) -> Array:
        return statistic(cells.tables(rows, 0)) - statistic(cells.tables(rows, 1))

    def after_exchange(rows: Array) -> Array:
        kept = cells.counts - rows
        ours, theirs = (cells.tables(kept, i) + cells.tables(rows, 1 - i) for i in (0, 1))
        return statistic(ours) - statistic(theirs)

    return compare_exchanged(
        float(difference(cells.counts[np.newaxis])[0]),
        error=float(cells.figures(difference, cells.drawn(COMPARISON_DRAWS)).std()),
        freedom=max(cells.rows - cells.labels, 1),
        exchanged=cells.figures(after_exchange, cells.exchanged(COMPARISON_DRAWS)),
        n=cells.rows,
    )


def _pseudo_rows(seen: Places, classes: int) -> list[tuple[int, ...]]:
    """(label, answers) of the rows that smoothing adds, two a label."""
    labels = np.unique(seen[0])
    said = np.bincount(seen[1:].ravel(), minlength=classes + 1) + 0.5 * np.isin(
        np.arange(classes + 1), labels
    )
    rows = []
    for label in labels.tolist():
        wrong = int(np.argmax(np.where(np.arange(classes + 1) == label, -1, said)))
        both = ((label,), (wrong,)) if len(seen) == 2 else ((label, wrong), (wrong, label))
        rows += [(label, *answers) for answers in both]
    return rows
