"""The chat templates in a GGUF file, stored as transformers stores them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opro_local.engine.gguf.vocabulary import ADVICE
from opro_local.errors import ModelError

_KEY = "tokenizer.chat_template"


def write_templates(metadata: Mapping[str, Any], folder: Path) -> None:
    """Write chat_template.jinja, and named templates beside it into additional_chat_templates.

    Raises ModelError for a template that is no text, and for named ones without a default.
    """
    templates = _named(metadata)
    default = templates.pop("", "")
    if default:
        (folder / "chat_template.jinja").write_text(default, encoding="utf-8")
    elif templates:
        raise ModelError(f"{_KEY} is missing beside {', '.join(sorted(templates))}: no default. {ADVICE}")
    for name, template in templates.items():
        path = folder / "additional_chat_templates" / f"{name}.jinja"
        path.parent.mkdir(exist_ok=True)
        path.write_text(template, encoding="utf-8")


def _named(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Templates by name, the default under the empty one."""
    templates = {}
    for key, template in metadata.items():
        if key != _KEY and not key.startswith(f"{_KEY}."):
            continue
        name = key.removeprefix(_KEY).removeprefix(".")
        if not isinstance(template, str) or not re.fullmatch(r"\w*", name, re.ASCII):
            raise ModelError(f"{key[:60]!r} is no template with a plain name. {ADVICE}")
        templates[name] = template
    return templates
