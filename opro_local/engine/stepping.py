"""Log-probabilities as decoding meets them: prompts run once, then a given token a step.

It is how generation goes on behind what a level kept of a prompt; the probe holds it against E0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from opro_local.engine.cache import Placed
from opro_local.engine.forward import Body
from opro_local.engine.head import Head
from opro_local.engine.prefixes import Prefixes
from opro_local.engine.rows import trunk_row
from opro_local.engine.transfer import sent
from opro_local.llm import ChoiceRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SteppedLikelihood:
    """Scores the first choice of every request a token at a time; all of them are equally long."""

    body: Body
    head: Head
    prefixes: Prefixes

    def __call__(self, requests: Sequence[ChoiceRequest]) -> list[float]:
        shared = self.prefixes.of([request.context for request in requests])
        members = [i for group in shared for i in group.members]
        placed = [
            Placed(
                row=trunk_row(requests[i].context, group.prefix.length if group.prefix else 0),
                prefix=group.prefix,
            )
            for group in shared
            for i in group.members
        ]
        scores = [0.0] * len(placed)
        for chunk in self.prefixes.reuse.chunks(placed):
            rows = [placed[at] for at in chunk]
            choices = [requests[members[at]].choices[0] for at in chunk]
            for at, score in zip(chunk, self._stepped(rows, choices), strict=True):
                scores[members[at]] = score
        return scores

    def _stepped(self, rows: Sequence[Placed], choices: Sequence[tuple[int, ...]]) -> list[float]:
        states = self.prefixes.reuse.run(rows, keep=True)
        widths = [len(placed.row.ids) for placed in rows]
        ends = [first + width - 1 for first, width in zip(states.firsts, widths, strict=True)]
        hidden = states.hidden[ends]
        trails = [states.trail(i, placed, range(widths[i])) for i, placed in enumerate(rows)]
        going, each = self.prefixes.reuse.growing(trails), torch.arange(len(rows), device=hidden.device)
        total = torch.zeros(len(rows), device=hidden.device)
        for step, tokens in enumerate(zip(*choices, strict=True)):
            given = sent(tokens, hidden.device)
            total += self.head.log_probs(hidden, each, given)
            if step + 1 < len(choices[0]):
                hidden = going.step(given)
        return total.tolist()
