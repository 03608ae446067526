"""What a person sees on stderr while a run goes on: a live view on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from opro_local.cli.live import Picture
from opro_local.cli.output import fitted, say
from opro_local.effort import EngineStats
from opro_local.problem import Estimate
from opro_local.records import SplitName, Step, Trajectory
from opro_local.results.cost import staff_lines
from opro_local.results.verdicts import headroom_line, judge_lines, left_out_line, power_line
from opro_local.wording import printable

if TYPE_CHECKING:
    from opro_local.evidence.headroom import Headroom
    from opro_local.evidence.judge_record import JudgeRecord

EFFORT_EVERY = 10.0
"""Seconds between two looks at how near the machine's limit scoring is, and at the workers."""
ROLE_OF_SPLIT = {
    "train": "searching",
    "validation": "validating",
    "must_stay": "validating",
    "test": "testing",
}


class RunProgress:
    """A Watcher; use it as a context manager. Plain lines may end in a log and hold no text of the user's.

    opening is said first, once the run has really started. take, if given, is called with the run's id and
    what the person at the terminal writes between steps.
    """

    def __init__(
        self,
        *,
        shown: bool,
        opening: str = "",
        take: Callable[[str, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._take = take
        self._run_id = ""
        self._opening = opening
        self._console = Console(stderr=True, quiet=not shown, highlight=False)
        self._clock = clock
        self._begun = clock()
        self._pairs = 0
        self._expected = 0
        self._effort: Callable[[], EngineStats] | None = None
        self._effort_seen: float | None = None
        self._efficiency: float | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("starting", total=None, rate="")
        self._picture = Picture()
        self._live = self._drawn()

    def __enter__(self) -> "RunProgress":
        if self._console.is_terminal and not self._console.quiet:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def tell(self, line: str) -> None:
        """Say it in any case, and on a terminal above what is drawn there."""
        if self._console.quiet:
            say(line, err=True)
        else:
            self.say(line)

    def say(self, line: str) -> None:
        line = printable(line)
        shown = fitted(line, self._console.width) if self._console.is_terminal else line
        self._console.print(shown, markup=False, soft_wrap=True)

    def started(self, run_id: str, cost: Estimate) -> None:
        self._run_id = run_id
        self._begun = self._clock()
        self._pairs = 0
        self._expected = cost.pairs
        self._bar.update(self._task, total=cost.pairs)
        if self._opening:
            self.say(self._opening)
        self.say(f"run {run_id}  (if cut off: opro-local resume {run_id})")
        scoring = (
            f"{cost.pairs:,} scored pairs (about {cost.scorer_tokens:,} tokens) and " if cost.pairs else ""
        )
        self.say(f"up to {scoring}{cost.optimizer_tokens:,} tokens of proposals")
        if cost.test_rows:
            self.say(power_line(cost.test_rows, cost.minimum_detectable_gain, cost.metric))
        for line in (*cost.memory, *(f"note: {told}" for told in cost.rare)):
            self.say(line)

    def metered(self, effort: Callable[[], EngineStats]) -> None:
        self._effort = effort

    def rows_left_out(self, ids: Sequence[str], context: int) -> None:
        self.tell(left_out_line(ids, context))

    def judge_measured(self, judge: "JudgeRecord") -> None:
        for line in judge_lines(judge):
            self.tell(f"note: {line}.")

    def headroom_found(self, found: "Headroom") -> None:
        self.say(headroom_line(found))

    def ask(self, question: str) -> bool:
        """A yes or no of the person at the terminal."""
        with self._still():
            return click.confirm(question, err=True)

    def _drawn(self) -> Live:
        return Live(Group(self._picture, self._bar), console=self._console, transient=True)

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Nothing is drawn inside. What follows is a new view: the old one would erase what was said."""
        begun = self._live.is_started
        self._live.stop()
        yield
        if begun:
            self._live = self._drawn()
            self._live.start()

    def step_opened(self, step: Step[Any]) -> None:
        self._picture.opened(step)
        self._bar.update(self._task, description=f"step {step.number}")

    def block_scored(self, split: SplitName, pairs: int) -> None:
        self._pairs += pairs
        if self._effort_seen is not None:  # the first look, which takes a second, is between two steps
            self._measure()
        if split != "train":
            self._bar.update(self._task, description=ROLE_OF_SPLIT[split])
        self._bar.update(self._task, completed=self._pairs, rate=self._rate())

    def step_closed(self, trajectory: Trajectory[Any]) -> None:
        self._picture.closed(trajectory)
        if self._live.is_started:
            self._measure()
            self._bar.update(self._task, description="proposing", rate=self._rate())
        else:
            self._say_step(trajectory)
        if self._take is not None:
            self._ask_for_more(self._take)

    def finished(self, searches: int) -> None: ...

    def paused(self) -> None:
        self.say(f"paused; it goes on with: opro-local prompts continue {self._run_id}")

    def _ask_for_more(self, take: Callable[[str, str], None]) -> None:
        """Show what there is and pass on what the person writes; an empty line goes on."""
        with self._still():
            Console(stderr=True, highlight=False).print(self._picture)
            while text := _prompted():
                take(self._run_id, text)

    def _say_step(self, trajectory: Trajectory[Any]) -> None:
        step, best = trajectory.steps[-1], trajectory.best
        reached = "nothing scored yet" if best is None else f"best {best.score.value:.3f} (step {best.step})"
        accepted = f"{len(step.solutions)} of {len(step.proposals)} proposals accepted"
        dropped = sum(entry.dropped for entry in step.scored)
        left = f", {dropped} dropped by racing" if dropped else ""
        self.say(f"step {step.number}: {accepted}{left}, {reached}, {self._rate()}")

    def _measure(self) -> None:
        """How near the machine's limit scoring is, and what workers do; now and then."""
        now = self._clock()
        if self._effort and (self._effort_seen is None or now - self._effort_seen >= EFFORT_EVERY):
            effort = self._effort()
            self._efficiency, self._effort_seen = effort.efficiency, now
            self._picture.staff(staff_lines(effort))

    def _rate(self) -> str:
        if not self._expected:
            return f"{self._clock() - self._begun:.0f} s"
        per_second = self._pairs / max(self._clock() - self._begun, 1e-9)
        left = (self._expected - self._pairs) / max(per_second, 1e-9)
        near = "" if self._efficiency is None else f"{self._efficiency:.0%} of peak throughput, "
        return f"{per_second:.1f} pairs/s, {near}at most {_minutes(left)} left"


def _prompted() -> str:
    """What a person writes; nothing where nobody can."""
    try:
        return str(click.prompt("your instruction (empty: go on)", default="", show_default=False, err=True))
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return ""


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02d}"
