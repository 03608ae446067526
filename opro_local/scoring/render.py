"""How a candidate and an example become the scorer's prompt.

The four instruction positions of Yang et al. 2023 (section 5.1), Q:/A: wrapping on or off, and shots as
earlier turns. The instruction stands once: at the head of the conversation for before_Q and Q_begin, in the
last turn for Q_end and A_begin. An empty instruction leaves no line behind. This module knows text and turns;
templates and token ids are the engine's business.
"""

from dataclasses import dataclass

from opro_local.config import Position
from opro_local.llm import Message
from opro_local.records import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerPrompt:
    """The turns before the answer, how the answer's turn begins, and what stands before the answer itself."""

    messages: tuple[Message, ...]
    prefill: str
    lead: str

    def answered(self, answer: str) -> str:
        """The answer's turn when answer is given; the blank before it belongs to the answer's tokens."""
        return f"{self.prefill}{self.lead}{answer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The fixed part of rendering: where the instruction stands, QA wrapping, chat or pre-trained scorer."""

    position: Position
    qa: bool
    chat: bool

    def prompt(self, candidate: Candidate, text: str) -> ScorerPrompt:
        opening = candidate.instruction if self.position in ("before_Q", "Q_begin") else ""
        messages: list[Message] = []
        for shot in candidate.shots:
            messages.append(Message("user", self._question(opening, shot.text, "")))
            messages.append(Message("assistant", self._lead("") + shot.target))
            opening = ""
        closing = candidate.instruction if self.position == "Q_end" else ""
        messages.append(Message("user", self._question(opening, text, closing)))
        begun = candidate.instruction if self.position == "A_begin" else ""
        # A pre-trained model reads one running text: "A:" and the instruction need a blank between them.
        prefill = self._lead("") + begun if begun else ""
        return ScorerPrompt(messages=tuple(messages), prefill=prefill, lead=self._lead(begun))

    def _question(self, opening: str, text: str, closing: str) -> str:
        if not self.qa:
            return _lines(opening, text, closing)
        if self.position == "before_Q":
            return _lines(opening, f"Q: {text}\n\nA:")
        return f"Q: {_lines(opening, text, closing)}\n\nA:"

    def _lead(self, begun: str) -> str:
        if begun:
            return " "
        if self.chat:
            return ""
        return " " if self.qa else "\n"


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
