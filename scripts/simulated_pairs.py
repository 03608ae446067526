"""Two made-up prompts on the same rows in metrics that are no accuracy.

Behind every answer stands noise, half of its variance the row's own. One prompt may have less of its own.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, ndtr

from opro_local.answers import AnswerKind
from opro_local.answers.grade import Grade
from opro_local.answers.label import Label
from opro_local.answers.labels import Labels
from opro_local.answers.number import Number
from opro_local.answers.python import Python
from opro_local.config import Metric
from opro_local.evidence.paired import Comparison
from opro_local.records import Answer, Example, Outcome
from opro_local.scoring.marking import Marking

Values = NDArray[np.float64]
Draw = Callable[[int, float, np.random.Generator], tuple[list[Answer], list[Answer]]]
"""(rows, by how much ours is better in the pair's own unit, generator) -> ours, theirs"""

LABELS = Label(labels=("billing", "other", "urgent"))
RATES = {"billing": 0.4, "delivery": 0.3, "login": 0.15, "praise": 0.05}
"""Labels of sets, and how often rows have them."""
SETS = Labels(labels=tuple(RATES))
GRADES = Grade(labels=("1", "2", "3", "4", "5"))
SPREAD = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """better: how much better ours is where it is."""

    marking: Marking
    draw: Draw
    better: float

    def compared(self, n: int, generator: np.random.Generator, *, better: bool = False) -> Comparison:
        found = self.marking.compare(*self.draw(n, self.better if better else 0.0, generator))
        assert found is not None
        return found


def labels(n: int, better: float, generator: np.random.Generator) -> tuple[list[Answer], list[Answer]]:
    """Of what speaks for each label both see the same, each with noise of its own."""
    targets = generator.choice(len(LABELS.labels), n, p=[0.3, 0.6, 0.1])
    seen = 1.5 * np.eye(len(LABELS.labels))[targets] + generator.normal(size=(n, len(LABELS.labels)))
    ours, theirs = (
        _labelled(targets, seen + scale * generator.normal(size=seen.shape)) for scale in (1 - better, 1.0)
    )
    return ours, theirs


def _labelled(targets: NDArray[np.int64], logits: Values) -> list[Answer]:
    return [
        Answer(
            Outcome(
                example_id=str(number),
                target=LABELS.labels[target],
                prediction=LABELS.labels[int(np.argmax(row))],
                score=float(int(np.argmax(row)) == target),
                choice_log_probs=tuple(row),
            )
        )
        for number, (target, row) in enumerate(zip(targets, log_softmax(logits, axis=1), strict=True))
    ]


def sets(n: int, better: float, generator: np.random.Generator) -> tuple[list[Answer], list[Answer]]:
    """Of each label both see whether a row has it, the rarest one row in twenty has."""
    has = generator.random((n, len(RATES))) < np.array(list(RATES.values()))
    seen = 1.5 * (2 * has - 1) + generator.normal(size=has.shape)
    ours, theirs = (
        _set_answers(has, seen + scale * generator.normal(size=seen.shape)) for scale in (1 - better, 1.0)
    )
    return ours, theirs


def _set_answers(has: NDArray[np.bool_], log_odds: Values) -> list[Answer]:
    found = []
    for number, (right, said) in enumerate(zip(has, log_odds, strict=True)):
        target, prediction = (
            SETS.predicted(np.stack([odds, -odds], axis=1).ravel().tolist()) for odds in (right - 0.5, said)
        )
        score = SETS.worth(prediction, Example(id=str(number), text="", target=target))
        found.append(
            Answer(Outcome(example_id=str(number), target=target, prediction=prediction, score=score))
        )
    return found


def scores(n: int, better: float, generator: np.random.Generator) -> tuple[list[Answer], list[Answer]]:
    """Of a grader, in quarters; ours are moved up."""
    rows = generator.normal(size=n)
    ours, theirs = (_quarters(rows, moved, generator) for moved in (better, 0.0))
    return ours, theirs


def _quarters(rows: Values, moved: float, generator: np.random.Generator) -> list[Answer]:
    found = ndtr((rows + generator.normal(size=len(rows))) / math.sqrt(2) + moved)
    return [
        Answer(Outcome(example_id=str(number), target="-", prediction="-", score=float(score)))
        for number, score in enumerate(np.round(4 * found) / 4)
    ]


def grades(n: int, better: float, generator: np.random.Generator) -> tuple[list[Answer], list[Answer]]:
    """Rounded after noise; ours has less of its own. Grades are not equally frequent."""
    targets = generator.choice(5, n, p=[0.1, 0.2, 0.4, 0.2, 0.1])
    rows = generator.normal(size=n)
    ours, theirs = (_graded(targets, rows, scale, generator) for scale in (1 - better, 1.0))
    return ours, theirs


def _graded(
    targets: NDArray[np.int64], rows: Values, scale: float, generator: np.random.Generator
) -> list[Answer]:
    noise = 0.7 * (rows + scale * generator.normal(size=len(rows)))
    said = np.clip(np.round(targets + noise), 0, 4).astype(int)
    labels = np.array(GRADES.labels)
    return [
        _answer(number, str(target), str(grade))
        for number, (target, grade) in enumerate(zip(labels[targets], labels[said], strict=True))
    ]


def numbers(n: int, better: float, generator: np.random.Generator) -> tuple[list[Answer], list[Answer]]:
    """Errors with long tails, one answer in a hundred missing; ours are nearer."""
    targets = generator.uniform(0, SPREAD, n)
    rows = generator.standard_t(5, size=n)
    ours, theirs = (_near(targets, rows, scale, generator) for scale in (1 - better, 1.0))
    return ours, theirs


def _near(targets: Values, rows: Values, scale: float, generator: np.random.Generator) -> list[Answer]:
    said = targets + 6 * scale * (rows + generator.standard_t(5, size=len(rows)))
    silent = generator.random(len(said)) < 0.01
    return [
        _answer(number, f"{target:.6f}", None if none else f"{value:.6f}")
        for number, (target, value, none) in enumerate(zip(targets, said, silent, strict=True))
    ]


def _answer(number: int, target: str, said: str | None) -> Answer:
    """These metrics look at no score."""
    return Answer(Outcome(example_id=str(number), target=target, prediction=said, score=0.0))


def _pair(kind: AnswerKind, metric: Metric, draw: Draw, better: float, spread: float = 0.0) -> Pair:
    return Pair(marking=Marking(kind=kind, metric=metric, spread=spread), draw=draw, better=better)


PAIRS: Mapping[str, Pair] = {
    "macro_f1": _pair(LABELS, "macro_f1", labels, 0.5),
    "log_loss": _pair(LABELS, "log_loss", labels, 0.3),
    "example_f1": _pair(SETS, "example_f1", sets, 0.3),
    "micro_f1": _pair(SETS, "micro_f1", sets, 0.3),
    "macro_f1 of sets": _pair(SETS, "macro_f1", sets, 0.3),
    "mean_score": _pair(Python(), "mean_score", scores, 0.2),
    "weighted_kappa": _pair(GRADES, "weighted_kappa", grades, 0.3),
    "off_by_one": _pair(GRADES, "off_by_one", grades, 0.5, spread=4.0),
    "mae of grades": _pair(GRADES, "mae", grades, 0.3, spread=4.0),
    "mae": _pair(Number(), "mae", numbers, 0.2, spread=SPREAD),
    "median_error": _pair(Number(), "median_error", numbers, 0.3, spread=SPREAD),
    "r2": _pair(Number(), "r2", numbers, 0.5, spread=SPREAD),
}
"""By the name of the metric; a better prompt is so much better that 100 rows tell it now and then."""
