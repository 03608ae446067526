"""The charts of a report: each a picture with its title, a description and the figures that it shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from opro_local.report.svg import inline_svg

Document = Mapping[str, Any]
WIDTH, HEIGHT = 5.0, 3.0
"""Inches; the page scales them, down to a phone's width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """svg is markup; everything else is text. rows hold the figures that are drawn, under columns."""

    title: str
    description: str
    svg: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def charts(document: Document) -> list[Chart]:
    """Those for which the run has figures."""
    return [chart for make in (_search, _lengths, _reliability) for chart in make(document)]


def _chart(
    *,
    name: str,
    title: str,
    description: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[object, ...]],
    draw: Callable[[Axes], None],
) -> Chart:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    svg = inline_svg(figure, name=name, title=title, description=description)
    return Chart(title=title, description=description, svg=svg, columns=columns, rows=rows)


def _search(document: Document) -> Iterator[Chart]:
    """Every score of every step, the best so far, and what was measured on validation."""
    points = scored_points(document, dropped=False)
    if not points:
        return
    left = scored_points(document, dropped=True)
    last = best_so_far(document)
    checked = _on_validation(document)
    metric = document["metric"] or "value"
    task = document["kind"] == "task"

    def draw(axes: Axes) -> None:
        axes.plot(*zip(*points, strict=True), "o", color="black", alpha=0.35, markersize=4, label="candidate")
        if left:
            axes.plot(*zip(*left, strict=True), "x", color="black", alpha=0.5, label="left its race")
        axes.step(list(last), list(last.values()), "-", color="black", where="post", label="best so far")
        if checked:
            line = "^--" if document["periodic"] else "^"
            axes.plot(list(checked), list(checked.values()), line, color="black", label="validation")
        _step_axis(axes)
        axes.set_ylabel(f"{metric} on train" if task else metric)
        axes.legend(frameon=False, loc="best")

    first, best = next(iter(last.values())), list(last.values())[-1]
    columns = ("step", "candidates", f"best {metric} of the step", "best so far")
    yield _chart(
        name="search",
        title="What the search found",
        description=f"{len(points) + len(left)} candidates by step; the best {metric} goes from {first:.3f} "
        f"at first to {best:.3f}.",
        columns=(*columns, "on validation") if task else columns,
        rows=list(_rows_by_step(document, checked if task else None)),
        draw=draw,
    )


def _step_axis(axes: Axes) -> None:
    """Whole steps, also where there is one only."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("step")
    low, high = axes.get_xlim()
    if high - low < 1:
        axes.set_xlim(low - 0.5, high + 0.5)


def two_searches(found: Document) -> Iterator[Chart]:
    """The best so far of the two runs of a run_difference."""
    if not all(found["curves"]):
        return
    metric = found["metric"][1] or "value"

    def draw(axes: Axes) -> None:
        for run, curve, line in zip(found["runs"], found["curves"], ("--", "-"), strict=True):
            axes.step(*zip(*curve, strict=True), line, color="black", where="post", label=run)
        _step_axis(axes)
        axes.set_ylabel(f"best {metric} so far")
        axes.legend(frameon=False, loc="best")

    curves = [dict(curve) for curve in found["curves"]]
    yield _chart(
        name="searches",
        title="How they searched",
        description=f"The best {metric} so far of each run by step.",
        columns=("step", *found["runs"]),
        rows=[
            (step, *(f"{curve[step]:.3f}" if step in curve else "" for curve in curves))
            for step in sorted({*curves[0], *curves[1]})
        ],
        draw=draw,
    )


def scored_points(document: Document, *, dropped: bool) -> list[tuple[int, float]]:
    """Step and score of the candidates that stayed to the end of their race, or of those that left it."""
    return [
        (step["number"], proposal["score"]["value"])
        for step in document["steps"]
        for proposal in step["proposals"]
        if proposal["score"] and proposal["dropped"] == dropped and proposal["score"]["value"] is not None
    ]


def best_so_far(document: Document) -> dict[int, float]:
    """The best whole score by step, for each step that had one."""
    points = scored_points(document, dropped=False)
    values = accumulate((value for _, value in points), _better(document))
    return {step: value for (step, _), value in zip(points, values, strict=True)}


def _better(document: Document) -> Callable[[float, float], float]:
    return max if document["direction"] == "maximize" else min


def _on_validation(document: Document) -> dict[int, float]:
    """The best on validation of each step: as it was followed, else of the step's finalists."""
    step_of = {p["key"]: step["number"] for step in reversed(document["steps"]) for p in step["proposals"]}
    found: dict[int, float] = {}
    for entry in document["periodic"] or document["finalists"]:
        step, value = step_of.get(entry["key"]), entry["value"]
        if step is not None and value is not None:
            found[step] = _better(document)(value, found.get(step, value))
    return dict(sorted(found.items()))


def _rows_by_step(document: Document, checked: Mapping[int, float] | None) -> Iterator[tuple[object, ...]]:
    last = best_so_far(document)
    values: dict[int, list[float]] = {}
    for step, value in scored_points(document, dropped=False):
        values.setdefault(step, []).append(value)
    for step, own in values.items():
        best = reduce(_better(document), own)
        row = (step, len(own), f"{best:.3f}", f"{last[step]:.3f}")
        yield row if checked is None else (*row, f"{checked[step]:.3f}" if step in checked else "")


def _lengths(document: Document) -> Iterator[Chart]:
    finalists = [f for f in document["finalists"] if f["prompt_tokens"] and f["value"] is not None]
    if not finalists:
        return
    points = [(f["prompt_tokens"], f["value"]) for f in finalists]
    front = [(f["prompt_tokens"], f["value"]) for f in document["frontier"] if f["value"] is not None]
    metric = document["metric"]

    def draw(axes: Axes) -> None:
        axes.plot(*zip(*points, strict=True), "o", color="black", alpha=0.5, label="finalist")
        axes.step(*zip(*front, strict=True), "-", color="black", where="post", label="best for its length")
        axes.set_xlabel("tokens of a prompt, the row included")
        axes.set_ylabel(f"{metric} on validation")
        axes.legend(frameon=False, loc="best")

    yield _chart(
        name="lengths",
        title="What length buys",
        description=f"{len(points)} finalists by the mean length of their prompts and their {metric} on "
        "validation.",
        columns=("tokens", metric, "instruction", "shots"),
        rows=[
            (f"{f['prompt_tokens']:.0f}", f"{f['value']:.3f}", f["instruction"] or "(empty)", len(f["shots"]))
            for f in sorted(finalists, key=lambda f: f["prompt_tokens"])
        ],
        draw=draw,
    )


def _reliability(document: Document) -> Iterator[Chart]:
    bins = document.get("reliability", [])
    if not bins:
        return
    sure, right = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], ":", color="black", label="as sure as right")
        axes.plot(sure, right, "s-", color="black", label="winner")
        axes.set_xlabel("how sure the model is")
        axes.set_ylabel("how often it is right")
        axes.legend(frameon=False, loc="best")

    yield _chart(
        name="reliability",
        title="How far to trust how sure it is",
        description="Test rows in steps of the winner's confidence, with the share of right answers in each.",
        columns=("confidence", "right", "rows"),
        rows=[(f"{b['confidence']:.2f}", f"{b['accuracy']:.2f}", b["n"]) for b in bins],
        draw=draw,
    )
