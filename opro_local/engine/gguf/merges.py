"""The merges of a vocabulary, best first: as a GGUF file lists them, or as the scores of its tokens imply."""

from collections.abc import Iterable, Mapping
from typing import Any

from opro_local.engine.gguf.vocabulary import ADVICE, Type, Vocabulary, check_length, read_list
from opro_local.errors import ModelError

Merges = list[tuple[str, str]]


def listed_merges(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> Merges:
    """tokenizer.ggml.merges as pairs. Raises ModelError if there are none, or one makes no token."""
    lines = read_list(metadata, "merges", str)
    if not lines:
        raise ModelError(f"tokenizer.ggml.merges is missing: a byte-level vocabulary needs it. {ADVICE}")
    merges: dict[tuple[str, str], None] = {}  # the first of two equal ones counts
    for line in lines:
        cut = line.find(" ", 1)
        left, right = line[:cut], line[cut + 1 :]
        if cut < 0 or not {left, right, left + right} <= vocabulary.ids.keys():
            raise ModelError(f"tokenizer.ggml.merges: {line[:60]!r} makes no token. {ADVICE}")
        merges[left, right] = None
    return list(merges)


def merges_by_score(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> Merges:
    """Every way to make a token of two, the token with the highest score first.

    Raises ModelError where scores do not decide: two tokens that text can make have the same.
    """
    scores = _scores(vocabulary, metadata)
    ways = {token: _ways(token, vocabulary) for token in vocabulary.tokens}
    made = [token for token in vocabulary.tokens if ways[token]]
    free = [*vocabulary.of_types(Type.NORMAL, Type.UNUSED, Type.BYTE)]
    _check_decided(vocabulary, scores, (token for token in free if ways[token]))
    _check_spelled(vocabulary, free)
    made.sort(key=lambda token: -scores[vocabulary.ids[token]])
    return [way for token in made for way in ways[token]]


def _scores(vocabulary: Vocabulary, metadata: Mapping[str, Any]) -> list[float]:
    scores = read_list(metadata, "scores", int | float)
    if not scores:
        raise ModelError(f"tokenizer.ggml.scores is missing: pieces merge by their scores. {ADVICE}")
    check_length("scores", scores, vocabulary.tokens)
    return scores


def _ways(token: str, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """The pairs of tokens that make a token, the shortest left one first."""
    halves = ((token[:cut], token[cut:]) for cut in range(1, len(token)))
    return [(left, right) for left, right in halves if left in vocabulary.ids and right in vocabulary.ids]


def _check_decided(vocabulary: Vocabulary, scores: list[float], made: Iterable[str]) -> None:
    """Raise ModelError where two tokens that text can make have the same score.

    llama.cpp then takes the one that stands first in the text, which no list of merges can say.
    """
    by_score: dict[float, str] = {}
    for token in made:
        score = scores[vocabulary.ids[token]]
        if token != by_score.setdefault(score, token):
            raise ModelError(
                f"tokenizer.ggml.scores: {by_score[score]!r} and {token!r} have the same score, {score:g}."
                f" {ADVICE}"
            )


def _check_spelled(vocabulary: Vocabulary, free: Iterable[str]) -> None:
    """Raise ModelError for a token made of a character that is no token: no list of merges can say it."""
    for token in free:
        for end, rest in ((token[0], token[1:]), (token[-1], token[:-1])):
            if end not in vocabulary.ids and rest and (rest in vocabulary.ids or len(rest) == 1):
                raise ModelError(
                    f"tokenizer.ggml.tokens has {token!r} and lacks {end!r}, of which it is made. {ADVICE}"
                )
