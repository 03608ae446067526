"""The tables of measure_models.py."""

import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from exactness.imports import STRINGS, ImportCheck
from opro_local.engine.family_check import FamilyCheck

HOW = """What the engine scores, held against others. Written by `python scripts/measure_models.py` (see
scripts/README.md) on {date}: {processor}, {versions}.

Gaps are the largest differences of log-probabilities in nats, both sides in fp32: of choices of one to
several tokens, and of each token of a text. Greedy tells whether the replies at temperature 0 are the same
tokens. The level is what the probe at load allows: E0 reuses nothing, E2 and E3 share prefixes.
"""


def heading(now: datetime | None = None) -> str:
    """When, where and how."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("transformers", "torch", "gguf"))
    day = (now or datetime.now(UTC)).date().isoformat()
    return "# Exactness of models\n\n" + HOW.format(date=day, processor=_processor(), versions=versions)


def family_table(rows: Iterable[tuple[FamilyCheck | str, str]]) -> str:
    """Tiny random models, beside the aliases of each family; a text says why there are no figures."""
    lines = ["| family | models of the catalogue | level | gap, choice | gap, token | greedy |"]
    lines += ["|---|---|---|---:|---:|---|"]
    for found, aliases in rows:
        if isinstance(found, str):
            lines.append(f"| {found} | {aliases} | | | | |")
        else:
            lines.append(f"| {found.family} | {aliases} | {_figures(found)} |")
    return _section("Every family of the catalogue, tiny and random, beside plain transformers", lines)


def stored_table(rows: Mapping[str, FamilyCheck | str]) -> str:
    """Real models."""
    lines = ["| model | level | gap, choice | gap, token | greedy |", "|---|---|---:|---:|---|"]
    for name, found in rows.items():
        lines.append(f"| {name} | {found if isinstance(found, str) else _figures(found)} |")
    return _section("Real models beside plain transformers", lines)


def import_table(rows: Mapping[str, ImportCheck | str]) -> str:
    """GGUF files beside llama.cpp."""
    versions = sorted({found.version for found in rows.values() if isinstance(found, ImportCheck)})
    by = ", ".join(versions) or "(not installed: not measured)"
    lines = [
        f"Read by llama.cpp through xllamacpp {by} with an F32 cache; the greedy token is that behind each",
        "context. In a file of F32 matrices every difference is ours or rounding (llama.cpp's GELU, which",
        "Gemma has, is a table in half precision: 1e-3 to 1e-2). Beside quantised matrices llama.cpp",
        "rounds the activations too, to 8 bits, and its own numbers move by tenths of a nat: such a row",
        "tells that the model is the right one, not that it is exact. Ids are those of",
        f"{STRINGS} varied texts, start token included; Qwen's own tokenizer composes letters first (NFC),",
        "as the import does, and llama.cpp's does not.",
        "",
        "| file | matrices | level | gap | greedy | equal ids |",
        "|---|---|---|---:|---|---:|",
    ]
    for name, found in rows.items():
        if isinstance(found, str):
            lines.append(f"| {name} | {found} | | | | |")
        else:
            figures = f"{found.gap:.1e} | {_equal(found.greedy_equal)} | {found.ids_equal}/{STRINGS}"
            lines.append(f"| {name} | {found.kinds} | {found.level} | {figures} |")
    return _section("GGUF imports beside llama.cpp", lines)


def _figures(found: FamilyCheck) -> str:
    gaps = f"{found.choice_gap:.1e} | {found.token_gap:.1e}"
    return f"{found.level} | {gaps} | {_equal(found.greedy_equal)}"


def _equal(equal: bool) -> str:
    return "equal" if equal else "**differs**"


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join(["", f"## {title}", "", *lines, ""])


def _processor() -> str:
    """The processor's name where the system tells it."""
    file = Path("/proc/cpuinfo")
    names = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in names if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
