"""What is known of a judge, as plain records: they are read where no library of statistics is needed."""

from dataclasses import dataclass

ALPHA = 0.05
"""Most chance that a judge without any agreement is taken."""
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of a judge with a person on n replies; intervals are of 95 %, None where the grades do not allow one.

    bias is by how many grades the judge is kinder than the person, on average. p_value: how often grades
    dealt out at random agree as well.
    """

    n: int
    kappa: float
    interval: Interval | None
    p_value: float
    bias: float
    bias_interval: Interval | None

    def suffices(self, least: float) -> bool:
        return self.kappa >= least and self.p_value <= ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRecord:
    """Which model grades, behind which prompt, and how it was measured; None where it was not.

    sharpness and biases (nats by grade) are its scale, least the kappa that was asked of it. is_scorer: it
    grades its own replies. agreement is that of grades on scales that were fitted on other replies.
    """

    model: str
    prompt: str
    sharpness: float
    biases: tuple[float, ...]
    is_scorer: bool
    least: float
    agreement: Agreement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Spearman's rank correlation of n pairs with its 95 % interval."""

    n: int
    value: float
    interval: Interval
