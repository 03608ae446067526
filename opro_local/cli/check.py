"""export --check: the winner's test rows asked of a model that is served on this machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

from opro_local.cli.hosting import hosted
from opro_local.cli.output import emit_json, say, say_note
from opro_local.cli.runs import say_sections
from opro_local.config import Folders
from opro_local.errors import ModelError

if TYPE_CHECKING:
    from opro_local.exports.check import CheckResult, KnownPrompt, Said, Side
    from opro_local.records import Example, Outcome
    from opro_local.report.section import Section

MOST_ROWS = 5
"""Rows that are shown of those that differ."""


def check_served(
    folders: Folders, path: Path, url: str, *, served_as: str | None, allow_python: bool, as_json: bool
) -> None:
    """Print the scores here and there, and the rows that differ."""
    from opro_local.exports.chat_server import ChatServer
    from opro_local.exports.check import ask_served, check_result, known_prompt
    from opro_local.exports.forms import FORMS
    from opro_local.results import document

    server = ChatServer.at(url)
    known = known_prompt(path, allow_python=allow_python)
    lost = FORMS["openai-json"].lost(known.use)
    for sentence in lost:
        say_note(sentence)
    with server.opened():
        model = server.model(served_as)
        outcomes = ask_served(known, server.reply, model=model, rows=_told(known.rows))
    if known.use.judged:
        outcomes = _judged_here(folders, path, outcomes)
    there = known.side(f"there, written by {model}", outcomes)
    here = [*known.recorded, *_written_here(folders, path, known, allow_python=allow_python)]
    found = check_result(known, here, there, server=str(server), model=model, lost=lost)
    if as_json:
        emit_json(document.as_json(found))
    else:
        say_sections([_section(found)])


def _told(rows: "Sequence[Example]") -> "Iterator[Example]":
    """The rows one by one; how many of them are answered is said on stderr."""
    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(rows, "asking the server", console=console, transient=True)
        return
    for number, row in enumerate(rows, 1):
        yield row
        say(f"{number} of {len(rows)} rows answered", err=True)


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


def _judged_here(folders: Folders, path: Path, outcomes: "Sequence[Outcome]") -> "list[Outcome]":
    with hosted(folders, shown=True) as host:
        from opro_local.wiring.regrading import judged_answers

        return judged_answers(path, outcomes, host=host)


def _section(found: "CheckResult") -> "Section":
    from opro_local.report.section import Section
    from opro_local.report.table import Table, WithInterval

    rows = found.nearest.score.n
    return Section(
        title=f"Run {found.run}, {rows} test rows, here and at {found.server}",
        lines=[f"{len(found.rows)} of {rows} rows differ from: {found.nearest.name}"],
        tables=[
            Table(
                title="Scores",
                columns=("answers", found.metric, "n", "without an answer", "rows that differ"),
                rows=[
                    (
                        side.name,
                        WithInterval(side.score.value, side.score.interval),
                        side.score.n,
                        sum(side.score.reasons.values()),
                        side.differing,
                    )
                    for side in found.sides
                ],
                brief=True,
            ),
            Table(
                title="Rows that differ",
                columns=("row", "right answer", "here", "there"),
                rows=[
                    (each.row, each.target, _said(each.here), _said(each.there))
                    for each in found.rows[:MOST_ROWS]
                ],
                caption=f"the first {MOST_ROWS}",
                brief=True,
            ),
        ],
    )


def _said(answer: "Said") -> str:
    return answer.prediction if answer.prediction is not None else f"({answer.reason})"
