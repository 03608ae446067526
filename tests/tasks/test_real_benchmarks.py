"""Benchmarks in the real original files, where there are some on this machine."""

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from opro_local.answers import grader_of
from opro_local.config import TaskSettings
from opro_local.tasks.loading import load_task
from opro_local.tasks.split import split_examples

REAL = Path(os.environ.get("OPRO_LOCAL_BENCHMARKS") or Path(__file__).parents[3] / "shared" / "data")


@dataclass(frozen=True)
class Known:
    """What a real file must come to."""

    file: str
    answer: str
    labels: tuple[str, ...] = ()
    odd: int = 0


KNOWN = {
    "bbh:boolean_expressions": Known("bbh/boolean_expressions.json", "boolean", ("False", "True")),
    "bbh:dyck_languages": Known("bbh/dyck_languages.json", "text"),
    "bbh:formal_fallacies": Known("bbh/formal_fallacies.json", "boolean", ("invalid", "valid")),
    "bbh:movie_recommendation": Known("bbh/movie_recommendation.json", "choice", odd=1),
    "bbh:object_counting": Known("bbh/object_counting.json", "number"),
    "bbh:snarks": Known("bbh/snarks.json", "choice"),
    "bbh:sports_understanding": Known("bbh/sports_understanding.json", "boolean", ("no", "yes")),
    "bbh:word_sorting": Known("bbh/word_sorting.json", "text"),
    "gsm8k": Known("gsm8k/gsm_test.tsv", "number"),
    "mmlu:abstract_algebra": Known("mmlu/abstract_algebra_test.csv", "choice"),
    "mmlu:marketing": Known("mmlu/marketing_test.csv", "choice"),
    "mmlu:us_foreign_policy": Known("mmlu/us_foreign_policy_test.csv", "choice"),
    "aqua": Known("aqua/AQuA.json", "choice"),
    "multiarith": Known("multiarith/MultiArith.json", "number"),
}
COUNT: dict[str, Callable[[str], int]] = {
    "bbh": lambda text: text.count('"target"'),
    "gsm8k": lambda text: text.count("\n"),
    "mmlu": lambda text: len(list(csv.reader(text.splitlines(keepends=True)))),
    "aqua": lambda text: text.count('"correct"'),
    "multiarith": lambda text: text.count('"sQuestion"'),
}


@pytest.mark.parametrize("name", KNOWN)
def test_real_files_are_read_whole(name: str) -> None:
    known = KNOWN[name]
    if not (REAL / known.file).is_file():
        pytest.skip(f"no {known.file} in {REAL}; set OPRO_LOCAL_BENCHMARKS to a folder that has it")
    settings = TaskSettings(data=str(REAL), benchmark=name)
    task = load_task(settings, folder=Path(), name=name)
    assert (task.answer, task.labels) == (known.answer, known.labels)
    with (REAL / known.file).open(encoding="utf-8", newline="") as file:
        expected = COUNT[name.partition(":")[0]](file.read())
    rows = task.test or task.examples
    assert len(rows) == expected
    grader = grader_of(task.kind)
    assert sum(not grader.grade(f"The answer is {row.target}", row).score for row in rows) == known.odd
    split = split_examples(task.examples, task.split, 0, stratum=task.kind.stratum, test=task.test)
    assert split.train
    assert split.validation
    assert not task.test or len(split.test) == len(task.test)
