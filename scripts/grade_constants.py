#!/usr/bin/env python
"""What constant answers score on the rows of public benchmarks, graded strictly and as published.

A grader that can be satisfied without reading the question makes an optimizer find such answers. Reads the
original files of BIG-Bench Hard (bbh/TASK.json) and AQuA (aqua/AQuA.json) that the folder has. Chance is the
share of the most frequent target: no grader can keep a constant answer below it on every row. Answers that
win nothing in either way are left out. grade_constants.md holds the table of the rows that we have.

    python scripts/grade_constants.py --data FOLDER
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from opro_local.answers import grader_of, kind_of
from opro_local.config import DecimalSign, Grading, Metric
from opro_local.records import Example
from opro_local.user_code import UserFunction

NUMERIC = ("object_counting", "multistep_arithmetic_two")
WRITTEN = ("dyck_languages", "word_sorting")
BOOLEAN = (
    "boolean_expressions",
    "causal_judgement",
    "formal_fallacies",
    "navigate",
    "sports_understanding",
    "web_of_lies",
)
EVERY_OPTION = " ".join(f"({letter})" for letter in "ABCDEFGHIJK")
CONSTANTS = {
    "boolean": ("invalid", "yes or no", "true or false", "Unknown", "I do not know"),
    "choice": (EVERY_OPTION, "abcde", "I cannot decide between these", "The answer is B) an apple"),
    "number": ("sixteen", "-5", "12.4", "1 2 3 4 5 6 7 8 9"),
    "text": (".", "yes or no"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Rows of one file, and their form of answer."""

    name: str
    answer: str
    rows: tuple[Example, ...]
    pattern: str | None = None
    grader: UserFunction | None = None
    decimal: DecimalSign | None = None
    metric: Metric = "accuracy"

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({row.target for row in self.rows})) if self.answer == "boolean" else ()

    @property
    def chance(self) -> float:
        return max(Counter(row.target for row in self.rows).values()) / len(self.rows)

    def rate(self, reply: str, grading: Grading) -> float:
        grader = grader_of(kind_of(self.answer, self), grading)
        return fmean(grader.grade(reply, row).score for row in self.rows)


def benchmarks(folder: Path) -> Iterator[Benchmark]:
    for path in sorted(folder.glob("bbh/*.json")):
        rows = json.loads(path.read_text(encoding="utf-8"))["examples"]
        examples = _examples((row["input"], row["target"]) for row in rows)
        yield Benchmark(name=path.stem, answer=_answer(path.stem), rows=examples)
    for path in sorted(folder.glob("aqua/*.json")):
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        # "A)5" is written "(A)5", as the published program puts it into its prompts.
        texts = ("\n".join([row["question"], *(f"({option}" for option in row["options"])]) for row in rows)
        targets = (row["correct"] for row in rows)
        yield Benchmark(name=path.stem, answer="choice", rows=_examples(zip(texts, targets, strict=True)))


def _examples(pairs: Iterable[tuple[str, str]]) -> tuple[Example, ...]:
    return tuple(Example(id=str(i), text=text, target=target) for i, (text, target) in enumerate(pairs))


def _answer(name: str) -> str:
    if name in NUMERIC:
        return "number"
    if name in WRITTEN:
        return "text"
    return "boolean" if name in BOOLEAN else "choice"


def table(found: Sequence[Benchmark]) -> Iterator[str]:
    yield "| rows | answer type | constant answer | strict | official | chance |"
    yield "|---|---|---|---:|---:|---:|"
    for benchmark in found:
        name = f"{benchmark.name} ({len(benchmark.rows)})"
        for reply in CONSTANTS[benchmark.answer]:
            rates = benchmark.rate(reply, "strict"), benchmark.rate(reply, "official")
            shown = " | ".join(f"{rate:.1%}" for rate in (*rates, benchmark.chance))
            if any(rates):
                yield f"| {name} | {benchmark.answer} | `{reply}` | {shown} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with bbh/ and aqua/")
    found = list(benchmarks(parser.parse_args().data))
    if not found:
        parser.error("the folder has neither bbh/*.json nor aqua/*.json")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
