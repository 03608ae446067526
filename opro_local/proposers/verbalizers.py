"""Wordings of labels: other words that a model scores in place of the users' labels (PET's verbalizers).

How likely a label is depends on its words (Schick and Schütze 2021, arXiv 2001.07676). All labels are written
as in a sentence, as names, or with an article; then one at a time gets another word: a part of its name, or a
word that is typical of its rows (as in Gao et al. 2021, arXiv 2012.15723). With SmolLM2-135M and Gemma-3-270M
the first make most of the difference and "technology" for Sci/Tech adds as much; typical words for all labels
at once lose, and so do capitals. A word is taken only where several rows of the label have it, so that none
gives a row away.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import chi2

from opro_local.proposers.elite import elite
from opro_local.records import Candidate, Example, Trajectory

Words = tuple[str, ...]
"""A wording a label, in the task's label order."""

TYPICAL = 3
"""Words of the rows that are kept a label, the most typical first."""
STYLED = 0.5
"""Share of draws that write all labels in one style."""
FEWEST_ROWS = 3
"""So many rows of a label at least have a word of it."""

TRIES = 100
"""Draws until labels are given up for which no other words are found."""

_WORD = re.compile(r"\b[^\W\d_]{3,}\b")
_JOINTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[_/\-\s]+")


@dataclass(frozen=True, kw_only=True)
class Verbalizers:
    """What labels can be called, beside their own names; rows are those that words are taken from.

    told_apart says whether a model takes words for different ones.
    """

    labels: tuple[str, ...]
    rows: Sequence[Example]
    told_apart: Callable[[Words], bool]

    def varied(self, trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
        """The best candidates with all labels in another style, or one by another word."""
        bases = [replace(entry.solution, calibration=()) for entry in elite(trajectory)]
        for _ in range(TRIES):
            base = draw.choice(bases)
            styled = draw.choice([self.labels, *self.styles])
            words = (
                styled if draw.random() < STYLED else self._with_one_other(base.verbalizer or styled, draw)
            )
            if words != (base.verbalizer or self.labels) and self.apart(words) and self.told_apart(words):
                yield replace(base, verbalizer=() if words == self.labels else words)

    def _with_one_other(self, words: Words, draw: random.Random) -> Words:
        place = draw.randrange(len(words))
        label = self.labels[place]
        parts = _parts(label)
        named = [style[place] for style in self.styles]
        other = draw.choice([label, *named, *(parts if len(parts) > 1 else ()), *self.of_rows[label]])
        return (*words[:place], other, *words[place + 1 :])

    @cached_property
    def styles(self) -> list[Words]:
        """All labels as words of a sentence, as names, and with an article."""
        natural = tuple(" ".join(_parts(label)) for label in self.labels)
        return [natural, tuple(map(str.capitalize, natural)), tuple(map(_with_article, natural))]

    @cached_property
    def of_rows(self) -> Mapping[str, Sequence[str]]:
        """Words that are typical of each label, by the chi-squared statistic of rows with and without."""
        texts = [row.text for row in self.rows]
        if not any(map(_WORD.search, texts)):
            return {label: [] for label in self.labels}
        counts = CountVectorizer(binary=True, token_pattern=_WORD.pattern)
        seen = counts.fit_transform(texts)
        names = counts.get_feature_names_out()
        found = {}
        for label in self.labels:
            own = np.array([row.target == label for row in self.rows])
            inside, outside = (np.asarray(seen[which].sum(axis=0))[0] for which in (own, ~own))
            typical = (inside >= FEWEST_ROWS) & (inside * (~own).sum() > outside * own.sum())
            worth = np.where(typical, chi2(seen, own)[0], -1.0)
            best = np.argsort(-worth, kind="stable")[:TYPICAL]
            found[label] = [str(names[i]) for i in best if worth[i] > 0]
        return found

    def apart(self, words: Sequence[str]) -> bool:
        """Whether no word begins another or is the name of another label, case aside."""
        folded = [word.casefold() for word in words]
        names = [label.casefold() for label in self.labels]
        taken = any(word == name for i, word in enumerate(folded) for j, name in enumerate(names) if i != j)
        return not taken and not any(b.startswith(a) for a, b in permutations(folded, 2))


def _parts(label: str) -> list[str]:
    """The words of a name: "SciTech", "sci_tech" and "Sci/Tech" have two."""
    return [part.lower() for part in _JOINTS.split(label) if part] or [label]


def _with_article(word: str) -> str:
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"
