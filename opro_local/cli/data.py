"""init and data: a task folder to start from, and a look at a table before a run."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from opro_local.cli.options import TaskFlags, task_options
from opro_local.cli.output import emit_json, json_option, say, say_note
from opro_local.config import Folders, SearchSettings, TaskSettings
from opro_local.config.checking import parse_settings
from opro_local.durable import write_file
from opro_local.errors import OproError, SettingsError
from opro_local.tasks.inspection import DataReport, Lengths, inspect_task
from opro_local.tasks.loading import data_path, load_task
from opro_local.tasks.sources import EXAMPLE, TASK_FILE, load_task_file
from opro_local.tasks.starter import task_file
from opro_local.wording import counted


def _help(name: str) -> str | None:
    return TaskSettings.model_fields[name].description


@click.group()
def data() -> None:
    """Look at tables of labelled rows."""


@data.command()
@click.option(
    "--model", "-m", envvar="OPRO_LOCAL_MODEL", help="Model whose tokens are counted; none if not given."
)
@task_options
@json_option
@click.pass_obj
def check(folders: Folders, model: str | None, flags: TaskFlags, as_json: bool) -> None:
    """Check a table and report rows, labels, lengths, repeated texts and the split that a run would make."""
    task, chosen = flags.choose(Path.cwd())
    seed = SearchSettings.model_fields["seed"].default
    report = inspect_task(task, seed=seed, count_tokens=_token_counter(model, folders))
    if as_json:
        emit_json({"task": task.name, **asdict(report), "warnings": list(task.warnings)})
        return
    say(f"task: {chosen}", err=True)
    for warning in task.warnings:
        say_note(warning)
    for title, text in _summary(report):
        say(f"{title:<12}{text}")


def _token_counter(model: str | None, folders: Folders) -> Callable[[str], int] | None:
    if model is None:
        return None
    from opro_local.wiring.models import token_counter  # takes a model library

    return token_counter(model, folders.models)


def _summary(report: DataReport) -> list[tuple[str, str]]:
    labels = [f"{label} {n}" for label, n in report.labels.items()]
    lines = [
        ("rows", f"{report.rows} ({report.unlabelled} more without a label)"),
        ("labels", ", ".join(labels) or "none: every row has an answer of its own"),
        ("characters", _shown(report.characters)),
        ("words", _shown(report.words)),
        ("duplicates", counted(report.repeated, "row")),
        ("near-equal", f"{counted(report.alike, 'text')}, {report.disagreeing} with different labels"),
        ("split", ", ".join(f"{part} {n}" for part, n in report.split.items())),
    ]
    if report.tokens is not None:
        lines.insert(4, ("tokens", _shown(report.tokens)))
    return lines


def _shown(lengths: Lengths) -> str:
    return f"{lengths.shortest} to {lengths.longest}, median {lengths.median:g}"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data", "-d", type=click.Path(dir_okay=False, path_type=Path), help="Your table.")
@click.option("--text", multiple=True, metavar="COLUMN", help=_help("text"))
@click.option("--label", metavar="COLUMN", help=_help("label"))
def init(folder: Path, data: Path | None, text: tuple[str, ...], label: str | None) -> None:
    """Write a task folder to start from: a task.toml for your table, or a copy of the shipped example."""
    if data is None and (text or label):
        raise click.UsageError("--text and --label are columns of your own table: name it with --data.")
    if data is None:
        settings = load_task_file(EXAMPLE)
        _create(folder, settings, example=data_path(settings, EXAMPLE.parent))
    else:
        _create(folder, _own_settings(folder, data, text, label), example=None)
    say(f"wrote {folder / TASK_FILE}; next: cd {folder} and opro-local data check")


def _own_settings(folder: Path, data: Path, text: tuple[str, ...], label: str | None) -> TaskSettings:
    """Settings for a table that can be used: a file that cannot is not worth writing down."""
    table, root = data.resolve(), folder.resolve()
    named = table.relative_to(root) if table.is_relative_to(root) else table
    values = {"data": str(named), "text": text, "label": label}
    settings = parse_settings(TaskSettings, values, source="flags")
    load_task(settings, folder=root, name=table.stem)
    return settings


def _create(folder: Path, settings: TaskSettings, *, example: Path | None) -> None:
    """Write the folder; a file that exists is never replaced."""
    copy = None if example is None else folder / example.name
    for path in (folder / TASK_FILE, copy):
        if path is not None and path.exists():
            raise SettingsError(f"{path} exists and is not replaced. Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / TASK_FILE, task_file(settings))
        if example is not None and copy is not None:
            shutil.copyfile(example, copy)
    except OSError as error:
        raise OproError(f"{folder}: cannot be written ({error.strerror}). Choose another folder.") from None
