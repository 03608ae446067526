"""Does reuse equal no reuse on this very model? Asked once at load, with a few random prompts.

The levels are tried from the highest down and the first that holds is taken. Four contexts in two groups
with a shared prefix each, choices that form a tree, and contexts beyond the sliding window where it is short
enough to afford that. The difference is judged against what another batch shape alone makes in this dtype.
Recurrent models are refused before: in 16 bit the noise could hide a lost state.
"""

import math
import random
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from transformers import PreTrainedModel

from opro_local.engine.forward import Body
from opro_local.engine.head import Head
from opro_local.engine.likelihood import SharedLikelihood, WholeLikelihood
from opro_local.engine.masks import NoReuse
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import Prefixes
from opro_local.engine.reuse import OneRow, PackedTokens, PaddedRows, Reuse
from opro_local.errors import ModelError
from opro_local.llm import ChoiceReply, ChoiceRequest

Level = Literal["E0", "E1", "E2", "E3"]

REUSES: dict[Level, Callable[[Body, int], Reuse]] = {"E3": PackedTokens, "E2": OneRow, "E1": PaddedRows}
"""The levels that reuse, from the highest down; each takes the body and the token budget of a forward."""

PREFIX_TOKENS = 6
LONGEST_WINDOW = 64
"""A window is probed if it is at most this long; a longer one would cost more than it tells."""

NOISE_FACTOR = 3
"""An error up to so many times the noise of the batch shape is taken for noise. At 8, a Gemma-3-270M in bf16
whose branches saw each other would pass."""

PROBE_FAULTS = (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError)
"""What models raise on masks, positions or caches that they do not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The level to run at, how it reuses (None at E0), and why."""

    level: Level
    reuse: Reuse | None
    reason: str


def choose_level(whole: WholeLikelihood, wanted: Level | None) -> Verdict:
    """The highest level that proves equal to E0 here. Raises ModelError if another one is wanted."""
    if wanted == "E0":
        return Verdict(level="E0", reuse=None, reason="asked for")
    found = "no reuse"
    for level, reuse_of in REUSES.items():
        if wanted not in (None, level):
            continue
        reuse = reuse_of(whole.body, whole.token_budget)
        holds, reason = _try(whole, reuse)
        found = f"{found}; {level}: {reason}" if not holds else reason
        if holds:
            return Verdict(level=level, reuse=reuse, reason=reason)
    if wanted is not None:
        raise ModelError(f"This model cannot run at level {wanted}: {found}. Leave the level open.")
    return Verdict(level="E0", reuse=None, reason=found)


def _try(whole: WholeLikelihood, reuse: Reuse) -> tuple[bool, str]:
    """Whether a level holds on this model, and what was seen."""
    try:
        error, allowed = _compare(whole, reuse)
    except NoReuse as no_reuse:
        return False, str(no_reuse)
    except PROBE_FAULTS as fault:
        return False, f"it fails here ({type(fault).__name__})"
    return error <= allowed, f"reuse differs from no reuse by {error:.1e}, allowed {allowed:.1e}"


def check_head(model: PreTrainedModel, body: Body, head: Head) -> None:
    """Raise ModelError if the head's logits are not the model's own: its output has an unknown last step."""
    ids = tuple(_random_ids(4, head.vocabulary, random.Random(0)))
    own = model(input_ids=torch.tensor([ids], device=body.device)).logits[0].float()
    error = (head.logits(body.whole([ids])[0]) - own).abs().max().item()
    if not error <= _rounding(model.dtype, own.abs().max().item()):  # NaN too is an error
        raise ModelError(
            f"{type(model).__name__} changes its logits in a way not known here (by {error:.1e})."
            " Choose another model."
        )


def compile_layers(whole: WholeLikelihood, verdict: Verdict) -> None:
    """Compile what E3 runs; warn, and leave the model as it is, where that fails or changes its numbers."""
    if verdict.level != "E3" or verdict.reuse is None:
        return
    whole.body.compile()
    holds, reason = _try(whole, verdict.reuse)
    if not holds:
        whole.body.restore()
        warnings.warn(f"The model runs without torch.compile: {reason}", stacklevel=2)


def _compare(whole: WholeLikelihood, reuse: Reuse) -> tuple[float, float]:
    """The largest difference between a level's and E0's log-probabilities, and the largest allowed."""
    requests = probe_requests(whole.head.vocabulary, whole.body.kinds.longest)
    prefixes = Prefixes(reuse=reuse, store=PrefixStore(0), pass_overhead=0)
    plain, shared = whole(requests), SharedLikelihood(head=whole.head, prefixes=prefixes)(requests)
    error = _largest_difference(plain, shared)
    allowed = _rounding(whole.head.weight.dtype, max(abs(value) for value in _values(plain)))
    if error > allowed:
        alone = [reply for request in requests for reply in whole([request])]
        allowed += NOISE_FACTOR * _largest_difference(plain, alone)
    return error, allowed


def probe_requests(vocabulary: int, window: int | None) -> list[ChoiceRequest]:
    """Two prefixes with two contexts each, every one with two choices that part at their first token."""
    draw = random.Random(0)
    beyond = window if window is not None and window <= LONGEST_WINDOW else 0
    prefixes = [_random_ids(PREFIX_TOKENS + beyond, vocabulary, draw) for _ in range(2)]
    return [
        ChoiceRequest(
            context=tuple(prefix + _random_ids(suffix, vocabulary, draw)),
            choices=(tuple(_random_ids(3, vocabulary, draw)), tuple(_random_ids(2, vocabulary, draw))),
        )
        for prefix in prefixes
        for suffix in (1, 3)
    ]


def _random_ids(n: int, vocabulary: int, draw: random.Random) -> list[int]:
    return [draw.randrange(vocabulary) for _ in range(n)]


def _rounding(dtype: torch.dtype, scale: float) -> float:
    """What rounding may make of numbers of this size: 1e-5 of them in fp32, one spacing in 16 bit."""
    return scale * max(torch.finfo(dtype).eps, 1e-5)


def _largest_difference(a: Sequence[ChoiceReply], b: Sequence[ChoiceReply]) -> float:
    """NaN in either makes the difference infinite."""
    gaps = [abs(x - y) for x, y in zip(_values(a), _values(b), strict=True)]
    return math.inf if any(math.isnan(gap) for gap in gaps) else max(gaps)


def _values(replies: Sequence[ChoiceReply]) -> Iterable[float]:
    return (value for reply in replies for value in reply.log_probs)
