"""Several texts in one: as a table's cell holds them, and as a target keeps them."""

import json
from collections.abc import Sequence


def texts_in(cell: str, separator: str | None = None) -> list[str]:
    """Those of a JSON list, else those that separator divides, else the cell itself; none of them blank."""
    listed = _listed(cell)
    texts = [cell] if listed is None else listed
    if listed is None and separator:
        texts = cell.split(separator)
    return [text.strip() for text in texts if text.strip()]


def together(texts: Sequence[str]) -> str:
    """One text as it is, several as a JSON list; texts_in(together(texts)) is texts."""
    if not texts or (len(texts) == 1 and _listed(texts[0]) is None):
        return "".join(texts)
    return json.dumps(list(texts), ensure_ascii=False)


def _listed(text: str) -> list[str] | None:
    """The entries of a JSON list of texts and numbers; None for what is none."""
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None
