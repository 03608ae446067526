"""Imports point downwards, nothing goes in circles, and what needs no model loads no model library."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "opro_local"

FLOORS = (
    ("durable", "effort", "errors", "offline", "one_thread", "stopwatch", "wording"),
    ("prompt_form",),
    ("patterns", "records", "user_code"),
    ("llm", "config"),
    ("recording", "evidence", "testing", "workers"),
    ("problem",),
    ("reading", "catalogue", "budget", "proposers.admission"),
    ("answers",),
    ("tasks",),
    ("scoring", "meta_prompt"),
    ("optimizer",),
    ("proposers", "interventions"),
    ("problems",),
    ("loop",),
    ("store",),
    ("results",),
    ("exports",),
    ("report",),
    ("studies",),
    ("wiring",),
    ("api", "web"),
    ("cli",),
    ("__main__",),
)
"""Rooms from the ground up: a room may import its own modules and all floors below it, no neighbour.

A module that is named stands on a floor of its own, apart from its room.

engine stands beside the house (ENGINE); the package's own __init__ names what users get from the top floors.
"""
ENGINE = {"effort", "llm", "config", "catalogue", "errors", "offline", "one_thread"}
MODEL_LIBRARIES = {"torch", "transformers", "accelerate", "bitsandbytes", "safetensors", "tokenizers"}
HEAVY = {*MODEL_LIBRARIES, "sklearn", "scipy", "huggingface_hub"}

FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> dict[str, Path]:
    """Dotted names without the package's own, "" for the package itself."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """Full dotted names of what a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            # A module of a package, or a name in a module.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[str]:
    """The package's modules that a file imports, without the package's name."""
    names = {name.removeprefix("opro_local.") for name in imported(path) if name.startswith("opro_local.")}
    return {name if name in MODULES else name.rpartition(".")[0] for name in names}


def room(module: str) -> str:
    return module if module in FLOOR else module.partition(".")[0]


def allowed(module: str, target: str) -> bool:
    here, there = room(module), room(target)
    if here == there:
        return True
    if here == "engine":
        return there in ENGINE
    if there == "engine":
        return here == "wiring"
    return FLOOR[there] < FLOOR[here]


def test_every_room_has_its_floor() -> None:
    assert {room(module) for module in MODULES} - {"", "engine"} == set(FLOOR)


def test_imports_point_downwards() -> None:
    upwards = [
        f"{module} imports {target}"
        for module, path in MODULES.items()
        for target in sorted(own_imports(path))
        if module and not allowed(module, target)
    ]
    assert upwards == []


def test_the_table_tells_up_from_down() -> None:
    assert all(allowed(upper[0], lower[0]) for lower, upper in pairwise(FLOORS))
    assert not any(allowed(lower[0], upper[0]) for lower, upper in pairwise(FLOORS))
    assert not allowed("scoring.scorer", "meta_prompt")
    assert allowed("engine.local", "llm")
    assert not allowed("engine.local", "records")
    assert not allowed("cli.run", "engine.local")


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: own_imports(path) - {module} for module, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_engine_imports_model_libraries() -> None:
    found = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        for name in imported(path)
        if room(module) != "engine" and name.partition(".")[0] in MODEL_LIBRARIES
    ]
    assert found == []


@pytest.mark.parametrize(
    "work",
    [
        "import opro_local",
        "from opro_local import RunSettings, load_task, optimize_task, run_document",
        "from opro_local.cli import main; main(['--help'], standalone_mode=False)",
        "from opro_local.cli import main; main(['run', '--help'], standalone_mode=False)",
        "from opro_local.cli import main; main(['model', 'list'], standalone_mode=False)",
        "from opro_local.cli import main; main(['runs', 'list'], standalone_mode=False)",
    ],
)
def test_what_needs_no_model_loads_no_heavy_library(work: str) -> None:
    program = (
        f"import sys\n{work}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["guide"], ["guide", "evidence"]])
def test_importing_the_package_and_asking_what_there_is_load_no_settings(arguments: list[str]) -> None:
    # The list of commands answers within a few tenths of a second because of this.
    program = (
        f"import sys, opro_local\nfrom opro_local.cli import main\nmain({arguments}, standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"pydantic", "numpy", "rich", "opro_local.config"} & set(done.stderr.split()) == set()
