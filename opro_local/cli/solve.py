"""solve: mathematical problems through the same loop; a command for each objective."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from opro_local.cli.errors import OneLineErrors
from opro_local.cli.flags import config_option, parameter
from opro_local.cli.hosting import hosted
from opro_local.cli.options import allow_python_option
from opro_local.cli.output import emit_json, json_option, say
from opro_local.cli.run import progress_option
from opro_local.cli.runs import say_sections
from opro_local.cli.settings import run_settings, setting_options
from opro_local.config.checking import parse_settings
from opro_local.problems.objectives import objective_class, objective_names

REPEATS = 5
"""As published."""
PICTURES = (".svg", ".png", ".pdf")
SETTINGS = (
    "models",
    *("budget.steps", "budget.max_tokens", "budget.max_seconds", "budget.patience", "budget.target"),
    *("search.seed", "search.proposals_per_step", "search.shown", "search.temperature"),
    "search.temperature_end",
    *("search.meta_prompt_tokens", "search.proposal_tokens"),
)


class Objectives(OneLineErrors):
    """A group with a command for each file of problems/objectives."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return objective_names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in objective_names() else None


@click.group(cls=Objectives)
def solve() -> None:
    """Solve a mathematical problem with a language model as optimizer.

    The loop is that of run; the optimizer sees earlier solutions with their values and proposes better ones.
    Defaults are those of the paper.
    """


def _command(name: str) -> click.Command:
    """The command of one objective: its fields are options, its docstring is the help."""
    kind = objective_class(name)

    @click.pass_context
    def command(
        ctx: click.Context,
        /,
        repeats: int,
        draw: Path | None,
        allow_python: bool,
        as_json: bool,
        no_progress: bool,
        **parameters: Any,
    ) -> None:
        names = {field: parameters[parameter("problem", field)] for field in kind.model_fields}
        given = {field: value for field, value in names.items() if value is not None}
        objective = parse_settings(kind, given, source="flags")
        settings = run_settings(ctx, defaults=kind.defaults)
        with hosted(ctx.obj, shown=not no_progress, opening=f"problem: {name}") as host:
            from opro_local import api

            paths = api.solve(objective, settings, repeats=repeats, host=host, allow_python=allow_python)
        _show(paths, draw, as_json=as_json)

    decorated: Any = command
    for option in (progress_option, json_option, _draw_option, allow_python_option, _repeats_option):
        decorated = option(decorated)
    decorated = setting_options(*SETTINGS, defaults=kind.defaults)(decorated)
    for field, info in reversed(kind.model_fields.items()):
        decorated = config_option("problem", field, info)(decorated)
    return click.command(name, help=kind.__doc__)(decorated)


_repeats_option = click.option(
    "--repeats",
    type=click.IntRange(1),
    default=REPEATS,
    show_default=True,
    help="Runs, each with data and seed of its own.",
)
_draw_option = click.option(
    "--draw",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda _ctx, _option, path: _drawable(path),
    help="Picture of the best solutions: .svg, .png or .pdf.",
)


def _drawable(path: Path | None) -> Path | None:
    """The path, checked before anything is computed."""
    if path is not None and path.suffix not in PICTURES:
        raise click.BadParameter(f"{path} ends with none of {', '.join(PICTURES)}.")
    if path is not None and not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}.")
    return path


def _show(paths: Sequence[Path], draw: Path | None, *, as_json: bool) -> None:
    from opro_local.report.sections import sections
    from opro_local.report.several import repeat_section
    from opro_local.results import document
    from opro_local.results.objective import repeats_of
    from opro_local.results.result import ObjectiveResult, read_result

    runs = [run for path in paths if isinstance(run := read_result(path), ObjectiveResult)]
    together = repeats_of([run.objective for run in runs])
    if draw is not None:
        from opro_local.report.objective_picture import draw_solutions

        draw_solutions(runs, draw)
    if as_json:
        emit_json({"runs": document.as_json(runs), "summary": document.as_json(together)})
        return
    for run in runs:
        say_sections(sections(run))
        say("")
    say_sections([repeat_section(together)])
