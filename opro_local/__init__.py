"""Optimise prompts with local language models: OPRO (Yang et al. 2023), in-process and offline.

The public names are loaded when they are first asked for, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opro_local.api import (
        load_task,
        measure_candidates,
        optimize_task,
        resume_run,
        score_instructions,
        solve,
    )
    from opro_local.config import Folders, RunSettings, TaskSettings
    from opro_local.results.document import run_document
    from opro_local.results.winner import load_winner
    from opro_local.wiring.host import Host

__all__ = [
    "Folders",
    "Host",
    "RunSettings",
    "TaskSettings",
    "load_task",
    "load_winner",
    "measure_candidates",
    "optimize_task",
    "resume_run",
    "run_document",
    "score_instructions",
    "solve",
]

_HOMES = {
    "Folders": "opro_local.config",
    "Host": "opro_local.wiring.host",
    "RunSettings": "opro_local.config",
    "TaskSettings": "opro_local.config",
    "load_winner": "opro_local.results.winner",
    "run_document": "opro_local.results.document",
}
"""Modules of the public names that are not the api's own."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "opro_local.api")), name)


def __dir__() -> list[str]:
    return __all__
