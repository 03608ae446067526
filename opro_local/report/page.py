"""Sections as one HTML file; jinja2 escapes what people and models wrote."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from opro_local.report.section import Section
from opro_local.report.table import cell_text
from opro_local.results.words import figure
from opro_local.wording import visible


def page_html(title: str, of: str, sections: Sequence[Section]) -> str:
    """title names what was searched for, of says which run or runs."""
    css, js = asset("report.css"), asset("report.js")
    page = environment().get_template("report.html.j2")
    return page.render(
        policy=content_policy(css, js),
        css=Markup(css),
        js=Markup(js),
        title=title,
        of=of,
        sections=sections,
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


def asset(name: str) -> str:
    """The text of a style or script of the templates."""
    return files("opro_local.report").joinpath("templates", name).read_text(encoding="utf-8")


def environment() -> Environment:
    """The templates, with what people and models wrote escaped and made visible."""
    environment = Environment(
        loader=PackageLoader("opro_local.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.filters["cell"] = cell_text
    environment.filters["drawn"] = lambda chart: Markup(chart.svg)
    return environment


def _shown(value: object) -> object:
    """What is printed; markup of our own stays as it is."""
    return visible(value) if type(value) is str else value
