"""report and export: what a run says, as a page to read, as data, or as a prompt to use."""

import sys
from pathlib import Path

import click

from opro_local.cli.options import allow_python_option
from opro_local.cli.output import FORMATS, form_of, say, say_note, write_output
from opro_local.cli.runs import find_run
from opro_local.config import Folders
from opro_local.wording import printable


@click.command()
@click.argument("name", metavar="[RUN]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Taken from the name of --output if not given, else html.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; RUN.html in the current folder if not given.",
)
@click.pass_obj
def report(folders: Folders, name: str | None, form: str | None, output: Path | None) -> None:
    """Write a report of a run: RUN is its id or file, the latest one if not given.

    The page is one file. It opens no connection and can be read without scripts.
    """
    from opro_local.report.forms import in_form
    from opro_local.results.result import read_result

    run = read_result(find_run(folders.runs, name))
    form = form or form_of(output)
    path = output or Path(Path(f"{run.run}.{form}").name)
    write_output(path, in_form(run, form))
    say(path)


TO = (
    *("json", "csv", "prompt", "chat-messages", "python"),
    *("ollama-modelfile", "openai-json", "llama-cpp", "promptfoo"),
)


@click.command()
@click.argument("name", metavar="[RUN]", required=False)
@click.option(
    "--to",
    "form",
    type=click.Choice(TO),
    default="json",
    show_default=True,
    help="json: everything; csv: one row a candidate; the rest: the best prompt, ready to use.",
)
@click.option(
    "--candidate",
    metavar="NUMBER|KEY",
    help="Another finalist than the winner, ready to use: its number or key in the report's table of prompt "
    "lengths.",
)
@click.option("--outcomes", is_flag=True, help="Add every example's prediction (json only).")
@click.option("--schema", is_flag=True, help="Write the JSON schema of --to json instead of a run.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="File to write; standard output if not given."
)
@click.option(
    "--check",
    "url",
    metavar="URL",
    help="Write nothing: ask a model that is served on this machine (http://127.0.0.1:PORT; llama.cpp, "
    "ollama, vLLM) the test rows, and print its score beside that of the run.",
)
@click.option("--served-as", metavar="NAME", help="Model of that server, if it has several.")
@click.option("--json", "as_json", is_flag=True, help="Print what --check says as JSON.")
@allow_python_option
@click.pass_obj
def export(
    folders: Folders,
    name: str | None,
    form: str,
    candidate: str | None,
    outcomes: bool,
    schema: bool,
    output: Path | None,
    url: str | None,
    served_as: str | None,
    as_json: bool,
    allow_python: bool,
) -> None:
    """Write a run, or its best prompt: RUN is its id or file, the latest one if not given."""
    if candidate is not None and (url is not None or form in ("json", "csv") or schema):
        raise click.UsageError("--candidate goes with a form that is ready to use, such as --to prompt.")
    if url is not None:
        from opro_local.cli.check import check_served

        path = find_run(folders.runs, name)
        check_served(folders, path, url, served_as=served_as, allow_python=allow_python, as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--json goes with --check; a whole run as JSON is --to json.")
    text, lost = (
        (_schema(), [])
        if schema
        else _exported(find_run(folders.runs, name), form, candidate, outcomes=outcomes)
    )
    for sentence in lost:
        say_note(sentence)
    if output is None:
        exact = not sys.stdout.isatty()
        click.echo(text if exact else printable(text), nl=False, color=exact)  # echo strips some if no color
    else:
        write_output(output, text.encode())


def _schema() -> str:
    from opro_local.results.document import schema_text

    return schema_text()


def _exported(path: Path, form: str, candidate: str | None, *, outcomes: bool) -> tuple[str, list[str]]:
    """A run in a form, and what the form loses."""
    from opro_local.exports.forms import in_use
    from opro_local.report.candidates import candidates_csv
    from opro_local.results.document import json_text
    from opro_local.results.result import read_candidate, read_result

    if candidate is not None:
        return in_use(read_candidate(path, candidate), form)
    run = read_result(path, outcomes=outcomes if form == "json" else form != "csv")
    if form == "csv":
        return candidates_csv(run), []
    return (json_text(run), []) if form == "json" else in_use(run, form)
