"""export --check: the winner's test rows asked of a model that is served on this machine."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

from opro_local.cli.output import say_note
from opro_local.cli.run import hosted
from opro_local.cli.runs import say_sections
from opro_local.config import Folders
from opro_local.errors import ModelError

if TYPE_CHECKING:
    from opro_local.exports.check import KnownPrompt, Side
    from opro_local.records import Answer, Example
    from opro_local.report.section import Section

MOST_ROWS = 5
"""Rows that are shown of those that differ."""


def check_served(
    folders: Folders, path: Path, url: str, *, served_as: str | None, allow_python: bool
) -> None:
    """Print the scores here and there, and the rows that differ."""
    from opro_local.exports.chat_server import ChatServer
    from opro_local.exports.check import ask_served, known_prompt
    from opro_local.exports.forms import FORMS

    server = ChatServer.at(url)
    known = known_prompt(path, allow_python=allow_python)
    for sentence in FORMS["openai-json"].lost(known.use):
        say_note(sentence)
    with server.opened():
        model = server.model(served_as)
        outcomes = ask_served(known, server.reply, model=model, rows=_watched(known.rows))
    there = known.side(f"there, written by {model}", outcomes)
    here = [*known.recorded, *_written_here(folders, path, known, allow_python=allow_python)]
    say_sections([_section(known, here, there, str(server))])


def _watched(rows: "Sequence[Example]") -> "Iterable[Example]":
    console = Console(stderr=True)
    return track(rows, "asking the server", console=console, transient=True, disable=not console.is_terminal)


def _written_here(
    folders: Folders, path: Path, known: "KnownPrompt", *, allow_python: bool
) -> "Iterator[Side]":
    """Where the labels were compared: what the scorer writes here, if its weights are still there."""
    if not known.use.compares:
        return
    try:
        with hosted(folders, shown=True) as host:
            from opro_local.api import written_answers

            outcomes = written_answers(path, host=host, allow_python=allow_python)
    except ModelError as error:
        say_note(f"what the scorer writes here is not known: {error}")
        return
    yield known.side(f"here, written by {known.use.model}", outcomes)


def _section(known: "KnownPrompt", here: "Sequence[Side]", there: "Side", server: str) -> "Section":
    """The last of here is nearest to what was asked there: its rows are shown."""
    from opro_local.exports.check import differing
    from opro_local.report.section import Section
    from opro_local.report.table import Table, WithInterval

    scores = [(side, known.score(side)) for side in (*here, there)]
    rows = differing(here[-1], there)
    return Section(
        title=f"Run {known.use.run}, {len(known.rows)} test rows, here and at {server}",
        lines=[f"{len(rows)} of {len(known.rows)} rows differ from: {here[-1].name}"],
        tables=[
            Table(
                title="Scores",
                columns=("answers", known.marking.metric, "n", "without an answer", "rows that differ"),
                rows=[
                    (
                        side.name,
                        WithInterval(score.value, score.interval),
                        score.n,
                        sum(score.reasons.values()),
                        None if side is there else len(differing(side, there)),
                    )
                    for side, score in scores
                ],
                brief=True,
            ),
            Table(
                title="Rows that differ",
                columns=("row", "right answer", "here", "there"),
                rows=[
                    (ours.example_id, ours.target, _said(ours), _said(theirs))
                    for ours, theirs in rows[:MOST_ROWS]
                ],
                caption=f"the first {MOST_ROWS}",
                brief=True,
            ),
        ],
    )


def _said(answer: "Answer") -> str:
    return answer.prediction if answer.prediction is not None else f"({answer.reason})"
