"""prompts: a person's say in a search that is going on, from another terminal."""

from dataclasses import asdict

import click

from opro_local.cli.output import emit_json_lines, json_option, say
from opro_local.cli.runs import find_run
from opro_local.config import Folders

run_argument = click.argument("name", metavar="RUN")


@click.group("prompts")
def prompts() -> None:
    """Take part in a search that is going on.

    The run hears what is asked of it at its next block. RUN is its id or file.
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

    ask(find_run(folders.runs, name), "ban pattern" if pattern else "ban", text)


@prompts.command()
@run_argument
@click.argument("text")
@click.pass_obj
def unban(folders: Folders, name: str, text: str) -> None:
    """Take back a ban: TEXT is what was banned, letter for letter. Before a resume too."""
    from opro_local.store.events import ask

    ask(find_run(folders.runs, name), "unban", text)


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
    from opro_local.results.events import read_asked
    from opro_local.results.words import heard_text

    events = read_asked(find_run(folders.runs, name))
    if as_json:
        emit_json_lines(map(asdict, events))
        return
    for event in events:
        say(f"{event.kind:<11}  {heard_text(event):<16}  {event.text}")


@prompts.command()
@run_argument
@click.pass_obj
def pause(folders: Folders, name: str) -> None:
    """Let the search wait, and its process with it, until it is to continue."""
    from opro_local.store.events import ask

    ask(find_run(folders.runs, name), "pause", "")


@prompts.command("continue")
@run_argument
@click.pass_obj
def go_on(folders: Folders, name: str) -> None:
    """Let a paused search go on."""
    from opro_local.store.events import ask

    ask(find_run(folders.runs, name), "continue", "")


@prompts.command()
@run_argument
@click.argument("amount", type=click.IntRange(1))
@click.argument("limit", type=click.Choice(["steps", "pairs", "tokens", "seconds"]))
@click.pass_obj
def extend(folders: Folders, name: str, amount: int, limit: str) -> None:
    """Give the search more than its budget: 5 steps, 1000 pairs, ..."""
    from opro_local.store.events import ask

    ask(find_run(folders.runs, name), "extend", f"{amount} {limit}")


@prompts.command()
@run_argument
@click.pass_obj
def stop(folders: Folders, name: str) -> None:
    """End the search after its step; what it has found is measured as always."""
    from opro_local.store.events import ask

    ask(find_run(folders.runs, name), "stop", "")
