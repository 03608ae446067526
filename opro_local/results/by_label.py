"""How well labels are told apart, label by label."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts by right label (rows) and answer (columns); the last column is for no answer."""

    labels: Sequence[str]
    rows: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigures:
    """Of one label of sets: the rows that have it, and what there is to divide by of the three figures."""

    label: str
    rows: int
    precision: float | None
    recall: float | None
    f1: float | None
