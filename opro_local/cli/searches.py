"""What a person sees on stderr while several searches of one command go on, one by one or at once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from opro_local.cli.output import say
from opro_local.effort import EngineStats
from opro_local.problem import Estimate
from opro_local.records import SplitName, Step, Trajectory
from opro_local.results.verdicts import judge_lines, left_out_line

if TYPE_CHECKING:
    from opro_local.evidence.headroom import Headroom
    from opro_local.evidence.judge_record import JudgeRecord


class SearchesProgress:
    """A Watcher of several searches: one bar for all of them, or a line a run where there is no terminal."""

    def __init__(self, runs: int, *, shown: bool, opening: str = "") -> None:
        self._runs = runs
        self._opening = opening
        self._told_of_rows = False
        self._told_of_judge = False
        self._console = Console(stderr=True, quiet=not shown, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} of {task.total} runs"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=runs)

    def __enter__(self) -> "SearchesProgress":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def tell(self, line: str) -> None:
        """Say it in any case, above the bar."""
        if self._console.quiet:
            say(line, err=True)
        else:
            self._console.print(line, markup=False)

    def finished(self, searches: int) -> None:
        self._bar.update(self._task, completed=searches)
        if not self._console.is_terminal:
            self._console.print(f"{searches} of {self._runs} runs finished", markup=False)

    def started(self, run_id: str, cost: Estimate) -> None:
        opening, self._opening = self._opening, ""
        if opening:
            self._console.print(opening, markup=False)
        self._bar.update(self._task, description=f"run {run_id}")

    def metered(self, effort: Callable[[], EngineStats]) -> None: ...

    def rows_left_out(self, ids: Sequence[str], context: int) -> None:
        told, self._told_of_rows = self._told_of_rows, True
        if not told:
            self.tell(left_out_line(ids, context))

    def judge_measured(self, judge: "JudgeRecord") -> None:
        told, self._told_of_judge = self._told_of_judge, True
        if not told:
            for line in judge_lines(judge):
                self.tell(f"note: {line}.")

    def headroom_found(self, found: "Headroom") -> None: ...

    def step_opened(self, step: Step[Any]) -> None:
        self._bar.update(self._task, description=f"step {step.number}")

    def block_scored(self, split: SplitName, pairs: int) -> None: ...
    def step_closed(self, trajectory: Trajectory[Any]) -> None: ...
    def paused(self) -> None: ...
