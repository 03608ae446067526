"""What a candidate's biases are fitted on: its outcomes, and how common labels are in a search's rows."""

from dataclasses import replace
from itertools import pairwise

import pytest
from mail_task import LABELS, mail_task, row
from resolved import instruction_problem, scorer_of, searching

from opro_local.config import Metric, ScoringSettings
from opro_local.problems.measurement import Measurement
from opro_local.records import Candidate
from opro_local.tasks.split import Split
from opro_local.testing import ScriptedEngine

ALWAYS = Candidate(instruction="Sort.")


def measurement(metric: Metric, *, common: int) -> Measurement:
    """Of a model that sees a little of the label; common rows of the pool have the first one."""
    task = replace(mail_task(8), metric=metric)
    pool = tuple(replace(row(100 + i), target=LABELS[0]) for i in range(common))
    split = Split(train=tuple(map(row, range(8))), validation=(), test=(), pool=pool)

    def log_prob(text: str) -> float:
        number = int(text.rpartition("Mail ")[2].partition(".")[0])
        right = text.endswith(LABELS[number % 2])
        return (-1.0 if right else -1.5) - 0.1 * (number % 3)

    scorer = scorer_of(ScriptedEngine(log_prob=log_prob), task, ScoringSettings())
    return instruction_problem(scorer, task, split, searching(), calibration="auto").measurement


def bias(metric: Metric, *, common: int) -> float:
    """Of the first label beside the second, in nats."""
    measured = measurement(metric, common=common)
    (outcomes,) = measured.scorer.score([ALWAYS], measured.split.train)
    first, second = measured.calibrated(ALWAYS, outcomes).calibration
    return first - second


def test_rows_of_the_pool_count_for_how_common_a_label_is() -> None:
    biases = [bias("accuracy", common=common) for common in (0, 8, 32)]
    assert biases[0] == pytest.approx(0, abs=1e-9)
    assert all(b > a + 0.01 for a, b in pairwise(biases))


def test_the_less_a_metric_counts_what_is_common_the_less_it_is_favoured() -> None:
    unweighted: tuple[Metric, ...] = ("balanced_accuracy", "weighted_kappa")
    assert [bias(metric, common=32) for metric in unweighted] == pytest.approx([0, 0], abs=1e-9)
    weighted: tuple[Metric, ...] = ("macro_f1", "accuracy")
    half, whole = [bias(metric, common=32) for metric in weighted]
    assert whole - 0.01 > half > 0.01
