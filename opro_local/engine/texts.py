"""What a model makes of texts, without its weights: prompts to ids, ids to texts."""

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from opro_local.engine.chat import ChatPrompter, PlainPrompter, Prompter, text_of, turn_end
from opro_local.engine.profile import load_tokenizer
from opro_local.errors import ModelError
from opro_local.llm import Message, TokenIds


class ModelTexts:
    """The part of opro_local.llm.Engine that needs a tokenizer only; implements llm.Texts."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, chat: bool) -> None:
        self._tokenizer = tokenizer
        self._prompter = prompter_of(tokenizer, chat=chat)

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        """See Engine.encode. Raises ModelError if the chat template does not take the turns."""
        return self.encode_each(messages, [prefill], closed=closed)[0]

    def encode_each(
        self, messages: Sequence[Message], prefills: Sequence[str], *, closed: bool = False
    ) -> list[TokenIds]:
        """See Engine.encode_each. Raises ModelError as encode does."""
        return self._prompter.encode_each(messages, prefills, closed=closed)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, without special tokens."""
        return text_of(self._tokenizer, ids)

    def turn_end(self) -> set[int]:
        """The ids that end an assistant's turn, by the chat template."""
        return turn_end(self._prompter)


def texts_of_folder(path: Path, *, chat: bool) -> ModelTexts:
    """The texts of the model in a folder, its weights unread. Raises ModelError."""
    return ModelTexts(load_tokenizer(path), chat=chat)


def prompter_of(tokenizer: PreTrainedTokenizerBase, *, chat: bool) -> Prompter:
    """How messages become tokens. Raises ModelError if there is no template for a chat."""
    if not chat:
        return PlainPrompter(tokenizer=tokenizer)
    if tokenizer.chat_template is None:
        raise ModelError("The model has no chat template, so it cannot be prompted as a chat model.")
    return ChatPrompter(tokenizer=tokenizer)
