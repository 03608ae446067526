"""The winner of a run ready to be used elsewhere: as text, as chat messages, in Python, in ollama."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from opro_local.errors import SettingsError
from opro_local.llm import THOUGHT_MARKS, Message
from opro_local.records import Candidate, Example
from opro_local.scoring.render import Layout

Document = Mapping[str, Any]
PLACE = "{text}"
"""Where the text of a row goes."""
_MARK = "\x00the text\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A prompt in parts: earlier turns, then the last one before and behind the row's text.

    example is a row that the run has scored, with the answer that it got.
    """

    run: str
    turns: tuple[Message, ...]
    before: str
    behind: str
    prefill: str
    lead: str
    labels: tuple[str, ...]
    biases: tuple[float, ...]
    answer_tokens: int
    thinking_tokens: int
    chat: bool
    model: str
    position: str
    example: Mapping[str, Any]

    @property
    def last(self) -> str:
        return f"{self.before}{PLACE}{self.behind}"


def in_use(document: Document, form: str) -> str:
    """The winner of a run_document in one of USES; all but prompt need its outcomes.

    Raises SettingsError where there is none.
    """
    return USES[form](_use(document))


def _use(document: Document) -> Use:
    if document["kind"] != "task" or document["best"] is None:
        raise SettingsError(f"Run {document['run']} has found no prompt; export it as json or csv.")
    best, task = document["best"], document["task"]
    candidate = Candidate(
        instruction=best["instruction"], shots=tuple(Example(**shot) for shot in best["shots"])
    )
    prompt = Layout(**task["layout"]).prompt(candidate, _MARK)
    before, _, behind = prompt.messages[-1].content.partition(_MARK)
    scored = [outcome for outcome in document.get("outcomes", []) if outcome["key"] == best["key"]]
    likelihood = any(outcome["choice_log_probs"] for outcome in scored)
    return Use(
        run=document["run"],
        turns=prompt.messages[:-1],
        before=before,
        behind=behind,
        prefill=prompt.prefill,
        lead=prompt.lead,
        labels=tuple(task["labels"]) if likelihood else (),
        biases=tuple(best["calibration"]),
        answer_tokens=document["settings"]["scoring"]["answer_tokens"],
        thinking_tokens=document["settings"]["scoring"].get("thinking_tokens", 0),  # older runs had none
        chat=task["layout"]["chat"],
        model=next(model["name"] for model in document["models"] if model["role"] == "scorer"),
        position=task["layout"]["position"],
        example=_example(scored, before, behind),
    )


def _example(scored: Sequence[Document], before: str, behind: str) -> Mapping[str, Any]:
    """A row with an answer, of test if there is one."""
    order = ("test", "validation", "train")
    answered = [o for o in scored if o["prediction"] is not None and o["prompt"]]
    for outcome in sorted(answered, key=lambda o: (order.index(o["split"]), o["example_id"])):
        content = outcome["prompt"]["messages"][-1]["content"]
        text = content[len(before) : len(content) - len(behind)]
        return {"text": text, "answer": outcome["prediction"], "target": outcome["target"]}
    return {"text": "", "answer": None, "target": None}


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
    whole = {"messages": messages, "labels": use.labels, "example": use.example}
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
