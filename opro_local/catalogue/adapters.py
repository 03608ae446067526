"""LoRA adapters: the base that one belongs to is found, and both become one dense model."""

from pathlib import Path

from opro_local.catalogue.bundle import read_manifest
from opro_local.catalogue.configuration import read_json
from opro_local.catalogue.conversion import merged_adapter
from opro_local.catalogue.files import (
    carried_files,
    check_file,
    copy_file,
    is_kind,
    is_legal_file,
    is_tokenizer_file,
    model_files,
)
from opro_local.catalogue.folder import read_folder
from opro_local.catalogue.model_store import Origin, StoredModel, open_stored, stored_names
from opro_local.catalogue.safetensors_header import read_header
from opro_local.catalogue.spec import load_catalogue
from opro_local.errors import ModelError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def is_adapter(path: Path) -> bool:
    """Whether a folder holds an adapter."""
    return (path / CONFIG).exists() or (path / WEIGHTS).exists()


def find_base(adapter: Path, base: str | None, models_folder: Path) -> StoredModel | Path:
    """The dense model that an adapter belongs to: base, else what its configuration names, if it is here.

    Raises ModelError where it is not, or is quantised, and where the adapter has no safetensors.
    """
    if not (adapter / WEIGHTS).exists():
        raise ModelError(f"{adapter.name}: {WEIGHTS} is missing; other formats of adapters are not read.")
    for name in model_files(adapter):
        check_file(adapter / name)
    read_header(adapter / WEIGHTS)
    named = base or read_json(adapter / CONFIG).get("base_model_name_or_path")
    found = _here(str(named), models_folder) if named else None
    if found is None:
        raise ModelError(
            f"{adapter.name} is an adapter of {named or 'an unnamed model'}, which is not here."
            " Give its base: --base MODEL_OR_FOLDER."
        )
    folder = found if isinstance(found, Path) else found.path
    if stored := read_folder(folder).stored:
        raise ModelError(
            f"{adapter.name}: its base {named} is stored in {stored}; adapters are merged into dense weights."
        )
    return found


def _here(name: str, models_folder: Path) -> StoredModel | Path | None:
    stored = stored_names(models_folder)
    aliases = [name, *(alias for alias, spec in load_catalogue().items() if spec.hub == name)]
    if known := next((alias for alias in aliases if alias in stored), None):
        return open_stored(known, models_folder)
    return Path(name) if is_kind(Path(name), Path.is_dir) else None


def merge_into(adapter: Path, base: StoredModel | Path, folder: Path) -> Origin:
    """Fill folder with the base changed by the adapter, whose tokenizer and template go before the base's."""
    path = base if isinstance(base, Path) else base.path
    merged_adapter(adapter, path, folder)
    _carry(adapter, path, folder)
    known = read_manifest(path)
    return Origin(
        source=f"adapter {adapter.name} on {known.source if known else 'folder ' + path.name}",
        licence=known.licence if known else None,
        base_model=(known.base_model or known.name) if known else path.name,
    )


def _carry(adapter: Path, base: Path, folder: Path) -> None:
    own = {name for name in carried_files(adapter) if is_tokenizer_file(name)}
    whole = "tokenizer.json" in own
    for name in carried_files(base):
        if not (folder / name).exists() and not (whole and is_tokenizer_file(name)):
            copy_file(name, base, folder)
    for name in carried_files(adapter):
        if ((whole or name == "chat_template.jinja") and name in own) or (
            is_legal_file(name) and not (folder / name).exists()
        ):
            copy_file(name, adapter, folder)
