"""The stored real models as engines in fp32, each loaded once a process: that takes seconds."""

from functools import cache
from pathlib import Path

from opro_local.engine import LocalEngine, load_engine


@cache
def real_engine(folder: Path) -> LocalEngine:
    return load_engine(folder, digest=f"model:{folder.name}", quantize="fp32")
