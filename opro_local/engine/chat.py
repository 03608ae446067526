"""Conversations to token ids: through the model's chat template, or as plain text for a pre-trained model.

A prompt is encoded at once, and control tokens that stand in contents become text. One cut is allowed, where
tokenizers cut themselves: at the control token that opens the last turn. What stands before it, shots
mostly, is encoded once for all prompts that begin with it. A prefill is put into the rendered text where a
marker stood as the assistant's reply: templates that trim replies would otherwise eat its blanks. It stands
behind the same empty thought as a reply of the model's own would (see thoughts). A template is told a
constant date, so that a prompt stays the same prompt.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

from jinja2 import TemplateError
from tokenizers import AddedToken
from transformers import BatchEncoding, PreTrainedTokenizerBase

from opro_local.engine.thoughts import closed_thought, text_with_marks
from opro_local.errors import ModelError
from opro_local.llm import Message, TokenIds

MARKER = "[the-reply-begins-here]"
DATE = "01 Jan 2025"

KEPT_HEADS = 64
"""What so many prompts begin with is kept encoded: the candidates of a block, and some more."""

PRIVATE_USE = r"[\ue000-\uf8ff\U000f0000-\U0010ffff]"
"""transformers marks control tokens in contents by letters of this kind."""

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


class Prompter(Protocol):
    """Encodes a conversation with the assistant's turn begun by each prefill, or closed behind it."""

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool
    ) -> list[TokenIds]: ...


@dataclass(frozen=True, kw_only=True)
class ChatPrompter:
    """Encodes through the tokenizer's chat template. heads are the ids of what recent prompts begin with."""

    tokenizer: PreTrainedTokenizerBase
    heads: dict[str, TokenIds] = field(default_factory=dict)

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool
    ) -> list[TokenIds]:
        """Ids of the conversation. Raises ModelError if the template does not take its turns."""
        turns = list(messages) if self._takes_system else _system_into_user(messages)
        reserved = any(map(self._reserved.search, [*(turn.content for turn in turns), *prefills]))
        encode = self._sanitized if reserved else self._cut
        try:
            encoded = encode(turns, prefills, closed=closed)
        except TEMPLATE_FAULTS as error:
            roles = ", ".join(message.role for message in messages)
            raise ModelError(f"The model's chat template does not take these turns: {roles}.") from error
        return [_without_second_start(ids, self.tokenizer.bos_token_id) for ids in encoded]

    def closing(self) -> set[int]:
        """See turn_end. Raises ModelError as encode_each does."""
        turns, reply = [Message("user", "a")], "b"
        self.encode_each(turns, [reply], closed=True)
        opened, closed = (self._rendered(turns, reply, closed=closed) for closed in (False, True))
        behind = closed[len(opened) :].lstrip()
        tokens = [token.content for token in self._control if behind.startswith(token.content)]
        longest = max((token for token in tokens if token.strip()), key=len, default=None)
        ids = self.tokenizer.convert_tokens_to_ids([longest] if longest else [])
        return set(ids if isinstance(ids, list) else [ids])

    @cached_property
    def _template(self) -> str:
        return str(self.tokenizer.get_chat_template())

    @cached_property
    def _takes_system(self) -> bool:
        """Some templates refuse a system turn, some leave it out."""
        turns = [{"role": "system", "content": MARKER}, {"role": "user", "content": "?"}]
        try:
            return MARKER in str(self.tokenizer.apply_chat_template(turns, tokenize=False))
        except TEMPLATE_FAULTS:
            return False

    @cached_property
    def _reserved(self) -> re.Pattern[str]:
        """What no content holds that may be encoded as it is rendered."""
        tokens = [token.content for token in self._control]
        if not tokens:
            return re.compile(PRIVATE_USE)
        # Some models have thousands: they are tried only where one may begin.
        firsts = "".join({re.escape(token[0]) for token in tokens})
        return re.compile(f"{PRIVATE_USE}|(?=[{firsts}])(?:{'|'.join(map(re.escape, tokens))})")

    @cached_property
    def _control(self) -> list[AddedToken]:
        added = self.tokenizer.added_tokens_decoder.values()
        return [token for token in added if token.special or not token.content.isspace()]

    def _sanitized(
        self, turns: Sequence[Message], prefills: Sequence[str], *, closed: bool
    ) -> list[TokenIds]:
        """transformers keeps control tokens in contents apart from those of the template."""
        return [
            _ids(
                self._applied(
                    turns, prefill, closed=closed, thought=self._thought, sanitize_control_tokens=True
                )
            )
            for prefill in prefills
        ]

    def _cut(self, turns: Sequence[Message], prefills: Sequence[str], *, closed: bool) -> list[TokenIds]:
        """The same ids for contents without control tokens."""
        begins = closed or any(prefills)
        before, behind = self._around(turns, closed=closed) if begins else ("", "")
        texts = [
            before + prefill + behind if closed or prefill else self._rendered(turns, "", closed=closed)
            for prefill in prefills
        ]
        cuts = [self._last_opening(text, turns[-1].content) for text in texts]
        tails = self._all_ids([text[cut:] for text, cut in zip(texts, cuts, strict=True)])
        return [self._head_ids(text[:cut]) + tail for text, cut, tail in zip(texts, cuts, tails, strict=True)]

    def _around(self, turns: Sequence[Message], *, closed: bool) -> tuple[str, str]:
        """What stands before a reply that is given, and behind it."""
        before, behind = self._rendered(turns, MARKER, closed=closed).rsplit(MARKER, 1)
        return before + self._thought, behind

    @cached_property
    def _thought(self) -> str:
        """The empty thought that the template writes ahead of the model's reply, but not of a given one."""
        turns = [Message("user", "?")]
        given = self._rendered(turns, MARKER, closed=False).rsplit(MARKER, 1)[0]
        return "" if closed_thought(given) else closed_thought(self._rendered(turns, "", closed=False))

    def _last_opening(self, text: str, content: str) -> int:
        """Where the control token stands that is the last before a turn's content; 0 if there is none."""
        end = max(0, text.rfind(content.strip()))
        return max([0, *(text.rfind(token, 0, end) for token in self._seams)])

    @cached_property
    def _seams(self) -> list[str]:
        """The template's control tokens that cut a text whatever surrounds them, and leave it as it is."""
        text = self._rendered([Message("user", "?")], "", closed=False)
        written = [token for token in self._control if token.content in text]
        return [
            token.content
            for token in written
            if not (token.lstrip or token.normalized or token.single_word)
            and not any(_may_hide(token.content, other.content) for other in self._control)
        ]

    def _head_ids(self, head: str) -> TokenIds:
        if head not in self.heads:
            if len(self.heads) >= KEPT_HEADS:
                self.heads.clear()
            self.heads[head] = self._all_ids([head])[0]
        return self.heads[head]

    def _all_ids(self, texts: Sequence[str]) -> list[TokenIds]:
        if not texts:
            return []  # a tokenizer looks for the first text of a batch
        encoded = self.tokenizer(list(texts), add_special_tokens=False)
        return [tuple(ids) for ids in encoded["input_ids"]]

    def _rendered(self, turns: Sequence[Message], prefill: str, *, closed: bool) -> str:
        return str(self._applied(turns, prefill, closed=closed, tokenize=False))

    def _applied(
        self, turns: Sequence[Message], prefill: str, *, closed: bool, thought: str = "", **options: Any
    ) -> object:
        """What the template makes of the turns: text or ids, as options say. thought comes before prefill."""
        begun = bool(prefill or closed)
        prefilled = PREFILLED.replace("THOUGHT", json.dumps(thought))
        template = prefilled.replace("TEMPLATE", self._template) if begun else self._template
        return self.tokenizer.apply_chat_template(
            [
                {"role": turn.role, "content": turn.content}
                for turn in [*turns, *([Message("assistant", MARKER)] if begun else [])]
            ],
            chat_template=DATED + template,
            add_generation_prompt=not begun,
            enable_thinking=False,
            date_string=DATE,
            marker=MARKER,
            prefill=prefill,
            closed=closed,
            **options,
        )


@dataclass(frozen=True, kw_only=True)
class PlainPrompter:
    """Encodes turns as running text: a blank line between turns, the reply right behind the user's words."""

    tokenizer: PreTrainedTokenizerBase

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool
    ) -> list[TokenIds]:
        """Ids of the text, with the start token if the tokenizer adds one; closed ends the line."""
        return [self._encoded(messages, prefill, closed=closed) for prefill in prefills]

    def _encoded(self, messages: Sequence[Message], prefill: str, *, closed: bool) -> TokenIds:
        text = plain_text([*messages, Message("assistant", prefill)]) + ("\n" if closed else "")
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return self._start + _ids(encoded)

    @cached_property
    def _start(self) -> TokenIds:
        """The start token, if the tokenizer puts one ahead of every text."""
        start = self.tokenizer.bos_token_id
        return (start,) if start is not None and _ids(self.tokenizer("a"))[:1] == (start,) else ()


def _may_hide(token: str, other: str) -> bool:
    """Whether a tokenizer may find the other in a text where the token stands, and so miss the token."""
    overlap = any(other.endswith(token[:length]) for length in range(1, len(token)))
    return overlap or (token in other and token != other)


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
    """The id of the control token with which the template closes an assistant's turn; none if it has none.

    Blanks and words that a template writes behind a reply may stand within any reply.
    """
    return prompter.closing() if isinstance(prompter, ChatPrompter) else set()


def text_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of the ids, without special tokens other than the marks around thoughts."""
    return text_with_marks(tokenizer, ids)
