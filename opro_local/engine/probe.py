"""Does reuse equal no reuse on this very model? Asked once at load, with a few random prompts.

The levels are tried from the highest down and the first that holds is taken. Each is proved on the model's
fp32 twin, where rounding is a thousand times smaller than what a wrong mask does: four contexts in two groups
with a shared prefix each, choices that form a tree, contexts beyond every window. The model itself is then
held against it too, more loosely, with what the shape of a batch alone makes of its numbers. Recurrent models
are refused before: in 16 bit the noise could hide a lost state.
"""

import math
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from transformers import PreTrainedModel

from opro_local.engine.asking import windows_named
from opro_local.engine.capture import Recorder
from opro_local.engine.forward import Body
from opro_local.engine.head import Head, read_head
from opro_local.engine.likelihood import SharedLikelihood, WholeLikelihood
from opro_local.engine.limits import matrices
from opro_local.engine.masks import NoReuse
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import StoredPrefixes
from opro_local.engine.reuse import OneRow, PackedTokens, Reuse
from opro_local.engine.stepping import SteppedLikelihood
from opro_local.engine.twin import fp32_twin
from opro_local.errors import ModelError
from opro_local.llm import ChoiceReply, ChoiceRequest

Level = Literal["E0", "E2", "E3"]

REUSES: dict[Level, Callable[[Body, int], Reuse]] = {"E3": PackedTokens, "E2": OneRow}
"""The levels that reuse, from the highest down; each takes the body and the token budget of a forward."""

PREFIX_TOKENS = 6
STEPS = 5
"""Tokens of a choice that is stepped along: recorded steps are replayed from the second on."""
SHORT_WINDOW = 64
"""Beyond a longer window or chunk one prompt is probed, not a batch."""

MOST_WORK = 4e12
"""Multiplications and additions that a long probe may take, half a minute on a slow machine; beyond that a
window is what the model's rule of masks says it is, see asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is taken for rounding: a share of the numbers' size, and so many times the batch shape's noise."""

    share: float
    noise: int


STRICT = Allowance(share=1e-5, noise=3)
"""On its own: with more noise, a Gemma-3-270M in bf16 whose branches saw each other would pass."""
PROVED = Allowance(share=1e-4, noise=8)
"""Where the twin has proved the masks: the states of a deep model may be thousands of times its logits."""

ROWS_SHARE = 0.02
"""A row whose numbers change by more than this share of their size, beside others, is not scored at all."""

PROBE_FAULTS = (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError)
"""What models raise on masks, positions or caches that they do not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The level to run at, how it reuses (None at E0), and why."""

    level: Level
    reuse: Reuse | None
    reason: str

    def of(self, whole: WholeLikelihood) -> "Verdict":
        """The same of these weights read anew."""
        reuse_of = REUSES.get(self.level)
        return replace(self, reuse=reuse_of and reuse_of(whole.body, whole.token_budget))


def choose_level(whole: WholeLikelihood, wanted: Level | Verdict | None) -> Verdict:
    """The highest level that proves equal to E0 here, or what this process has found of the same weights.

    Raises ModelError if another one is wanted, or if E0 itself does not hold.
    """
    if isinstance(wanted, Verdict):
        return wanted.of(whole)
    if wanted == "E0":
        return Verdict(level="E0", reuse=None, reason="asked for")
    _check_rows(whole)
    found, twin = "no reuse", _twin_of(whole)
    for level, reuse_of in REUSES.items():
        if wanted not in (None, level):
            continue
        holds, reason = _holds(whole, twin, reuse_of)
        found = f"{found}; {level}: {reason}" if not holds else reason
        if holds:
            return Verdict(level=level, reuse=reuse_of(whole.body, whole.token_budget), reason=reason)
    if wanted is not None:
        raise ModelError(f"This model cannot run at level {wanted}: {found}. Leave the level open.")
    return Verdict(level="E0", reuse=None, reason=found)


def _check_rows(whole: WholeLikelihood) -> None:
    """Raise ModelError if a row's numbers depend on the rows beside it, or padded rows cannot be run."""
    requests = probe_requests(whole.head.vocabulary, None)
    name = type(whole.body.model).__name__
    try:
        plain, alone = whole(requests), [whole([request])[0] for request in requests]
    except PROBE_FAULTS as fault:
        raise ModelError(
            f"{name} cannot run rows of unequal length ({type(fault).__name__}). Choose another model."
        ) from fault
    error, scale = _largest_difference(plain, alone), max(abs(value) for value in _values(plain))
    if math.isfinite(error) and error > ROWS_SHARE * scale:
        raise ModelError(
            f"{name} gives a prompt other numbers beside others (by {error:.1e}). Choose another model."
        )


def _twin_of(whole: WholeLikelihood) -> WholeLikelihood | None:
    """The model's fp32 twin, if it has one that runs."""
    model = whole.body.model
    try:
        twin = fp32_twin(model, whole.body)
        if twin is None:
            return None
        body = Body(twin, attention=whole.body.attention)
        result = WholeLikelihood(body=body, head=read_head(twin), token_budget=whole.token_budget)
        result(probe_requests(result.head.vocabulary, None))
    except (NoReuse, *PROBE_FAULTS):
        return None
    return result


def _holds(
    whole: WholeLikelihood, twin: WholeLikelihood | None, reuse_of: Callable[[Body, int], Reuse]
) -> tuple[bool, str]:
    """Whether a level holds on the twin and on the model, and what was seen."""
    reuse = reuse_of(whole.body, whole.token_budget)
    if twin is None:
        return _try(whole, reuse, STRICT)
    holds, proof = _try(twin, reuse_of(twin.body, twin.token_budget), STRICT, long=True)
    if not holds:
        return False, proof
    holds, reason = _try(whole, reuse, PROVED)
    return holds, f"{reason}; in fp32, on a part of it: {proof}"


def _try(
    whole: WholeLikelihood, reuse: Reuse, allowance: Allowance, *, long: bool = False
) -> tuple[bool, str]:
    """Whether a level holds, also beyond long windows if asked for, and what was seen."""
    try:
        error, allowed = _compare(whole, reuse, allowance)
        if long and error <= allowed:
            error = max([error, *_errors_beyond_windows(whole, reuse)])
    except NoReuse as no_reuse:
        return False, str(no_reuse)
    except PROBE_FAULTS as fault:
        return False, f"it fails here ({type(fault).__name__})"
    return error <= allowed, f"reuse differs from no reuse by {error:.1e}, allowed {allowed:.1e}"


def check_head(model: PreTrainedModel, body: Body, head: Head) -> None:
    """Raise ModelError if the head's logits are not the model's own, or a token changes those before it."""
    ids = tuple(_random_ids(4, head.vocabulary, random.Random(0)))
    rows = [ids, (*ids[:-1], (ids[-1] + 1) % head.vocabulary)]
    name = type(model).__name__
    try:
        own = model(input_ids=torch.tensor(rows, device=body.device), use_cache=False).logits.float()
        hidden = body.whole(rows)[0]
    except (*PROBE_FAULTS, AssertionError) as fault:
        raise ModelError(
            f"{name} does not run as a language model here ({type(fault).__name__}). Choose another model."
        ) from fault
    if not own.isfinite().all():
        raise ModelError(
            f"{name} gives NaN or infinity: its weights or config.json are damaged. Copy the model again."
        )
    if bool((own.amax(-1) == own.amin(-1)).all()):
        raise ModelError(
            f"{name} finds every token equally likely: its weights are empty. Copy the model again."
        )
    allowed = _rounding(model.dtype, own.abs().max().item(), STRICT)
    error = (head.logits(hidden) - own[0]).abs().max().item()
    if not error <= allowed:  # NaN too is an error
        raise ModelError(
            f"{name} changes its logits in a way not known here (by {error:.1e}). Choose another model."
        )
    if not (own[0, :-1] - own[1, :-1]).abs().max().item() <= allowed:
        raise ModelError(
            f"{name} lets tokens see those that follow them, so it is no language model here."
            " Choose another model."
        )


def compile_layers(whole: WholeLikelihood, verdict: Verdict) -> None:
    """Compile what E3 runs; warn, and leave the model as it is, where that fails or changes its numbers."""
    if verdict.level != "E3" or verdict.reuse is None:
        return
    whole.body.compile()
    holds, reason = _try(whole, verdict.reuse, PROVED)
    if not holds:
        whole.body.restore()
        warnings.warn(f"The model runs without torch.compile: {reason}", stacklevel=2)


def record_steps(whole: WholeLikelihood, verdict: Verdict, record: Recorder) -> None:
    """Have steps of decoding recorded at E3; warn, and leave them, where that fails or changes the numbers.

    Weights that travel to the device while a step runs cannot be recorded.
    """
    body = whole.body
    whole_there = all(weight.device == body.device for weight in body.model.parameters())
    if verdict.level != "E3" or verdict.reuse is None or not whole_there:
        return
    body.record = record
    holds, reason = _try(whole, verdict.reuse, PROVED)
    if not holds:
        body.record = None
        warnings.warn(f"The model decodes without CUDA graphs: {reason}", stacklevel=2)


def _compare(whole: WholeLikelihood, reuse: Reuse, allowance: Allowance) -> tuple[float, float]:
    """The largest difference between a level's and E0's log-probabilities, and the largest allowed."""
    requests = probe_requests(whole.head.vocabulary, max(whole.body.kinds.lengths, default=None))
    plain, prefixes = whole(requests), _prefixes(reuse)
    shared = SharedLikelihood(head=whole.head, prefixes=prefixes)(requests)
    stepped = SteppedLikelihood(body=whole.body, head=whole.head, prefixes=prefixes)(requests)
    firsts = [reply.log_probs[0] for reply in plain]
    error = max(_largest_difference(plain, shared), _gap(firsts, stepped))
    allowed = _rounding(whole.head.weight.dtype, max(abs(value) for value in _values(plain)), allowance)
    if error > allowed:
        alone = [reply for request in requests for reply in whole([request])]
        allowed += allowance.noise * _largest_difference(plain, alone)
    return error, allowed


def _errors_beyond_windows(whole: WholeLikelihood, reuse: Reuse) -> Iterator[float]:
    """How far a prompt that crosses a long window or chunk is off, for each that can be afforded."""
    config = whole.body.model.config.get_text_config()
    limit = getattr(config, "max_position_embeddings", None) or math.inf
    weights = sum(rows * columns for rows, columns in matrices(whole.body.model))
    draw = random.Random(0)
    for length in sorted({*whole.body.kinds.lengths, *windows_named(config)}):
        if not SHORT_WINDOW < length < limit - 2 * PREFIX_TOKENS or 4 * weights * length > MOST_WORK:
            continue
        prefix = tuple(_random_ids(length + PREFIX_TOKENS, whole.head.vocabulary, draw))
        asked, beside = (
            ChoiceRequest(context=(*prefix, first), choices=((1, 2, 3), (4, 5))) for first in (6, 7)
        )
        shared = SharedLikelihood(head=whole.head, prefixes=_prefixes(reuse))([asked, beside])
        yield _largest_difference(whole([asked]), shared[:1])


def _prefixes(reuse: Reuse) -> StoredPrefixes:
    return StoredPrefixes(reuse=reuse, store=PrefixStore(0), pass_overhead=0)


def probe_requests(vocabulary: int, window: int | None) -> list[ChoiceRequest]:
    """Two prefixes with two contexts each, every one with two choices that part at their first token."""
    draw = random.Random(0)
    beyond = window if window is not None and window <= SHORT_WINDOW else 0
    prefixes = [_random_ids(PREFIX_TOKENS + beyond, vocabulary, draw) for _ in range(2)]
    return [
        ChoiceRequest(
            context=tuple(prefix + _random_ids(suffix, vocabulary, draw)),
            choices=(tuple(_random_ids(STEPS, vocabulary, draw)), tuple(_random_ids(2, vocabulary, draw))),
        )
        for prefix in prefixes
        for suffix in (1, 3)
    ]


def _random_ids(n: int, vocabulary: int, draw: random.Random) -> list[int]:
    return [draw.randrange(vocabulary) for _ in range(n)]


def _rounding(dtype: torch.dtype, scale: float, allowance: Allowance) -> float:
    """What rounding may make of numbers of this size: a share of them in fp32, one spacing in 16 bit."""
    return scale * max(torch.finfo(dtype).eps, allowance.share)


def _largest_difference(a: Sequence[ChoiceReply], b: Sequence[ChoiceReply]) -> float:
    return _gap(list(_values(a)), list(_values(b)))


def _gap(a: Sequence[float], b: Sequence[float]) -> float:
    """The largest difference of two; NaN in either makes it infinite."""
    gaps = [abs(x - y) for x, y in zip(a, b, strict=True)]
    return math.inf if any(math.isnan(gap) for gap in gaps) else max(gaps)


def _values(replies: Sequence[ChoiceReply]) -> Iterable[float]:
    return (value for reply in replies for value in reply.log_probs)
