"""What the optimizer LLM reads about wrong answers, to write an instruction that names the rule behind them.

In our own words after the reflective mutation and the system-aware merge of GEPA (Agrawal et al. 2025, arXiv
2507.19457). The reply is begun as the instructions above are written, as in meta_prompt.py, so that a small
model writes the instruction first and has seen how one ends: the reasons are given to it, not asked of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import shorten

from opro_local.llm import Message
from opro_local.meta_prompt import PARAGRAPH_END, PLACEHOLDER
from opro_local.problem import MetaPrompt
from opro_local.records import Candidate, Example
from opro_local.tasks.task import Task
from opro_local.wording import counted

CLOSE = "</INS>"
MOST_CHARACTERS = 400
"""Of the text of a row that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A row that a candidate did not answer right.

    answered is None where there is no answer; sure is its probability among the labels, from 0 to 1, None
    where answers are open. feedback is what the user's grader said of it.
    """

    row: Example
    answered: str | None
    sure: float | None = None
    feedback: str | None = None

    @property
    def confusion(self) -> tuple[str, str | None]:
        """What was right, and what was answered in its place."""
        return self.row.target, self.answered


def reflected(
    task: Task, parent: Candidate, mistakes: Sequence[Mistake], confusions: Sequence[str]
) -> MetaPrompt:
    """A request to mend the parent's instruction; confusions are lines on what was taken for what."""
    return _meta_prompt(
        task,
        [_instruction("present", parent), "\n".join([*confusions, *_problems(mistakes)])],
        "Write a better instruction. It names the rule by which texts like these get the right answer, "
        "keeps what is good in the present one, and holds for texts that are not shown.",
        [mistake.row for mistake in mistakes],
    )


def merged(task: Task, parents: Sequence[Candidate], alone: Sequence[Sequence[Example]]) -> MetaPrompt:
    """A request for one instruction of two; alone are rows that each gets right and the other does not."""
    names = ("first", "second")
    blocks = [
        "\n".join([_instruction(name, parent), f"\nOnly with the {name} these come right:", *_solved(rows)])
        for name, parent, rows in zip(names, parents, alone, strict=True)
    ]
    return _meta_prompt(
        task,
        blocks,
        "Write one instruction that has the strengths of both, so that all of them come right.",
        [row for rows in alone for row in rows],
    )


def confusion_line(right: str, answered: str | None, count: int) -> str:
    said = "No answer was given" if answered is None else f'"{answered}" was answered'
    return f'{said} where "{right}" is right: {counted(count, "time")}.'


def _instruction(name: str, candidate: Candidate) -> str:
    return f"{name}: {PLACEHOLDER}{candidate.instruction}{CLOSE}"


def _problems(mistakes: Sequence[Mistake]) -> Iterator[str]:
    for mistake in mistakes:
        yield f"\nText: {_short(mistake.row.text)}"
        sure = "" if mistake.sure is None else f" (sure to {mistake.sure:.0%})"
        yield "Answered: " + ("nothing" if mistake.answered is None else _short(mistake.answered) + sure)
        if mistake.feedback:
            yield f"Comment: {_short(mistake.feedback)}"
        if mistake.row.target:
            yield f"Right: {mistake.row.target}"


def _solved(rows: Sequence[Example]) -> Iterator[str]:
    for row in rows:
        yield f"\nText: {_short(row.text)}" + (f"\nRight: {row.target}" if row.target else "")


def _short(text: str) -> str:
    """On one line."""
    return shorten(text, MOST_CHARACTERS, placeholder=" ...")


def _meta_prompt(task: Task, blocks: Sequence[str], request: str, rows: Sequence[Example]) -> MetaPrompt:
    opening = task.position == "A_begin"
    what = "a sentence that opens the answer" if opening else "an instruction"
    described = f" The task: {task.description}" if task.description else ""
    text = [
        f"You mend {what} for a language model that solves a task.{described}",
        *blocks,
        f"{request} Be brief and clear. Put only the new one between {PLACEHOLDER} and {CLOSE}.",
    ]
    return MetaPrompt(
        messages=(Message("user", "\n\n".join(text)),),
        prefill=f"\n\nnew: {PLACEHOLDER}",
        ends=(CLOSE, PARAGRAPH_END),
        exemplar_ids=tuple(row.id for row in rows),
    )
