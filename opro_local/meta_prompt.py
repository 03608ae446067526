"""What the optimizer LLM reads about a task: the trajectory, a few examples, a request.

Three styles after Yang et al. 2023 (section 4.2 and appendix C), in our own words:

tagged      for chat models: a request for an instruction between <INS> and </INS>
bracket     for models tuned on plain instructions: a new text in square brackets
completion  for pre-trained models: lines "Precision: 71 <TEXT>...</TEXT>" to continue; no examples

The reply is begun as a line of the trajectory begins, so that even a small model writes the solution first
and has seen how one ends; a new paragraph parts it from the request where no chat template does. A solution
is one paragraph: it ends at the closing tag, at a blank line or with the model's turn; what follows is
chatter. Texts of users and models are inserted as they are, never used as a format string: they may hold
braces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from opro_local.config import Position, Style
from opro_local.llm import Message
from opro_local.problem import MetaPrompt
from opro_local.records import Example

PLACEHOLDER = "<INS>"
PARAGRAPH_END = "\n\n"
ANSWER_HEADING = "Correct answer:"
TAGS = ("<INS>", "</INS>", "<TEXT>", "</TEXT>", "<Start>", "</Start>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One line of the trajectory as the optimizer sees it: an instruction and its integer score, 0 to 100."""

    instruction: str
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a meta-prompt is made of: shown runs from worst to best, exemplars may be empty."""

    description: str
    position: Position
    qa: bool
    shown: Sequence[Shown]
    exemplars: Sequence[Example]


class Render(Protocol):
    """A style: a brief -> the meta-prompt."""

    def __call__(self, brief: Brief) -> MetaPrompt: ...


def tagged(brief: Brief) -> MetaPrompt:
    """Chat style: trajectory, problems with <INS> in place, request, reply begun with <INS>."""
    at_answer = brief.position == "A_begin"
    what = "a sentence that opens the answer" if at_answer else "an instruction"
    blocks = [
        f"You write {what} for a language model that solves the task below." + _sentence(brief.description),
        "These were tried before. Each has a score from 0 to 100; a higher score is better, "
        "and the best one comes last.",
        *_pairs(brief.shown, PLACEHOLDER, "</INS>"),
        *_problems(brief),
        "Write a new one that is different from all of the above and reaches a higher score. "
        "Be brief and clear, and make it fit every problem of this kind, not only those shown. "
        f"Put it between {PLACEHOLDER} and </INS>.",
    ]
    return _meta_prompt(brief, blocks, prefill=PLACEHOLDER, close="</INS>")


def bracket(brief: Brief) -> MetaPrompt:
    """Plain-instruction style: the new text comes in square brackets."""
    blocks = [
        "Below are texts with their scores, sorted from the lowest to the highest. A higher score is better."
        + _sentence(brief.description),
        *_pairs(brief.shown, "[", "]"),
        *_problems(brief),
        "Write a text that is unlike the old ones and has a score as high as possible. "
        "Write it in square brackets.",
    ]
    return _meta_prompt(brief, blocks, prefill="[", close="]")


def completion(brief: Brief) -> MetaPrompt:
    """Pre-trained style: scored lines to continue, the next one a little better than the best."""
    place = {
        "before_Q": "before the question",
        "Q_begin": "at the beginning of the question",
        "Q_end": "at the end of the question",
        "A_begin": "at the beginning of the answer",
    }[brief.position]
    lines = [
        f"Texts that are put {place} and make the answers more precise, with the precision that each reached."
        + _sentence(brief.description),
        *(f"Precision: {entry.score} <TEXT>{entry.instruction}</TEXT>" for entry in brief.shown),
    ]
    best = max((entry.score for entry in brief.shown), default=0)
    prefill = f"\nPrecision: {min(100, best + 5)} <TEXT>"
    return MetaPrompt(messages=(Message("user", "\n".join(lines)),), prefill=prefill, ends=("</TEXT>", "\n"))


STYLES: dict[Style, Render] = {"tagged": tagged, "bracket": bracket, "completion": completion}


def _meta_prompt(brief: Brief, blocks: Sequence[str], *, prefill: str, close: str) -> MetaPrompt:
    return MetaPrompt(
        messages=(Message("user", "\n\n".join(blocks)),),
        prefill=f"\n\ntext: {prefill}",
        ends=(close, PARAGRAPH_END),
        exemplar_ids=tuple(example.id for example in brief.exemplars),
    )


def _sentence(description: str) -> str:
    return f" The task: {description}" if description else ""


def _pairs(shown: Sequence[Shown], opening: str, closing: str) -> list[str]:
    return [f"text: {opening}{entry.instruction}{closing}\nscore: {entry.score}" for entry in shown]


def _problems(brief: Brief) -> list[str]:
    if not brief.exemplars:
        return []
    heading = f"Some of the problems follow. {PLACEHOLDER} marks where your text is put."
    return [heading, *(_problem(brief, example) for example in brief.exemplars)]


def _problem(brief: Brief, example: Example) -> str:
    """The example as the scorer is asked it (scoring/render.py), the instruction's place marked."""
    question, mark = example.text, PLACEHOLDER
    plain: dict[Position, str] = {
        "before_Q": f"{mark}\n{question}",
        "Q_begin": f"{mark}\n{question}",
        "Q_end": f"{question}\n{mark}",
        "A_begin": f"{question}\n\n{mark}",
    }
    wrapped: dict[Position, str] = {
        "before_Q": f"{mark}\nQ: {question}\n\nA:",
        "Q_begin": f"Q: {mark}\n{question}\n\nA:",
        "Q_end": f"Q: {question}\n{mark}\n\nA:",
        "A_begin": f"Q: {question}\n\nA: {mark}",
    }
    body = (wrapped if brief.qa else plain)[brief.position]
    return f"Problem:\n{body}\n{ANSWER_HEADING}\n{example.target}"
