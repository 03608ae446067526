"""The metadata of a GGUF file, read key by key: what decides numbers and is not asked for is refused."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from opro_local.catalogue.gguf_header import Value
from opro_local.errors import ModelError

_Number = TypeVar("_Number", int, float)

Config: TypeAlias = dict[str, Any]
"""What config.json says of a model, or a part of it; the classes of transformers know its types."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one architecture, without its name ahead of them. used are those that were asked for."""

    architecture: str
    metadata: Mapping[str, Value]
    used: set[str] = field(default_factory=set)

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number; a list of equal ones, a layer each, is that number. Raises ModelError."""
        return self._number(key, int, default)

    def real(self, key: str, default: float | None = None) -> float:
        """A number. Raises ModelError when it is missing and there is no default."""
        return float(self._number(key, float, default))

    def integers(self, key: str, count: int) -> list[int]:
        """A whole number for each of count layers. Raises ModelError."""
        value = self._value(key)
        numbers = value if isinstance(value, list) else [value] * count
        if len(numbers) != count or not all(type(number) is int for number in numbers):
            raise self.refused(key, f"expected {count} whole numbers")
        return [int(number) for number in numbers]

    def text(self, key: str, default: str) -> str:
        """A text. Raises ModelError when it is something else."""
        value = self.optional(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.refused(key, "expected a text")
        return value

    def optional(self, key: str) -> Value | None:
        """What stands under the key, None where there is none."""
        self.used.add(key)
        return self.metadata.get(f"{self.architecture}.{key}")

    def expect(self, key: str, *allowed: Value) -> None:
        """Nothing, or one of the values that change nothing. Raises ModelError."""
        value = self.optional(key)
        if value is not None and value not in allowed:
            raise self.refused(key, "this value is not supported")

    def check_all_used(self, harmless: Iterable[str]) -> None:
        """Raise ModelError for a key of the architecture that nobody asked for and that may matter."""
        prefix = f"{self.architecture}."
        own = {key.removeprefix(prefix) for key in self.metadata if key.startswith(prefix)}
        unknown = sorted(own - self.used - set(harmless))
        if unknown:
            raise self.refused(unknown[0], "this key is not understood")

    def refused(self, key: str, why: str) -> ModelError:
        """The error for a key, with its value if it is short."""
        name = f"{self.architecture}.{key}"
        value = self.metadata.get(name)
        shown = "is missing" if value is None else f"is {str(value)[:40]!r}"
        return ModelError(f"{name} {shown}: {why}. Use the model's safetensors folder instead.")

    def _value(self, key: str) -> Value:
        value = self.optional(key)
        if value is None:
            raise self.refused(key, "a model needs it")
        return value

    def _number(self, key: str, kind: type[_Number], default: _Number | None) -> _Number:
        value = self.optional(key)
        if value is None:
            if default is not None:
                return default
            raise self.refused(key, "a model needs it")
        if isinstance(value, list) and len(set(value)) == 1:
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
            raise self.refused(key, f"expected one {'whole ' if kind is int else ''}number")
        if not math.isfinite(value):
            raise self.refused(key, "expected a finite number")
        return kind(value)
