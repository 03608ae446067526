"""Which of a model's instructions are not worth scoring: small models write much that is no instruction.

near-duplicate  of an earlier one, case, spacing and punctuation aside: a few letters may differ, of a long
                one a word ("not" too)
wrong language  most letters are of scripts (Latin, Han, ...) that nothing in the task is written in;
                languages of one script are not told apart
repetition      more than half of its words are repeated
nonsense        it has no word of two letters, or the scorer finds its words nearer to random ones than to
                instructions; two words are too few to tell, and foreign ones of the same script pass

Nonsense is measured on the scorer itself: the border lies halfway between the mean log-probability a token of
the instructions that come with opro-local and that of the same words at random. On SmolLM2-135M and
Gemma-3-270M it is near -7.4. On a task of three labels the former rejected one of 48 instructions ("Which
one fits?") and let one of 60 draws of random words pass, the latter none and two.
"""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import islice, takewhile
from statistics import median

from opro_local.llm import ChoiceRequest, Engine, Message
from opro_local.proposers.baselines import random_instructions, words_of
from opro_local.proposers.library import direct_instructions
from opro_local.records import Reason
from opro_local.tasks.task import Task

NEAR = 0.9
"""Share of common characters from which two instructions are near-duplicates."""
FEWEST_WORDS = 3
RANDOM_TEXTS = 16

_WORD = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True)
class InstructionFilter:
    """engine is the scorer's."""

    engine: Engine
    task: Task

    def reasons(self, texts: Sequence[str], earlier: Sequence[str]) -> list[Reason | None]:
        """Why each of texts is not worth scoring, None where it is; one call of the model at most."""
        found = [self._plain_reason(text) for text in texts]
        judged = [
            place
            for place, text in enumerate(texts)
            if not found[place] and len(text.split()) >= FEWEST_WORDS
        ]
        for place, value in zip(judged, self._log_probs([texts[place] for place in judged]), strict=True):
            if value < self._border:
                found[place] = "nonsense"
        known = list(map(_letters, earlier))
        for place, text in enumerate(texts):
            if found[place]:
                continue
            if any(_alike(_letters(text), other) for other in known):
                found[place] = "near-duplicate"
            known.append(_letters(text))
        return found

    def _plain_reason(self, text: str) -> Reason | None:
        if not _WORD.search(text):
            return "nonsense"
        words = _letters(text).split()
        if len(words) >= FEWEST_WORDS and 2 * len(set(words)) < len(words):
            return "repetition"
        scripts = _scripts(text)
        foreign = sum(count for script, count in scripts.items() if script not in self._known_scripts)
        return "wrong language" if 2 * foreign > scripts.total() else None

    @cached_property
    def _known_scripts(self) -> frozenset[str]:
        written = [self.task.description, *self.task.labels, *(row.text for row in self.task.examples)]
        return frozenset(_scripts(" ".join([*direct_instructions(self.task), *written])))

    @cached_property
    def _border(self) -> float:
        """In nats a token."""
        library = [t for t in direct_instructions(self.task) if len(t.split()) >= FEWEST_WORDS]
        drawn = random_instructions(words_of(library), random.Random(0))
        shuffled = (text for text in drawn if len(text.split()) >= FEWEST_WORDS)
        known = self._log_probs([*library, *islice(shuffled, RANDOM_TEXTS)])
        return (median(known[: len(library)]) + median(known[len(library) :])) / 2

    def _log_probs(self, texts: Sequence[str]) -> list[float]:
        """Mean log-probability in nats a token, each text as a user would write it."""
        requests = [self._request(text) for text in texts]
        replies = self.engine.loglikelihood(requests)
        return [
            reply.log_probs[0] / len(request.choices[0])
            for request, reply in zip(requests, replies, strict=True)
        ]

    def _request(self, text: str) -> ChoiceRequest:
        """What a message adds to an empty one, but for its first token: any word may begin."""
        whole, empty = (self.engine.encode((Message("user", each),)) for each in (text, ""))
        before = max(1, _common(whole, empty))
        after = min(_common(whole[::-1], empty[::-1]), len(empty) - before, len(whole) - before - 2)
        return ChoiceRequest(
            context=whole[: before + 1], choices=(whole[before + 1 : len(whole) - max(0, after)],)
        )


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _letters(text: str) -> str:
    kept = "".join(character if character.isalnum() else " " for character in text.casefold())
    return " ".join(kept.split())


def _alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR


def _scripts(text: str) -> Counter[str]:
    """Letters by the first word of their Unicode name, which is the script's."""
    return Counter(unicodedata.name(c, "?").partition(" ")[0] for c in text if c.isalpha())
