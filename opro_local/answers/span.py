"""A piece of the row's own text: worth the F1 of its tokens beside those of the right piece."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from opro_local.answers.text import Text
from opro_local.config import Metric, TaskSettings
from opro_local.errors import SettingsError
from opro_local.reading.replies import Grader
from opro_local.reading.several import texts_in, together
from opro_local.reading.spans import holds, token_f1, tokens
from opro_local.records import Example, LabelledRow
from opro_local.wording import counted, listed

INSTRUCTIONS = (
    "Copy the part of the text that answers the question, word for word.",
    "Answer with words of the text.",
    "Which words of the text are asked for?",
    "Give the shortest piece of the text that is the answer, and nothing else.",
    "Find the answer in the text. Quote it without any comment.",
    "You mark passages for a living. Mark the few words that answer, as they are written.",
    "Extract the answer from the text. Do not write a sentence of your own.",
    "Read the text twice, then copy out the answer.",
    "Answer with a name, a number or a phrase exactly as it stands in the text.",
    "Point to the answer: repeat only the words that it consists of.",
)

NOT_TOLD = "no answer"
"""What is right where the text does not answer."""


@dataclass(frozen=True, kw_only=True)
class Span(Text):
    """Of several right answers the nearest counts. A reply that repeats the row is worth nothing.

    With blank "none" a row without an answer asks what its text does not tell: NOT_TOLD is right, all of it.
    """

    uses = ("separator", "blank")
    targets_are_nested = True
    several_targets = True
    metrics: ClassVar[Sequence[Metric]] = ("token_f1", "accuracy")
    reading = (
        "the first line of its answer, compared token by token without case, punctuation and articles; "
        "the whole row repeated is no answer"
    )

    @classmethod
    def target_of(cls, cell: str, settings: TaskSettings) -> str:
        """Every right answer once."""
        found = together(list(dict.fromkeys(texts_in(cell, settings.separator))))
        return found or (NOT_TOLD if settings.blank == "none" else "")

    def notes(self, rows: Sequence[LabelledRow]) -> Iterator[str]:
        lost = [row.where for row in rows if not self._is_found(row)]
        several = sum(len(self.right(row.target)) > 1 for row in rows)
        if lost:
            yield (
                f"{counted(len(lost), 'row')} with a right answer that is not in the text ({listed(lost)}): "
                "nothing copied from it is an exact match. Correct them, or use --answer text."
            )
        if several:
            yield f"{counted(several, 'row')} with several right answers: the nearest counts."
        if silent := sum(self._is_silent(row.target) for row in rows):
            yield f'{counted(silent, "row")} that the text does not answer: "{NOT_TOLD}" is right.'

    def _is_silent(self, target: str) -> bool:
        return self.blank == "none" and target == NOT_TOLD

    def _is_found(self, row: LabelledRow) -> bool:
        silent = self._is_silent(row.target)
        return silent or all(holds(row.text, each) for each in self.right(row.target))

    @property
    def told(self) -> str:
        otherwise = f', or "{NOT_TOLD}" where the text does not answer' if self.blank == "none" else ""
        return f"An answer is a piece of the text, copied word for word and as short as possible{otherwise}."

    @property
    def instructions(self) -> Sequence[str]:
        if self.blank != "none":
            return INSTRUCTIONS
        return [f"{each} If the text does not answer, say: {NOT_TOLD}" for each in INSTRUCTIONS]

    def official(self) -> Grader:
        raise SettingsError("no grader was published for answer span: use --grading strict.")

    def right(self, target: str) -> Sequence[str]:
        return texts_in(target)

    def shown(self, target: str) -> str:
        return next(iter(self.right(target)), target)

    def worth(self, answer: str, example: Example) -> float:
        said, right = tokens(answer), [tokens(each) for each in self.right(example.target)]
        if self._is_silent(example.target):
            return float(said in right)
        if said not in right and holds(answer, _longest_line(example.text)):
            return 0.0
        return max((token_f1(said, each) for each in right), default=0.0)


def _longest_line(text: str) -> str:
    """Of a row, the name of its column aside where it has several."""
    line = max(text.splitlines(), key=len, default=text)
    return line.partition(": ")[2] or line if "\n" in text else line
