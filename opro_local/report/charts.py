"""The charts of a report: each a picture with its title, a description and the figures that it shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from opro_local.report.svg import inline_svg

Document = Mapping[str, Any]
WIDTH, HEIGHT = 7.0, 3.2
"""Inches; the page scales them."""


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
    """Every whole score of every step, and the best so far."""
    points = [
        (step["number"], proposal["score"]["value"])
        for step in document["steps"]
        for proposal in step["proposals"]
        if proposal["score"] and not proposal["dropped"] and proposal["score"]["value"] is not None
    ]
    if not points:
        return
    better = max if document["direction"] == "maximize" else min
    best = list(accumulate((value for _, value in points), better))
    last = {step: value for (step, _), value in zip(points, best, strict=True)}
    checked = [(e["step"], e["value"]) for e in document.get("periodic", []) if e["value"] is not None]
    metric = document["metric"] or "value"

    def draw(axes: Axes) -> None:
        axes.plot(*zip(*points, strict=True), "o", color="black", alpha=0.35, markersize=4, label="candidate")
        axes.step(list(last), list(last.values()), "-", color="black", where="post", label="best so far")
        if checked:
            axes.plot(*zip(*checked, strict=True), "^--", color="black", label="on validation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("step")
        axes.set_ylabel(f"{metric} on train" if document["kind"] == "task" else metric)
        axes.legend(frameon=False, loc="best")

    yield _chart(
        name="search",
        title="What the search found",
        description=f"{len(points)} candidates by step; the best {metric} goes from {best[0]:.3f} at first "
        f"to {best[-1]:.3f}.",
        columns=("step", "candidates", f"best {metric} of the step", "best so far"),
        rows=[
            (step, len(values), f"{better(values):.3f}", f"{last[step]:.3f}")
            for step, values in _by_step(points).items()
        ],
        draw=draw,
    )


def _by_step(points: Sequence[tuple[int, float]]) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for step, value in points:
        found.setdefault(step, []).append(value)
    return found


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
        columns=("tokens", metric, "instruction", "exemplars"),
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
