"""Which tokens may come next where a reply has to match a regular expression.

llguidance follows the text of a reply, whatever tokens spell it: among those that leave the reply a way to
its end the model's own ranking decides. It comes with the extra opro-local[fields].
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from opro_local.errors import ModelError
from opro_local.llm import GenerationRequest

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

INSTALL = "Replies of a given form need llguidance. Install it: pip install 'opro-local[fields]'"
WORD_BITS = 32


@dataclass(slots=True)
class Progress:
    """How far a reply has come in its constraint. Behind its end any token may follow: nobody reads it."""

    matcher: "LLMatcher"
    ends: frozenset[int]
    ended: bool = False

    def copy(self) -> "Progress":
        return Progress(self.matcher.deep_copy(), self.ends, self.ended)

    def take(self, token: int) -> bool:
        """Go on behind a token; whether the constraint allows it."""
        if self.ended or token in self.ends:
            self.ended = True
            return True
        return bool(self.matcher.try_consume_tokens([token]) == 1)

    def write(self, words: NDArray[np.int32]) -> None:
        """A bit for each token of the vocabulary: whether it may come next."""
        if not self.ended:
            self.matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
            if self.matcher.is_error():
                raise ModelError(f"The form of a reply is too complex: {self.matcher.get_error()}")


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Those of one model's replies. ends are the ids that end a turn, vocabulary the number of its logits."""

    tokenizer: PreTrainedTokenizerBase
    vocabulary: int
    ends: frozenset[int]
    compiled: "dict[str, LLMatcher]" = field(default_factory=dict)

    def progress(self, request: GenerationRequest, ids: Sequence[int] = ()) -> Progress | None:
        """Behind the first tokens of a reply; None for a request without a constraint. Raises ModelError."""
        if request.constraint is None:
            return None
        found = Progress(self._matcher(request.constraint), self.ends).copy()
        for token in ids:
            found.take(token)
        return found

    def allowed(self, rows: Sequence[Progress | None], device: torch.device) -> Tensor:
        """Which tokens may come next. -> (R, V) bool."""
        words = np.full((len(rows), -(-self.vocabulary // WORD_BITS)), -1, dtype=np.int32)
        for row, progress in enumerate(rows):
            if progress is not None:
                progress.write(words[row])
        bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little", count=self.vocabulary)
        return torch.from_numpy(bits).view(torch.bool).to(device)

    def _matcher(self, constraint: str) -> "LLMatcher":
        if constraint not in self.compiled:
            known = self._known  # says first whether the library is there
            from llguidance import LLMatcher

            matcher = LLMatcher(known, LLMatcher.grammar_from_regex(constraint), log_level=0)
            if matcher.is_error():
                raise ModelError(f"No reply can have the form that is asked for: {matcher.get_error()}")
            self.compiled[constraint] = matcher
        return self.compiled[constraint]

    @cached_property
    def _known(self) -> "LLTokenizer":
        """The vocabulary as llguidance has it: five seconds for 262,144 tokens, once."""
        try:
            from llguidance.hf import from_tokenizer
        except ImportError:
            raise ModelError(INSTALL) from None
        if not isinstance(self.tokenizer, PreTrainedTokenizerFast):
            raise ModelError("The model has no tokenizer.json, so its replies cannot be held to a form.")
        return from_tokenizer(self.tokenizer, n_vocab=self.vocabulary, eos_token=sorted(self.ends) or None)
