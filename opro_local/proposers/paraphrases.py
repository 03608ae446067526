"""How much hangs on a word: near-paraphrases of an instruction, and the style of the best ones.

A change of wording that means nothing may cost twenty points (Yang et al. 2023, section 5.2.3). The edits are
few, fixed and made for English; one that does not apply is left out. They do not know the task's labels: a
synonym may hit a label's name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_REQUEST = re.compile(
    r"(?:analy[sz]e|answer|assign|break|calculate|categori[sz]e|check|choose|classify|compare|complete|compute|"
    r"conclude|consider|count|decide|define|describe|determine|draw|estimate|evaluate|examine|explain|extract|"
    r"fill|find|focus|follow|give|go|identify|imagine|judge|keep|label|list|look|make|mark|match|name|note|order|"
    r"output|pick|predict|print|provide|put|rank|read|reason|recall|remember|reply|respond|return|review|rule|"
    r"say|select|show|solve|sort|start|state|study|summari[sz]e|take|tell|think|translate|treat|try|turn|use|"
    r"weigh|work|write)\b",
    re.IGNORECASE,
)
"""A sentence that begins so tells somebody to do something."""

SYNONYMS = {
    "answer": "reply",
    "careful": "attentive",
    "carefully": "attentively",
    "choose": "select",
    "classify": "categorise",
    "correct": "right",
    "decide": "determine",
    "determine": "decide",
    "find": "identify",
    "following": "given",
    "identify": "find",
    "pick": "choose",
    "problem": "task",
    "question": "problem",
    "select": "choose",
    "solve": "work out",
    "step by step": "one step at a time",
    "text": "passage",
    "think": "reason",
}
LONG_FORMS = {
    "can't": "cannot",
    "doesn't": "does not",
    "don't": "do not",
    "isn't": "is not",
    "it's": "it is",
    "let's": "let us",
    "what's": "what is",
    "won't": "will not",
    "you're": "you are",
}
OPTIONAL = {"carefully ": "", "just ": "", "please ": "", "really ": "", "simply ": "", "very ": ""}

_LET_US = re.compile(r"^Let['\u2019]s ")
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n+")
_FIRST_SENTENCE = re.compile(r"(.+?)(?:[.!?](?=\s+[A-Z])|[.!?]?$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Length and form of some instructions.

    words, characters and sentences are the fewest and the most of one; questions and requests count the
    instructions that ask something, and those that begin by telling what to do.
    """

    instructions: int
    words: tuple[int, int]
    characters: tuple[int, int]
    sentences: tuple[int, int]
    questions: int
    requests: int


def style_of(instructions: Sequence[str]) -> Wording:
    """Of at least one instruction."""
    return Wording(
        instructions=len(instructions),
        words=_range([len(text.split()) for text in instructions]),
        characters=_range([len(text) for text in instructions]),
        sentences=_range([_sentences(text) for text in instructions]),
        questions=sum("?" in text for text in instructions),
        requests=sum(_is_request(text.removeprefix("Please ")) for text in instructions),
    )


def paraphrases(instruction: str) -> list[str]:
    """Different instructions that mean the same, at most one for each edit; none for an empty one."""
    text = instruction.strip()
    edited = dict.fromkeys(edit(text) for edit in EDITS) if text else {}
    return [other for other in edited if other and other not in (text, instruction)]


def _with_synonym(text: str) -> str:
    return _with_first_replaced(text, SYNONYMS)


def _politer_or_blunter(text: str) -> str:
    if text.startswith("Please "):
        return _capitalised(text.removeprefix("Please "))
    return f"Please {_lowered(text)}" if _is_request(text) else text


def _with_other_end(text: str) -> str:
    return text[:-1] if text[-1] in ".!?:" else f"{text}."


def _with_other_mood(text: str) -> str:
    """Let us do it, do it -> you should do it; you should do it -> do it."""
    if text.startswith("You should "):
        return _capitalised(text.removeprefix("You should "))
    if _LET_US.match(text):
        return _LET_US.sub("You should ", text)
    return f"You should {_lowered(text)}" if _is_request(text) else text


def _asked_otherwise(text: str) -> str:
    """A request as a question, a question as a request."""
    first = _FIRST_SENTENCE.match(text)
    if first is None:
        return text
    sentence, rest = first[1], text[first.end() :]
    if first[0].endswith("?"):
        return f"Answer this: {text}"
    if _LET_US.match(sentence):
        return _LET_US.sub("Can we ", sentence) + f"?{rest}"
    return f"Can you {_lowered(sentence)}?{rest}" if _is_request(text) else text


def _with_other_case(text: str) -> str:
    return _lowered(text) if text[0].isupper() else _capitalised(text)


def _written_out(text: str) -> str:
    return _with_first_replaced(text.replace("\u2019", "'"), LONG_FORMS)


def _shortened(text: str) -> str:
    return _capitalised(_with_first_replaced(text, OPTIONAL))


def _doubled(text: str) -> str:
    return f"{text}\n{text}"


EDITS: tuple[Callable[[str], str], ...] = (
    _with_synonym,
    _politer_or_blunter,
    _with_other_end,
    _with_other_mood,
    _asked_otherwise,
    _with_other_case,
    _written_out,
    _shortened,
    _doubled,
)
"""The most telling first; each leaves a text alone that it does not fit."""


def _with_first_replaced(text: str, replacements: Mapping[str, str]) -> str:
    """The first of the phrases that stands in text as whole words is replaced, a capital kept."""
    found = re.search(rf"\b(?:{'|'.join(replacements)})\b", text, re.IGNORECASE)
    if found is None:
        return text
    new = replacements[found[0].casefold()]
    return text[: found.start()] + (_capitalised(new) if found[0][0].isupper() else new) + text[found.end() :]


def _is_request(text: str) -> bool:
    return _REQUEST.match(text) is not None


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lowered(text: str) -> str:
    """The first letter in lower case, except in an acronym and in I."""
    return text if re.match(r"[A-Z]{2}|I\b", text) else text[:1].lower() + text[1:]


def _sentences(text: str) -> int:
    return sum(bool(part.strip()) for part in _SENTENCE_END.split(text))


def _range(values: Sequence[int]) -> tuple[int, int]:
    return min(values), max(values)
