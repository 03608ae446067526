"""Bodies of requests to servers: of the OpenAI protocol, and llama.cpp's with a grammar of the labels."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from opro_local.exports.use import PLACE, Use, notes

LONGEST_VALUE, MOST_VALUES = 512, 16
"""Characters and number of the values of metadata, by the OpenAI protocol."""


def chat_body(use: Use, text: str = PLACE, *, model: str | None = None) -> dict[str, Any]:
    """What POST /v1/chat/completions takes for a row; greedy."""
    messages = [asdict(turn) for turn in use.messages]
    asked = messages[len(use.turns)]
    asked["content"] = f"{use.before}{text}{use.behind}"
    return {
        "model": use.model if model is None else model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": use.answer_tokens,
    }


def openai_json(use: Use, lost: Sequence[str]) -> str:
    """The body of a request, {text} for the row."""
    return _json(chat_body(use) | {"metadata": metadata(use, lost)})


def llama_cpp(use: Use, lost: Sequence[str]) -> str:
    """Of llama.cpp's server: its chat, or POST /completion for a scorer that read running text."""
    body = chat_body(use) if use.chat else _completion_body(use)
    grammar = {"grammar": choice_grammar(use.choices)} if use.compares else {}
    return _json(body | grammar | {"metadata": metadata(use, lost)})


def _completion_body(use: Use) -> dict[str, Any]:
    return {"prompt": _running_text(use), "temperature": 0, "n_predict": use.answer_tokens}


def _running_text(use: Use) -> str:
    """As a pre-trained scorer reads it: an answer right behind its question, an empty line behind both."""
    text = ""
    for turn in use.messages:
        joint = "\n\n" if text and turn.role == "user" else ""
        text += joint + turn.content
    return text


def choice_grammar(choices: Sequence[Sequence[str]]) -> str:
    """In GBNF: one text of each choice, a line each, a blank ahead of the first or none."""
    lines = [" | ".join(json.dumps(text, ensure_ascii=False) for text in choice) for choice in choices]
    joint = json.dumps("\n")
    return f"root ::= [ ]? ({f') {joint} ('.join(lines)})"


def metadata(use: Use, lost: Sequence[str]) -> Mapping[str, str]:
    """The notes in the form that the protocol has for them: servers pass it over."""
    told = [*notes(use), *lost]
    return {f"note {i}": told[i][:LONGEST_VALUE] for i in range(min(len(told), MOST_VALUES))}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
