"""The mathematical problems that opro-local solve knows: a file each, found by its name."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from opro_local.problems.objective import Objective


def objective_names() -> list[str]:
    """As on the command line: linear-regression for linear_regression.py."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(__path__))


def objective_name(objective: Objective) -> str:
    return type(objective).__module__.rpartition(".")[2].replace("_", "-")


def objective_class(name: str) -> type[Objective]:
    """The one Objective that the file of this name defines. Raises LookupError."""
    file = name.replace("-", "_")
    if not file.isidentifier() or find_spec(f"{__name__}.{file}") is None:
        raise LookupError(f"no objective {name!r}")
    module = import_module(f"{__name__}.{file}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Objective) and value.__module__ == module.__name__
    )
    return found
