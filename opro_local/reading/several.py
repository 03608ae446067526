"""Several texts in one: as a table's cell holds them, and as a target keeps them."""

import json
import warnings
from ast import literal_eval
from collections.abc import Callable, Sequence
from io import StringIO
from tokenize import STRING, generate_tokens

from opro_local.one_thread import alone

UNREADABLE = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)
"""What readers of literals raise."""


def texts_in(cell: str, separator: str | None = None) -> list[str]:
    """Those of a list, else those that separator divides, else the cell itself; none of them blank."""
    listed = _texts_of_list(cell)
    texts = [cell] if listed is None else listed
    if listed is None and separator:
        texts = cell.split(separator)
    return [text.strip() for text in texts if text.strip()]


def together(texts: Sequence[str]) -> str:
    """One text as it is, several as a JSON list; texts_in(together(texts)) is texts."""
    if not texts or (len(texts) == 1 and _texts_of_list(texts[0]) is None):
        return "".join(texts)
    return json.dumps(list(texts), ensure_ascii=False)


def list_in(cell: str) -> list[object] | None:
    """The entries of a list, numbers as texts, as JSON writes it or Python, which pandas leaves in CSV.

    None for what is none.
    """
    for read in READERS if cell.lstrip().startswith("[") else ():
        try:
            found = read(cell.strip())
        except UNREADABLE:
            continue
        return found if isinstance(found, list) else None
    return None


def _of_json(cell: str) -> object:
    return json.loads(cell, parse_int=str, parse_float=str)


def _of_python(cell: str) -> object:
    """Raises ValueError for texts without a comma between, as numpy prints them: Python makes one of them."""
    with alone, warnings.catch_warnings(action="ignore"):  # of backslashes in texts
        found = literal_eval(cell)
    texts = sum(isinstance(each, str) for each in found)
    if texts != sum(token.type == STRING for token in generate_tokens(StringIO(cell).readline)):
        raise ValueError("texts side by side")
    return [str(each) if type(each) in (int, float) else each for each in found]


READERS: Sequence[Callable[[str], object]] = (_of_json, _of_python)


def _texts_of_list(text: str) -> list[str] | None:
    """The entries of a list of texts and numbers; None for what is none."""
    found = list_in(text)
    texts = [each for each in found or () if isinstance(each, str)]
    return texts if found is not None and len(texts) == len(found) else None
