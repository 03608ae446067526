"""prompts: a person's say in a search that is going on, from another terminal."""

import re

import click

from opro_local.cli.output import emit_json_lines, json_option, printable
from opro_local.cli.runs import find_run
from opro_local.config import Folders
from opro_local.errors import SettingsError

run_argument = click.argument("name", metavar="RUN")


@click.group("prompts")
def prompts() -> None:
    """Take part in a search that is going on.

    The run hears what is asked of it when its next step begins. RUN is its id or file.
    """


@prompts.command()
@run_argument
@click.argument("text")
@click.pass_obj
def add(folders: Folders, name: str, text: str) -> None:
    """Have an instruction of yours scored like any other."""
    from opro_local.store.events import ask

    ask(find_run(folders.runs, name), "add", text)


@prompts.command()
@run_argument
@click.argument("text")
@click.option("--pattern", is_flag=True, help="TEXT is a regular expression; what it matches is banned.")
@click.pass_obj
def ban(folders: Folders, name: str, text: str, pattern: bool) -> None:
    """Keep an instruction out: it is not proposed, shown or chosen any more. Case does not matter."""
    from opro_local.store.events import ask

    if pattern:
        _check_pattern(text)
    ask(find_run(folders.runs, name), "ban pattern" if pattern else "ban", text)


@prompts.command()
@run_argument
@click.argument("old")
@click.argument("new")
@click.pass_obj
def edit(folders: Folders, name: str, old: str, new: str) -> None:
    """Replace an instruction: NEW is scored, OLD is banned."""
    from opro_local.store.events import ask

    path = find_run(folders.runs, name)
    ask(path, "ban", old)
    ask(path, "add", new)


@prompts.command("list")
@run_argument
@json_option
@click.pass_obj
def list_prompts(folders: Folders, name: str, as_json: bool) -> None:
    """List what people have asked of a run, and what became of it."""
    from opro_local.store.events import events_of

    events = events_of(find_run(folders.runs, name))
    if as_json:
        emit_json_lines(events)
        return
    for event in events:
        heard = "waiting" if event["step"] is None else f"step {event['step']}"
        rejected = f", rejected: {event['reason']}" if event["reason"] else ""
        click.echo(f"{event['kind']:<11}  {heard:<9}{rejected}  {printable(event['text'])}")


@prompts.command()
@run_argument
@click.pass_obj
def stop(folders: Folders, name: str) -> None:
    """End the search after its step; what it has found is measured as always."""
    from opro_local.store.events import ask

    ask(find_run(folders.runs, name), "stop", "")


def _check_pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise SettingsError(f"{text!r} is no regular expression ({error}).") from None
