"""Conversations to token ids: through the model's chat template, or as plain text for a pre-trained model.

A prompt is encoded at once, and control tokens that stand in contents become text. Cuts are allowed where
tokenizers cut themselves (see pieces): at the control token that opens the last turn, and at the last one
before the reply. What prompts have in common is encoded once: shots, a row ahead of each label, labels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerBase

from opro_local.engine.pieces import Pieces, cut_anyway, token_ids
from opro_local.engine.template import TEMPLATE_FAULTS, ChatTemplate
from opro_local.engine.thoughts import text_with_marks
from opro_local.errors import ModelError
from opro_local.llm import Message, TokenIds

PRIVATE_USE = r"[\ue000-\uf8ff\U000f0000-\U0010ffff]"
"""transformers marks control tokens in contents by letters of this kind."""


class Prompter(Protocol):
    """Encodes a conversation with the assistant's turn begun by each prefill, or closed behind it."""

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool
    ) -> list[TokenIds]: ...


@dataclass(frozen=True, kw_only=True)
class ChatPrompter:
    """Encodes through the tokenizer's chat template."""

    tokenizer: PreTrainedTokenizerBase

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool
    ) -> list[TokenIds]:
        """Ids of the conversation. Raises ModelError if the template does not take its turns."""
        turns = list(messages) if self._template.takes_system else _system_into_user(messages)
        reserved = any(map(self._reserved.search, [*(turn.content for turn in turns), *prefills]))
        encode = self._sanitized if reserved else self._cut
        try:
            encoded = encode(turns, prefills, closed=closed)
        except TEMPLATE_FAULTS as error:
            roles = ", ".join(message.role for message in messages)
            raise ModelError(f"The model's chat template does not take these turns: {roles}.") from error
        start = self.tokenizer.bos_token_id
        return [_without_second_start(ids, start) for ids in encoded]

    def closing(self) -> set[int]:
        """See turn_end. Raises ModelError as encode_each does."""
        turns = [Message("user", "a")]
        self.encode_each(turns, ["b"], closed=True)
        behind = self._template.around(turns, closed=True)[1].lstrip()
        tokens = [token.content for token in self._control if behind.startswith(token.content)]
        longest = max((token for token in tokens if token.strip()), key=len, default=None)
        ids = self.tokenizer.convert_tokens_to_ids([longest] if longest else [])
        return set(ids if isinstance(ids, list) else [ids])

    @cached_property
    def _template(self) -> ChatTemplate:
        return ChatTemplate(tokenizer=self.tokenizer)

    @cached_property
    def _pieces(self) -> Pieces:
        written = self._template.opened([Message("user", "?")])
        return Pieces(self.tokenizer, cut_anyway(self._control, written))

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
        return [self._template.sanitized(turns, prefill, closed=closed) for prefill in prefills]

    def _cut(self, turns: Sequence[Message], prefills: Sequence[str], *, closed: bool) -> list[TokenIds]:
        """The same ids for contents without control tokens."""
        content = turns[-1].content
        before, behind = self._template.around(turns, closed=closed) if closed or any(prefills) else ("", "")
        *head, begun = self._pieces.cut(before, content)
        opened = [] if closed or all(prefills) else self._pieces.cut(self._template.opened(turns), content)
        return self._pieces.ids(
            [[*head, begun + prefill + behind] if closed or prefill else opened for prefill in prefills]
        )


@dataclass(frozen=True, kw_only=True)
class PlainPrompter:
    """Encodes turns as running text: a blank line between turns, the reply right behind the user's words."""

    tokenizer: PreTrainedTokenizerBase

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool
    ) -> list[TokenIds]:
        """Ids of the text, with the start token if the tokenizer adds one; closed ends the line."""
        end = "\n" if closed else ""
        texts = [plain_text([*messages, Message("assistant", prefill)]) + end for prefill in prefills]
        return [self._start + ids for ids in token_ids(self.tokenizer, texts, split_special_tokens=True)]

    @cached_property
    def _start(self) -> TokenIds:
        """The start token, if the tokenizer puts one ahead of every text."""
        start = self.tokenizer.bos_token_id
        return (start,) if start is not None and self.tokenizer("a")["input_ids"][:1] == [start] else ()


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
