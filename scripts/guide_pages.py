"""The pages of the guide that follow from the code: commands.md from click, settings.md from config.

bash scripts/guide writes both, and the JSON schema of results beside them; a test fails when they are not
what is generated here.
"""

from collections.abc import Iterator, Mapping, Sequence

import click
from pydantic.fields import FieldInfo

from opro_local.cli import main
from opro_local.cli.guide import PAGES
from opro_local.cli.settings import GROUPS
from opro_local.config import BUDGETS, Settings, SplitSettings, TaskSettings
from opro_local.results.document import SCHEMA_FILE, generated_schema

SETTINGS: Mapping[str, type[Settings]] = {**GROUPS, "task": TaskSettings, "split": SplitSettings}
FILES = {"task": "top level of `task.toml`", "split": "`[split]` of `task.toml`"}
"""Where a group stands; the others in opro-local.toml."""
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}

COMMANDS_HEAD = """\
# Commands

Every command with its arguments and options. This page is generated from the program.

`opro-local COMMAND --help` prints the same with every option in full. Options that are settings are only
named here; [settings](settings.md) says what they mean. Where a run is named, its id or its file will do.

`--json` gives one JSON object on standard output, of lists one a line. Everything else goes to standard
error. For exit codes see [troubleshooting](troubleshooting.md).
"""
SETTINGS_HEAD = """\
# Settings

Every setting with its option, its default and its meaning. This page is generated from the program.

A setting is an option, a variable and a key of a file. The first of these that names it holds:

1. the option: `--steps 5`
2. the variable: `OPRO_LOCAL_STEPS=5`, the option in capitals; several values stand one a line
3. `opro-local.toml` in the current folder
4. `config.toml` in your configuration folder for opro-local
5. the default

`opro-local config show` prints every setting with the place that it comes from. An unknown key in a file is
an error. A file that names a model and a small budget:

```toml
[models]
scorer = "smollm2-135m"

[budget]
steps = 5
train_rows = 24
```

What belongs to a task (its table, its answers, its split) stands in `task.toml` instead.
`opro-local init FOLDER` writes one. A run keeps its settings, so that resuming it needs no option.
"""


def commands_page() -> str:
    sections = [_command_section(path, command) for path, command in commands(main, ())]
    return "\n".join([COMMANDS_HEAD, *sections])


def commands(command: click.Command, path: Sequence[str]) -> Iterator[tuple[Sequence[str], click.Command]]:
    """Every command below a group with the words that call it, in the order of the list."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def _command_section(path: Sequence[str], command: click.Command) -> str:
    context = click.Context(command)
    name = " ".join(("opro-local", *path))
    usage = " ".join((name, *command.collect_usage_pieces(context)))
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    own = [f"- {_option(option, context)}" for option in options if not _group(option)]
    lists = [*_filled("\n".join(own)), *_filled(_settings_of(options))]
    return "\n\n".join([f"## {name}", f"    {usage}", *_paragraphs(command.help), *lists]) + "\n"


def _paragraphs(text: str | None) -> list[str]:
    return [" ".join(part.split()) for part in (text or "").split("\n\n")]


def _filled(text: str) -> list[str]:
    return [text] if text else []


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    names, meaning = record
    return f"`{names}`: {' '.join(meaning.split())}"


def _group(option: click.Option) -> str:
    """The group of settings that an option belongs to; "" for one of the command's own."""
    group, _, name = (option.name or "").partition("__")
    return group if group in SETTINGS and name in SETTINGS[group].model_fields else ""


def _settings_of(options: Sequence[click.Option]) -> str:
    """Which settings are options of a command: whole groups by name, of others those that there are."""
    parts = []
    for group, model in SETTINGS.items():
        found = [option for option in options if _group(option) == group]
        if len(found) == len(model.model_fields.keys() - {"split"}):
            parts.append(f"all of `{group}`")
        elif found:
            parts.append(f"of `{group}` {', '.join(map(_named, found))}")
    return f"Settings: {'; '.join(parts)}." if parts else ""


def _named(option: click.Option) -> str:
    """With the default where it is this command's own."""
    group, _, name = (option.name or "").partition("__")
    _, _, told = (option.help or "").partition("[default: ")
    usual = SETTINGS[group].model_fields[name].get_default()
    own = f" ({told.removesuffix(']')})" if told and told != f"{usual}]" else ""
    return f"`{option.opts[0]}`{own}"


def settings_page() -> str:
    flags = {option.name or "": option for option in _run_options()}
    sections = [_settings_section(group, model, flags) for group, model in SETTINGS.items()]
    return "\n".join([SETTINGS_HEAD, *sections])


def _run_options() -> list[click.Option]:
    """run has an option for every setting."""
    run = main.get_command(click.Context(main), "run")
    assert run is not None
    return [parameter for parameter in run.params if isinstance(parameter, click.Option)]


def _settings_section(group: str, model: type[Settings], flags: Mapping[str, click.Option]) -> str:
    place = FILES.get(group, f"`[{group}]` of `opro-local.toml`")
    fields = {name: field for name, field in model.model_fields.items() if f"{group}__{name}" in flags}
    entries = [_setting(name, field, flags[f"{group}__{name}"]) for name, field in fields.items()]
    about = " ".join((model.__doc__ or "").split())
    budgets = _filled(_presets() if group == "budget" else "")
    return "\n\n".join([f"## {group}", f"{about} In files: {place}.", "\n".join(entries), *budgets]) + "\n"


def _setting(name: str, field: FieldInfo, option: click.Option) -> str:
    facts = [*_kind(option), *_bounds(field), *_default(field)]
    meaning = (field.description or "").rstrip(".")
    names = "/".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
    return f"- `{name}` ({', '.join([names, *facts])}): {meaning}."


def _kind(option: click.Option) -> list[str]:
    if isinstance(option.type, click.Choice):
        return ["one of " + " ".join(f"`{choice}`" for choice in option.type.choices)]
    kind = {"integer": "whole number", "float": "number", "boolean": "switch"}.get(option.type.name, "text")
    return [f"{kind}, repeatable" if option.multiple else kind]


def _bounds(field: FieldInfo) -> list[str]:
    return [
        f"{word} {getattr(bound, name):g}"
        for bound in field.metadata
        for name, word in BOUNDS.items()
        if hasattr(bound, name)
    ]


def _default(field: FieldInfo) -> list[str]:
    if field.is_required() or field.default in (None, "", ()):
        return []
    named = {"True": "on", "False": "off"}
    return [f"default `{named.get(str(field.default), field.default)}`"]


def _presets() -> str:
    rows = [f"| `{name}` | {preset.steps} | {preset.train_rows} |" for name, preset in BUDGETS.items()]
    return "\n".join(["| preset | `steps` | `train_rows` |", "|---|--:|--:|", *rows])


def generated() -> dict[str, str]:
    """The text of each generated page by its topic."""
    return {"commands": commands_page(), "settings": settings_page()}


if __name__ == "__main__":
    for topic, text in generated().items():
        (PAGES / f"{topic}.md").write_text(text, encoding="utf-8")
    SCHEMA_FILE.write_text(generated_schema(), encoding="utf-8")
