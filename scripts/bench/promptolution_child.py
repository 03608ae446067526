"""Searches with promptolution's OPRO and CAPO; started by contest.py under a Python that has promptolution.

opro_local is not there. It reads JSON lines and answers each with one. The first line names the model
(`folder`, `dtype`, `chat`) and is answered when it stands. Every other line is one search: `method`, `seed`,
`description`, `labels`, `starts`, `tokens` (the budget), and rows as [text, label] in `scored`, `train`,
`validation` and `test`.

The optimizers are used as they are, over an llm and a predictor of our own: batches sorted by length, greedy
answers, whole tokens counted, and no answer where the reply names no label. The first request behind the
budget ends the search; validation picks among the best and the starts, and test is measured once.
"""

import json
import os
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TextIO

from bench.plain_model import Reply, Transformers

FINALISTS = 5
BLOCK = 30
"""Rows of a block in CAPO's races, promptolution's default."""
SHOTS = 5
"""Most shots of CAPO's first prompts, promptolution's default."""
STEPS = 100_000
"""More than any budget allows."""


class Spent(BaseException):
    """The budget is used up; no Exception, which promptolution would swallow."""


class Model(Protocol):
    """The language model, whole texts in and continuations out."""

    tokenizer: Any

    def answer(self, texts: Sequence[str]) -> list[Reply]: ...

    def write(self, texts: Sequence[str]) -> list[Reply]: ...


class Meter:
    """Counts tokens; raises Spent when more is asked for behind the limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.tokens = 0
        self.calls = 0

    def run(self, ask: Callable[[Sequence[str]], list[Reply]], texts: Sequence[str]) -> list[str]:
        if self.tokens >= self.limit:
            raise Spent
        replies = ask(texts) if texts else []
        self.tokens += sum(reply.tokens for reply in replies)
        self.calls += len(replies)
        return [reply.text for reply in replies]


class Llm:
    """What promptolution calls a meta llm."""

    def __init__(self, model: Model, meter: Meter) -> None:
        self.model, self.meter, self.tokenizer = model, meter, model.tokenizer

    def get_response(self, prompts: str | list[str], system_prompts: object = None) -> list[str]:
        return self.meter.run(self.model.write, [prompts] if isinstance(prompts, str) else prompts)

    def set_generation_seed(self, seed: int) -> None:
        seed_everything(seed)


class Predictor:
    """What promptolution calls a predictor: the first label in a greedy reply, "" where there is none."""

    def __init__(self, llm: Llm, labels: Sequence[str], meter: Meter) -> None:
        self.llm, self.labels, self.meter = llm, labels, meter
        self.extraction_description = (
            f"The task is to classify the texts into one of those classes: {', '.join(labels)}."
            "The first occurrence of a valid class label in the prediction is used as the predicted class."
        )

    def predict(
        self, prompts: list[str], xs: list[str], system_prompts: object = None
    ) -> tuple[list[str], list[str]]:
        asked = [f"{prompt}\n{x}" for prompt, x in zip(prompts, xs, strict=True)]
        replies = self.meter.run(self.llm.model.answer, asked)
        found = [(first_label(reply, self.labels) or "").lower() for reply in replies]
        return found, [f"{x}\n{reply}" for x, reply in zip(xs, replies, strict=True)]


def first_label(reply: str, labels: Sequence[str]) -> str | None:
    """The label that stands first in a reply as whole words, in any case; of two there the longer."""
    places = [
        (found.start(), -len(label), label)
        for label in labels
        if (found := re.search(rf"(?<!\w){re.escape(label)}(?!\w)", reply, re.IGNORECASE))
    ]
    return min(places)[2] if places else None


def main() -> None:
    answers = private_stdout()
    model = Transformers(**json.loads(sys.stdin.readline()))
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(search(json.loads(line), model)), file=answers, flush=True)


def search(task: dict[str, Any], model: Model) -> dict[str, Any]:
    """The search, the choice on validation and the answers on test."""
    began = time.perf_counter()
    seed_everything(task["seed"])
    asked, written = Meter(task["tokens"]), Meter(task["tokens"])
    llm = Llm(model, written)
    prompts, stopped = optimized(task, llm, Predictor(llm, task["labels"], asked))
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


class Prompted(NamedTuple):
    """A prompt in full, its shots in it, and their number."""

    text: str
    shots: int


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


def optimized(task: dict[str, Any], llm: Llm, predictor: Predictor) -> tuple[list[Prompted], str]:
    """promptolution's best prompts by its own scores, best first, and why it stopped."""
    optimizer = (opro if task["method"] == "promptolution-opro" else capo)(task, llm, predictor)
    stopped = "gave up"  # promptolution logs what goes wrong in a step, and returns
    try:
        optimizer.optimize(STEPS)
    except Spent:
        stopped = "budget"
    scores = optimizer.scores or [0.0] * len(optimizer.prompts)  # the budget may end before the first score
    ranked = sorted(zip(optimizer.prompts, scores, strict=True), key=lambda pair: pair[1], reverse=True)
    return [Prompted(str(prompt), len(prompt.few_shots)) for prompt, _ in ranked[:FINALISTS]], stopped


def opro(task: dict[str, Any], llm: Llm, predictor: Predictor) -> Any:
    """On the rows that opro-local scores, all of them."""
    from promptolution.optimizers import OPRO

    return OPRO(
        predictor=predictor,
        task=classification(task, task["scored"], block=BLOCK),
        meta_llm=llm,
        initial_prompts=task["starts"],
    )


def capo(task: dict[str, Any], llm: Llm, predictor: Predictor) -> Any:
    """On all of train, a tenth of which it sets aside for shots itself."""
    from promptolution.optimizers import CAPO

    rows = distinct(task["train"])
    aside = len(rows) // 10
    return CAPO(
        predictor=predictor,
        task=classification(task, rows, block=min(BLOCK, len(rows) - aside)),
        meta_llm=llm,
        initial_prompts=task["starts"],
        upper_shots=min(SHOTS, aside),
    )


def classification(task: dict[str, Any], rows: Sequence[Sequence[str]], *, block: int) -> Any:
    from pandas import DataFrame
    from promptolution.tasks import ClassificationTask

    return ClassificationTask(
        DataFrame(distinct(rows), columns=["x", "y"]),
        task_description=task["description"],
        n_subsamples=block,
        seed=task["seed"],
    )


def distinct(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """The rows whose text is new; promptolution gives the rows behind a repeated one the wrong labels."""
    first: dict[str, Sequence[str]] = {}
    for text, label in rows:
        first.setdefault(text, (text, label))
    return list(first.values())


def seed_everything(seed: int) -> None:
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def private_stdout() -> TextIO:
    """The real stdout; whatever libraries print, in C too, goes to stderr from now on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
