"""The graders of the published implementation (Yang et al. 2023), defects included: for comparison only.

They count "invalid" as "valid", "yes or no" as both and every list of options as right, so their figures are
too high and say nothing about a prompt; reports of a run that uses them say so. Nothing here chooses an
answer: a reply is only held against the target. What is reproduced: text before the next question, text
behind or before the answer phrases in the published order, the first of several lines, number words replaced
inside of words, rounding to whole numbers, punctuation dropped, the target looked for anywhere in the reply.
Phrases of other languages are left out, and boxes are read for every model, there for GPT only.
"""

import re
import string
from collections.abc import Callable
from dataclasses import dataclass

from opro_local.reading.numbers import SMALL, TENS
from opro_local.reading.options import options_of
from opro_local.reading.replies import Graded
from opro_local.records import Example

NO_MATCH = Graded(reason="no match")
FAILED = Graded(reason="the published parser fails")

BEHIND_FIRST = ("answer is ", "answer: ", "answer is: ")
BEHIND_ELSE = ("is: ", "are: ")
BEHIND_ALWAYS = ("step-by-step answer: ", "#### ")
AHEAD = tuple(f" is the {kind}answer" for kind in ("correct ", "right ", "final ", ""))
NEXT_QUESTION = ("question:", "q:")
POLAR = (("false", "true"), ("no", "yes"), ("invalid", "valid"))
TRUTH = {"0": "false", "1": "true"}
VALUES = SMALL | TENS
LETTER = re.compile(r"\(([a-z])\)")
PUNCTUATION = str.maketrans("", "", string.punctuation)


Parse = Callable[[str, bool], str]
"""(the text that the answer phrases leave over, whether there was one) -> what is held against the target"""
Right = Callable[[str, str, str], bool]
"""(what was parsed, target, question) -> whether it is right"""


def as_text(text: str, _marked: bool) -> str:
    return text.split(".")[0]


def right_text(parsed: str, target: str, _question: str) -> bool:
    return right_number(parsed, target, _question) or target in parsed


def right_number(parsed: str, target: str, _question: str) -> bool:
    return _bare(parsed) == _bare(target) or _same_truth(parsed, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialGrader:
    """Never final: the published program lets the model write to its limit."""

    parse: Parse = as_text
    right: Right = right_text

    def grade(self, reply: str, example: Example, *, cut: bool = False) -> Graded:
        if "\\boxed" in reply:
            boxed = re.search(r"\\boxed{(.*?)}", reply)
            if boxed is None:
                return FAILED
            parsed = boxed[1]
        else:
            parsed = self.parse(*_stripped(reply))
        parsed = parsed.strip(":").strip().split("\n")[0].split("Q:")[0].lower()
        right = self.right(parsed, example.target.lower(), example.text)
        return Graded(prediction=example.target, score=1.0) if right else NO_MATCH

    def is_final(self, text: str, question: str) -> bool:
        return False


def _stripped(reply: str) -> tuple[str, bool]:
    """The text that the answer phrases leave over, in small letters, and whether there was one."""
    text = reply.lower().strip()
    behind = BEHIND_FIRST if any(phrase in reply for phrase in BEHIND_FIRST) else BEHIND_ELSE
    for phrase in NEXT_QUESTION:
        text = text.split(phrase)[0]
    marked = False
    for phrase in (*BEHIND_ALWAYS, *behind):
        marked, text = marked or phrase in text, text.split(phrase)[-1]
    for phrase in AHEAD:
        marked, text = marked or phrase in text, text.split(phrase)[0]
    text = text.strip().rstrip(".").rstrip("'")
    if len(set(LETTER.findall(text))) == 1:
        text = re.findall(r"\(.*?\)", text)[0]  # not always the one with the letter: "(maybe) (b)"
    return text, marked


def as_number(text: str, marked: bool) -> str:
    """The first word with a digit behind an answer phrase, else the last one, rounded to a whole number."""
    text = re.sub(r"[$,%€£]", "", text.split("=")[-1]).split(":")[0].strip()
    for word, value in VALUES.items():
        text = text.replace(word, str(value))  # "sixteen" holds "six"
    words = text.split(" ") if marked else text.split(" ")[::-1]
    word = next((word for word in words if not word.isalpha()), words[0])
    while word and word[-1].isalpha():
        word = word[:-1]
    word = word.removesuffix("-")
    try:
        return f"{float(word):.0f}"
    except (ValueError, OverflowError):
        digits = re.findall(r"\d+", word)
        return digits[-1] if digits else word


def as_boolean(text: str, marked: bool) -> str:
    head = text.split(".")[0]
    if any(head in pair for pair in POLAR):
        return _bare(head)
    number = next((said for said in (head, as_number(text, marked)) if said in TRUTH), "")
    return TRUTH.get(number, _bare(text))


def right_choice(parsed: str, target: str, question: str) -> bool:
    options = options_of(question)
    letter = target.strip("()")
    if len(letter) != 1:
        return False  # some targets of BIG-Bench Hard are no letter
    if target in parsed or _bare(parsed) == letter:
        return True
    texts = {key.lower(): text.lower() for key, text in options.items()}
    text = texts.pop(letter, "")
    if parsed == text:
        return True
    if not text or text not in parsed:
        return False
    rest = parsed if any(text in other for other in texts.values()) else parsed.replace(text, "")
    return all(other not in rest for other in texts.values())


def _same_truth(parsed: str, target: str) -> bool:
    """Whether the reply says true or false, or 1 or 0, as the target does in its own words."""
    pair = next((pair for pair in POLAR if target in pair), None)
    if pair is None:
        return False
    return TRUTH.get(parsed, parsed.strip()) == POLAR[0][pair.index(target)]


def _bare(text: str) -> str:
    return text.translate(PUNCTUATION).strip()
