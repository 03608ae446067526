"""The two models as the peers of the bench of optimizers want them, their tokens counted."""

import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from bench.plain_model import PROPOSAL_TOKENS, Reply


class Spent(BaseException):
    """The budget is used up; no Exception, which promptolution would swallow."""


class Model(Protocol):
    """The language model, whole texts in and continuations out."""

    tokenizer: Any

    def answer(self, texts: Sequence[str]) -> list[Reply]: ...

    def write(self, texts: Sequence[str], longest: int) -> list[Reply]: ...


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
    """The optimizer model: what promptolution calls a meta llm, GEPA a reflection_lm."""

    def __init__(self, model: Model, meter: Meter) -> None:
        self.model, self.meter, self.tokenizer = model, meter, model.tokenizer
        self.longest = PROPOSAL_TOKENS

    def get_response(self, prompts: str | list[str], system_prompts: object = None) -> list[str]:
        write = partial(self.model.write, longest=self.longest)
        return self.meter.run(write, [prompts] if isinstance(prompts, str) else prompts)

    def __call__(self, prompt: str | list[dict[str, str]]) -> str:
        text = prompt if isinstance(prompt, str) else "\n\n".join(turn["content"] for turn in prompt)
        return self.get_response(text)[0]

    def set_generation_seed(self, seed: int) -> None:
        seed_everything(seed)


class Predictor:
    """What promptolution calls a predictor: the first label in a greedy reply, "" where there is none.

    By its llm promptolution counts the tokens of prompts.
    """

    def __init__(self, model: Model, labels: Sequence[str], meter: Meter) -> None:
        self.model, self.labels, self.meter = model, labels, meter
        self.llm = Llm(model, meter)
        self.extraction_description = (
            f"The task is to classify the texts into one of those classes: {', '.join(labels)}."
            "The first occurrence of a valid class label in the prediction is used as the predicted class."
        )

    def predict(
        self, prompts: list[str], xs: list[str], system_prompts: object = None
    ) -> tuple[list[str], list[str]]:
        asked = [f"{prompt}\n{x}" for prompt, x in zip(prompts, xs, strict=True)]
        replies = self.meter.run(self.model.answer, asked)
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


def seed_everything(seed: int) -> None:
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
