"""run, resume and score: the commands that load a model."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opro_local.cli.interrupt import graceful_interrupt
from opro_local.cli.options import TaskFlags, allow_python_option, task_options
from opro_local.cli.output import emit_json, finite, json_option, printable
from opro_local.cli.runs import LENIENT, figure, find_run, show_folds, show_result
from opro_local.cli.settings import run_settings, setting_options
from opro_local.config import Folders
from opro_local.records import SplitName

if TYPE_CHECKING:
    from opro_local.prepared import Host

progress_option = click.option("--no-progress", is_flag=True, help="Show nothing while it works.")


@click.command()
@setting_options("models", "budget")
@task_options
@setting_options("search", "scoring")
@json_option
@progress_option
@click.pass_context
def run(ctx: click.Context, /, flags: TaskFlags, as_json: bool, no_progress: bool, **_: Any) -> None:
    """Optimise an instruction for a table of labelled rows.

    Takes the table of --data, else task.toml of the current folder, else the example that is shipped.
    """
    settings = run_settings(ctx)
    task, chosen = flags.choose(Path.cwd())
    with hosted(ctx.obj, shown=not no_progress, opening=f"task: {chosen}") as host:
        from opro_local.api import cross_fit, optimize_task

        for warning in task.warnings:
            click.echo(f"note: {warning}", err=True)
        whole = task.split.folds > 1 and task.split.fold is None
        paths = cross_fit(task, settings, host=host) if whole else [optimize_task(task, settings, host=host)]
    if whole:
        show_folds(paths, as_json=as_json)
    else:
        show_result(paths[0], as_json=as_json)


@click.command()
@click.argument("name", metavar="[RUN]", required=False)
@allow_python_option
@json_option
@progress_option
@click.pass_obj
def resume(folders: Folders, name: str | None, allow_python: bool, as_json: bool, no_progress: bool) -> None:
    """Go on with a run that was cut off: RUN is its id or file, the latest unfinished one if not given."""
    path = find_run(folders.runs, name, unfinished=True)
    with hosted(folders, shown=not no_progress) as host:
        from opro_local.api import resume_run

        resume_run(path, host=host, allow_python=allow_python)
    show_result(path, as_json=as_json)


@click.command()
@setting_options(
    "models.scorer",
    "models.quantize",
    "models.device",
    "models.compiled",
    "budget.preset",
    "budget.train_rows",
)
@task_options
@setting_options("search.seed", "search.shots", "search.block", "scoring")
@click.option("--instruction", "-i", multiple=True, required=True, help="Instruction to measure; repeatable.")
@click.option(
    "--on",
    "split",
    type=click.Choice(["train", "validation", "test"]),
    default="validation",
    show_default=True,
    help="Rows to measure on.",
)
@json_option
@progress_option
@click.pass_context
def score(
    ctx: click.Context,
    /,
    flags: TaskFlags,
    instruction: tuple[str, ...],
    split: SplitName,
    as_json: bool,
    no_progress: bool,
    **_: Any,
) -> None:
    """Measure given instructions on one part of the table, calibrated on train as in a run."""
    settings = run_settings(ctx)
    task, _chosen = flags.choose(Path.cwd())
    with hosted(ctx.obj, shown=not no_progress) as host:
        from opro_local.api import score_instructions

        scored = score_instructions(task, instruction, settings=settings, split=split, host=host)
    rows = [
        # JSON has no infinity, which stands for a metric that the outcomes do not allow.
        {**asdict(s), "instruction": c.instruction, "split": split, "value": finite(s.value)}
        for c, s in scored
    ]
    if as_json:
        emit_json({"metric": task.metric, "grading": settings.scoring.grading, "scores": rows})
    else:
        if settings.scoring.grading == "official":
            click.echo(LENIENT)
        for row in rows:
            click.echo(f"{figure(row['value'])}  {printable(row['instruction']) or '(empty)'}")


@contextmanager
def hosted(folders: Folders, *, shown: bool, opening: str = "") -> Iterator["Host"]:
    from opro_local.cli.progress import RunProgress
    from opro_local.prepared import Host

    with graceful_interrupt() as after_commit, RunProgress(shown=shown, opening=opening) as progress:
        yield Host(
            folders=folders,
            watcher=progress,
            after_commit=after_commit,
            go_on=lambda _found: not _at_terminal() or progress.ask("Search all the same?"),
        )


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
