"""What is scored: every instruction on every example, as a first step and as a later one.

A first step scores all instructions with nothing cached. A second one scores the later half of the
instructions after the earlier half was scored on the same examples.

Files hold token ids of one tokenizer, a JSON object a line: instruction and example (numbers), context and
choices (ids). The made-up ones are random ids below the model's vocabulary and suit any model: what they ask
makes no sense, but it costs the same.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opro_local.errors import DataError
from opro_local.llm import ChoiceRequest, GenerationRequest, Message, TokenIds

STOP = "\n"
"""Generated answers end with their first line."""

ANSWER_TOKENS = 8

HEADER, TAIL = 25, 8
"""Tokens of a chat template's beginning, and of what follows a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is timed: choices to score or prompts to continue; before is scored first, untimed."""

    workload: str
    number: int
    before: tuple[ChoiceRequest, ...] = ()
    choices: tuple[ChoiceRequest, ...] = ()
    prompts: tuple[GenerationRequest, ...] = ()

    @property
    def pairs(self) -> int:
        return len(self.choices) + len(self.prompts)

    def first(self, n: int) -> "Step":
        """Its first n pairs with nothing before them, to warm up."""
        return replace(self, before=(), choices=self.choices[:n], prompts=self.prompts[:n])


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many instructions and examples; files are cut to it."""

    instructions: int
    examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Lengths of a made-up workload in tokens; shots stand ahead of the instruction."""

    shots: int = 0
    instruction: int = 40
    question: int = 60
    after_question: bool = False
    choices: int = 4
    choice_tokens: int = 1


MADE_UP = {
    "few-shot": Shape(shots=350),  # 415 tokens shared by all questions of an instruction
    "after-question": Shape(after_question=True),
    "single-token": Shape(),
    "three-token": Shape(choice_tokens=3),
}

INSTRUCTIONS = (
    "",
    "Answer with a number.",
    "Let's think about it, then answer with the number only.",
    "You are good at sums. Give the result.",
    "Compute the result and write it down, nothing else.",
    "Reply in one line.",
    "Add carefully: first the ones, then the tens.",
    "Solve this as fast as you can.",
)


def steps_of_file(path: Path, size: Size) -> list[Step]:
    """Both steps of a file of token ids. Raises DataError."""
    grid: dict[int, list[ChoiceRequest]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            if row["instruction"] < size.instructions and row["example"] < size.examples:
                grid.setdefault(row["instruction"], []).append(
                    ChoiceRequest(context=tuple(row["context"]), choices=tuple(map(tuple, row["choices"])))
                )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path.name} line {number}: not a row of ids ({error!r}).") from None
    return _steps(path.stem, list(grid.values()))


def made_up_steps(name: str, shape: Shape, size: Size, *, vocabulary: int) -> list[Step]:
    """Both steps of random ids; the same arguments give the same ids."""
    draw = random.Random(name)

    def ids(n: int) -> TokenIds:
        return tuple(draw.randrange(vocabulary) for _ in range(n))

    head, tail = ids(HEADER + shape.shots), ids(TAIL)
    choices = tuple(ids(shape.choice_tokens) for _ in range(shape.choices))
    questions = [ids(shape.question) for _ in range(size.examples)]
    instructions = [ids(shape.instruction) for _ in range(size.instructions)]

    def request(instruction: TokenIds, question: TokenIds) -> ChoiceRequest:
        order = (question, instruction) if shape.after_question else (instruction, question)
        return ChoiceRequest(context=(*head, *order[0], *order[1], *tail), choices=choices)

    return _steps(name, [[request(i, q) for q in questions] for i in instructions])


def generation_step(encode: Callable[[Sequence[Message]], TokenIds], size: Size) -> Step:
    """Sums to be answered in a line; a single step, because no prompts are kept for generation."""
    draw = random.Random(0)
    sums = [(draw.randrange(100), draw.randrange(100)) for _ in range(size.examples)]
    prompts = tuple(
        GenerationRequest(
            prompt=encode([Message("user", f"{instruction}\nWhat is {a} plus {b}?\n")]),
            max_tokens=ANSWER_TOKENS,
            final=lambda text: STOP in text,
        )
        for instruction in INSTRUCTIONS[: size.instructions]
        for a, b in sums
    )
    return Step(workload="generation", number=1, prompts=prompts)


def _steps(name: str, by_instruction: Sequence[Sequence[ChoiceRequest]]) -> list[Step]:
    half = len(by_instruction) // 2
    earlier, later = (
        tuple(request for requests in part for request in requests)
        for part in (by_instruction[:half], by_instruction[half:])
    )
    return [
        Step(workload=name, number=1, choices=earlier + later),
        Step(workload=name, number=2, before=earlier, choices=later),
    ]
