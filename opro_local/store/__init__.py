"""What a run writes to disk: one SQLite file a run, and one cache of model replies beside them."""

from opro_local.store.candidates_table import candidates_csv
from opro_local.store.export import run_document
from opro_local.store.header import ModelRecord, RunHeader, read_header
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.store.run_file import Codec, RunFile

__all__ = [
    "Codec",
    "ModelRecord",
    "ReplyCacheFile",
    "RunFile",
    "RunHeader",
    "candidates_csv",
    "read_header",
    "run_document",
]
