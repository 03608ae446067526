"""Texts that say the same: equal but for case, blanks and closing punctuation."""

import unicodedata
from collections.abc import Callable

from opro_local.config import Twins

CLOSING = " .!?,;:。、؟।"
"""What a sentence may end with, in compatibility form; brackets are none of it: ":)" is not ":("."""


def twin_key(text: str) -> str:
    """The same for texts that say the same."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return plain.rstrip(CLOSING) or plain


def key_of(twins: Twins) -> Callable[[str], str]:
    """What texts are told apart by, under this setting."""
    return twin_key if twins == "together" else str
