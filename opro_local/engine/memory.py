"""What a model will take in memory, worked out before its weights are read, and what that leaves to choose.

The peak is the larger of two moments: while the weights are read (their files stay mapped until other weights
have been made of them), and while a forward of the longest kind runs with the store of prefixes full. What
the process holds already, tokenizer included, is measured; weights, keys and values are counted on the
model's skeleton; what else a forward needs is estimated from its widest layer. On a GPU only what torch
allocates there counts. No plan has been compared with a GPU yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from opro_local.engine.free_memory import free_bytes, resident_bytes
from opro_local.engine.head import BYTES_A_LOGIT, slice_bytes
from opro_local.engine.limits import matrices, read_cost
from opro_local.engine.packing import each_weight, packed_share
from opro_local.engine.profile import PACKED, ModelProfile, Quantize, profile_folder
from opro_local.errors import ModelError

CPU_TOKEN_BUDGET = 2048
GPU_TOKEN_BUDGET = 8192
"""Padded tokens of one forward; more do not make it faster."""

LEAST_TOKENS = 256
"""Below that a forward would mostly wait for the weights."""

MARGIN = 1.1
"""A plan may be wrong by a tenth, so that much more than the expected peak must be free."""

LIBRARY_BYTES = 48 * 2**20
"""Code and buffers of the libraries that are first touched while weights are read and run, on the CPU."""

LOGIT_ROWS = 8
"""Rows whose logits are in memory as a whole: a step's proposals while they are sampled."""

PACKED_BYTES = {"nf4": 0.5 + 1 / 64, "fp4": 0.5 + 1 / 64, "int8": 1.0}
"""Bytes of a quantised weight, with the scale that 64 weights share in 4 bit."""

_GB = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What an engine may use: tokens of one forward, pads included, and bytes of stored prefixes."""

    tokens: int
    kv_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a model takes, in bytes.

    process is resident already; loading comes on top of the weights while they are read; a forward takes
    workspace, token_bytes a token, and pair_bytes a pair of tokens; a stored token takes kv_bytes. resident
    is what must lie on the device when the layers are spread; None if they cannot be. packed tells which
    share is quantised.
    """

    name: str
    device: torch.device
    process: int
    weights: int
    loading: int
    workspace: int
    token_bytes: int
    kv_bytes: int
    pair_bytes: int
    resident: int | None
    packed: str = ""

    def forward(self, tokens: int) -> int:
        """The bytes of a forward of so many tokens, their keys and values twice: as run, and as kept."""
        return self.workspace + tokens * self.token_bytes + tokens * tokens * self.pair_bytes

    def room(self, tokens: int) -> int:
        """What must be free for the weights and a forward of so many tokens."""
        return int(MARGIN * (self.weights + max(self.loading, self.forward(tokens))))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Bytes by purpose. If spread, weights are those that fit on the device; the others lie elsewhere.

    stored_tokens are those of prefixes that the store holds.
    """

    name: str
    device: str
    process: int
    weights: int
    loading: int
    forward: int
    budgets: Budgets
    stored_tokens: int
    available: int
    spread: bool = False
    packed: str = ""

    @property
    def peak(self) -> int:
        """What the process, or the GPU, is expected to hold at most."""
        return self.process + self.weights + max(self.loading, self.forward + self.budgets.kv_bytes)

    def __str__(self) -> str:
        """One line for people."""
        parts = {
            f"weights{self.packed and f', {self.packed},'}": self.weights,
            "reading them": self.loading if self.loading > self.forward + self.budgets.kv_bytes else 0,
            f"a forward of {self.budgets.tokens} tokens": self.forward,
            "stored prefixes up to": self.budgets.kv_bytes,
            "the process": self.process,
        }
        shown = ", ".join(f"{name} {size / _GB:.2f}" for name, size in parts.items() if size)
        elsewhere = ", layers that do not fit in slower memory or on disk" if self.spread else ""
        return (
            f"memory: at most {self.peak / _GB:.2f} GB on {self.device} for {self.name} ({shown}{elsewhere});"
            f" {self.available / _GB:.1f} GB free"
        )


def usual_budgets(device: torch.device) -> Budgets:
    """What pays on a device where memory is no concern."""
    tokens = CPU_TOKEN_BUDGET if device.type == "cpu" else GPU_TOKEN_BUDGET
    return Budgets(tokens=tokens, kv_bytes=2**30)


def plan_folder(path: Path, *, quantize: Quantize, device: str) -> MemoryPlan:
    """The plan for one model with the device to itself. Raises ModelError."""
    profile = profile_folder(path, quantize=quantize, device=device)
    return plan_memory(read_needs(profile), free_bytes(profile.device))


def read_needs(profile: ModelProfile) -> Needs:
    """Count on a model's skeleton what it needs, and measure what this process holds now."""
    cost = read_cost(profile.skeleton)
    item, on_cpu = profile.dtype.itemsize, profile.device.type == "cpu"
    hidden = profile.skeleton.config.get_text_config().hidden_size
    widest = max(max(shape) for shape in matrices(profile.skeleton))
    unpacked = max(
        (2 * weight.numel() for weight, packed in each_weight(profile.skeleton, profile.how) if packed),
        default=0,
    )
    logits = LOGIT_ROWS * BYTES_A_LOGIT * profile.skeleton.config.get_text_config().vocab_size
    logits = max(logits, slice_bytes(profile.device))
    return Needs(
        name=profile.folder.path.name,
        device=profile.device,
        process=resident_bytes(profile.device) + (LIBRARY_BYTES if on_cpu else 0),
        weights=sum(
            _held_bytes(profile, weight, packed)
            for weight, packed in each_weight(profile.skeleton, profile.how)
        ),
        loading=_file_bytes(profile) if on_cpu and profile.converts else 0,
        workspace=unpacked + logits,
        token_bytes=item * (8 * hidden + 3 * widest) + 2 * cost.kv_bytes,
        kv_bytes=cost.kv_bytes,
        pair_bytes=item,
        resident=None if profile.how in PACKED else _least_resident(profile),
        packed=_packed_words(profile),
    )


def plan_memory(needs: Needs, available: int) -> MemoryPlan:
    """The largest token budget and store of prefixes within what is available.

    A model that does not fit is spread if it can be. Raises ModelError if that too is impossible.
    """
    tokens = _most_tokens(needs, available)
    if tokens is None:
        return _spread_plan(needs, available)
    stored = _store_bytes(needs.weights, int(available / MARGIN) - needs.weights - needs.forward(tokens))
    return MemoryPlan(
        name=needs.name,
        device=needs.device.type,
        process=needs.process,
        weights=needs.weights,
        loading=needs.loading,
        forward=needs.forward(tokens),
        budgets=Budgets(tokens=tokens, kv_bytes=stored),
        stored_tokens=stored // needs.kv_bytes if needs.kv_bytes else 0,
        available=available,
        packed=needs.packed,
    )


def plan_together(needs: Sequence[Needs], available: int) -> list[MemoryPlan] | None:
    """Plans for models that are in memory at the same time; None if they do not fit."""
    least = [each.room(LEAST_TOKENS) for each in needs]
    left = available - sum(least)
    if left < 0:
        return None
    return [plan_memory(each, own + left) for each, own in zip(needs, least, strict=True)]


def _most_tokens(needs: Needs, available: int) -> int | None:
    """The usual token budget, halved until it fits; None if it never does."""
    tokens = usual_budgets(needs.device).tokens
    while tokens >= LEAST_TOKENS:
        if needs.room(tokens) <= available:
            return tokens
        tokens //= 2
    return None


def _store_bytes(weights: int, left: int) -> int:
    """Half of what is left, so that another model's store has room too, and no more than the model itself."""
    return min(weights, left // 2)


def _spread_plan(needs: Needs, available: int) -> MemoryPlan:
    forward = needs.forward(LEAST_TOKENS)
    weights = int(available / MARGIN) - forward
    if needs.resident is None or weights < needs.resident:
        held = f"{needs.device.type}{needs.packed and f' ({needs.packed})'}"
        raise ModelError(
            f"{needs.name} needs {needs.room(LEAST_TOKENS) / _GB:.1f} GB of memory on {held},"
            f" {available / _GB:.1f} GB are free. Choose a smaller model or --quantize nf4, or free memory."
        )
    return MemoryPlan(
        name=needs.name,
        device=needs.device.type,
        process=needs.process,
        weights=weights,
        loading=0,
        forward=forward,
        budgets=Budgets(tokens=LEAST_TOKENS, kv_bytes=0),
        stored_tokens=0,
        available=available,
        spread=True,
    )


def _packed_words(profile: ModelProfile) -> str:
    """Which share of the weights is quantised, empty for a dense model; experts in one tensor stay dense."""
    if profile.how not in PACKED:
        return ""
    return f"{packed_share(profile.skeleton, profile.how):.0%} of them {profile.how}"


def _held_bytes(profile: ModelProfile, weight: Tensor, packed: bool) -> int:
    return int(weight.numel() * (PACKED_BYTES[profile.how] if packed else profile.dtype.itemsize))


def _file_bytes(profile: ModelProfile) -> int:
    return sum(file.stat().st_size for file in profile.folder.path.glob("*.safetensors"))


def _least_resident(profile: ModelProfile) -> int:
    """Embeddings and output layer, which stay on the device, and the largest layer twice: used, and read."""
    skeleton = profile.skeleton
    outer = [skeleton.get_input_embeddings(), skeleton.get_output_embeddings()]  # type: ignore[no-untyped-call]
    kept = {id(weight): weight.nbytes for module in outer for weight in module.parameters()}
    blocks = [m for m in skeleton.modules() if type(m).__name__ in (skeleton._no_split_modules or ())]
    layer = max((sum(weight.nbytes for weight in block.parameters()) for block in blocks), default=0)
    return int(sum(kept.values()) + 2 * layer)
