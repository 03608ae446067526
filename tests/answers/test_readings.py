"""Tables of replies, real and made, with what each says; readings/README.md tells how they were made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from reading_aid import example

from opro_local.answers import AnswerKind, grader_of, kind_class
from opro_local.config import Grading
from opro_local.reading.numbers import number_value
from opro_local.reading.replies import Graded

TABLES = Path(__file__).with_name("readings")
KINDS = ("label", "boolean", "choice", "number", "text", "regex")
Row = Mapping[str, Any]


def rows(kind: str) -> list[Row]:
    lines = (TABLES / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def kind_of_row(kind: str, row: Row) -> AnswerKind:
    return kind_class(kind)(
        labels=tuple(row.get("labels", ())), pattern=row.get("pattern"), decimal=row.get("decimal")
    )


def graded(kind: str, row: Row, grading: Grading) -> Graded:
    grader = grader_of(kind_of_row(kind, row), grading)
    return grader.grade(
        row["reply"], example(row["target"], row.get("question", "what?")), cut=row.get("cut", False)
    )


def says(kind: str, said: str | None, row: Row) -> bool:
    """Whether this is what the row says; numbers and the full stop of a text by what they are worth."""
    right = row["answer"]
    if kind == "number" and said is not None and right is not None:
        sign = row.get("decimal", "point")
        value = number_value(right, sign)
        return value is not None and number_value(said, sign) == value
    if kind == "text" and said is not None and right is not None:
        return said.removesuffix(".") == str(right).removesuffix(".")
    return bool(said == right)


@pytest.mark.parametrize("kind", KINDS)
def test_strict_reading_is_right_on_all_replies(kind: str) -> None:
    table = rows(kind)
    assert len(table) >= 150
    wrong = []
    for number, row in enumerate(table, start=1):
        said = graded(kind, row, "strict").prediction
        if not says(kind, said, row):
            wrong.append(f"line {number}: {row['reply']!r} says {row['answer']!r}, read as {said!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "regex"])
def test_official_reading_is_what_it_was(kind: str) -> None:
    wrong = [
        f"line {number}: {row['reply']!r}"
        for number, row in enumerate(rows(kind), start=1)
        if bool(graded(kind, row, "official").score) != row["official"]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_is_final_keeps_its_reading(kind: str) -> None:
    for row in rows(kind):
        grader = grader_of(kind_of_row(kind, row))
        asked = example(row["target"], row.get("question", "what?"))
        lines = row["reply"].splitlines(keepends=True)
        for end in range(1, len(lines)):
            begun = "".join(lines[:end])
            if grader.is_final(begun, asked.text):
                assert grader.grade(begun, asked) == grader.grade(row["reply"], asked), row["reply"]
