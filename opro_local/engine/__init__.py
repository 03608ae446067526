"""Local language models in this process: the only room that imports torch and transformers.

Its names are imported when they are asked for, so that importing a neighbour of it does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opro_local.engine.compiling import compiling_pays
    from opro_local.engine.family_check import FamilyCheck, check_family
    from opro_local.engine.hardware import gpu_count, hardware_name, thread_count
    from opro_local.engine.local import LocalEngine, load_engine, token_counter
    from opro_local.engine.memory import MemoryPlan, plan_folder
    from opro_local.engine.swapping import LoadOptions, load_engines
    from opro_local.engine.texts import texts_of_folder

__all__ = [
    "FamilyCheck",
    "LoadOptions",
    "LocalEngine",
    "MemoryPlan",
    "check_family",
    "compiling_pays",
    "gpu_count",
    "hardware_name",
    "load_engine",
    "load_engines",
    "plan_folder",
    "texts_of_folder",
    "thread_count",
    "token_counter",
]

_MODULES = ("local", "memory", "compiling", "swapping", "family_check", "hardware", "texts")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{place}" for place in _MODULES)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
