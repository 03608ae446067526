"""Records as their types say: JSON of a run file goes into them as it stands."""

import json
from collections.abc import Hashable
from dataclasses import asdict
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

T = TypeVar("T")


def typed(record: T) -> T:
    """The record itself. Raises ValueError where a field holds something else than its type says."""
    text = json.dumps(asdict(cast("Any", record)))
    _adapter(cast("Hashable", type(record))).validate_json(text, strict=True)
    return record


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
