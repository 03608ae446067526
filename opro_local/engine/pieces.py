"""Texts to ids, by the tokenizer itself and in pieces that are encoded once.

A text may be cut where its tokenizer cuts it whatever stands around: at some control tokens, its seams.
Prompts of one run have most of their pieces in common: shots, rows behind the same instruction, labels.
"""

import re
from collections.abc import Collection, Sequence

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerBase
from transformers.tokenization_utils_base import TruncationStrategy
from transformers.utils.generic import PaddingStrategy

from opro_local.llm import TokenIds

KEPT_CHARACTERS = 2_000_000
"""Pieces of so many characters are kept encoded: some 20 MB."""


class Pieces:
    """Encodes texts of a tokenizer that are cut at seams, control tokens that cut_anyway has found.

    kept are the ids of pieces of late.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, seams: Sequence[str]) -> None:
        self._tokenizer, self._seams = tokenizer, seams
        self.kept: dict[str, TokenIds] = {}
        self._characters = 0

    def cut(self, text: str, content: str) -> list[str]:
        """The text up to the last seam before content, then up to the last of all, and the rest."""
        end = max(0, text.rfind(content.strip()))
        opening, last = self._last(text, end), self._last(text, len(text))
        return [*(piece for piece in (text[:opening], text[opening:last]) if piece), text[last:]]

    def ids(self, texts: Sequence[Sequence[str]]) -> list[TokenIds]:
        """The ids of each text, which is given in its pieces."""
        self._encode({piece: None for text in texts for piece in text})
        return [sum((self.kept[piece] for piece in text), ()) for text in texts]

    def _last(self, text: str, end: int) -> int:
        """Where the last seam begins that ends before a place; 0 if there is none."""
        return max([0, *(text.rfind(seam, 0, end) for seam in self._seams)])

    def _encode(self, pieces: Collection[str]) -> None:
        """Keep the ids of all pieces."""
        if self._characters > KEPT_CHARACTERS:
            self.kept.clear()
            self._characters = 0
        missing = [piece for piece in pieces if piece not in self.kept]
        if missing:
            self.kept.update(zip(missing, token_ids(self._tokenizer, missing), strict=True))
            self._characters += sum(map(len, missing))


def token_ids(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, split_special_tokens: bool = False
) -> list[TokenIds]:
    """Ids of texts without special tokens around them: those of tokenizer(...), by the tokenizer beneath it.

    split_special_tokens encodes special tokens that stand in a text as the text that they are.
    """
    beneath = tokenizer.backend_tokenizer
    tokenizer.set_truncation_and_padding(
        padding_strategy=PaddingStrategy.DO_NOT_PAD,
        truncation_strategy=TruncationStrategy.DO_NOT_TRUNCATE,
        max_length=0,
        stride=0,
        pad_to_multiple_of=None,
        padding_side=None,
    )
    beneath.encode_special_tokens = split_special_tokens
    return [tuple(each.ids) for each in beneath.encode_batch_fast(list(texts), add_special_tokens=False)]


def cut_anyway(control: Sequence[AddedToken], text: str) -> list[str]:
    """Those of the control tokens in a text that cut it whatever surrounds them, and leave it as it is.

    Other tokens may look at, or take in, a letter or a blank with which one begins.
    """
    return [
        token.content
        for token in control
        if token.content in text
        and re.match(r"[^\w\s]", token.content)
        and not (token.lstrip or token.normalized or token.single_word)
        and not any(_may_hide(token.content, other.content) for other in control)
    ]


def _may_hide(token: str, other: str) -> bool:
    """Whether a tokenizer may find the other in a text where the token stands, and so miss the token."""
    overlap = any(other.endswith(token[:length]) for length in range(1, len(token)))
    return overlap or (token in other and token != other)
