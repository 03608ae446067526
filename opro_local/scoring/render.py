"""How a candidate and an example become the scorer's prompt.

The four instruction positions of Yang et al. 2023 (section 5.1), Q:/A: wrapping on or off, and shots as
earlier turns. The instruction stands once: at the head of the conversation for before_Q and Q_begin, in the
last turn for Q_end and A_begin. An empty instruction leaves no line behind. A candidate's form changes what
stands around its instruction and its rows, and its verbalizer what the labels are called. This module knows
text and turns; templates and token ids are the engine's business.
"""

from collections.abc import Callable, Mapping, Sequence
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

    def prompt(
        self,
        candidate: Candidate,
        text: str,
        labels: Sequence[str] = (),
        shown: Callable[[str], str] = str,
    ) -> ScorerPrompt:
        """labels are the task's, in their order; () where answers are open. shown writes a shot's target."""
        return _Rendering(layout=self, candidate=candidate, labels=tuple(labels), shown=shown).prompt(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rendering:
    layout: Layout
    candidate: Candidate
    labels: tuple[str, ...]
    shown: Callable[[str], str]

    def prompt(self, text: str) -> ScorerPrompt:
        position, instruction = self.layout.position, self.candidate.instruction
        head = instruction if position in ("before_Q", "Q_begin") else ""
        messages = [Message("system", head)] if head and self.candidate.form.apart else []
        opening = "" if messages else head
        words = wordings(self.candidate, self.labels)
        for shot in self.candidate.shots:
            messages.append(Message("user", self._question(opening, shot.text, "")))
            answer = words.get(shot.target) or self.shown(shot.target)
            messages.append(Message("assistant", f"{self._begun}{self._lead}{answer}"))
            opening = ""
        closing = instruction if position == "Q_end" else ""
        messages.append(Message("user", self._question(opening, text, closing)))
        if position == "A_begin" and instruction:
            # A pre-trained model reads one running text: "A:" and the instruction need a blank between them.
            prefill = f"{self._begun}{self._lead}{instruction}"
            return ScorerPrompt(messages=tuple(messages), prefill=prefill, lead=" ")
        return ScorerPrompt(messages=tuple(messages), prefill=self._begun, lead=self._lead)

    def _question(self, opening: str, text: str, closing: str) -> str:
        """As published, QA wrapping takes in an instruction at Q; a form's own field is the row's alone."""
        field = f"{self._field}: " if self._field else ""
        if self.candidate.form.field is None and self.layout.position != "before_Q":
            question = f"{field}{_lines(opening, text, closing)}"
        else:
            question = _lines(opening, f"{field}{text}", closing)
        return question if self._begun or not self._cue else f"{question}{self._gap}{self._cue}"

    @property
    def _field(self) -> str:
        field = self.candidate.form.field
        return ("Q" if self.layout.qa else "") if field is None else field

    @property
    def _cue(self) -> str:
        cue = self.candidate.form.cue
        return ("A:" if self.layout.qa else "") if cue is None else cue

    @property
    def _gap(self) -> str:
        return "\n\n" if self.candidate.form.cue is None else "\n"

    @property
    def _begun(self) -> str:
        """The cue where it opens the model's turn; running text has no turns."""
        return self._cue if self.candidate.form.begun and self.layout.chat else ""

    @property
    def _lead(self) -> str:
        """What stands between the cue and an answer."""
        if self.layout.chat:
            return " " if self._begun else ""
        return " " if self._cue else "\n"


def wordings(candidate: Candidate, labels: Sequence[str]) -> Mapping[str, str]:
    """What each label is called in the candidate's prompts."""
    return dict(zip(labels, candidate.verbalizer or labels, strict=True))


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
