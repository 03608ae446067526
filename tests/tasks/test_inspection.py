"""The figures of a small table, counted by hand."""

from opro_local.config import SplitSettings
from opro_local.records import Example
from opro_local.tasks.inspection import Lengths, inspect_task
from opro_local.tasks.task import Task


def task(*rows: tuple[str, str]) -> Task:
    return Task(
        name="t",
        examples=tuple(Example(id=str(i), text=text, target=target) for i, (text, target) in enumerate(rows)),
        answer="label",
        labels=("B", "A", "C"),
        description="",
        position="Q_begin",
        qa=None,
        metric="accuracy",
        unlabelled=2,
        split=SplitSettings(twins="apart"),
    )


ROWS = [("one", "A"), ("One! ", "B"), ("one  two", "A"), ("one two", "A"), ("three", "B"), ("three", "B")]


def test_the_report_counts_what_the_table_holds() -> None:
    report = inspect_task(task(*ROWS), seed=0)
    assert (report.rows, report.unlabelled) == (6, 2)
    assert list(report.labels.items()) == [("B", 3), ("A", 3), ("C", 0)]
    assert report.repeated == 1
    assert (report.alike, report.disagreeing) == (4, 2)
    assert report.characters == Lengths(shortest=3, median=5.0, longest=8)
    assert report.words == Lengths(shortest=1, median=1.0, longest=2)
    assert report.tokens is None
    assert sum(report.split.values()) == 6


def test_tokens_are_counted_by_the_caller() -> None:
    report = inspect_task(task(*ROWS), seed=0, count_tokens=lambda text: 10 * len(text))
    assert report.tokens == Lengths(shortest=30, median=50.0, longest=80)
