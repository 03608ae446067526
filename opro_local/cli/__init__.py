"""The command line. A command is parse -> call -> print; what it calls lives in the rooms below.

A command's module is imported when the command is used: the list of all of them answers at once.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click

from opro_local.cli.errors import OneLineErrors


class Entry(NamedTuple):
    """A command as the list shows it: the module that holds it and the first sentence of its help."""

    module: str
    help: str
    folders: bool = True
    """Whether it works with models and runs: to know their folders, the settings are imported."""


COMMANDS: Mapping[str, Entry] = {
    "run": Entry("run", "Optimise an instruction for a table of labelled rows."),
    "solve": Entry("solve", "Solve a mathematical problem with a language model as optimizer."),
    "study": Entry("study", "Run a grid of searches and draw their curves"),
    "resume": Entry("run", "Go on with a run that was cut off."),
    "score": Entry("run", "Measure given instructions, or what a run has found."),
    "prompts": Entry("prompts", "Take part in a search that is going on."),
    "serve": Entry("serve", "Show the runs of a folder in your browser while they go on."),
    "report": Entry("report", "Write a report of a run."),
    "export": Entry("report", "Write a run, or its best prompt"),
    "runs": Entry("runs", "Look at runs, and delete them."),
    "model": Entry("model", "Get, look at and check models."),
    "init": Entry("data", "Write a task folder to start from."),
    "data": Entry("data", "Look at tables of labelled rows."),
    "config": Entry("config", "Look at the settings."),
    "guide": Entry("guide", "Read the manual: the page on TOPIC, or the list of topics.", folders=False),
}


class LazyCommands(OneLineErrors):
    """A group that knows its commands by name and imports the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"opro_local.cli.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="opro-local")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="OPRO_LOCAL_HOME",
    help="Folder of models and runs; the user's data folder if not given.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def main(ctx: click.Context, home: Path | None, verbose: bool) -> None:
    """Optimise prompts with local language models: OPRO (Yang et al. 2023), nothing leaves this machine.

    Every flag is also a variable: --max-pairs is OPRO_LOCAL_MAX_PAIRS. Exit codes: 0 done, 1 failed, 2 wrong
    usage, 3 bad data, 4 model missing or changed, 75 run busy or no worker left, 130 interrupted.
    """
    if ctx.invoked_subcommand is not None and COMMANDS[ctx.invoked_subcommand].folders:
        from opro_local.config import Folders  # checking settings takes a library that help does without

        ctx.obj = Folders.of_user(home)
