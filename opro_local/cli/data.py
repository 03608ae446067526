"""init and data: a task folder to start from, and a look at a table before a run."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from opro_local.cli.options import TaskFlags, table_options, task_options
from opro_local.cli.output import emit_json, json_option, say, say_note
from opro_local.config import BUDGETS, Folders, SearchSettings, TaskSettings
from opro_local.config.checking import parse_settings
from opro_local.durable import write_file
from opro_local.errors import OproError, SettingsError
from opro_local.tasks.inspection import DataReport, Lengths, inspect_task, rare_labels
from opro_local.tasks.loading import data_path, load_task
from opro_local.tasks.sources import EXAMPLE, TASK_FILE, files_in, load_task_file
from opro_local.tasks.split import Split, split_task
from opro_local.tasks.starter import task_file
from opro_local.tasks.task import Task
from opro_local.wording import counted


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
    warnings = [*task.warnings, *rare_labels(task, _usual_split(task, seed))]
    if as_json:
        emit_json({"task": task.name, **asdict(report), "warnings": warnings})
        return
    say(f"task: {chosen}", err=True)
    for warning in warnings:
        say_note(warning)
    for title, text in _summary(report):
        say(f"{title:<12}{text}")


def _usual_split(task: Task, seed: int) -> Split:
    """The split of a run with the defaults, on a processor."""
    search = SearchSettings()
    rows = BUDGETS["light"].train_rows
    return split_task(
        task, seed=seed, shots=search.shots, search_shots=search.max_shots != 0, train_rows=rows
    )


def _token_counter(model: str | None, folders: Folders) -> Callable[[str], int] | None:
    if model is None:
        return None
    from opro_local.wiring.models import token_counter  # takes a model library

    return token_counter(model, folders.models)


def _summary(report: DataReport) -> list[tuple[str, str]]:
    labels = [f"{label} {n}" for label, n in report.labels.items()]
    labels += [] if report.unnamed is None else [f"none of them {report.unnamed}"]
    answers = [("labels", ", ".join(labels)) if labels else ("answers", report.answers)]
    lines = [
        ("rows", f"{report.rows} ({report.unlabelled} more without a label)"),
        *([("field", f"{name}: {text}") for name, text in report.parts.items()] or answers),
        ("characters", _shown(report.characters)),
        ("words", _shown(report.words)),
        ("duplicates", counted(report.repeated, "row")),
        ("near-equal", f"{counted(report.alike, 'text')}, {report.disagreeing} with different labels"),
        ("split", ", ".join(f"{part} {n}" for part, n in report.split.items())),
    ]
    if report.decimal is not None:
        lines.insert(2, ("decimals", f"behind a {report.decimal}"))
    if report.tokens is not None:
        lines.insert(-3, ("tokens", _shown(report.tokens)))
    return lines


def _shown(lengths: Lengths) -> str:
    return f"{lengths.shortest} to {lengths.longest}, median {lengths.median:g}"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@table_options
def init(folder: Path, flags: TaskFlags) -> None:
    """Write a task folder to start from: a task.toml for your table, or a copy of the shipped example."""
    if flags.given and not {"data", "benchmark"} & set(flags.given):
        raise click.UsageError("These options are about a table of your own: name it with --data.")
    if flags.given:
        _create(folder, _own_settings(folder, flags), example=None)
    else:
        settings = load_task_file(EXAMPLE)
        _create(folder, settings, example=data_path(settings, EXAMPLE.parent))
    say(f"wrote {folder / TASK_FILE}; next: cd {folder} and opro-local data check")


def _own_settings(folder: Path, flags: TaskFlags) -> TaskSettings:
    """Settings for a table that can be used: a file that cannot is not worth writing down."""
    root = folder.resolve()
    files = {key: _from(root, name) for key, name in files_in(flags.given).items()}
    settings = parse_settings(TaskSettings, {**flags.given, **files}, source="flags")
    load_task(settings, folder=root, name=Path(settings.data or "").stem, allow_python=flags.allow_python)
    return settings


def _from(root: Path, name: str) -> str:
    """A file of the current folder as a file of root names it."""
    path = Path(name).resolve()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


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
            write_file(copy, example.read_bytes())
    except OSError as error:
        raise OproError(f"{folder}: cannot be written ({error.strerror}). Choose another folder.") from None
