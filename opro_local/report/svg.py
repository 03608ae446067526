"""A matplotlib figure as an SVG element that a strict page may hold, in the page's own text colour.

The page's content security policy forbids style attributes, so they become presentation attributes; ids get a
prefix of the chart's own; what is black takes the colour of the text, in light and in dark.
"""

import io
from html import escape
from typing import Any
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

NAMESPACE = "http://www.w3.org/2000/svg"
LINK = "{http://www.w3.org/1999/xlink}href"
BLACK = "#000000"
DROPPED = ("metadata", "style")
NOT_KEPT = ("font-family", "font")
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "opro-local",
    "font.size": 10,
    "savefig.transparent": True,
}


def inline_svg(figure: Figure, *, name: str, title: str, description: str) -> str:
    """One svg element with title and description for screen readers; name is unlike that of other charts."""
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.fromstring(_drawn(figure))
    for parent in root.iter():
        for child in list(parent):
            if child.tag.rpartition("}")[2] in DROPPED:
                parent.remove(child)
    for element in root.iter():
        _without_style(element)
        _with_prefix(element, name)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {
        "role": "img",
        "fill": "currentColor",
        "class": "chart",
        "aria-labelledby": f"{name}-title {name}-description",
    }
    text = ElementTree.tostring(root, encoding="unicode")
    opening, rest = text.split(">", 1)
    spoken = (
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-description">{escape(description)}</desc>'
    )
    return f"{opening}>{spoken}{rest}"


def _drawn(figure: Figure) -> str:
    FigureCanvasSVG(figure)
    file = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _without_style(element: ElementTree.Element) -> None:
    for declaration in element.attrib.pop("style", "").split(";"):
        name, colon, value = declaration.partition(":")
        if colon and name.strip() not in NOT_KEPT:
            element.set(name.strip(), value.strip())
    for name in ("fill", "stroke"):
        if element.get(name) == BLACK:
            element.set(name, "currentColor")


def _with_prefix(element: ElementTree.Element, name: str) -> None:
    if (own := element.get("id")) is not None:
        element.set("id", f"{name}-{own}")
    for key, value in list(element.attrib.items()):
        if "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{name}-"))
    if (target := element.attrib.pop(LINK, "")).startswith("#"):
        element.set("href", f"#{name}-{target[1:]}")
