"""--help of every command answers and documents every option."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from opro_local.cli import main


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands below a group with the words that call them, the group itself first."""
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = tuple(commands(main))


def test_the_commands_of_the_readme_are_there() -> None:
    words = {" ".join(path) for path, _ in ALL}
    assert {"run", "resume", "score", "export", "runs list", "runs show", "init", "data check"} <= words
    assert {f"model {verb}" for verb in ("list", "show", "pull", "add", "verify", "rm")} <= words


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "opro-local" for path, _ in ALL])
def test_help_answers_and_documents_every_option(path: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{' '.join(path)} {option.opts[0]} has no help"
            assert option.opts[0] in shown.output
