"""runs list, show, diff and rm: what finished and unfinished runs say; no model is loaded."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opro_local.cli.output import (
    emit_json,
    emit_json_lines,
    form_of,
    json_option,
    say,
    say_note,
    write_output,
)
from opro_local.config import Folders

if TYPE_CHECKING:
    from opro_local.report.section import Section
    from opro_local.results.overview import Overview


@click.group("runs")
def runs() -> None:
    """Look at runs, and delete them."""


@runs.command("list")
@json_option
@click.pass_obj
def list_runs(folders: Folders, as_json: bool) -> None:
    """List all runs, the latest last."""
    found = _overviews(folders.runs)
    if as_json:
        emit_json_lines(map(_summary, found))
        return
    from opro_local.results.words import figure

    for run in found:
        test = figure(run.test.value if run.test else None)
        lenient = "  official grading" if run.task.grading == "official" else ""
        say(f"{run.run}  {run.status:<10}  {run.name:<20}  test {test}{lenient}")


@runs.command("show")
@click.argument("name", metavar="[RUN]", required=False)
@json_option
@click.pass_obj
def show(folders: Folders, name: str | None, as_json: bool) -> None:
    """Show the result of a run: RUN is its id or file, the latest one if not given."""
    show_result(find_run(folders.runs, name), as_json=as_json)


@runs.command("rm")
@click.argument("name", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove_run(folders: Folders, name: str, yes: bool) -> None:
    """Delete RUN, and the cached replies that no other run of its folder uses.

    Reports and exports of it stay where they were written. So does the count of uses of its test rows.
    """
    from opro_local.store.run_folder import RunFolder

    path = find_run(folders.runs, name)
    if not yes:
        click.confirm(f"Delete {path}?", abort=True, err=True)
    RunFolder(path.parent).remove(path)
    say(f"{path.stem} removed")


@runs.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="OTHER")
@json_option
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page instead, or md, json, csv, xlsx.",
)
@click.pass_obj
def diff(folders: Folders, first: str, second: str, as_json: bool, output: Path | None) -> None:
    """Compare two runs: settings, prompts, scores, and whether OTHER has found a better prompt than RUN."""
    from opro_local.report.difference import difference_sections
    from opro_local.report.forms import difference_in_form
    from opro_local.results import document
    from opro_local.results.difference import run_difference

    found = run_difference(find_run(folders.runs, first), find_run(folders.runs, second))
    if output is not None:
        write_output(output, difference_in_form(found, form_of(output)))
    elif as_json:
        emit_json(document.as_json(found))
    else:
        say_sections(difference_sections(found))


def find_run(folder: Path, name: str | None, *, unfinished: bool = False) -> Path:
    """The file of a run, by id or path; without a name the latest readable one, or unfinished one.

    Raises SettingsError.
    """
    from opro_local.store.run_folder import RunFolder

    runs = RunFolder(folder)
    return runs.newest(say_note, unfinished=unfinished) if name is None else runs.find(name)


def show_result(path: Path, *, as_json: bool) -> None:
    """Print a run's result as JSON or in words."""
    from opro_local.report.sections import sections
    from opro_local.results import document
    from opro_local.results.result import read_result

    run = read_result(path)
    if as_json:
        emit_json(document.as_json(run))
    else:
        say_sections(sections(run))


def show_folds(paths: Sequence[Path], *, as_json: bool) -> None:
    """Print what runs on all folds of a table prove together."""
    from opro_local.report.several import fold_sections
    from opro_local.results import document
    from opro_local.results.findings import pooled_verdicts
    from opro_local.results.result import read_result

    found, verdicts = [read_result(path) for path in paths], pooled_verdicts(paths)
    if as_json:
        emit_json({"folds": document.as_json(found), "verdicts": document.as_json(verdicts)})
    else:
        say_sections(fold_sections(found, verdicts))


def say_sections(sections: "Sequence[Section]") -> None:
    from opro_local.report.terminal import terminal_lines

    say("\n".join(terminal_lines(sections)))


def _overviews(folder: Path) -> "Iterator[Overview]":
    """Of the files that hold a run; a word on stderr about each that does not."""
    from opro_local.results.reading import read_overview
    from opro_local.store.run_folder import RunFolder, readable

    return (run for _, run in readable(RunFolder(folder).files(), read_overview, say_note))


def _summary(run: "Overview") -> dict[str, object]:
    return {
        "run": run.run,
        "status": run.status,
        "task": run.name,
        "created": run.timing.created,
        "metric": run.metric,
        "grading": run.task.grading or "strict",
        "test": run.test and run.test.value,
    }
