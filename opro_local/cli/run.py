"""run, resume and score: the commands that load a model."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opro_local.cli.evaluation import show_measured
from opro_local.cli.hosting import hosted, hosted_searches, with_workers
from opro_local.cli.options import TaskFlags, allow_python_option, task_options
from opro_local.cli.output import json_option, say, say_note
from opro_local.cli.runs import find_run, show_folds, show_result
from opro_local.cli.settings import Layer, run_settings, setting_options
from opro_local.cli.workers import WorkerFlags, worker_options
from opro_local.config import Folders
from opro_local.tasks.task import Task
from opro_local.user_code import check_allowed

if TYPE_CHECKING:
    from opro_local.problems.evaluation import Part
    from opro_local.results.winner import Winner

ask_option = click.option(
    "--ask", "asking", is_flag=True, help="Pause after each step and take instructions of your own."
)
ASKED_ANEW = ("position", "qa")
"""How a task is asked, which may be measured in another way than a run had it."""

progress_option = click.option("--no-progress", is_flag=True, help="Show nothing while it works.")


@click.command()
@setting_options("models", "budget")
@task_options
@setting_options("search", "scoring")
@worker_options
@ask_option
@json_option
@progress_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    flags: TaskFlags,
    staff: WorkerFlags,
    asking: bool,
    as_json: bool,
    no_progress: bool,
    **_: Any,
) -> None:
    """Optimise an instruction for a table of labelled rows.

    Takes the table of --data, else task.toml of the current folder, else the example that is shipped.
    """
    settings = run_settings(ctx)
    task, chosen = flags.choose(Path.cwd())
    whole = task.split.folds > 1 and task.split.fold is None
    at_once = whole and staff.several
    if at_once and asking:
        raise click.UsageError("--ask is for one search: several workers search the folds at once.")
    shown, opening = not no_progress, f"task: {chosen}"
    with (
        hosted_searches(ctx.obj, task.split.folds, shown=shown, opening=opening)
        if at_once
        else hosted(ctx.obj, shown=shown, opening=opening, asking=asking) as alone,
        with_workers(alone, settings, staff) as (host, settings),
    ):
        from opro_local.api import cross_fit, optimize_task

        _tell(task.warnings)
        paths = cross_fit(task, settings, host=host) if whole else [optimize_task(task, settings, host=host)]
    if whole:
        show_folds(paths, as_json=as_json)
    else:
        show_result(paths[0], as_json=as_json)


@click.command()
@click.argument("name", metavar="[RUN]", required=False)
@allow_python_option
@worker_options
@ask_option
@json_option
@progress_option
@click.pass_obj
def resume(
    folders: Folders,
    name: str | None,
    allow_python: bool,
    staff: WorkerFlags,
    asking: bool,
    as_json: bool,
    no_progress: bool,
) -> None:
    """Go on with a run that was cut off: RUN is its id or file, the latest unfinished one if not given.

    One that another process is writing is passed over.

    A finished run is shown at once.
    """
    from opro_local.results.reading import read_overview
    from opro_local.results.tasks import settings_of
    from opro_local.store.database import sound
    from opro_local.store.header import read_header

    path = find_run(folders.runs, name, unfinished=True)
    if name is None:
        say_note(f"going on with {path.stem}")
    if read_overview(path).status == "finished":  # nothing is left to ask a model
        show_result(path, as_json=as_json)
        return
    header = read_header(path)
    with sound(path):
        begun_with = settings_of(header)
    with (
        hosted(folders, shown=not no_progress, asking=asking) as alone,
        with_workers(alone, begun_with, staff) as (host, _as_begun),
    ):
        from opro_local.api import resume_run

        resume_run(path, host=host, allow_python=allow_python)
    show_result(path, as_json=as_json)


@click.command()
@setting_options(
    "models.scorer",
    "models.judge",
    "models.quantize",
    "models.device",
    "models.compiled",
    "models.repeatable",
    "models.threads",
    "models.verify",
    "budget.preset",
    "budget.train_rows",
)
@task_options
@setting_options("search.seed", "search.shots", "search.block", "scoring")
@click.option("--instruction", "-i", multiple=True, help="Instruction to measure; repeatable.")
@click.option(
    "--run",
    "name",
    help="Measure the winner of this run (id or file) beside its baselines: on the run's own task and rows, "
    "or on the task of --data, --benchmark or --task; with its shots, its position (unless --position) and, "
    "if no model is named, its scorer.",
)
@click.option(
    "--on",
    type=click.Choice(["train", "validation", "test", "all"]),
    default="validation",
    show_default=True,
    help="Rows to measure on; all: a table of train (every row that a search may use), test and overall.",
)
@worker_options
@json_option
@progress_option
@click.pass_context
def score(
    ctx: click.Context,
    /,
    flags: TaskFlags,
    staff: WorkerFlags,
    instruction: tuple[str, ...],
    name: str | None,
    on: "Part",
    as_json: bool,
    no_progress: bool,
    **_: Any,
) -> None:
    """Measure given instructions, or what a run has found.

    Given instructions are calibrated as in a run: on train, and for test on validation too. What a run has
    found is taken as it is; on its own train or validation rows it is calibrated on train alone. Without
    --run the task is that of --data, else task.toml of the current folder, else the example that is shipped.
    """
    if not instruction and name is None:
        raise click.UsageError("Name what to measure: -i TEXT or --run RUN.")
    found = _found(ctx.obj, name)
    own = found is not None and flags.without_table(ASKED_ANEW)
    settings = run_settings(
        ctx, models=found.settings.models if found else None, above=_as_in(found) if own else ()
    )
    task, chosen = _measured_task(found, flags, own=own)
    with (
        hosted(ctx.obj, shown=not no_progress) as alone,
        with_workers(alone, settings, staff) as (host, settings),
    ):
        from opro_local.api import measure_candidates

        if not as_json:  # which says it itself
            say(f"task: {chosen}", err=True)
        _tell(task.warnings)
        rows = measure_candidates(task, instruction, settings=settings, on=on, found=found, host=host)
    grading = settings.scoring.grading
    show_measured(rows, on=on, task=chosen, metric=task.metric, grading=grading, as_json=as_json)


def _measured_task(found: "Winner | None", flags: TaskFlags, *, own: bool) -> "tuple[Task, str]":
    """The task to measure on, and which one that is in words."""
    if found is None:
        return flags.choose(Path.cwd())
    if own:
        check_allowed(found.task.grader, allowed=flags.allow_python)
        return replace(found.own_task, **flags.given), f"{found.task.name}, the one of run {found.run}"
    task, chosen = flags.choose(Path.cwd())
    return task if "position" in flags.given else found.placed(task), chosen


def _as_in(found: "Winner | None") -> "list[Layer]":
    """The settings of the run, which on its own task go before the user's files."""
    return [(f"run {found.run}", found.settings.model_dump(exclude={"models"}))] if found else []


def _found(folders: Folders, name: str | None) -> "Winner | None":
    if name is None:
        return None
    from opro_local.results.winner import load_winner

    return load_winner(find_run(folders.runs, name))


def _tell(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say_note(warning)
