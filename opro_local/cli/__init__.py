"""The command line. A command is parse -> call -> print; what it calls lives in the rooms below."""

from pathlib import Path

import click
from platformdirs import user_data_path

from opro_local.cli.config import config
from opro_local.cli.data import data, init
from opro_local.cli.errors import OneLineErrors
from opro_local.cli.model import model
from opro_local.cli.run import resume, run, score
from opro_local.cli.runs import export, runs
from opro_local.config import Folders


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
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
    usage, 3 bad data, 4 model missing or changed, 75 run busy, 130 interrupted.
    """
    root = home or user_data_path("opro-local")
    ctx.obj = Folders(models=root / "models", runs=root / "runs")


for command in (run, resume, score, export, runs, model, init, data, config):
    main.add_command(command)
