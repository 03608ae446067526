"""How the time of a step grows with each of its dimensions; every point is a first step, nothing cached."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from statistics import median

from bench.ours import Ours
from bench.workloads import Shape, Size, Step, made_up_steps
from opro_local.engine.counts import count, naive_tokens
from opro_local.engine.local import LocalEngine
from opro_local.engine.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """Of a step; question counts tokens."""

    instructions: int = 4
    examples: int = 8
    choices: int = 2
    question: int = 40


VARIED = {
    "instructions": (1, 2, 8, 16),
    "examples": (2, 4, 16, 32),
    "choices": (1, 4, 8, 16),
    "question": (10, 20, 80, 160),
}
"""Each dimension's other values, the rest being as Dimensions has them."""

CHOICE_TOKENS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A step with one dimension varied; naive_tokens would go through the model without sharing."""

    varied: str
    dimensions: Dimensions
    naive_tokens: int
    unique_tokens: int
    tokens_run: int
    seconds: float


def all_dimensions() -> Iterator[tuple[str, Dimensions]]:
    """What is varied and to what, smallest first."""
    for name, values in VARIED.items():
        for value in sorted((*values, getattr(Dimensions(), name))):
            yield name, replace(Dimensions(), **{name: value})


def measure(engine: LocalEngine, *, vocabulary: int, repeat: int) -> Iterator[Point]:
    """One point after the other; each is the median of its repetitions, the first of all warms up."""
    ours = Ours(engine=engine, work=Work())
    ours.run(_step(Dimensions(), vocabulary).first(8))
    for varied, dimensions in all_dimensions():
        step = _step(dimensions, vocabulary)
        yield Point(
            varied=varied,
            dimensions=dimensions,
            seconds=median(ours.run(step).seconds for _ in range(repeat)),
            naive_tokens=naive_tokens(step.choices),
            unique_tokens=count(step.choices).unique_tokens,
            tokens_run=ours.work.tokens_run,
        )


def as_markdown(points: Sequence[Point]) -> str:
    """A table of the points, and how far the cost of a token varies when counted either way."""
    names = [field.name for field in fields(Dimensions)]
    header = ["varied", *names, "naive tokens", "unique tokens", "tokens run", "seconds", "ms/unique token"]
    lines = [header, ["---:"] * len(header), *(_cells(point, names) for point in points)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    unique, naive = (
        [1000 * point.seconds / getattr(point, tokens) for point in points]
        for tokens in ("unique_tokens", "naive_tokens")
    )
    spread = f"Milliseconds a unique token: {_range(unique)}; a token without sharing: {_range(naive)}."
    return f"{table}\n\n{spread}\n"


def series(points: Sequence[Point], tokens: str) -> dict[str, list[tuple[float, float]]]:
    """Seconds over one of the points' counts of tokens, by what is varied."""
    return {
        varied: [(getattr(point, tokens), point.seconds) for point in points if point.varied == varied]
        for varied in dict.fromkeys(point.varied for point in points)
    }


def _step(dimensions: Dimensions, vocabulary: int) -> Step:
    shape = Shape(
        question=dimensions.question, choices=dimensions.choices, choice_tokens=CHOICE_TOKENS, instruction=30
    )
    size = Size(instructions=dimensions.instructions, examples=dimensions.examples)
    return made_up_steps("cost", shape, size, vocabulary=vocabulary)[0]


def _cells(point: Point, names: Sequence[str]) -> list[str]:
    return [
        point.varied,
        *(str(getattr(point.dimensions, name)) for name in names),
        f"{point.naive_tokens:,}",
        f"{point.unique_tokens:,}",
        f"{point.tokens_run:,}",
        f"{point.seconds:.2f}",
        f"{1000 * point.seconds / point.unique_tokens:.2f}",
    ]


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"
