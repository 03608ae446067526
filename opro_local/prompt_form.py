"""The form of a prompt: how it asks, whatever it asks."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptForm:
    """How a prompt asks, beside its instruction; the default is the layout's own way (scoring/render.py).

    field stands before a row ("Text: "), cue before its answer ("Label:"); "" is for none, None leaves both
    to the layout. begun: the cue opens the model's turn. apart: the instruction is a system turn; of running
    text, a paragraph.
    """

    field: str | None = None
    cue: str | None = None
    begun: bool = False
    apart: bool = False

    def changes(self) -> dict[str, Any]:
        """What differs from the default."""
        if self == DEFAULT_FORM:
            return {}
        return {name: value for name, value in asdict(self).items() if value != getattr(DEFAULT_FORM, name)}


DEFAULT_FORM = PromptForm()
