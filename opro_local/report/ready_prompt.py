"""The winner of a run ready to be used elsewhere: as text, as chat messages, in Python, in ollama."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from opro_local.errors import SettingsError
from opro_local.llm import THOUGHT_MARKS, Message
from opro_local.records import Candidate
from opro_local.results.answers import AnswerResult
from opro_local.results.overview import Prompt
from opro_local.results.result import RunResult, TaskResult
from opro_local.scoring.render import Layout

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
    """A prompt in parts: earlier turns, then the last one before and behind the row's text."""

    run: str
    turns: tuple[Message, ...]
    before: str
    behind: str
    prefill: str
    lead: str
    labels: tuple[str, ...]
    biases: tuple[float, ...]
    answer_tokens: object
    thinking_tokens: object
    chat: bool
    model: str
    example: UseExample

    @property
    def last(self) -> str:
        return f"{self.before}{PLACE}{self.behind}"


def in_use(run: RunResult, form: str) -> str:
    """The winner of a run in one of USES; all but prompt need its outcomes.

    Raises SettingsError where there is none.
    """
    if not isinstance(run, TaskResult) or run.best is None or run.task.layout is None:
        raise SettingsError(f"Run {run.run} has found no prompt; export it as json or csv.")
    return USES[form](_use(run, run.best, run.task.layout))


def _use(run: TaskResult, best: Prompt, layout: Layout) -> Use:
    candidate = Candidate(instruction=best.instruction, shots=tuple(best.shots))
    prompt = layout.prompt(candidate, _MARK)
    before, _, behind = prompt.messages[-1].content.partition(_MARK)
    scored = [answer for answer in run.outcomes or () if answer.key == best.key]
    likelihood = any(answer.choice_log_probs for answer in scored)
    scoring = run.settings.get("scoring", {})
    return Use(
        run=run.run,
        turns=prompt.messages[:-1],
        before=before,
        behind=behind,
        prefill=prompt.prefill,
        lead=prompt.lead,
        labels=tuple(run.task.labels or ()) if likelihood else (),
        biases=best.calibration,
        answer_tokens=scoring.get("answer_tokens"),
        thinking_tokens=scoring.get("thinking_tokens", 0),  # older runs had none
        chat=layout.chat,
        model=next(model.name for model in run.models if model.role == "scorer"),
        example=_example(scored, before, behind),
    )


def _example(scored: Sequence[AnswerResult], before: str, behind: str) -> UseExample:
    """A row with an answer, of test if there is one."""
    order = ("test", "validation", "train")
    for answer in sorted(scored, key=lambda each: (order.index(each.split), each.example_id)):
        if answer.prediction is not None and answer.prompt is not None:
            content = answer.prompt.messages[-1].content
            text = content[len(before) : len(content) - len(behind)]
            return UseExample(text=text, answer=answer.prediction, target=answer.target)
    return UseExample(text="", answer=None, target=None)


def _prompt(use: Use) -> str:
    """What the model reads, {text} for the row; each turn under its role if there are several."""
    turns = [*use.turns, Message("user", use.last), *_begun(use)]
    if len(turns) == 1:
        return use.last + "\n"
    return "\n".join(f"[{turn.role}]\n{turn.content}\n" for turn in turns)


def _begun(use: Use) -> list[Message]:
    return [Message("assistant", use.prefill)] if use.prefill else []


def _chat_messages(use: Use) -> str:
    """An object with messages, and a row with its answer; a last turn of the assistant is to be continued."""
    messages = [asdict(turn) for turn in (*use.turns, Message("user", use.last), *_begun(use))]
    whole = {"messages": messages, "labels": use.labels, "example": asdict(use.example)}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _rendered(template: str) -> Callable[[Use], str]:
    def rendered(use: Use) -> str:
        environment = Environment(
            loader=PackageLoader("opro_local.report"),
            autoescape=False,  # not HTML: every text goes through one of the filters below
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
        )
        environment.filters["python"] = repr
        environment.filters["line"] = lambda text: " ".join(text.splitlines())
        environment.filters["quoted"] = lambda text: '"""' + text.replace('"""', "'''") + '"""'
        return environment.get_template(template).render(
            use=use, turns=[asdict(turn) for turn in use.turns], thoughts=THOUGHT_MARKS
        )

    return rendered


USES: Mapping[str, Callable[[Use], str]] = {
    "prompt": _prompt,
    "chat-messages": _chat_messages,
    "python": _rendered("use.py.j2"),
    "ollama-modelfile": _rendered("Modelfile.j2"),
}
