"""What README and the guide show exists: commands, options, models, snippets, links, messages, exit codes."""

import ast
import re
import tomllib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import click
import documents
import pytest

from opro_local import errors
from opro_local.catalogue import load_catalogue
from opro_local.cli import main
from opro_local.cli.errors import exit_code
from opro_local.config import TaskSettings
from opro_local.studies.plan import read_study

QUICKSTART = documents.CHECKOUT / "scripts" / "quickstart"
TROUBLESHOOTING = documents.CHECKOUT / "opro_local" / "guide" / "troubleshooting.md"
WRITTEN = [path for path in documents.USERS if path.name not in ("commands.md", "settings.md")]
"""By a person; the others follow from the code."""
MOST_LINES = 150
SHORTEST = 9
"""Characters of a message's fixed part that are no accident."""

each_document = pytest.mark.parametrize("path", documents.DOCUMENTS, ids=documents.name)
each_written = pytest.mark.parametrize("path", WRITTEN, ids=documents.name)


def found(words: Sequence[str]) -> tuple[click.Command, list[str]]:
    """The command that words call, as deep as they go, and what is left of them. Raises UsageError."""
    command: click.Command = main
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        _, below, rest = command.resolve_command(click.Context(command), rest)
        assert below is not None
        command = below
    return command, rest


def flags_of(command: click.Command) -> set[str]:
    named = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    return named | {"--help", "-h"}


def all_flags(command: click.Command) -> Iterator[str]:
    yield from flags_of(command)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from all_flags(below)


def unknown(words: Sequence[str]) -> list[str]:
    """The options among words that their command does not have; its name, if there is none."""
    try:
        command, rest = found(words)
    except click.UsageError as error:
        return [error.message]
    return [word for word in rest if word.startswith("-") and word not in flags_of(command)]


def taken(words: Sequence[str]) -> str:
    """What click says against a whole command; nothing if it would be called."""
    try:
        command, rest = found(words)
        command.make_context("opro-local", rest)
    except click.UsageError as error:
        return error.format_message()
    return ""


def make_what_is_named(words: Sequence[str], folder: Path) -> None:
    """Folders and files that a command reads, under the names that a text gives them."""
    for word in words:
        if word == "FOLDER":
            (folder / word).mkdir(exist_ok=True)
        elif re.fullmatch(r"[\w-]+\.(gguf|csv)|FILE", word):
            (folder / word).touch()


def test_commands_and_options_that_nobody_has_are_found() -> None:
    assert unknown(["runs", "show", "RUN", "--json", "-m"]) == ["-m"]
    assert unknown(["model", "fetch", "--json"]) != []
    assert unknown(["run", "--model", "m", "--no-qa"]) == []
    assert unknown(["--help"]) == []


def test_values_that_click_refuses_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert taken(["run", "--steps", "3"]) == ""
    assert "not a valid integer" in taken(["run", "--steps", "few"])
    assert "Missing argument" in taken(["prompts", "add", "RUN"])
    assert "No such command" in taken(["model", "fetch"])
    assert "not one of" in taken(["run", "--budget", "tiny"])


@pytest.mark.parametrize("path", [*WRITTEN, *documents.DEVELOPERS], ids=documents.name)
def test_every_command_that_is_shown_can_be_given(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = documents.commands(documents.read(path))
    for words in shown:
        make_what_is_named(words, tmp_path)
    assert {" ".join(words): taken(words) for words in shown if taken(words)} == {}


@each_document
def test_every_command_that_is_named_exists(path: Path) -> None:
    named = [words for words in documents.mentioned(documents.read(path)) if words[:1] != ["COMMAND"]]
    assert [unknown(words) for words in named if unknown(words)] == []


def test_enough_commands_are_seen_for_the_checks_to_mean_something() -> None:
    assert len(documents.commands(documents.read(documents.README))) >= 3
    assert sum(len(documents.commands(documents.read(path))) for path in WRITTEN) >= 40
    assert sum(len(documents.mentioned(documents.read(path))) for path in WRITTEN) >= 25


def test_what_the_quickstart_calls_and_names_exists() -> None:
    lines = [line.strip() for line in documents.read(QUICKSTART).replace("\\\n", " ").splitlines()]
    called = [line.split("   ")[0].split()[1:] for line in lines if line.startswith("opro-local ")]
    assert len(called) >= 7
    assert [unknown(words) for words in called] == [[] for _ in called]


@pytest.mark.parametrize("path", documents.USERS, ids=documents.name)
def test_every_option_that_is_named_is_one(path: Path) -> None:
    assert documents.options(documents.read(path)) - set(all_flags(main)) == set()


@each_document
def test_every_model_that_is_named_is_in_the_catalogue(path: Path) -> None:
    assert documents.models(documents.read(path)) - set(load_catalogue()) == set()


@each_document
def test_every_link_leads_somewhere(path: Path) -> None:
    text = documents.read(path)
    assert [target for target in documents.links(text) if not (path.parent / target).exists()] == []


@each_document
def test_every_file_that_is_named_is_there(path: Path) -> None:
    named = documents.files(documents.read(path))
    assert [target for target in named if not (documents.CHECKOUT / target).exists()] == []


@each_document
def test_every_block_of_python_compiles_and_imports_what_there_is(path: Path) -> None:
    for code in documents.fenced(documents.read(path), "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("opro_local"):
                module = import_module(str(node.module))
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@each_written
def test_every_block_of_toml_says_what_the_program_reads(path: Path, tmp_path: Path) -> None:
    for code in documents.fenced(documents.read(path), "toml"):
        values = tomllib.loads(code)
        if "grid" in values:
            (tmp_path / "study.toml").write_text(code, encoding="utf-8")
            read_study(tmp_path / "study.toml")
        elif "data" in values:
            TaskSettings.model_validate(values)


def test_the_readme_is_one_page() -> None:
    assert len(documents.read(documents.README).splitlines()) <= MOST_LINES


def test_the_table_of_exit_codes_is_that_of_the_program() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", documents.read(TROUBLESHOOTING), re.MULTILINE)
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.OproError)
    ]
    assert {name: int(code) for code, name in rows} == {kind.__name__: exit_code(kind()) for kind in kinds}


def literals() -> Iterator[str]:
    """The texts of several words in the package, those with gaps in their fixed parts."""
    for file in (documents.CHECKOUT / "opro_local").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
                yield node.value


def says(part: str, message: str) -> bool:
    """Whether one holds the other, in more than a few characters."""
    part, message = part.strip(" .:;,`"), message.strip(" .:;,`")
    return len(part) >= SHORTEST and (part in message or message in part)


def test_every_message_that_is_explained_is_one_of_the_program() -> None:
    text = documents.read(TROUBLESHOOTING)
    messages = [" ".join(found.split()) for found in re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL)]
    known = list(literals())
    assert len(messages) >= 10
    assert [message for message in messages if not any(says(part, message) for part in known)] == []
