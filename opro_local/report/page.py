"""A run as one HTML file that needs no network and no script; jinja2 escapes what people and models wrote."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from opro_local.report.charts import Chart, charts
from opro_local.report.content import (
    candidate_rows,
    solution_text,
    start_of,
    verdict_words,
    visible,
    word_diff,
)

Document = Mapping[str, Any]


def report_html(document: Document) -> str:
    """The page of a run_document."""
    css, js = _asset("report.css"), _asset("report.js")
    start, best = start_of(document) if document["kind"] == "task" else None, document["best"]
    found = document.get("flips", [])
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=document,
            name=document["task"].get("name", document["kind"]),
            policy=content_policy(css, js),
            css=Markup(css),
            js=Markup(js),
            charts=[_markup(chart) for chart in charts(document)],
            best_text=best and solution_text(best if "instruction" in best else best["solution"]),
            verdict=verdict_words(document) if document["kind"] == "task" else "",
            candidates=candidate_rows(document),
            diff=list(word_diff(start["instruction"], best["instruction"])) if start and best else [],
            flipped=next((f for f in found if start and f["instruction"] == start["instruction"]), None),
            picture=_picture(document),
        )
    )


def content_policy(css: str, js: str) -> str:
    """Nothing but the page's own style and script, known by their hashes."""
    return (
        f"default-src 'none'; style-src {_hashed(css)}; script-src {_hashed(js)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _asset(name: str) -> str:
    return files("opro_local.report").joinpath("templates", name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("opro_local.report"), autoescape=True, undefined=StrictUndefined, finalize=_shown
    )
    environment.filters["figure"] = figure
    environment.filters["p_value"] = lambda p: "<0.001" if p < 0.001 else f"{p:.3f}"
    return environment


def _shown(value: object) -> object:
    """What is printed; markup of our own stays as it is."""
    return visible(value) if type(value) is str else value


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _markup(chart: Chart) -> dict[str, object]:
    return {
        "title": chart.title,
        "description": chart.description,
        "svg": Markup(chart.svg),
        "columns": chart.columns,
        "rows": chart.rows,
    }


def _picture(document: Document) -> Markup | None:
    """The solution of a mathematical problem."""
    if document["kind"] == "task" or document["best"] is None:
        return None
    from opro_local.report.objective_picture import solution_svg

    return Markup(solution_svg(document))
