"""Which models there are, where their weights come from, and whether those on disk are what they should be.

spec.py        models/*.toml
folder.py      whether a folder can be a model: files, JSON (configuration.py), tensors (weights.py)
bundle.py      MODEL.json, SHA256SUMS, verification
ledger.py      which files were read whole when, and look unchanged
shelf.py       the models folder
adding.py      a folder or a GGUF file on this machine -> shelf
pulling.py     hub or package index -> shelf (packages.py: wheels)
resolving.py   --model -> verified weights
conversion.py  the child process that converts weights and tries to load
               (gguf_header.py, gguf_parts.py: check GGUF first)

No torch here: `run` must say that weights are missing before anything heavy is imported.
"""

from opro_local.catalogue.adding import add
from opro_local.catalogue.bundle import Manifest, read_manifest, verify
from opro_local.catalogue.conversion import StoredQuantize
from opro_local.catalogue.model_store import StoredModel, model_folder, open_stored, remove, stored_names
from opro_local.catalogue.pulling import pull
from opro_local.catalogue.resolving import missing_weights, resolve
from opro_local.catalogue.spec import ModelSpec, SourceKind, load_catalogue

__all__ = [
    "Manifest",
    "ModelSpec",
    "SourceKind",
    "StoredModel",
    "StoredQuantize",
    "add",
    "load_catalogue",
    "missing_weights",
    "model_folder",
    "open_stored",
    "pull",
    "read_manifest",
    "remove",
    "resolve",
    "stored_names",
    "verify",
]
