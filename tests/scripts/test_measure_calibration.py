"""What each way to calibrate is worth on rows answered once, with labels in the shares asked for."""

import random
from collections import Counter

import numpy as np
from measure_calibration import FEWEST, MEASURED, METHODS, as_table, compared, of_shares

from opro_local.answers.label import Label
from opro_local.records import Outcome

KIND = Label(labels=("ham", "spam"))


def answered(candidates: int = 6, rows: int = 120) -> list[list[Outcome]]:
    """Of a model that likes spam, and sees a little of the label."""
    draw = np.random.default_rng(0)
    found = []
    for _ in range(candidates):
        logits = draw.normal(scale=1.5, size=(rows, 2)) + np.array([0.0, 4.0])
        logits[np.arange(rows), np.arange(rows) % 2] += 2
        found.append(
            [
                Outcome(
                    example_id=str(i),
                    target=KIND.labels[i % 2],
                    prediction=KIND.labels[int(each.argmax())],
                    score=float(each.argmax() == i % 2),
                    choice_log_probs=tuple(each.tolist()),
                )
                for i, each in enumerate(logits)
            ]
        )
    return found


def test_rows_have_the_shares_asked_for_and_a_label_is_never_gone() -> None:
    targets = ["ham", "spam"] * 50
    drawn = [Counter(targets[i] for i in of_shares(targets, s, random.Random(0))) for s in ((4, 1), (1, 50))]
    assert drawn == [{"ham": 50, "spam": 12}, {"ham": FEWEST, "spam": 50}]


def test_ways_are_measured_on_the_same_rows_in_every_metric() -> None:
    rows = compared(answered(), KIND, (4.0, 1.0), train_rows=(30,), draws=4)
    assert [(row.method, row.metric) for row in rows] == [(m, k) for k in MEASURED for m in METHODS]
    of = {(row.method, row.metric): row for row in rows}
    assert all(row.best >= row.value for row in rows)
    assert of["auto", "accuracy"].value > of["batch", "accuracy"].value + 0.1
    assert of["batch", "accuracy"].value > of["none", "accuracy"].value + 0.1  # which answers spam, mostly
    assert of["auto", "accuracy"].value > of["auto", "accuracy"].most_common > 0.7
    assert as_table(rows).count("\n") == 1 + len(METHODS)


def test_without_shares_the_table_is_taken_as_it_is() -> None:
    rows = compared(answered(), KIND, (), train_rows=(30,), draws=1)
    assert {row.most_common for row in rows} == {0.5}
    values = {row.method: row.value for row in rows if row.metric == "accuracy"}
    assert abs(values["auto"] - values["batch"]) < 0.02


def test_more_rows_are_measured_on_the_same_others_and_no_more_than_half_are_taken() -> None:
    rows = compared(answered(), KIND, (), train_rows=(500, 20), draws=3)
    values = {(row.train_rows, row.method): row.value for row in rows if row.metric == "accuracy"}
    assert list(dict.fromkeys(count for count, _ in values)) == [20, 60]
    assert values[20, "none"] == values[60, "none"]  # nothing is fitted
    assert values[20, "auto"] != values[60, "auto"]
