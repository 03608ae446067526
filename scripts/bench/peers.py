"""The peers in this process: they run the very model that the engine runs, on the same ids and positions.

Both score every choice as a row of its own, as their users do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from time import perf_counter

import torch
from torch import Tensor

from bench.contestants import Trial
from bench.deadline import UNBOUNDED, Deadline
from bench.workloads import ANSWER_TOKENS, STOP, Step
from opro_local.engine.loading import Loaded
from opro_local.errors import SettingsError
from opro_local.llm import ChoiceRequest, TokenIds

BATCH = 32


@dataclass(frozen=True, slots=True)
class Transformers:
    """transformers as it is: batches of rows of like length, padded; logits only where they are needed."""

    loaded: Loaded
    name: str = "transformers"

    def takes(self, step: Step) -> bool:
        return True

    def run(self, step: Step, deadline: Deadline = UNBOUNDED) -> Trial:
        start = perf_counter()
        with torch.inference_mode(), deadline.watching(self.loaded.model):
            scores = self._scores([(r.context, choice) for r in step.choices for choice in r.choices])
            self._generate([request.prompt for request in step.prompts])
        seconds = perf_counter() - start
        return Trial(seconds=seconds, scores=_by_request(step.choices, scores))

    def _scores(self, rows: Sequence[tuple[TokenIds, TokenIds]]) -> list[float]:
        order = sorted(range(len(rows)), key=lambda i: -sum(map(len, rows[i])))
        scores: dict[int, float] = {}
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            scores |= zip(batch, self._score_batch([rows[i] for i in batch]), strict=True)
        return [scores[i] for i in range(len(rows))]

    def _score_batch(self, rows: Sequence[tuple[TokenIds, TokenIds]]) -> list[float]:
        inputs = [context + choice[:-1] for context, choice in rows]
        asked = [
            [len(context) - 1 <= at < len(ids) for at in range(max(map(len, inputs)))]
            for ids, (context, _) in zip(inputs, rows, strict=True)
        ]
        device = self.loaded.model.device
        logits = self.loaded.model(
            input_ids=_padded(inputs).to(device),
            attention_mask=_padded([(1,) * len(ids) for ids in inputs]).to(device),
            use_cache=False,
            logits_to_keep=torch.tensor(asked, device=device),
        ).logits
        tokens = torch.tensor(list(chain.from_iterable(choice for _, choice in rows)), device=device)
        picked = logits.flatten(0, -2).float().log_softmax(-1).gather(-1, tokens[:, None])[:, 0].cpu()
        return [part.sum().item() for part in picked.split([len(choice) for _, choice in rows])]

    def _generate(self, prompts: Sequence[TokenIds]) -> None:
        tokenizer, device = self.loaded.tokenizer, self.loaded.model.device
        longest_first = sorted(prompts, key=len, reverse=True)
        for at in range(0, len(prompts), BATCH):
            batch = longest_first[at : at + BATCH]
            present = _padded([(1,) * len(prompt) for prompt in batch], left=True)
            self.loaded.model.generate(  # type: ignore[operator]
                input_ids=_padded(batch, left=True).to(device),
                attention_mask=present.to(device),
                max_new_tokens=ANSWER_TOKENS,
                do_sample=False,
                stop_strings=[STOP],
                tokenizer=tokenizer,
                pad_token_id=tokenizer.pad_token_id or 0,
            )


@dataclass(frozen=True, slots=True)
class LmEval:
    """lm-eval's scoring of multiple choices; like ours it runs a context with one-token choices once."""

    loaded: Loaded
    name: str = "lm-eval"

    def takes(self, step: Step) -> bool:
        return bool(step.choices)

    def run(self, step: Step, deadline: Deadline = UNBOUNDED) -> Trial:
        try:
            from lm_eval.models.huggingface import HFLM
        except ImportError as error:
            raise SettingsError(
                f"lm-eval cannot be imported ({error}). Install lm_eval==0.4.13 beside this project."
            ) from None
        scorer = HFLM(
            pretrained=self.loaded.model,
            tokenizer=self.loaded.tokenizer,
            backend="causal",
            batch_size=BATCH,
            logits_cache=True,
        )
        rows = [(("", ""), list(r.context), list(choice)) for r in step.choices for choice in r.choices]
        start = perf_counter()
        with deadline.watching(self.loaded.model):
            replies = scorer._loglikelihood_tokens(rows, disable_tqdm=True)
        seconds = perf_counter() - start
        return Trial(seconds=seconds, scores=_by_request(step.choices, [score for score, _ in replies]))


def _by_request(requests: Sequence[ChoiceRequest], scores: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    each: Iterator[float] = iter(scores)
    return tuple(tuple(next(each) for _ in request.choices) for request in requests)


def _padded(rows: Sequence[TokenIds], *, left: bool = False) -> Tensor:
    width = max(map(len, rows))
    pads = [[0] * (width - len(row)) for row in rows]
    return torch.tensor([[*pad, *row] if left else [*row, *pad] for row, pad in zip(rows, pads, strict=True)])
