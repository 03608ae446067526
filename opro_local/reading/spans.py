"""Pieces of a text compared token by token, as SQuAD compares answers (Rajpurkar et al. 2016, 2018).

Case, punctuation, articles and white space do not count. What the published script gets wrong is not taken
over:

- An answer of articles or punctuation alone ("A", "+") normalises to nothing there, which equals any other
  nothing. Here an article is left out only where a word follows it, and not a capital A within ("hepatitis A
  virus"); what has no token otherwise is compared as it is written.
- Removed punctuation glues: 1.5 is 15 there, 3/4 is 34, -5 is 5, "well-known" one word. Here a number keeps
  its sign and what stands within, thousands commas aside, and other marks part words. C++ and C#, A+ and A-
  are no C and no A.
- Only ASCII punctuation is removed there: here quotation marks and dashes of all kinds are.
- Words are what blanks divide there, so that a Chinese, Japanese or Thai answer is one token, right or wrong
  as a whole. Here each character of a script without blanks is a token.
- Tokens are counted whatever their order there ("12 May" beside "May 12"). Here they count in order, so that
  a F1 of 1 is an exact match.
"""

from collections.abc import Sequence
from functools import lru_cache

import regex

from opro_local.reading.normalisation import normalised

ARTICLES = ("a", "an", "the")
TOKEN = regex.compile(
    r"""
    [\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*
    | (?<![\w.])[-+]?\d+(?:[.,:/-]\d+)*(?![\p{Latin}\p{Greek}\p{Cyrillic}\d_])
    | (?<!\w)(?:\p{L}\.){2,}
    | (?<!\w)\p{L}-(?![\w-])
    | [\w--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+
      (?:['\u2019]\w+)*(?:[+\#]+(?!\w))?
    """,
    regex.VERBOSE | regex.VERSION1,
)
"""A character of a script without blanks, a number, an abbreviation, a letter with a minus, a word."""
WITHIN_WORDS = str.maketrans("", "", ".'\u2019")
THOUSANDS = regex.compile(r"(?<=\d),(?=\d{3}(?!\d))")


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """The tokens of an answer, articles left out; at least one where the text is not blank."""
    written = _written(text)
    kept = [each for place, each in enumerate(written) if not _is_article(written, place)]
    return tuple(map(_plain, kept)) or tuple(text.split())


def holds(text: str, piece: str) -> bool:
    """Whether the tokens of piece, articles too, stand side by side in text."""
    whole, part = (f" {' '.join(map(_plain, _written(each)))} " for each in (text, piece))
    return part in whole if part.strip() else piece.strip() in text


def token_f1(said: Sequence[str], right: Sequence[str]) -> float:
    """The harmonic mean of the shares of tokens that both have in the same order; neither is empty."""
    return 2 * _common(said, right) / (len(said) + len(right))


def _written(text: str) -> list[str]:
    found: list[str] = TOKEN.findall(normalised(text))
    return found


def _is_article(written: Sequence[str], place: int) -> bool:
    """Whether it stands before a word; a capital A that does not begin the answer is a name."""
    word = written[place]
    is_name = word == "A" and place > 0
    return word.casefold() in ARTICLES and place + 1 < len(written) and not is_name


def _plain(token: str) -> str:
    if token[-1].isdigit():
        return str(THOUSANDS.sub("", token)).removeprefix("+")
    return token.casefold().translate(WITHIN_WORDS)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    best = [0] * (len(other) + 1)
    for token in one:
        corner = 0
        for i, each in enumerate(other, start=1):
            corner, best[i] = best[i], corner + 1 if token == each else max(best[i], best[i - 1])
    return best[-1]
