"""What a reply answers: where it ends, which part of it is the answer, and how many answers that part holds.

A reply ends where the model starts a new question of its own ("Q:" at the head of a line), with a finished
line of an answer marker and an answer and nothing else, or with a first paragraph that is nothing but an
answer. Of what stands before its end, the last \\boxed{} counts, else the part after the last answer marker
(one that is denied or supposed is none), else the sentence before a closing "is the answer", else all. What
follows the end changes nothing: so a model may be stopped there. An answer counts as a whole, never as part
of a word or number: constant, hedged or endless answers win nothing.

A reply that was cut off at its limit has an answer only if what would have followed could not change it: none
that rests on its last word, of which a part may be missing, and no last number before the last one is known.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Protocol

from opro_local.reading.assertion import is_denied
from opro_local.reading.normalisation import normalised, unwrapped
from opro_local.records import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """prediction is None exactly when reason says why; score from 0 to 1, 1 is right."""

    prediction: str | None = None
    score: float = 0.0
    feedback: str | None = None
    reason: str | None = None


NO_ANSWER = Graded(reason="no answer")
SEVERAL_ANSWERS = Graded(reason="several answers")
CUT_OFF = Graded(reason="cut off")

MARKER = re.compile(
    r"####|\banswer(?: to (?:the|this|your) (?:question|problem))? is\b:?|\banswer:", re.IGNORECASE
)
BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
"""Braces in it may be nested twice, as in \\boxed{\\frac{1}{2^{3}}}."""
AHEAD = re.compile(r"\bis the (?:correct |right |final )?answer\b\W*\Z", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
QUESTION = re.compile(r"[\s*_`]*Q[*_`]*:")
FENCE = re.compile(r"\s*`{3,}\w*\s*")
UNFINISHED = re.compile(r"(?:\w|\d[.,/:'\u2019^+-])\Z")
"""The end of a word or number, of which a part may be missing."""


class Reader(Protocol):
    """What one answer kind knows. Texts are normalised; question is the example's text."""

    def answers(self, text: str, question: str) -> Sequence[str]:
        """The different answers that a reply gives, at least two if there are more."""
        ...

    def is_answer(self, text: str, question: str) -> bool:
        """Whether the text is one answer and nothing else, its marker and punctuation aside."""
        ...

    def awaits_end(self, text: str) -> bool:
        """Whether the answer is not known before the text has come to its end."""
        ...

    def worth(self, answer: str, example: Example) -> float:
        """What the answer is worth beside the example's target, from 0 to 1, which is right."""
        ...


class Grader(Protocol):
    """Reads a reply."""

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        """What a reply comes to; cut says that it was ended by its limit."""
        ...

    def is_final(self, text: str, question: str) -> bool:
        """Whether no further text can change the grade, so that generation may stop."""
        ...


@dataclass(frozen=True, slots=True)
class StrictGrader:
    """At most one answer a reply."""

    reader: Reader

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        """cut says that the reply was ended by its limit."""
        text, ended = self._counted(reply, example.text)
        answers = self.reader.answers(text, example.text)
        if len(answers) > 1:
            return SEVERAL_ANSWERS
        if cut and not ended and not self._is_settled(text, answers, example.text):
            return CUT_OFF
        if not answers:
            return NO_ANSWER
        return Graded(prediction=answers[0], score=self.reader.worth(answers[0], example))

    def is_final(self, text: str, question: str) -> bool:
        return self._counted(text, question)[1]

    def _is_settled(self, text: str, answers: Sequence[str], question: str) -> bool:
        """Whether an unfinished text has its answer already."""
        *_, last = text.split() or [""]
        whole_words = text.removesuffix(last) if UNFINISHED.search(last[-2:]) else text
        return (
            bool(answers)
            and not self.reader.awaits_end(text)
            and list(self.reader.answers(whole_words, question)) == list(answers)
        )

    def _counted(self, text: str, question: str) -> tuple[str, bool]:
        return counted_part(text, partial(self.reader.is_answer, question=question))


def counted_part(text: str, is_answer: Callable[[str], bool]) -> tuple[str, bool]:
    """The part of a reply that counts, normalised, and whether it has come to its end."""
    counted = last = ""
    for line in text.splitlines(keepends=True):
        if opens_question(line):
            return counted, True
        if FENCE.fullmatch(line):
            continue
        plain = unwrapped(normalised(line))
        counted += plain
        block = _block(plain, last, counted)
        if block and line.endswith("\n") and is_answer(block):
            return counted, True
        last = plain
    return counted, False


def opens_question(line: str) -> bool:
    """Whether the model goes on with a question of its own in this line, whatever else it will hold."""
    return QUESTION.match(unicodedata.normalize("NFKC", line)) is not None


def own_part(reply: str) -> str:
    """The reply up to where the model goes on to a question of its own."""
    return "\n".join(takewhile(lambda line: not opens_question(line), reply.rstrip().splitlines()))


def _block(line: str, last: str, so_far: str) -> str:
    """What may be the answer when the line is finished: a marked line, or all text that a blank line closes.

    An unmarked line alone may be the first of a list.
    """
    if MARKER.search(line) or BOXED.search(line):
        return line
    return so_far if last.strip() and not line.strip() else ""


def answer_span(text: str) -> str:
    """The part of a counted text that holds the answer; the text itself if nothing marks one."""
    if boxed := BOXED.findall(text):
        return str(boxed[-1])
    markers = [match for match in MARKER.finditer(text) if not is_denied(text, match.start())]
    if markers:
        return text[markers[-1].end() :]
    if ahead := AHEAD.search(text):
        return SENTENCE_END.split(text[: ahead.start()].strip())[-1]
    return text


def wording(words: str) -> str:
    """A pattern of these words with any white space between them."""
    return r"\s+".join(map(re.escape, words.split()))
