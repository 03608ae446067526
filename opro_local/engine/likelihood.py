"""Log-probabilities of choices, with the prompts' common prefixes run once (E1) or not (E0).

E0 runs every choice in a row of its own and is what E1 must equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from opro_local.engine.batches import in_chunks
from opro_local.engine.forward import Body
from opro_local.engine.head import Head
from opro_local.engine.plan import PASS_OVERHEAD_TOKENS, Group, group_by_prefix
from opro_local.engine.rows import Row, chain_rows, tree_row
from opro_local.llm import ChoiceReply, ChoiceRequest

ChoiceScores = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """Scores choices. token_budget bounds the padded tokens of one forward.

    pass_overhead is what a prefix must save besides its own tokens, see plan.group_by_prefix.
    """

    body: Body
    head: Head
    token_budget: int
    pass_overhead: int = PASS_OVERHEAD_TOKENS

    def whole(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        """Level E0: each choice behind its whole context."""
        rows = list(chain.from_iterable(chain_rows(request) for request in requests))
        lengths = [len(row.ids) for row in rows]
        scores = iter(in_chunks(rows, self._score_whole, lengths=lengths, shared=0, budget=self.token_budget))
        return [
            ChoiceReply(log_probs=tuple(next(scores)[0] for _ in request.choices)) for request in requests
        ]

    def shared(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        """Level E1: each prefix once, behind it the rest of each context with its choices as a tree."""
        scores: dict[int, ChoiceScores] = {}
        contexts = [request.context for request in requests]
        for group in group_by_prefix(contexts, overhead=self.pass_overhead):
            rows = [tree_row(requests[i], len(group.prefix)) for i in group.members]
            scores |= zip(group.members, self._score_group(group, rows), strict=True)
        return [ChoiceReply(log_probs=scores[i]) for i in range(len(requests))]

    def _score_whole(self, rows: Sequence[Row]) -> list[ChoiceScores]:
        return score_rows(self.head, self.body.whole([row.ids for row in rows]), rows)

    def _score_group(self, group: Group, rows: Sequence[Row]) -> list[ChoiceScores]:
        prefix = self.body.prefix(group.prefix) if group.prefix else None

        def score(batch: Sequence[Row]) -> list[ChoiceScores]:
            cache = prefix.cache() if prefix else None
            hidden, _ = self.body.behind(batch, start=len(group.prefix), cache=cache)
            return score_rows(self.head, hidden, batch)

        lengths = [len(row.ids) for row in rows]
        return in_chunks(rows, score, lengths=lengths, shared=len(group.prefix), budget=self.token_budget)


def score_rows(head: Head, hidden: Tensor, rows: Sequence[Row]) -> list[ChoiceScores]:
    """Sum each choice's log-probabilities, in nats. hidden (B, S, d), one entry a row."""
    asked = [(at, target) for at, row in enumerate(rows) for target in chain.from_iterable(row.choices)]
    cells = sorted({(at, target.column) for at, target in asked})
    where = {cell: index for index, cell in enumerate(cells)}
    log_probs = head.log_probs(
        hidden[_index([at for at, _ in cells], hidden), _index([column for _, column in cells], hidden)],
        _index([where[at, target.column] for at, target in asked], hidden),
        _index([target.token for _, target in asked], hidden),
    )
    each = iter(log_probs.tolist())
    return [tuple(sum(next(each) for _ in choice) for choice in row.choices) for row in rows]


def _index(numbers: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(numbers, dtype=torch.long, device=like.device)
