"""What a run's header says of its task; the first runs said less."""

import json
from collections.abc import Sequence
from typing import Any, cast

from opro_local.config import RunSettings
from opro_local.config.checking import parse_settings
from opro_local.errors import SettingsError, UnreadablePart
from opro_local.records import SplitName
from opro_local.scoring.render import Layout
from opro_local.store.header import RunHeader


def settings_of(header: RunHeader) -> RunSettings:
    """Raises UnreadablePart."""
    try:
        return parse_settings(RunSettings, json.loads(header.settings_json), source="the stored settings")
    except (SettingsError, ValueError, TypeError, AttributeError) as error:
        raise UnreadablePart(f"{error} Start a new run.") from None


def row_ids(header: RunHeader, split: SplitName) -> Sequence[str]:
    """Empty for the first runs, which did not name their rows."""
    return cast("dict[str, list[str]]", header.summary.get("row_ids", {})).get(split, [])


def layout_of(header: RunHeader) -> Layout:
    return Layout(**cast("Any", header.summary["layout"]))
