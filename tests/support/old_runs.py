"""Tasks, a model and figures of the run files in tests/store/old_runs, the same for every version.

This is imported in checkouts of old commits too: it takes no more of the package than all of them have.
"""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mail_task import LABELS, mail_task

from opro_local.llm import GenerationReply, GenerationRequest
from opro_local.records import Example
from opro_local.tasks.task import Task
from opro_local.testing import ScriptedEngine

GOOD = ("money", "look", "step")
WORDS = (*GOOD, "read", "sort", "mail", "kind", "answer", "decide", "label", "think")
ROWS = 24


def mails() -> Task:
    texts = [f"Mail {i}: “Zoë pays {i} €, when?”" for i in range(ROWS)]
    return _task("mails", texts, [LABELS[i % 2] for i in range(ROWS)])


def sums() -> Task:
    task = _task("sums", [f"Add {i} to {i + 1}." for i in range(ROWS)], [str(2 * i + 1) for i in range(ROWS)])
    return replace(task, answer="number", labels=(), description="Add.")


def _task(name: str, texts: Sequence[str], targets: Sequence[str]) -> Task:
    rows = zip(texts, targets, strict=True)
    examples = (Example(id=f"r{i}", text=text, target=target) for i, (text, target) in enumerate(rows))
    return replace(mail_task(), name=name, examples=tuple(examples))


class Writer(ScriptedEngine):
    """Writes as many solutions as it is asked for, which follow the seed."""

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        prompt, draw = self.decode(request.prompt), random.Random(seed)
        return [GenerationReply(text=_written(prompt, draw), tokens=5, ended="final") for _ in range(n)]


def writer() -> Writer:
    """Whatever it is asked, it has an answer."""
    return Writer(log_prob=_log_prob, reply=_reply)


def _written(prompt: str, draw: random.Random) -> str:
    if "w=" in prompt:
        return f"w={draw.randint(5, 25)}, b={draw.randint(5, 25)}]"
    return " ".join(draw.sample(WORDS, 4)).capitalize() + ".</INS>"


def _log_prob(text: str) -> float:
    question, _, answer = text.rpartition("\n[assistant] ")
    numbers = re.findall(r"Mail (\d+)", question)
    if answer not in LABELS or not numbers:
        return -0.5 - 0.01 * len(text)  # of an input without content
    number = int(numbers[-1])
    favoured = LABELS[number % 2 if _knows(question, number) else 1 - number % 2]
    return -0.1 if answer == favoured else -3.0


def _reply(text: str) -> str:
    """The sum that is asked for, one too many, or no number."""
    *_, one = map(int, re.findall(r"Add (\d+) to", text))
    if one % 7 == 3:
        return "I cannot say."
    return f"It is {2 * one + 1 + (not _knows(text, one))}."


def _knows(prompt: str, number: int) -> bool:
    """Good words and shots help."""
    skill = 0.2 + 0.2 * sum(word in prompt.lower() for word in GOOD) + 0.2 * prompt.count("[assistant]")
    return random.Random(number).random() < skill


PLAIN = ("run", "kind", "status", "stop_reason", "best", "usage", "rejected", "unanswered", "objective")


def figures(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's document says, in the words that all versions of it have."""
    found = {key: document[key] for key in PLAIN if key in document}
    found |= {split: _score(document[split]) for split in ("train", "validation", "test")}
    found |= {
        role: [[entry["instruction"], entry["split"], *_score(entry)] for entry in document[role]]
        for role in ("baselines", "finalists", "sensitivity")
        if role in document
    }
    if document.get("verdicts") is not None:
        found["verdicts"] = [entry["word"] for entry in document["verdicts"]]
    if "outcomes" in document:
        right = Counter((entry["key"], entry["split"]) for entry in document["outcomes"] if entry["correct"])
        found["right"] = [[*which, count] for which, count in sorted(right.items())]
    return found | {"steps": [list(map(_proposal, step["proposals"])) for step in document["steps"]]}


def _score(score: Mapping[str, Any] | None) -> list[Any]:
    return [] if score is None else [score["value"], score["n"], score["metrics"]]


def _proposal(proposal: Mapping[str, Any]) -> list[Any]:
    score = proposal["score"]
    return [proposal["origin"], proposal["reason"], score and score["value"]]
