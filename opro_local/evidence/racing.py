"""Who leaves a race: a candidate so far behind the incumbent that the remaining rows will hardly help.

The incumbent, the best so far, is scored on all rows of train; a candidate follows block by block, the rows
in an order drawn at random for the race. What is asked after each block is not which of the two is better in
truth but how full scoring would end: with the candidate level, or ahead? One that would end so is dropped
with probability alpha at most, over all its blocks. That the incumbent was picked for its luck on these very
rows does not touch this: both are judged on the same rows.

A row is won, drawn or lost. For right and wrong answers the lead in rows is the difference of the accuracies;
of a real-valued quantity (the gold answer's log-likelihood) only the sign counts, so that no single row
decides. Where rows are drawn, how many will be is a guess, and the rate holds as nearly as the guess
(scripts/simulate_racing.md).
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau


def has_lost(differences: NDArray[np.float64], *, rows: int, alpha: float) -> bool:
    """Whether the candidate leaves the race of so many rows now.

    differences, candidate minus incumbent, has one entry for each row scored so far. The rows to come are
    taken to be drawn as often as the seen ones and one more that is not. With all rows scored nobody leaves.
    """
    seen, decided = len(differences), int(np.count_nonzero(differences))
    if seen >= rows:
        return False
    in_all = decided + math.ceil((rows - seen) * (decided + 1) / (seen + 1))
    return int(-np.sign(differences).sum()) >= _decisive_lead(in_all, alpha)


@cache
def _decisive_lead(decided: int, alpha: float) -> int:
    """The smallest lead that a level race of so many decided rows shows at any time with probability alpha.

    Exact by the reflection principle: the orders of the rows that reach a lead are as many as those that end
    with twice this lead (Feller, An Introduction to Probability Theory and Its Applications, chapter III).
    """
    lost = decided // 2
    orders = math.comb(decided, lost)
    return next(lead for lead in count(1) if math.comb(decided, decided - lost + lead) / orders <= alpha)


def rank_agreement(scores: Sequence[float], likelihoods: Sequence[float]) -> float | None:
    """Kendall's tau-b of candidates' scores and mean log-likelihoods; None where one of them has no order.

    1: the likelihood ranks as the score does, 0: it knows nothing of it.
    """
    if len(set(scores)) < 2 or len(set(likelihoods)) < 2:
        return None
    return float(kendalltau(scores, likelihoods).statistic)
