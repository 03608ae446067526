"""Conversations to token ids: through the model's chat template, or as plain text for a pre-trained model.

A prompt is encoded at once, never in parts, and control tokens that stand in contents become text. A
prefill is put into the rendered text where a marker stood as the assistant's reply: templates that trim
replies would otherwise eat its blanks. A template is told a constant date, so that a prompt stays the same
prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

from jinja2 import TemplateError
from transformers import BatchEncoding, PreTrainedTokenizerBase

from opro_local.errors import ModelError
from opro_local.llm import Message, TokenIds

MARKER = "[the-reply-begins-here]"
DATE = "01 Jan 2025"

# Some templates ask for the date by a function: this one fills any format with the constant day.
DATED = (
    "{% macro strftime_now(format) %}{{ format | replace('%d', '01') | replace('%m', '01')"
    " | replace('%b', 'Jan') | replace('%B', 'January') | replace('%y', '25') | replace('%Y', '2025') }}"
    "{% endmacro %}"
)
PREFILLED = (
    "{% set rendered %}TEMPLATE{% endset %}"
    "{% if marker not in rendered %}{{ raise_exception('the reply is left out') }}{% endif %}"
    "{% set before, behind = rendered.rsplit(marker, 1) %}{{ before + prefill }}"
    "{% if closed %}{{ behind.rstrip() or behind }}{% endif %}"
)


class Prompter(Protocol):
    """Encodes a conversation with the assistant's turn begun, or closed behind prefill."""

    def encode(self, messages: Sequence[Message], prefill: str, *, closed: bool) -> TokenIds: ...


@dataclass(frozen=True, kw_only=True)
class ChatPrompter:
    """Encodes through the tokenizer's chat template."""

    tokenizer: PreTrainedTokenizerBase

    def encode(self, messages: Sequence[Message], prefill: str, *, closed: bool) -> TokenIds:
        """Ids of the conversation. Raises ModelError if the template does not take its turns."""
        turns = list(messages) if self._takes_system else _system_into_user(messages)
        if prefill or closed:
            turns = [*turns, Message("assistant", MARKER)]
        try:
            return self._render(turns, prefill, closed=closed)
        except TemplateError as error:
            roles = ", ".join(message.role for message in messages)
            raise ModelError(f"The model's chat template does not take these turns: {roles}.") from error

    @cached_property
    def _template(self) -> str:
        return str(self.tokenizer.get_chat_template())

    @cached_property
    def _takes_system(self) -> bool:
        """Some templates refuse a system turn, some leave it out."""
        turns = [{"role": "system", "content": MARKER}, {"role": "user", "content": "?"}]
        try:
            return MARKER in str(self.tokenizer.apply_chat_template(turns, tokenize=False))
        except TemplateError:
            return False

    def _render(self, turns: Sequence[Message], prefill: str, *, closed: bool) -> TokenIds:
        begun = bool(prefill or closed)
        template = PREFILLED.replace("TEMPLATE", self._template) if begun else self._template
        encoded = self.tokenizer.apply_chat_template(
            [{"role": turn.role, "content": turn.content} for turn in turns],
            chat_template=DATED + template,
            add_generation_prompt=not begun,
            sanitize_control_tokens=True,
            enable_thinking=False,
            date_string=DATE,
            marker=MARKER,
            prefill=prefill,
            closed=closed,
        )
        return _without_second_start(_ids(encoded), self.tokenizer.bos_token_id)


@dataclass(frozen=True, kw_only=True)
class PlainPrompter:
    """Encodes turns as running text: a blank line between turns, the reply right behind the user's words."""

    tokenizer: PreTrainedTokenizerBase

    def encode(self, messages: Sequence[Message], prefill: str, *, closed: bool) -> TokenIds:
        """Ids of the text, with the start token if the tokenizer adds one; closed ends the line."""
        text = plain_text([*messages, Message("assistant", prefill)]) + ("\n" if closed else "")
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return self._start + _ids(encoded)

    @cached_property
    def _start(self) -> TokenIds:
        """The start token, if the tokenizer puts one ahead of every text."""
        start = self.tokenizer.bos_token_id
        return (start,) if start is not None and _ids(self.tokenizer("a"))[:1] == (start,) else ()


def plain_text(messages: Sequence[Message]) -> str:
    """The turns as running text: an assistant's words continue what stands before them."""
    joints = ["" if after.role == "assistant" else "\n\n" for _, after in pairwise(messages)]
    return "".join(message.content + joint for message, joint in zip(messages, [*joints, ""], strict=True))


def _system_into_user(messages: Sequence[Message]) -> list[Message]:
    """The system text moved ahead of the first user turn, for templates without a system role."""
    system = [message.content for message in messages if message.role == "system"]
    turns = [message for message in messages if message.role != "system"]
    first = next((i for i, turn in enumerate(turns) if turn.role == "user"), None)
    if not system or first is None:
        return [*turns] if turns else [Message("user", "\n\n".join(system))]
    turns[first] = Message("user", "\n\n".join([*system, turns[first].content]))
    return turns


def _ids(encoded: object) -> TokenIds:
    """The ids in what a tokenizer returns for one text."""
    assert isinstance(encoded, BatchEncoding)
    return tuple(encoded["input_ids"])


def _without_second_start(ids: TokenIds, start: int | None) -> TokenIds:
    """A prompt begins with at most one start token, whatever the template does."""
    while start is not None and ids[:2] == (start, start):
        ids = ids[1:]
    return ids


def turn_end(prompter: Prompter) -> set[int]:
    """The id that closes an assistant's turn, as far as the template writes one."""
    turns = [Message("user", "a")]
    opened = prompter.encode(turns, "b", closed=False)
    closed = prompter.encode(turns, "b", closed=True)
    return set(closed[len(opened) : len(opened) + 1])


def text_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of the ids, without special tokens."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
