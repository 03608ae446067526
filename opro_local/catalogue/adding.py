"""Stores a model that is on this machine already: a transformers folder or a GGUF file."""

import re
from pathlib import Path

from opro_local.catalogue.adapters import find_base, is_adapter, merge_into
from opro_local.catalogue.bundle import GGUF_IMPORT, read_manifest, verify
from opro_local.catalogue.conversion import StoredQuantize, check_loads, gguf_to_folder
from opro_local.catalogue.files import Hashes, carried_files, copy_file
from opro_local.catalogue.gguf_parts import gguf_sha256
from opro_local.catalogue.model_store import Origin, StoredModel, model_folder, store
from opro_local.errors import ModelError


def add(
    path: Path,
    models_folder: Path,
    *,
    name: str,
    quantize: StoredQuantize | None = None,
    base: str | None = None,
) -> StoredModel:
    """Copy a transformers folder, merge an adapter into its base, or import a GGUF file, under a name.

    base is the stored name or the folder of the dense model that an adapter belongs to. Raises ModelError
    when the name is taken or the model cannot be used.
    """
    if model_folder(name, models_folder).exists():
        raise ModelError(
            f"A model {name!r} is stored already; pick another name or `opro-local model rm {name}`."
        )
    if base is not None and not is_adapter(path):
        raise ModelError(f"{path} is no adapter folder (adapter_config.json); leave out --base.")
    if is_adapter(path) and not (path / "config.json").exists():
        dense = find_base(path, base, models_folder)
        return store(name, models_folder, fetch=lambda folder: _merge(path, dense, folder), quantize=quantize)
    if path.is_dir():
        return store(name, models_folder, fetch=lambda folder: _copy_folder(path, folder), quantize=quantize)
    check_gguf_name(path)
    return store(name, models_folder, fetch=lambda folder: import_gguf_file(path, folder), quantize=quantize)


def gguf_name(path: Path, hashes: Hashes) -> str:
    """The name under which `--model FILE.gguf` is kept: the same file is imported once, wherever it lies."""
    check_gguf_name(path)
    return f"gguf-{gguf_sha256(path, hashes)[:16]}"


def check_gguf_name(path: Path) -> None:
    """Raise ModelError unless path is a file that claims to be GGUF."""
    if not path.is_file():
        raise ModelError(f"{path} does not exist.")
    if path.suffix.lower() != ".gguf":
        raise ModelError(f"{path} is neither a model folder nor a GGUF file.")


def import_gguf_file(path: Path, folder: Path) -> Origin:
    """Fill folder with what the GGUF file holds; licence and base model are what its header says."""
    header = gguf_to_folder(path, folder)
    return Origin(
        source=f"gguf {path.name} sha256:{gguf_sha256(path)}",
        licence=header.text("general.license"),
        base_model=header.text("general.basename") or header.text("general.name"),
        gguf_import=GGUF_IMPORT,
    )


def _merge(adapter: Path, base: StoredModel | Path, folder: Path) -> Origin:
    origin = merge_into(adapter, base, folder)
    check_loads(folder, called=adapter.name)
    return origin


def _copy_folder(source: Path, folder: Path) -> Origin:
    """Copy the files that matter."""
    verify(source)
    check_loads(source, called=source.name)
    for name in carried_files(source):
        copy_file(name, source, folder)
    known = read_manifest(source)
    if known is None:
        return Origin(source="folder", licence=card_licence(source))
    return Origin(
        source=known.source,
        revision=known.revision,
        licence=known.licence,
        base_model=known.base_model,
        gguf_import=known.gguf_import,
    )


def card_licence(folder: Path) -> str | None:
    """The licence that the model card names in its front matter; never guessed."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    front = re.match(r"---\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    found = re.search(r"^license:[ \t]*([^\s#]+)", front[1], re.MULTILINE) if front else None
    return found[1].strip("'\"") if found else None
