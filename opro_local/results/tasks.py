"""What a run's header says of its task; the first runs said less."""

from collections.abc import Sequence
from typing import Any, cast

from opro_local.records import SplitName
from opro_local.scoring.render import Layout
from opro_local.store.header import RunHeader


def row_ids(header: RunHeader, split: SplitName) -> Sequence[str]:
    """Empty for the first runs, which did not name their rows."""
    return cast("dict[str, list[str]]", header.summary.get("row_ids", {})).get(split, [])


def layout_of(header: RunHeader) -> Layout:
    return Layout(**cast("Any", header.summary["layout"]))
