"""Results as JSON, and the schema of that JSON; all of it follows from the types of the records."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from opro_local.results import SCHEMA_VERSION

SCHEMA_FILE = Path(__file__).parents[1] / "guide" / "result.schema.json"


def run_document(path: Path, *, outcomes: bool = False) -> dict[str, Any]:  # JSON, for users of Python
    """All that run --json and export print; with outcomes also every example's. Raises StoreError.

    All that may differ between an unbroken run and one that was killed and resumed stands under "timing";
    only the run id differs besides.
    """
    from opro_local.results.result import read_result  # takes a second: scikit-learn

    return dict(as_json(read_result(path, outcomes=outcomes)))


def as_json(value: object) -> Any:
    """A record as strict JSON values; a field with the default None is left out where it is None."""
    if is_dataclass(value):
        return {
            each.name: as_json(found)
            for each in fields(value)
            if (found := getattr(value, each.name)) is not None or each.default is not None
        }
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_text(value: object) -> str:
    """A record as a JSON object of several lines, the version of its schema first."""
    whole = {"schema_version": SCHEMA_VERSION, **as_json(value)}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def schema_text() -> str:
    """The JSON schema of what export writes, as it is shipped."""
    return SCHEMA_FILE.read_text(encoding="utf-8")


def generated_schema() -> str:
    """The schema that follows from the types; schema_text() is this."""
    from opro_local.results.result import ObjectiveResult, TaskResult

    schema = TypeAdapter(TaskResult | ObjectiveResult).json_schema(mode="serialization")
    version = {"const": SCHEMA_VERSION, "description": "One more when a key goes or means something else."}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What opro-local export writes",
        "properties": {"schema_version": version},
        "required": ["schema_version"],
        **schema,
    }
    return json.dumps(whole, indent=1) + "\n"
