"""Regular expressions of the user's: the syntax is that of Python's re, the time of a match is limited.

A pattern that backtracks without end would hold a run and its resume for ever. re cannot be stopped,
the regex package can; what it would read in another way is refused or escaped first. Whether a
pattern matches is never guessed: where its time runs out, the command ends and names it.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import regex

from opro_local.errors import SettingsError
from opro_local.one_thread import alone
from opro_local.wording import quoted

SECONDS = 1.0
"""The most that a pattern may search one text. A sound one takes milliseconds."""
_LITERAL_BRACE = re.compile(r"(?<!\\)((?:\\\\)*)\{(?!\d+(?:,\d*)?\}|,\d*\})")
"""In re it stands for itself; regex may read an approximate match: (?:cat){e<=1}."""


@lru_cache
def compiled(text: str, *, ignore_case: bool = False) -> regex.Pattern[str]:
    """Raises SettingsError for what is no regular expression of re, or may become another one there."""
    try:
        with alone, warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # [[:alpha:]] and other sets in sets
            re.compile(text)
            return regex.compile(_escaped(text), regex.V0 | (regex.IGNORECASE if ignore_case else 0))
    except (re.error, regex.error, FutureWarning, OverflowError, RecursionError) as error:
        raise SettingsError(f"{quoted(text)} is no regular expression ({error}).") from None


def _escaped(text: str) -> str:
    return text if r"\N{" in text else _LITERAL_BRACE.sub(r"\1\\{", text)


@contextmanager
def in_time(text: str) -> Iterator[float]:
    """Gives the timeout of a search with this pattern. Raises SettingsError when it runs out."""
    try:
        yield SECONDS
    except TimeoutError:
        raise SettingsError(
            f"the pattern {quoted(text)} took more than {SECONDS:g} s on one text. Write one without repeats "
            "in repeats; a ban is taken back with: opro-local prompts unban RUN TEXT"
        ) from None
