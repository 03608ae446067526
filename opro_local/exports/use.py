"""The winner of a run, in the parts that every form of it is made of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from opro_local.errors import SettingsError
from opro_local.llm import Message
from opro_local.prompt_form import DEFAULT_FORM
from opro_local.records import Candidate
from opro_local.results.answering import Answering
from opro_local.results.answers import AnswerResult
from opro_local.results.overview import Figures, Prompt
from opro_local.results.result import RunResult, TaskResult
from opro_local.results.words import with_interval
from opro_local.scoring.render import Layout
from opro_local.wording import quoted

PLACE = "{text}"
"""Where the text of a row goes."""
_MARK = "\x00the text\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseExample:
    """A row that the run has scored, with the answer that it got."""

    text: str
    answer: str | None
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A prompt in parts: earlier turns, then the last one before and behind the row's text.

    rows are those of test that the run has scored with it; example is one that got an answer. judged: a model
    graded the answers.
    """

    run: str
    turns: tuple[Message, ...]
    before: str
    behind: str
    prefill: str
    lead: str
    answering: Answering
    answer_tokens: int
    thinking_tokens: int
    second_round: bool
    judged: bool
    chat: bool
    model: str
    measure: str
    score: Figures | None
    example: UseExample
    rows: tuple[UseExample, ...]

    @property
    def last(self) -> str:
        return f"{self.before}{PLACE}{self.behind}"

    @property
    def messages(self) -> list[Message]:
        """All turns; a last one of the assistant is to be continued."""
        begun = [Message("assistant", self.prefill)] if self.prefill else []
        return [*self.turns, Message("user", self.last), *begun]

    @property
    def text(self) -> str:
        """What the model reads, each turn under its role if there are several."""
        turns = self.messages
        if len(turns) == 1:
            return self.last + "\n"
        return "\n".join(f"[{turn.role}]\n{turn.content}\n" for turn in turns)

    @property
    def words(self) -> Mapping[str, str]:
        """What the model is to say for each label."""
        return self.answering.wordings or {label: label for label in self.answering.labels}

    def written(self, target: str) -> str:
        """What the model is to write for a target."""
        return (self.answering.shown or self.words).get(target, target)

    @property
    def choices(self) -> list[Sequence[str]]:
        """Of each of these the model is to write one, a line each; none where it writes freely."""
        texts, size = list(self.answering.alternatives), self.answering.in_a_choice
        if self.answering.wordings:
            return [list(self.answering.wordings.values())]
        return [texts[i : i + size] for i in range(0, len(texts), size)] if size else []

    @property
    def compares(self) -> bool:
        """Whether the labels were compared, and nothing was written."""
        return self.answering.mode == "likelihood"


def use_of(run: RunResult) -> Use:
    """Without the run's outcomes there are no rows. Raises SettingsError where there is no prompt."""
    if not isinstance(run, TaskResult) or run.best is None or run.task.layout is None:
        raise SettingsError(f"Run {run.run} has found no prompt; export it as json or csv.")
    return _use(run, run.best, run.task.layout)


def _use(run: TaskResult, best: Prompt, layout: Layout) -> Use:
    candidate = Candidate(
        instruction=best.instruction,
        shots=tuple(best.shots),
        form=best.form or DEFAULT_FORM,
        verbalizer=tuple(best.verbalizer or ()),
    )
    shown = dict(run.answering.shown or {})
    prompt = layout.prompt(candidate, _MARK, run.answering.labels, lambda target: shown.get(target, target))
    before, _, behind = prompt.messages[-1].content.partition(_MARK)
    scored = [answer for answer in run.outcomes or () if answer.key == best.key and answer.prompt is not None]
    scoring = run.settings.get("scoring", {})
    return Use(
        run=run.run,
        turns=prompt.messages[:-1],
        before=before,
        behind=behind,
        prefill=prompt.prefill,
        lead=prompt.lead,
        answering=run.answering,
        answer_tokens=int(str(scoring.get("answer_tokens", 0))),
        thinking_tokens=int(str(scoring.get("thinking_tokens", 0))),  # older runs had none
        second_round=bool(scoring.get("second_round", False)),
        judged=run.task.judge is not None,
        chat=layout.chat,
        model=next(model.name for model in run.models if model.role == "scorer"),
        measure=run.measure,
        score=run.test,
        example=_example(scored, before, behind),
        rows=tuple(_row(answer, before, behind) for answer in scored if answer.split == "test"),
    )


def _example(scored: Sequence[AnswerResult], before: str, behind: str) -> UseExample:
    """A row with an answer, of test if there is one."""
    order = ("test", "validation", "train", "must_stay")
    answered = [answer for answer in scored if answer.prediction is not None]
    first = min(answered, key=lambda each: (order.index(each.split), each.example_id), default=None)
    return _row(first, before, behind) if first else UseExample(text="", answer=None, target=None)


def _row(answer: AnswerResult, before: str, behind: str) -> UseExample:
    assert answer.prompt is not None
    content = answer.prompt.messages[-1].content
    text = content[len(before) : len(content) - len(behind)]
    return UseExample(text=text, answer=answer.prediction, target=answer.target)


def notes(use: Use) -> Iterator[str]:
    """What a stranger needs beside the prompt to get the same score, a sentence each."""
    answering = use.answering
    yield f"Run {use.run}, scored with {use.model}{_scored(use, use.score)}."
    if answering.labels:
        yield f"Labels: {', '.join(answering.labels)}."
    if answering.wordings:
        named = ", ".join(f"{quoted(word)} is {label}" for label, word in answering.wordings.items())
        yield f"The prompt has words of its own for the labels: {named}."
    yield f"The answer: {answering.reading}."
    if answering.biases:
        yield (
            "Biases in nats, to be added to each label's log-probability: "
            f"{', '.join(f'{label} {bias:+.6g}' for label, bias in answering.biases.items())}."
        )
    if answering.uncalibrated:
        yield f"Without calibration{_scored(use, answering.uncalibrated)}."


def _scored(use: Use, score: Figures | None) -> str:
    if score is None:
        return ""
    return f": {use.measure} on test {with_interval(score.value, score.interval)} (n={score.n})"
