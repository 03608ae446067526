"""Searches with promptolution's OPRO and CAPO and with GEPA, in a Python that has them.

opro_local is not there; searching_peers.py starts it. It reads JSON lines and answers each with one. The
first line names the models, `scorer` and `optimizer` (`folder`, `dtype`, `chat`), and is answered when they
stand. Every other line is one search: `method`, `seed`, `description`, `labels`, `starts`, `tokens` (the
budget), and rows as [text, label] in `scored`, `train`, `validation` and `test`.

The optimizers are used as they are, over models and a predictor of our own: batches sorted by length, greedy
answers, whole tokens counted, and no answer where the reply names no label. The first request behind the
budget ends a search of promptolution's, the first iteration behind it one of GEPA's; validation picks among
the best and the starts, and test is measured once.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from bench.peer_models import Llm, Meter, Model, Predictor, first_label, seed_everything
from bench.peer_searches import SEARCHES, Prompted
from bench.plain_model import Transformers


def main() -> None:
    answers = private_stdout()
    named = json.loads(sys.stdin.readline())
    scorer = Transformers(**named["scorer"])
    optimizer = scorer if named["optimizer"] == named["scorer"] else Transformers(**named["optimizer"])
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(search(json.loads(line), scorer, optimizer)), file=answers, flush=True)


def search(task: dict[str, Any], model: Model, optimizer: Model) -> dict[str, Any]:
    """The search, the choice on validation and the answers on test; model is the scorer."""
    began = time.perf_counter()
    seed_everything(task["seed"])
    asked, written = Meter(task["tokens"]), Meter(task["tokens"])
    llm = Llm(optimizer, written)
    prompts, stopped = SEARCHES[task["method"]](task, llm, Predictor(model, task["labels"], asked))
    judge = Judge(task, model, Meter(float("inf")))
    starts = [Prompted(start, 0) for start in task["starts"]]
    winner, validation = judge.best([*prompts, *starts])
    start, _ = judge.best(starts)
    return {
        "prompt": winner.text,
        "shots": winner.shots,
        "validation": validation,
        "start": start.text,
        "answers": judge.answers(winner, task["test"]),
        "start_answers": judge.answers(start, task["test"]),
        "scorer_tokens": asked.tokens + judge.meter.tokens,
        "optimizer_tokens": written.tokens,
        "pairs": asked.calls + judge.meter.calls,
        "seconds": time.perf_counter() - began,
        "stopped": stopped,
    }


class Judge:
    """Measures prompts on validation and test; every text is asked once."""

    def __init__(self, task: dict[str, Any], model: Model, meter: Meter) -> None:
        self.task, self.model, self.meter = task, model, meter
        self.replies: dict[str, str] = {}

    def best(self, prompts: Sequence[Prompted]) -> tuple[Prompted, float]:
        """The best on validation with its accuracy, of equal ones the first."""
        rows = self.task["validation"]
        rights = [
            [answer == label for answer, (_, label) in zip(self.answers(prompt, rows), rows, strict=True)]
            for prompt in prompts
        ]
        values = [sum(right) / len(right) for right in rights]
        at = values.index(max(values))
        return prompts[at], values[at]

    def answers(self, prompt: Prompted, rows: Sequence[Sequence[str]]) -> list[str | None]:
        texts = [f"{prompt.text}\n{text}" for text, _ in rows]
        new = list(dict.fromkeys(text for text in texts if text not in self.replies))
        self.replies |= zip(new, self.meter.run(self.model.answer, new), strict=True)
        return [first_label(self.replies[text], self.task["labels"]) for text in texts]


def private_stdout() -> TextIO:
    """The real stdout; whatever libraries print, in C too, goes to stderr from now on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
