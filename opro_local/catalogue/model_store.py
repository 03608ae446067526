"""The models folder: one bundle a name, written beside and renamed into place: a name is whole or absent."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from filelock import FileLock

from opro_local.catalogue.bundle import Manifest, read_manifest, verify, write_bundle
from opro_local.catalogue.configuration import chat_template, read_json
from opro_local.catalogue.conversion import StoredQuantize, quantized_copy
from opro_local.catalogue.folder import read_folder
from opro_local.catalogue.ledger import Ledger
from opro_local.catalogue.weights import config_dtype, quantized_share
from opro_local.errors import ModelError, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """Weights that were verified just now; manifest is None for a folder that opro-local did not store.

    checked_before is when its files were last read whole (UTC, ISO 8601) if they only looked unchanged now.
    """

    name: str
    path: Path
    digest: str
    manifest: Manifest | None
    checked_before: str | None = field(default=None, compare=False)

    @property
    def source(self) -> str:
        """Where the weights came from: one alias from the hub and from a GGUF file are different weights."""
        return self.manifest.source if self.manifest else "folder"

    @property
    def parameters(self) -> int:
        """The numbers that its weights are. Raises ModelError where the folder is no model."""
        return read_folder(self.path).parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where weights come from, as MODEL.json will tell it."""

    source: str
    revision: str | None = None
    licence: str | None = None
    base_model: str | None = None
    gguf_import: int | None = None


Fetch = Callable[[Path], Origin]  # fills an empty folder with a model that transformers can load


def model_folder(name: str, models_folder: Path) -> Path:
    """Where a model of this name is stored. Raises SettingsError for a name that is not one plain word."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise SettingsError(
            f"{name!r} cannot name a model; use letters, digits, dots, dashes and underscores."
        )
    return models_folder / name


def open_stored(name: str, models_folder: Path, ledger: Ledger | None = None) -> StoredModel:
    """The stored model of this name, after checking every file against its SHA256SUMS.

    Every file is read, but for those that the ledger knows.
    """
    return open_folder(
        name, model_folder(name, models_folder), ledger or Ledger(models_folder, trusted=False)
    )


def open_folder(name: str, path: Path, ledger: Ledger) -> StoredModel:
    """A verified folder under the name that it was asked for."""
    digest, manifest = verify(path, ledger.hashes), read_manifest(path)
    return StoredModel(
        name=name, path=path, digest=digest, manifest=manifest, checked_before=ledger.relied_on
    )


def stored_names(models_folder: Path) -> list[str]:
    """The names of all stored models, in alphabetical order."""
    if not models_folder.is_dir():
        return []
    folders = (path for path in models_folder.iterdir() if path.is_dir())
    return sorted(path.name for path in folders if not path.name.startswith("."))


def store(
    name: str, models_folder: Path, *, fetch: Fetch, quantize: StoredQuantize | None = None
) -> StoredModel:
    """Fetch a model and keep it under this name; a name that is stored already is opened as it is.

    Another process that is storing the same name is waited for. Raises ModelError when fetching or converting
    fails, and leaves nothing under the name then.
    """
    target = model_folder(name, models_folder)
    models_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(models_folder / f".{name}.lock"):
        if not target.exists():
            with _scratch(models_folder / f".{name}.partial") as scratch:
                _build(name, scratch, fetch=fetch, quantize=quantize).rename(target)
    return open_stored(name, models_folder)


def remove(name: str, models_folder: Path) -> None:
    """Delete a stored model with what an unfinished pull left. Raises ModelError when there is none."""
    target = model_folder(name, models_folder)
    leftovers = download_folder(name, models_folder)
    if not target.exists() and not leftovers.exists():
        raise ModelError(f"No model {name!r} is stored; `opro-local model list` shows what is.")
    with FileLock(models_folder / f".{name}.lock"):
        shutil.rmtree(leftovers, ignore_errors=True)
        if target.exists():
            gone = target.rename(models_folder / f".{name}.removed")  # never half a model under its name
            shutil.rmtree(gone)
    (models_folder / f".{name}.lock").unlink(missing_ok=True)


def download_folder(name: str, models_folder: Path) -> Path:
    """Where a hub download collects its files; it stays when the pull is cut off, so the next one goes on."""
    return models_folder / f".{name}.download"


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed: the lock is ours
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _build(name: str, scratch: Path, *, fetch: Fetch, quantize: StoredQuantize | None) -> Path:
    """A finished bundle inside scratch."""
    bundle = scratch / "dense"
    bundle.mkdir()
    origin = fetch(bundle)
    found = read_folder(bundle).stored
    if quantize is not None:
        if found is not None:
            raise ModelError(f"{name} is quantised already ({found}); leave out --quantize.")
        quantized_copy(bundle, scratch / "quantized", quantize, called=name)
        bundle = scratch / "quantized"
    write_bundle(bundle, _manifest(name, bundle, origin))
    return bundle


def _manifest(name: str, bundle: Path, origin: Origin) -> Manifest:
    template = chat_template(bundle)
    return Manifest(
        name=name,
        source=origin.source,
        revision=origin.revision,
        licence=origin.licence,
        base_model=origin.base_model,
        quantize=read_folder(bundle).stored or "none",
        dtype=config_dtype(read_json(bundle / "config.json")),
        chat_template_sha256=template and hashlib.sha256(template.encode()).hexdigest(),
        size_bytes=sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()),
        created_by=f"opro-local {_own_version()}",
        quantized_share=quantized_share(bundle),
        gguf_import=origin.gguf_import,
    )


def _own_version() -> str:
    try:
        return version("opro-local")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unreleased"
