"""Numbers, compared by value: signs, commas, currency, fractions, decimals, scale words and number words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.answers.normalisation import match_value, number_value, numbers_in
from opro_local.answers.reading import BOXED, MARKER, SENTENCE_END, answer_span
from opro_local.records import Example

OR = re.compile(r"\W*(?:\w+ )?or\W+", re.IGNORECASE)
"""What stands between two numbers of which the reply does not say which one it means."""


@dataclass(frozen=True, slots=True)
class NumberReader:
    """opro_local.answers.reading.Reader: the last number of the answer.

    Behind a marker it is the last one of the first sentence that has any: what follows is chatter.
    """

    def answers(self, text: str, question: str) -> Sequence[str]:
        span = answer_span(text)
        sentences = [span] if span == text else SENTENCE_END.split(span)
        numbers = next((found for sentence in sentences if (found := list(numbers_in(sentence)))), [])
        if not numbers or match_value(numbers[-1]) is None:
            return []
        between = numbers[-1].string[numbers[-2].end() : numbers[-1].start()] if len(numbers) > 1 else ""
        chosen = numbers[-2:] if OR.fullmatch(between) else numbers[-1:]
        return list({match_value(number): number.group().strip() for number in chosen}.values())

    def is_answer(self, text: str, question: str) -> bool:
        """An unmarked number may be the first of a calculation."""
        return _is_marked(text) and number_value(answer_span(text).strip(" \t\r\n:.=")) is not None

    def awaits_end(self, text: str) -> bool:
        """The last number of a calculation is behind all others."""
        return not _is_marked(text)

    def equal(self, answer: str, example: Example) -> bool:
        return number_value(answer) == number_value(example.target)


def _is_marked(text: str) -> bool:
    return MARKER.search(text) is not None or BOXED.search(text) is not None
