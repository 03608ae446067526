"""study: a grid of runs on one loaded model, its tables and its curves."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opro_local.cli.hosting import hosted_searches, with_workers
from opro_local.cli.options import TaskFlags, task_options
from opro_local.cli.output import emit_json, json_option, say, write_output
from opro_local.cli.run import progress_option
from opro_local.cli.settings import run_settings, setting_options
from opro_local.cli.workers import WorkerFlags, worker_options
from opro_local.errors import SettingsError
from opro_local.studies.plan import (
    Cell,
    StudySettings,
    cells,
    find_study,
    read_study,
    setting_names,
    shipped_studies,
)

if TYPE_CHECKING:
    from opro_local.results.result import TaskResult
    from opro_local.studies.results import StudyResult


@click.command()
@click.argument("name", metavar="[STUDY]", required=False)
@click.option("--list", "listed", is_flag=True, help="List the studies that are shipped.")
@click.option("--repeats", type=click.IntRange(1), help="Runs of each combination; the study's if not given.")
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the results; the study's name in the current folder if not given.",
)
@setting_options("models", "budget")
@task_options
@setting_options("search", "scoring")
@worker_options
@json_option
@progress_option
@click.pass_context
def study(
    ctx: click.Context,
    /,
    flags: TaskFlags,
    staff: WorkerFlags,
    name: str | None,
    listed: bool,
    repeats: int | None,
    output: Path | None,
    as_json: bool,
    no_progress: bool,
    **_: Any,
) -> None:
    """Run a grid of searches and draw their curves: STUDY is a file or the name of a shipped study.

    All runs share the loaded model, the division of the rows and every answer. Given again, the command goes
    on where it was cut off.
    """
    if listed:
        for each, shipped in shipped_studies().items():
            say(f"{each:<20}  {shipped.description}")
        return
    if name is None:
        raise click.UsageError("Name a study: opro-local study temperature (see opro-local study --list).")
    path = find_study(name)
    plan = read_study(path).model_copy(update={"repeats": repeats} if repeats else {})
    folder = output or Path(path.stem)
    runs = _run_all(ctx, plan, path, flags, folder, staff=staff, shown=not no_progress)
    _show(_written(cells(plan), runs, plan.description or path.stem, folder), as_json=as_json)


def _run_all(
    ctx: click.Context,
    plan: StudySettings,
    path: Path,
    flags: TaskFlags,
    folder: Path,
    *,
    staff: WorkerFlags,
    shown: bool,
) -> "list[TaskResult]":
    _check_flags(ctx, plan)
    base = run_settings(ctx, above=[(str(path), plan.fixed())])
    task, _chosen = _task_flags(plan, path, flags).choose(Path.cwd())
    runs = cells(plan)
    with (
        hosted_searches(ctx.obj, len(runs), shown=shown) as alone,
        with_workers(alone, base, staff) as (host, settled),
    ):
        from opro_local.api import run_study

        paths = run_study(task, runs, settled, folder, host=host)
    from opro_local.results.result import TaskResult, read_result

    return [run for path in paths if isinstance(run := read_result(path), TaskResult)]


def _check_flags(ctx: click.Context, plan: StudySettings) -> None:
    """A flag for what the grid varies would have no effect."""
    for key in plan.grid:
        for name in setting_names(key):
            if ctx.params.get(name.replace(".", "__")) not in (None, ()):
                raise SettingsError(f"the study varies {name} itself; leave its flag out.")


def _task_flags(plan: StudySettings, path: Path, flags: TaskFlags) -> TaskFlags:
    """The flags of the task over the study's own; its data are relative to its folder."""
    given = dict(plan.task)
    if "data" in given:
        given["data"] = str(path.absolute().parent / given["data"])
    return TaskFlags(file=flags.file, given={**given, **flags.given}, allow_python=flags.allow_python)


def _written(plan: Sequence[Cell], runs: "Sequence[TaskResult]", title: str, folder: Path) -> "StudyResult":
    """Write tables and curves into the folder; what the command prints."""
    from opro_local.studies.curves import draw_curves
    from opro_local.studies.results import as_csv, points, result, shared, study_result

    pairs = list(zip(plan, runs, strict=True))
    curves = [point for cell, run in pairs for point in points(cell, run)]
    results = [result(cell, run) for cell, run in pairs]
    for name, rows in (("curves.csv", curves), ("results.csv", results)):
        write_output(folder / name, as_csv(rows).encode())
    pictures = draw_curves(curves, title=title, metric=runs[0].measure, forms=("svg", "png"))
    for form, picture in pictures.items():
        write_output(folder / f"curves.{form}", picture)
    return study_result(str(folder), [run.run for run in runs], results, shared(runs))


def _show(found: "StudyResult", *, as_json: bool) -> None:
    if as_json:
        emit_json(asdict(found))
        return
    from opro_local.report.terminal import table_lines
    from opro_local.studies.results import summary_table

    say("\n".join(table_lines(summary_table(found.results))))
    asked, saved = found.pairs.asked, found.pairs.from_cache
    if asked and saved is not None:
        say(f"{asked:,} pairs asked, {saved / asked:.0%} of them answered from the cache")
    say(f"tables and curves: {found.folder}")
