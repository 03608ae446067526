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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from opro_local.config import BlockOrder, Position, ScoreDisplay, Style, TrajectoryOrder
from opro_local.llm import Message
from opro_local.problem import MetaPrompt
from opro_local.records import Example

PLACEHOLDER = "<INS>"
PARAGRAPH_END = "\n\n"
ANSWER_HEADING = "Correct answer:"
TAGS = ("<INS>", "</INS>", "<TEXT>", "</TEXT>", "<Start>", "</Start>")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryLine:
    """One line of the trajectory: an instruction and its score, from 0 to 1, higher is better."""

    instruction: str
    score: float


@dataclass(frozen=True, slots=True)
class Scale:
    """How scores are written: from 0 to most, with so many digits, half to even as published."""

    most: int
    digits: int

    def text(self, score: float) -> str:
        return f"{self.most * score:.{self.digits}f}"

    def a_little_more(self, score: float) -> float:
        """A twentieth more than the score as it is written, at most all."""
        return min(1.0, float(self.text(score)) / self.most + 1 / 20)


SCALES: Mapping[ScoreDisplay, Scale] = {
    "100-buckets": Scale(100, 0),
    "20-buckets": Scale(20, 0),
    "raw": Scale(1, 3),
}
"""hidden has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaPromptContent:
    """What a meta-prompt is made of: shown is in the order that is named, exemplars may be empty."""

    description: str
    position: Position
    qa: bool
    shown: Sequence[TrajectoryLine]
    order: TrajectoryOrder
    display: ScoreDisplay
    exemplars: Sequence[Example]
    blocks: BlockOrder

    @property
    def scale(self) -> Scale | None:
        """None where scores are hidden."""
        return SCALES.get(self.display)


class Render(Protocol):
    """A style: a brief -> the meta-prompt."""

    def __call__(self, brief: MetaPromptContent) -> MetaPrompt: ...


def tagged(brief: MetaPromptContent) -> MetaPrompt:
    """Chat style: trajectory, problems with <INS> in place, request, reply begun with <INS>."""
    what = "a sentence that opens the answer" if brief.position == "A_begin" else "an instruction"
    which = "the task below" if brief.description or brief.exemplars else "a task"
    goal = "reaches a higher score" if brief.scale else "works better"
    others = ", not only those shown" if brief.exemplars else ""
    blocks = [
        f"You write {what} for a language model that solves {which}." + _sentence(brief.description),
        *_in_order(brief, [_tried(brief), *_pairs(brief, PLACEHOLDER, "</INS>")]),
        f"Write a new one that is different from all of the above and {goal}. "
        f"Be brief and clear, and make it fit every problem of this kind{others}. "
        f"Put it between {PLACEHOLDER} and </INS>.",
    ]
    return _meta_prompt(brief, blocks, prefill=PLACEHOLDER, close="</INS>")


def bracket(brief: MetaPromptContent) -> MetaPrompt:
    """Plain-instruction style: the new text comes in square brackets."""
    goal = "has a score as high as possible" if brief.scale else "is as good as possible"
    heading = _sorted_texts(brief) + _sentence(brief.description)
    blocks = [
        *_in_order(brief, [heading, *_pairs(brief, "[", "]")]),
        f"Write a text that is unlike the old ones and {goal}. Write it in square brackets.",
    ]
    return _meta_prompt(brief, blocks, prefill="[", close="]")


def completion(brief: MetaPromptContent) -> MetaPrompt:
    """Pre-trained style: lines to continue, with scores the next one a little better than the best."""
    place = {
        "before_Q": "before the question",
        "Q_begin": "at the beginning of the question",
        "Q_end": "at the end of the question",
        "A_begin": "at the beginning of the answer",
    }[brief.position]
    scale = brief.scale
    reached = f", with the precision that each reached{_range(scale)}" if scale else ""
    heading = f"Texts that are put {place} and make the answers more precise{reached}."
    lines = [
        heading + _sentence(brief.description),
        *(f"{_precision(scale, entry.score)}<TEXT>{entry.instruction}</TEXT>" for entry in brief.shown),
    ]
    best = max((entry.score for entry in brief.shown), default=0.0)
    prefill = f"\n{_precision(scale, scale.a_little_more(best) if scale else best)}<TEXT>"
    return MetaPrompt(messages=(Message("user", "\n".join(lines)),), prefill=prefill, ends=("</TEXT>", "\n"))


STYLES: dict[Style, Render] = {"tagged": tagged, "bracket": bracket, "completion": completion}


def _meta_prompt(brief: MetaPromptContent, blocks: Sequence[str], *, prefill: str, close: str) -> MetaPrompt:
    return MetaPrompt(
        messages=(Message("user", "\n\n".join(blocks)),),
        prefill=f"\n\ntext: {prefill}",
        ends=(close, PARAGRAPH_END),
        exemplar_ids=tuple(example.id for example in brief.exemplars),
    )


def _sentence(description: str) -> str:
    return f" The task: {description}" if description else ""


def _tried(brief: MetaPromptContent) -> str:
    order = {
        "ascending": "the best one comes last",
        "descending": "the best one comes first",
        "random": "they come in no particular order",
    }[brief.order]
    if brief.scale is None:
        return f"These were tried before; {order}."
    return (
        f"These were tried before. Each has a score from 0 to {brief.scale.most}; a higher score is better, "
        f"and {order}."
    )


def _sorted_texts(brief: MetaPromptContent) -> str:
    lowest, highest = ("lowest", "highest") if brief.scale else ("worst", "best")
    order = {
        "ascending": f"sorted from the {lowest} to the {highest}",
        "descending": f"sorted from the {highest} to the {lowest}",
        "random": "in no particular order",
    }[brief.order]
    if brief.scale is None:
        return f"Below are texts, {order}."
    return f"Below are texts with their scores{_range(brief.scale)}, {order}. A higher score is better."


def _range(scale: Scale) -> str:
    """Scores up to 100 need no word."""
    return "" if scale.most == 100 else f" from 0 to {scale.most}"


def _precision(scale: Scale | None, score: float) -> str:
    return f"Precision: {scale.text(score)} " if scale else ""


def _pairs(brief: MetaPromptContent, opening: str, closing: str) -> list[str]:
    scale = brief.scale
    return [
        f"text: {opening}{entry.instruction}{closing}"
        + (f"\nscore: {scale.text(entry.score)}" if scale else "")
        for entry in brief.shown
    ]


def _in_order(brief: MetaPromptContent, trajectory: list[str]) -> list[str]:
    """The blocks of the trajectory and those of the problems."""
    problems = _problems(brief)
    return trajectory + problems if brief.blocks == "trajectory-first" else problems + trajectory


def _problems(brief: MetaPromptContent) -> list[str]:
    if not brief.exemplars:
        return []
    heading = f"Some of the problems follow. {PLACEHOLDER} marks where your text is put."
    return [heading, *(_problem(brief, example) for example in brief.exemplars)]


def _problem(brief: MetaPromptContent, example: Example) -> str:
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
    answer = f"\n{ANSWER_HEADING}\n{example.target}" if example.target else ""
    return f"Problem:\n{body}{answer}"
