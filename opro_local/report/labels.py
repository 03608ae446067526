"""The winner's answers on test, label by label."""

from collections.abc import Iterator

from opro_local.report.section import Section
from opro_local.report.table import Table
from opro_local.results.result import TaskResult


def label_sections(run: TaskResult) -> Iterator[Section]:
    yield from _confusion(run)
    yield from _per_label(run)


def _confusion(run: TaskResult) -> Iterator[Section]:
    found = run.test and run.test.confusion
    if found:
        table = Table(
            title="Confusion of labels",
            caption="test rows by right label (rows) and the winner's answer (columns)",
            columns=("right label", *found.labels, "no answer"),
            rows=[(label, *counts) for label, counts in zip(found.labels, found.rows, strict=True)],
        )
        yield Section(title="Confusion matrix", tables=[table])


def _per_label(run: TaskResult) -> Iterator[Section]:
    found = run.test and run.test.per_label
    if found:
        table = Table(
            title="Labels one by one",
            caption="test rows; precision: share of the rows that the winner gives the label which have it",
            columns=("label", "rows", "precision", "recall", "F1"),
            rows=[(each.label, each.rows, each.precision, each.recall, each.f1) for each in found],
        )
        yield Section(title="Labels", tables=[table])
