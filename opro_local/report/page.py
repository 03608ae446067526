"""A run as one HTML file that needs no network and no script; jinja2 escapes what people and models wrote."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from opro_local.report.charts import Chart, charts, two_searches
from opro_local.report.content import (
    SPLITS,
    best_text,
    candidate_rows,
    caution,
    champion,
    differing,
    figure,
    flips_of_start,
    headline,
    score_text,
    solution_text,
    verdict_words,
    visible,
    winner_diff,
    word_diff,
)
from opro_local.report.ready_prompt import in_use

Document = Mapping[str, Any]


def report_html(document: Document) -> str:
    """The page of a run_document."""
    return _one_file("report.html.j2", **run_content(document))


def difference_html(found: Document) -> str:
    """The page of a run_difference."""
    instructions = [best["instruction"] for best in found["best"] if best and "instruction" in best]
    return _one_file(
        "difference.html.j2",
        found=found,
        best=list(zip(found["runs"], map(best_text, found["best"]), strict=True)),
        diff=list(word_diff(*instructions)) if len(instructions) == len(found["best"]) else [],
        scores=[(split, list(map(score_text, found[split]))) for split in SPLITS],
        settings=[(name, [str(value) for value in values]) for name, values in differing(found)],
        costs=[(name, [f"{usage[name]:,}" for usage in found["usage"]]) for name in ("pairs", "tokens")],
        charts=[_markup(chart) for chart in two_searches(found)],
    )


def _one_file(template: str, **content: object) -> str:
    css, js = asset("report.css"), asset("report.js")
    page = environment().get_template(template)
    return page.render(policy=content_policy(css, js), css=Markup(css), js=Markup(js), **content)


def run_content(document: Document) -> dict[str, object]:
    """What run.html.j2, the part of a page that tells of a run, is filled with."""
    best = document["best"]
    return {
        "run": document,
        "name": document["task"].get("name", document["kind"]),
        "charts": [_markup(chart) for chart in charts(document)],
        "best_text": best and solution_text(best if "instruction" in best else best["solution"]),
        "champion": champion(document),
        "headline": headline(document),
        "verdict": verdict_words(document) if document["kind"] == "task" else "",
        "caution": caution(document),
        "candidates": candidate_rows(document),
        "prompt": in_use(document, "prompt") if best and document["kind"] == "task" else None,
        "diff": winner_diff(document),
        "flipped": flips_of_start(document),
        "picture": _picture(document),
    }


def content_policy(css: str, js: str) -> str:
    """Nothing but the page's own style and script, known by their hashes."""
    return (
        f"default-src 'none'; style-src {_hashed(css)}; script-src {_hashed(js)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def asset(name: str) -> str:
    """The text of a style or script of the templates."""
    return files("opro_local.report").joinpath("templates", name).read_text(encoding="utf-8")


def environment() -> Environment:
    """The templates, with what people and models wrote escaped and made visible."""
    environment = Environment(
        loader=PackageLoader("opro_local.report"), autoescape=True, undefined=StrictUndefined, finalize=_shown
    )
    environment.filters["figure"] = figure
    environment.filters["p_value"] = lambda p: "p<0.001" if p < 0.001 else f"p={p:.3f}"
    return environment


def _shown(value: object) -> object:
    """What is printed; markup of our own stays as it is."""
    return visible(value) if type(value) is str else value


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
