"""Train score against step for every combination of a study, as in Yang et al. 2023 (figures 6 to 9)."""

from collections.abc import Sequence
from io import BytesIO
from itertools import cycle
from statistics import mean, stdev

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from opro_local.studies.results import Point

LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = "osv^Dx"
GREYS = ("0.0", "0.35", "0.55")
"""Told apart without colour: by line, marker and shade."""


def draw_curves(
    points: Sequence[Point], *, title: str, metric: str, forms: Sequence[str]
) -> dict[str, bytes]:
    """The mean of the best score over the repeats, with a band of one deviation, by form ("svg", "png")."""
    figure = _figure(points, title, metric)
    FigureCanvasAgg(figure)
    return {form: _picture(figure, form, title) for form in forms}


def _picture(figure: Figure, form: str, title: str) -> bytes:
    picture = BytesIO()
    undated = {"Date": None} if form == "svg" else {}
    with rc_context({"svg.hashsalt": "opro-local", "svg.fonttype": "none"}):
        figure.savefig(picture, format=form, dpi=150, metadata={"Title": title} | undated)
    return picture.getvalue()


def _figure(points: Sequence[Point], title: str, metric: str) -> Figure:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    by_candidates = _sizes_differ(points)
    styles = zip(cycle(LINES), cycle(MARKERS), cycle(GREYS), strict=False)
    for label, (line, marker, grey) in zip(dict.fromkeys(p.cell for p in points), styles, strict=False):
        own = [point for point in points if point.cell == label]
        places, middle, spread = _over_repeats(own, by_candidates=by_candidates)
        low = [m - s for m, s in zip(middle, spread, strict=True)]
        high = [m + s for m, s in zip(middle, spread, strict=True)]
        axes.plot(places, middle, linestyle=line, marker=marker, color=grey, markersize=4, label=label)
        axes.fill_between(places, low, high, color=grey, alpha=0.12, linewidth=0)
    axes.set_xlabel("candidates proposed" if by_candidates else "step")
    axes.set_ylabel(f"best {metric} on train so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _sizes_differ(points: Sequence[Point]) -> bool:
    """Whether steps hold different numbers of candidates, so that steps cannot be compared."""
    return len({point.candidates for point in points if point.step == 1}) > 1


def _over_repeats(
    points: Sequence[Point], *, by_candidates: bool
) -> tuple[list[int], list[float], list[float]]:
    """Places, means and deviations of the best score; only where all repeats have come."""
    repeats = {point.repeat for point in points}
    steps: dict[int, list[Point]] = {}
    for point in points:
        steps.setdefault(point.step, []).append(point)
    whole = [found for found in steps.values() if len(found) == len(repeats)]
    places = [found[0].candidates if by_candidates else found[0].step for found in whole]
    values = [[point.best for point in found] for found in whole]
    return places, [mean(v) for v in values], [stdev(v) if len(v) > 1 else 0.0 for v in values]
