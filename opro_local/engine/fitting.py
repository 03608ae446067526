"""Whether tokenizer, chat template and model of a folder belong together."""

import math
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from opro_local.engine.chat import ChatPrompter, PlainPrompter, Prompter
from opro_local.engine.faults import cause
from opro_local.errors import ModelError
from opro_local.llm import Message

TURNS = (
    [Message("user", "How late is it?")],
    [Message("user", "2 + 2?"), Message("assistant", "4"), Message("user", "3 + 3?")],
)


def check_fitting(folder: Path, skeleton: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise ModelError for a model that is not causal, a template that fails, ids that have no embedding."""
    _check_causal(folder, skeleton)
    rows = int(torch.as_tensor(skeleton.get_input_embeddings().weight).shape[0])
    _check_named(folder, skeleton, tokenizer, rows)
    if tokenizer.chat_template is not None:
        check_template(folder, tokenizer, rows)
    _check_vocabulary(folder, tokenizer, rows)


def _check_causal(folder: Path, skeleton: PreTrainedModel) -> None:
    config = skeleton.config
    said = config.architectures or [type(skeleton).__name__]
    named = list(said) if isinstance(said, list | tuple) else [said]
    ends = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
    both_ways = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(
        config, "is_decoder", False
    )
    if both_ways or not any(str(name).endswith(ends) for name in named):
        raise ModelError(f"{folder.name}: {named[0]} is no causal language model; only those are run.")


def _check_named(
    folder: Path, skeleton: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: int
) -> None:
    """Begin and end must exist; what only fills up a batch is never looked at."""
    ends = skeleton.generation_config.eos_token_id if skeleton.generation_config else None
    ids = {"end": ends, "bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id}
    for name, value in ids.items():
        for index in value if isinstance(value, list) else [value]:
            if not isinstance(index, int | None):
                raise ModelError(f"{folder.name}: its {name} token is {index!r}, which is no id.")
            if index is not None and index >= rows:
                raise ModelError(f"{folder.name}: its {name} token has the id {index}, {_rows(rows)}")


def _rows(rows: float) -> str:
    last = rows - 1
    return f"but the embedding has {rows} rows (ids 0 to {last}). Take tokenizer and weights of one model."


def _check_vocabulary(folder: Path, tokenizer: PreTrainedTokenizerBase, rows: int) -> None:
    """Ids beyond the embedding are harmless only where no text can become one: image tokens of Gemma 3."""
    added = tokenizer.added_tokens_decoder
    beyond = {index: token for token, index in tokenizer.get_vocab().items() if index >= rows}
    for index, token in sorted(beyond.items()):
        special = index in added and added[index].special
        if not special or index in _ids_of(tokenizer, token):
            raise ModelError(f"{folder.name}: the token {token!r} has the id {index}, {_rows(rows)}")


def _ids_of(tokenizer: PreTrainedTokenizerBase, token: str) -> set[int]:
    """All ids that a content holding the token may become."""
    turns = [Message("user", f"a {token} b{token}")]
    prompters: list[Prompter] = [PlainPrompter(tokenizer=tokenizer)]
    if tokenizer.chat_template is not None:
        prompters.append(ChatPrompter(tokenizer=tokenizer))
    return {index for prompter in prompters for index in prompter.encode_each(turns, [""], closed=False)[0]}


def _check_heard(folder: Path, tokenizer: PreTrainedTokenizerBase, turns: list[Message]) -> None:
    """Raise ModelError where the template leaves out what was said: some want it as a list of parts."""
    conversation = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        text = str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # templates run their own code
        raise ModelError(f"{folder.name}: its chat template fails: {cause(error)}") from error
    for turn in turns:
        if turn.content not in text:
            raise ModelError(
                f"{folder.name}: its chat template leaves out the words of the {turn.role}."
                " Put one for plain text in its place, or remove it."
            )


def check_template(folder: Path, tokenizer: PreTrainedTokenizerBase, rows: float = math.inf) -> None:
    """Raise ModelError for a template that fails or writes what has no embedding of so many rows."""
    prompter = ChatPrompter(tokenizer=tokenizer)
    for turns in TURNS:
        _check_heard(folder, tokenizer, turns)
        for prefill in ("", "So"):
            try:
                (ids,) = prompter.encode_each(turns, [prefill], closed=False)
            except ModelError as error:
                raise ModelError(
                    f"{folder.name}: its chat template fails: {cause(error.__cause__ or error)}"
                ) from error
            except Exception as error:  # templates run their own code
                raise ModelError(f"{folder.name}: its chat template fails: {cause(error)}") from error
            if ids and max(ids) >= rows:
                token = tokenizer.convert_ids_to_tokens(max(ids))
                raise ModelError(
                    f"{folder.name}: its chat template writes {token!r}, id {max(ids)}, {_rows(rows)}"
                )
