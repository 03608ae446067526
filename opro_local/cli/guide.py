"""guide: the manual that is shipped with the package, a Markdown file a topic."""

import re
import sys
from pathlib import Path

import click

from opro_local.cli.output import say

PAGES = Path(__file__).parents[1] / "guide"
TOPICS = (
    "quickstart",
    "your-table",
    "answers",
    "benchmarks",
    "searching",
    "evidence",
    "report",
    "taking-part",
    "studies",
    "solve",
    "models",
    "workers",
    "python",
    "commands",
    "settings",
    "troubleshooting",
)
"""In the order in which a newcomer reads."""
_FIRST_SENTENCE = re.compile(r"# [^\n]+\n\n(.+?[.])(?=\s)", re.DOTALL)


@click.command()
@click.argument("topic", metavar="[TOPIC]", required=False, type=click.Choice(TOPICS))
@click.option("--path", "where", is_flag=True, help="Print the folder that holds the pages.")
def guide(topic: str | None, where: bool) -> None:
    """Read the manual: the page on TOPIC, or the list of topics.

    The pages are Markdown files inside the package; none needs a network.
    """
    if where:
        say(PAGES)
    elif topic is None:
        for name in TOPICS:
            say(f"{name:<16}  {first_sentence(page(name))}")
        say("\nopro-local guide TOPIC prints a page.")
    else:
        _print(page(topic))


def page(topic: str) -> str:
    return (PAGES / f"{topic}.md").read_text(encoding="utf-8")


def first_sentence(text: str) -> str:
    """What a page says right below its title, on one line."""
    found = _FIRST_SENTENCE.match(text)
    assert found is not None, "a page begins with a title and a sentence"
    return " ".join(found[1].split())


def _print(text: str) -> None:
    """Laid out on a terminal, as it stands elsewhere."""
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text, hyperlinks=False))
