"""What a person sees on a terminal while a run goes on: the best so far, and the step being scored."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from opro_local.records import Candidate, Scored, Step, Trajectory
from opro_local.results.trajectory import best_so_far
from opro_local.results.words import instruction_text, manner_text
from opro_local.wording import printable

BLOCKS = "▁▂▃▄▅▆▇█"
TOP = 5
CURRENT = 8
"""Candidates of a step that are shown, where the terminal is high enough."""
OTHER_LINES = TOP + 4
"""Above and below them: the curve, the best, what became of the proposals, the bar, one to spare."""
SCORE, ORIGIN = 7, 15
"""Characters of a column."""
WIDEST = 40
"""Steps that the little curve shows; the last ones."""
Row = tuple[str, str, str]


class Picture:
    """The middle of the live view; told of steps, drawn anew whenever it is asked."""

    def __init__(self) -> None:
        self._trajectory: Trajectory[Any] | None = None
        self._step: Step[Any] | None = None
        self._workers: tuple[str, ...] = ()

    def staff(self, lines: Sequence[str]) -> None:
        """What there is to say of workers."""
        self._workers = tuple(lines)

    def opened(self, step: Step[Any]) -> None:
        self._step = step

    def closed(self, trajectory: Trajectory[Any]) -> None:
        self._trajectory, self._step = trajectory, trajectory.steps[-1]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._trajectory is not None and self._trajectory.best is not None:
            best = self._trajectory.best
            yield Text(f"best so far  {sparkline(_best_by_step(self._trajectory))}  {best.score.value:.3f}")
            yield _table(_top(self._trajectory))
        if self._step is not None:
            yield _line(_heading(self._step))
            room = min(CURRENT, console.height - OTHER_LINES - len(self._workers))
            if room > 0:
                yield _table(islice(_rows(self._step), room))
        for line in self._workers:
            yield _line(printable(line))


def _table(rows: Iterator[Row]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, min_width=SCORE)
    table.add_column(no_wrap=True, width=ORIGIN, overflow="ellipsis")
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    for score, origin, text in rows:
        table.add_row(score, origin, _line(text))
    return table


def _top(trajectory: Trajectory[Any]) -> Iterator[Row]:
    origins = _origins(trajectory)
    for entry in reversed(trajectory.ascending()[-TOP:]):
        yield f"{entry.score.value:.3f}", origins.get(entry.key, ""), _said(entry.solution)


def _heading(step: Step[Any]) -> str:
    rejected = Counter(p.reason for p in step.proposals if p.reason is not None)
    reasons = ", ".join(f"{reason} {count}" for reason, count in rejected.most_common()) or "none"
    doing = "scored" if step.scored else "being scored"
    return f"step {step.number}, {doing}: {len(step.solutions)}; rejected: {reasons}"


def _rows(step: Step[Any]) -> Iterator[Row]:
    """The candidates of a step, with the scores that they have."""
    accepted = [proposal for proposal in step.proposals if proposal.solution is not None]
    for i, proposal in enumerate(accepted):
        score = _score(step.scored[i]) if i < len(step.scored) else ""
        yield score, proposal.origin, _said(proposal.solution)


def _score(entry: Scored[Any]) -> str:
    return "dropped" if entry.dropped else f"{entry.score.value:.3f}"


def _said(solution: object) -> str:
    """On one line, and unable to steer the terminal."""
    if isinstance(solution, Candidate):
        shots = f" + {len(solution.shots)} shots" if solution.shots else ""
        manner = printable(manner_text(solution.form, solution.verbalizer))
        told = f" [{manner}]" if manner else ""
        return instruction_text(printable(" ".join(solution.instruction.split()))) + shots + told
    return printable(str(solution))


def _line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _origins(trajectory: Trajectory[Any]) -> dict[str, str]:
    """Who proposed each scored solution."""
    found = {}
    for step in trajectory.steps:
        accepted = [proposal.origin for proposal in step.proposals if proposal.solution is not None]
        found.update({entry.key: origin for entry, origin in zip(step.scored, accepted, strict=False)})
    return found


def _best_by_step(trajectory: Trajectory[Any]) -> list[float]:
    steps = trajectory.steps
    scores = [(step.number, [e.score.value for e in step.scored if not e.dropped]) for step in steps]
    return list(best_so_far(scores, trajectory.direction).values())


def sparkline(values: Sequence[float]) -> str:
    """A curve of one line, from the lowest to the highest of the values."""
    shown = values[-WIDEST:]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in shown)
