"""Local language models in this process: the only room that imports torch and transformers.

Its names are imported when they are asked for, so that importing a neighbour of it does not load torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opro_local.engine.local import LocalEngine, load_engine, token_counter

__all__ = ["LocalEngine", "load_engine", "token_counter"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from opro_local.engine import local

    return getattr(local, name)
