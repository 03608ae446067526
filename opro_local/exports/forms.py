"""The forms in which a run's winner is written for other programs, in one table with what each loses."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from opro_local.exports import losses
from opro_local.exports.losses import Loss
from opro_local.exports.promptfoo import promptfoo
from opro_local.exports.requests import llama_cpp, openai_json
from opro_local.exports.use import Use, notes, use_of
from opro_local.llm import THOUGHT_MARKS
from opro_local.results.result import RunResult

Writer = Callable[[Use, Sequence[str]], str]
"""(what to write, what is lost by it) -> the text of a file."""


@dataclass(frozen=True, slots=True)
class Form:
    write: Writer
    losses: tuple[Loss, ...] = ()

    def lost(self, use: Use) -> list[str]:
        return [sentence for loss in self.losses if (sentence := loss(use)) is not None]


def in_use(run: RunResult, form: str) -> tuple[str, list[str]]:
    """The winner of a run in one of FORMS, and what it loses there; all but prompt need the run's outcomes.

    Raises SettingsError where there is no prompt.
    """
    use, chosen = use_of(run), FORMS[form]
    lost = chosen.lost(use)
    return chosen.write(use, lost), lost


def _prompt(use: Use, lost: Sequence[str]) -> str:
    """{text} for the row; what is no part of the prompt stands below it."""
    below = ["No part of the prompt:", *notes(use), *lost]
    return f"{use.text}\n" + "".join(f"# {_on_a_line(sentence)}\n" for sentence in below)


def _chat_messages(use: Use, lost: Sequence[str]) -> str:
    """An object with messages, and a row with its answer; a last turn of the assistant is to be continued."""
    whole = {
        "messages": [asdict(turn) for turn in use.messages],
        "labels": use.answering.labels,
        "reading": use.answering.reading,
        "biases": use.answering.biases,
        **({"wordings": use.answering.wordings} if use.answering.wordings else {}),
        "notes": list(notes(use)),
        "lost": lost,
        "example": asdict(use.example),
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _rendered(template: str) -> Writer:
    def rendered(use: Use, lost: Sequence[str]) -> str:
        environment = Environment(
            loader=PackageLoader("opro_local.exports"),
            autoescape=False,  # not HTML: every text goes through one of the filters below
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
        )
        environment.filters["python"] = repr
        environment.filters["line"] = _on_a_line
        environment.filters["quoted"] = lambda text: '"""' + text.replace('"""', "'''") + '"""'
        return environment.get_template(template).render(
            use=use,
            turns=[asdict(turn) for turn in use.turns],
            thoughts=THOUGHT_MARKS,
            word="WORDS[label]" if use.answering.wordings else "label",
            biases={each: use.answering.biases.get(each, 0.0) for each in use.answering.alternatives},
            notes=[*notes(use), *lost],
        )

    return rendered


def _on_a_line(text: str) -> str:
    return " ".join(text.splitlines())


_WRITING = (
    *(losses.comparison, losses.wordings, losses.calibration),
    *(losses.form, losses.stopping, losses.second_round),
)
"""Of every program that writes freely."""

FORMS: Mapping[str, Form] = {
    "prompt": Form(_prompt, (losses.turns, losses.second_round)),
    "python": Form(_rendered("use.py.j2"), (losses.form, losses.second_round)),
    "chat-messages": Form(_chat_messages, (*_WRITING, losses.prefill, losses.running_text)),
    "openai-json": Form(openai_json, (*_WRITING, losses.prefill, losses.running_text)),
    "llama-cpp": Form(
        llama_cpp,
        (
            *(losses.whole_labels, losses.wordings, losses.calibration),
            *(losses.form, losses.stopping, losses.second_round),
        ),
    ),
    "ollama-modelfile": Form(
        _rendered("Modelfile.j2"),
        (*_WRITING, losses.place, losses.prefill, losses.running_text),
    ),
    "promptfoo": Form(
        promptfoo, (*_WRITING, losses.reading, losses.judging, losses.prefill, losses.running_text)
    ),
}
