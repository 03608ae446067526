"""Thoughts that a chat template writes ahead of a reply: found, and closed for replies that are given.

A template may open a thought for the model to fill, or write an empty one for a model that shall not think,
but leave it out of a reply that is given to it. A label's log-probability would then be that of a reply in
another place than the model's own: inside a thought, or without the empty one that it was trained behind.
"""

from collections.abc import Sequence
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from opro_local.llm import THOUGHT_MARKS

GAP = "\n\n"
"""Between a thought's marks, and behind it: as Qwen3's template writes an empty one."""


def closed_thought(prompt: str) -> str:
    """The empty thought with which a rendered prompt ends, closed if it is open; "" where it has none."""
    for opening, end in THOUGHT_MARKS:
        start = prompt.rfind(opening)
        tail = prompt[start:] if start >= 0 else ""
        inside = tail.removeprefix(opening).strip()
        if tail and not inside:
            return opening + GAP + end + GAP
        if inside == end:
            return tail
        if prompt.rstrip().endswith(end):  # some templates write the end alone
            return prompt[prompt.rfind(end) :]
    return ""


def text_with_marks(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of the ids without special tokens, but with the marks around thoughts, special or not."""
    marks = _special_marks(tokenizer)
    if marks.isdisjoint(ids):
        return _decoded(tokenizer, ids)
    text, begun = "", 0
    for at, token in enumerate(ids):
        if token in marks:
            text += _decoded(tokenizer, ids[begun:at]) + str(tokenizer.convert_ids_to_tokens(token))
            begun = at + 1
    return text + _decoded(tokenizer, ids[begun:])


@lru_cache(maxsize=4)
def _special_marks(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids of marks that are special tokens, or that begin with one (<|channel> of <|channel>thought)."""
    marks = [mark for pair in THOUGHT_MARKS for mark in pair]
    return frozenset(
        number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special and any(mark.startswith(token.content) for mark in marks)
    )


def _decoded(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
