"""A model's chat template: turns to text, up to where its reply begins or around a reply that is given.

A reply is put into the rendered text where a marker stood as the assistant's words: templates that trim
replies would otherwise eat its blanks. It stands behind the same empty thought as a reply of the model's own
would (see thoughts). A template is told a constant date, so that a prompt stays the same prompt.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2 import Template, TemplateError
from transformers import BatchEncoding, PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import _compile_jinja_template

from opro_local.engine.thoughts import closed_thought
from opro_local.llm import Message, TokenIds

MARKER = "[the-reply-begins-here]"
DATE = "01 Jan 2025"
NAMES: dict[str, Any] = {"enable_thinking": False, "date_string": DATE}
"""What a template is told beside the turns and the names of special tokens."""

# Some templates ask for the date by a function: this one fills any format with the constant day.
DATED = (
    "{% macro strftime_now(format) %}{{ format | replace('%d', '01') | replace('%m', '01')"
    " | replace('%b', 'Jan') | replace('%B', 'January') | replace('%y', '25') | replace('%Y', '2025') }}"
    "{% endmacro %}"
)
PREFILLED = (
    "{% set rendered %}TEMPLATE{% endset %}"
    "{% if marker not in rendered %}{{ raise_exception('the reply is left out') }}{% endif %}"
    "{% set before, behind = rendered.rsplit(marker, 1) %}{{ before + THOUGHT + prefill }}"
    "{% if closed %}{{ behind.rstrip() or behind }}{% endif %}"
)
UNTRIMMED = "{% set rendered = true %}"
"""Behind a template it keeps the line end that jinja would take off, as PREFILLED does."""

TEMPLATE_FAULTS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a template raises: its own refusals, and those of the expressions in it."""


@dataclass(frozen=True, kw_only=True)
class ChatTemplate:
    """The chat template of a tokenizer. All that it is asked for raises TEMPLATE_FAULTS where it refuses."""

    tokenizer: PreTrainedTokenizerBase

    def opened(self, turns: Sequence[Message]) -> str:
        """The turns, and how the template opens the model's reply."""
        return self._text(self._open, turns, opening=True)

    def around(self, turns: Sequence[Message], *, closed: bool) -> tuple[str, str]:
        """What stands before a reply that is given, and behind it if it is closed."""
        before, behind = self._parted(turns)
        return before + self._thought, (behind.rstrip() or behind) if closed else ""

    def sanitized(self, turns: Sequence[Message], prefill: str, *, closed: bool) -> TokenIds:
        """Ids with control tokens in contents kept apart from those of the template, as transformers does."""
        begun = bool(prefill or closed)
        template = PREFILLED.replace("THOUGHT", json.dumps(self._thought)).replace("TEMPLATE", self._source)
        encoded = self.tokenizer.apply_chat_template(
            _told([*turns, *([Message("assistant", MARKER)] if begun else [])]),
            chat_template=DATED + (template if begun else self._source),
            add_generation_prompt=not begun,
            sanitize_control_tokens=True,
            marker=MARKER,
            prefill=prefill,
            closed=closed,
            **NAMES,
        )
        assert isinstance(encoded, BatchEncoding)
        return tuple(encoded["input_ids"])

    @cached_property
    def takes_system(self) -> bool:
        """Some templates refuse a system turn, some leave it out."""
        turns = _told([Message("system", MARKER), Message("user", "?")])
        try:
            return MARKER in str(self.tokenizer.apply_chat_template(turns, tokenize=False))
        except TEMPLATE_FAULTS:
            return False

    @cached_property
    def _thought(self) -> str:
        """The empty thought that the template writes ahead of the model's reply, but not of a given one."""
        turns = [Message("user", "?")]
        given, _ = self._parted(turns)
        return "" if closed_thought(given) else closed_thought(self.opened(turns))

    def _parted(self, turns: Sequence[Message]) -> tuple[str, str]:
        """What the template writes before a reply, and behind it."""
        text = self._text(self._ended, [*turns, Message("assistant", MARKER)], opening=False)
        before, marker, behind = text.rpartition(MARKER)
        if not marker:
            raise TemplateError("the reply is left out")
        return before, behind

    def _text(self, compiled: Template, turns: Sequence[Message], *, opening: bool) -> str:
        told = {"messages": _told(turns), "add_generation_prompt": opening}
        return "".join(compiled.root_render_func(compiled.new_context(self._names | told, shared=True)))

    @cached_property
    def _source(self) -> str:
        return str(self.tokenizer.get_chat_template())

    @cached_property
    def _open(self) -> Template:
        return _compiled(DATED + self._source)

    @cached_property
    def _ended(self) -> Template:
        return _compiled(DATED + self._source + UNTRIMMED)

    @cached_property
    def _names(self) -> dict[str, Any]:
        """What a template knows beside the turns: all but its globals is as apply_chat_template tells it."""
        told = {"tools": None, "documents": None} | NAMES
        return dict(self._open.globals) | self.tokenizer.special_tokens_map | told


def _compiled(source: str) -> Template:
    """A template in the sandbox of transformers."""
    compiled = _compile_jinja_template(source)
    assert isinstance(compiled, Template)
    return compiled


def _told(turns: Sequence[Message]) -> list[dict[str, str]]:
    """The turns as templates know them."""
    return [{"role": turn.role, "content": turn.content} for turn in turns]
