"""The charts of a report: how the search went, what length buys, how far to trust how sure the model is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from opro_local.report.chart import Chart
from opro_local.report.table import Table
from opro_local.results.difference import RunDifference
from opro_local.results.flips import ConfidenceBin
from opro_local.results.overview import Overview
from opro_local.results.steps import proposals_of, scores_of, whole_scores
from opro_local.results.trajectory import best_so_far, better
from opro_local.results.verdicts import champion
from opro_local.results.words import instruction_text, short_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes


HALF = ", a row of train counting half"


def search_chart(run: Overview) -> Iterator[Chart]:
    """Every score of every step, the best so far, and what was measured on validation."""
    points, left = scores_of(run, dropped=False), scores_of(run, dropped=True)
    if not points:
        return
    last = best_so_far(whole_scores(run), run.direction)
    checked = _on_validation(run)

    def draw(axes: "Axes") -> None:
        axes.plot(*zip(*points, strict=True), "o", color="black", alpha=0.35, markersize=4, label="candidate")
        if left:
            axes.plot(*zip(*left, strict=True), "x", color="black", alpha=0.5, label="dropped by racing")
        axes.step(list(last), list(last.values()), "-", color="black", where="post", label="best so far")
        if checked:
            line = "^--" if run.periodic else "^"
            axes.plot(list(checked), list(checked.values()), line, color="black", label="validation")
        _step_axis(axes)
        axes.set_ylabel(f"{run.measure} on train" if run.finalists or run.baselines else run.measure)
        _legend(axes)

    first, best = next(iter(last.values())), list(last.values())[-1]
    columns = ("step", "candidates", f"best {run.measure} of the step", "best so far")
    yield Chart(
        name="search",
        title="Search progress",
        description=f"{len(points) + len(left)} candidates by step; the best {run.measure} goes from "
        f"{first:.3f} at first to {best:.3f}.",
        table=Table(
            title="Search progress",
            columns=(*columns, "on validation") if checked else columns,
            rows=list(_rows_by_step(run, last, checked)),
        ),
        draw=draw,
    )


def _step_axis(axes: "Axes") -> None:
    """Whole steps, also where there is one only."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("step")
    low, high = axes.get_xlim()
    if high - low < 1:
        axes.set_xlim(low - 0.5, high + 0.5)


def _legend(axes: "Axes") -> None:
    """Above the axes, where it covers no point."""
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)


def _on_validation(run: Overview) -> dict[int, float]:
    """The best on validation of each step: as it was followed, else of the step's finalists."""
    step_of = {proposal.key: step for step, proposal in reversed(list(proposals_of(run)))}
    found: dict[int, float] = {}
    for entry in run.periodic or run.finalists:
        step, value = step_of.get(entry.key), entry.value
        if step is not None and value is not None:
            found[step] = better([value, found.get(step, value)], run.direction)
    return dict(sorted(found.items()))


def _rows_by_step(
    run: Overview, last: Mapping[int, float], checked: Mapping[int, float]
) -> Iterator[tuple[int | float | None, ...]]:
    for step, values in whole_scores(run):
        if values:
            row = (step, len(values), better(values, run.direction), last[step])
            yield (*row, checked.get(step)) if checked else row


def two_searches(found: RunDifference) -> Iterator[Chart]:
    """The best so far of two runs."""
    if not all(found.curves):
        return
    metric = found.metric[1] or "value"

    def draw(axes: "Axes") -> None:
        for run, curve, line in zip(found.runs, found.curves, ("--", "-"), strict=True):
            axes.step(*zip(*curve, strict=True), line, color="black", where="post", label=run)
        _step_axis(axes)
        axes.set_ylabel(f"best {metric} so far")
        _legend(axes)

    curves = [dict(curve) for curve in found.curves]
    steps = sorted({*curves[0], *curves[1]})
    yield Chart(
        name="searches",
        title="Search progress",
        description=f"The best {metric} so far of each run by step.",
        table=Table(
            title="Search progress",
            columns=("step", *found.runs),
            rows=[(step, *(curve.get(step) for curve in curves)) for step in steps],
        ),
        draw=draw,
    )


def length_chart(run: Overview) -> Iterator[Chart]:
    """Finalists by the length of their prompts; export takes those of the front by number, all by key."""
    known = [f for f in run.contenders if f.prompt_tokens and f.value is not None]
    if not known:
        return
    points = [(f.prompt_tokens, f.value) for f in known]
    front = [(f.prompt_tokens, f.value) for f in run.frontier if f.value is not None]
    numbers = {f.key: number for number, f in enumerate(run.frontier, start=1)}
    won = run.best.key if run.best else None

    def draw(axes: "Axes") -> None:
        axes.plot(*zip(*points, strict=True), "o", color="black", alpha=0.5, label="finalist")
        axes.step(
            *zip(*front, strict=True),
            "-",
            color="black",
            where="post",
            label="Pareto front",
        )
        for number, point in enumerate(front, start=1):
            axes.annotate(str(number), point, textcoords="offset points", xytext=(4, 4))
        axes.set_xlabel("tokens of a prompt, the row included")
        axes.set_ylabel(f"{run.measure}\non {run.chosen_on}")  # in one line it may be longer than the axis
        _legend(axes)

    yield Chart(
        name="lengths",
        title="Score by prompt length",
        description=f"{len(points)} finalists by the mean length of their prompts and their {run.measure} on "
        f"{run.chosen_on}.",
        table=Table(
            title="Score by prompt length",
            caption=f"on {run.chosen_on}{HALF if run.compared else ''}; with a number: no other beats it in "
            "both score and length",
            columns=("number", "tokens", run.measure, "instruction", "shots", "key", "status"),
            rows=[
                (
                    *(numbers.get(f.key), round(f.prompt_tokens or 0), f.value),
                    *(instruction_text(f.instruction), len(f.shots), short_key(f.key)),
                    champion(run) if f.key == won else None,
                )
                for f in sorted(known, key=lambda f: f.prompt_tokens or 0)
            ],
        ),
        draw=draw,
    )


def reliability_chart(bins: Sequence[ConfidenceBin]) -> Iterator[Chart]:
    """How often the winner is right by how sure it is."""
    if not bins:
        return

    sure, right = [b.confidence for b in bins], [b.accuracy for b in bins]

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], ":", color="black", label="perfectly calibrated")
        axes.plot(sure, right, "s-", color="black", label="winner")
        axes.set_xlabel("confidence (probability of the answer)")
        axes.set_ylabel("accuracy (share of right answers)")
        _legend(axes)

    yield Chart(
        name="reliability",
        title="Calibration of confidence",
        description="Reliability diagram: accuracy on test rows by the winner's confidence.",
        table=Table(
            title="Calibration of confidence",
            columns=("confidence", "accuracy", "n"),
            rows=[(b.confidence, b.accuracy, b.n) for b in bins],
        ),
        draw=draw,
    )
