"""A configuration of promptfoo (checked with 0.123): the prompt, a local server, and the run's test rows."""

import json
import re
from collections.abc import Sequence
from typing import Any

from opro_local.exports.requests import chat_body
from opro_local.exports.use import Use, UseExample, notes
from opro_local.reading.several import texts_in

ADDRESS = "http://127.0.0.1:8080/v1"
"""Where llama.cpp's server listens if it is not told otherwise."""
UNPRINTABLE = re.compile(r"[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029\ufeff]")
LOADED = ("file://", "package:")
"""promptfoo takes a text that begins like this for a file to be read or code to be run."""


def promptfoo(use: Use, lost: Sequence[str]) -> str:
    """YAML: comments, and JSON, which is YAML too. Rows that promptfoo would load are left out."""
    told = [
        *notes(use),
        *lost,
        "promptfoo reports what is done with it unless PROMPTFOO_DISABLE_TELEMETRY=1 is set.",
        f"Run it: promptfoo eval -c THIS_FILE, a server of the model at {ADDRESS}.",
    ]
    comments = "".join(f"# {_printed(' '.join(line.splitlines()))}\n" for line in told)
    return comments + _printed(json.dumps(_config(use), ensure_ascii=False, indent=1)) + "\n"


def _config(use: Use) -> dict[str, Any]:
    rows = [row for row in use.rows if not any(str(t).startswith(LOADED) for t in (row.text, row.target))]
    limits = {"temperature": 0, "max_tokens": use.answer_tokens}
    server = {"apiBaseUrl": ADDRESS, "apiKey": "none", **limits}
    return {
        "description": f"opro-local run {use.run}",
        "prompts": [{"raw": json.dumps(_messages(use), ensure_ascii=False), "label": f"run {use.run}"}],
        "providers": [{"id": f"openai:chat:{use.model}", "config": server}],
        "tests": [_test(row, use) for row in rows],
    }


def _messages(use: Use) -> list[dict[str, str]]:
    marked = chat_body(use, text="\x00")["messages"]
    return [turn | {"content": _literal(turn["content"]).replace("\x00", "{{ text }}")} for turn in marked]


def _test(row: UseExample, use: Use) -> dict[str, Any]:
    """Of several right answers one will do; what a judge graded is not compared."""
    right = texts_in(row.target or "")
    several: dict[str, Any] = {"type": "icontains-any", "value": list(map(_literal, right))}
    one: dict[str, Any] = {"type": "icontains", "value": _literal(use.written(row.target or ""))}
    asserted = [] if use.judged else [several if len(right) > 1 else one]
    return {"vars": {"text": row.text}, "assert": asserted}


def _literal(text: str) -> str:
    """Of a template of Nunjucks, to which {{, {% and {# mean something."""
    return re.sub(r"\{[{%#]", lambda found: f"{{{{ '{found[0]}' }}}}", text)


def _printed(text: str) -> str:
    """The characters that a YAML file may not hold are written as JSON writes them."""
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
