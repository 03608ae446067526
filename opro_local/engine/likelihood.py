"""Log-probabilities of choices, with what the prompts share run once (E2, E3) or not (E0).

E0 runs every choice in a row of its own and is what the others must equal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from torch import Tensor

from opro_local.engine.batches import NoNumbers, in_chunks
from opro_local.engine.cache import Placed
from opro_local.engine.forward import Body
from opro_local.engine.head import Head
from opro_local.engine.plan import padded_chunks
from opro_local.engine.prefixes import Prefixes
from opro_local.engine.reuse import States
from opro_local.engine.rows import Row, branches, chain_rows, tree_row
from opro_local.engine.transfer import sent
from opro_local.llm import ChoiceReply, ChoiceRequest

ChoiceScores = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeLikelihood:
    """Level E0: each choice behind its whole context. token_budget bounds the tokens of one forward."""

    body: Body
    head: Head
    token_budget: int

    def __call__(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        rows = list(chain.from_iterable(chain_rows(request) for request in requests))
        chunks = padded_chunks([len(row.ids) for row in rows], budget=self.token_budget)
        scores = iter(in_chunks(rows, self._score, chunks))
        return [
            ChoiceReply(log_probs=tuple(next(scores)[0] for _ in request.choices)) for request in requests
        ]

    def _score(self, rows: Sequence[Row]) -> list[ChoiceScores]:
        hidden = self.body.whole([row.ids for row in rows])
        firsts = tuple(range(0, hidden.shape[0] * hidden.shape[1], hidden.shape[1]))
        return score_rows(self.head, States(hidden=hidden.flatten(0, 1), firsts=firsts, kept=[]), rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLikelihood:
    """Levels E2 and E3: each prefix once, behind it the rest of each context with its choices as a tree."""

    head: Head
    prefixes: Prefixes

    def __call__(self, requests: Sequence[ChoiceRequest]) -> list[ChoiceReply]:
        shared = self.prefixes.of([request.context for request in requests])
        members = [i for group in shared for i in group.members]
        rows = [
            Placed(row=tree_row(requests[i], group.prefix.length if group.prefix else 0), prefix=group.prefix)
            for group in shared
            for i in group.members
        ]
        scores = in_chunks(rows, self._score, self.prefixes.reuse.chunks(rows))
        replies = {i: ChoiceReply(log_probs=choices) for i, choices in zip(members, scores, strict=True)}
        return [replies[i] for i in range(len(requests))]

    def _score(self, rows: Sequence[Placed]) -> list[ChoiceScores]:
        scores = score_rows(self.head, self.prefixes.reuse.run(rows), [placed.row for placed in rows])
        if not any(map(math.isnan, chain.from_iterable(scores))):
            return scores
        if len(rows) > 1:
            raise NoNumbers
        return [self._apart(rows[0])]

    def _apart(self, placed: Placed) -> ChoiceScores:
        """A row's choices in rows of their own: in one tree, a NaN in a branch reaches the others."""
        reuse = self.prefixes.reuse
        alone = [Placed(row=row, prefix=placed.prefix) for row in branches(placed.row)]
        return tuple(score_rows(self.head, reuse.run([each]), [each.row])[0][0] for each in alone)


def score_rows(head: Head, states: States, rows: Sequence[Row]) -> list[ChoiceScores]:
    """Sum each choice's log-probabilities, in nats; one entry a row."""
    asked = [
        (first + target.column, target.token)
        for first, row in zip(states.firsts, rows, strict=True)
        for target in chain.from_iterable(row.choices)
    ]
    nodes = sorted({node for node, _ in asked})
    where = {node: index for index, node in enumerate(nodes)}
    log_probs = head.log_probs(
        states.hidden[_index(nodes, states.hidden)],
        _index([where[node] for node, _ in asked], states.hidden),
        _index([token for _, token in asked], states.hidden),
    )
    each = iter(log_probs.tolist())
    return [tuple(sum(next(each) for _ in choice) for choice in row.choices) for row in rows]


def _index(numbers: Sequence[int], like: Tensor) -> Tensor:
    return sent(numbers, like.device)
