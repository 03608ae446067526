"""From hidden states to log-probabilities, only for the tokens that are asked for.

The asked-for logits are computed in fp32 from the hidden state and the token's own row of the output
matrix: in 16 bit their spacing (0.125 at 16 to 32) would decide close answers. The normaliser runs over the
whole vocabulary in the model's dtype and is summed in fp32, slice by slice, so that all its logits are never
in memory together; its rounding is the same for all choices at a node. Models that scale or cap their logits
are known by their config keys; load time checks the result against the model's own logits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from opro_local.engine.few_rows import linear
from opro_local.engine.work import Work
from opro_local.errors import ModelError

CPU_SLICE_BYTES = 4 * 2**20
"""What the logits of a slice may take: in the processor's cache, the sum over them costs next to nothing."""
GPU_SLICE_BYTES = 256 * 2**20
"""A GPU has memory for it, and waits for every call."""

BYTES_A_LOGIT = 10
"""One logit in 16 bit, its fp32 copy, and its exponential."""

PICKED_BYTES = 16
"""An element of a picked row: both factors in 16 bit and as fp32 copies, and their product."""

ROWS_A_SLICE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The output layer: weight (V, d) and bias (V,), then logits * scale, then cap * tanh(logits / cap).

    work counts the rows for which all logits are computed.
    """

    weight: Tensor
    bias: Tensor | None
    scale: float
    cap: float | None
    work: Work = field(default_factory=Work)

    @property
    def vocabulary(self) -> int:
        return self.weight.shape[0]

    def logits(self, hidden: Tensor, allowed: Tensor | None = None) -> Tensor:
        """All logits in fp32, minus infinity for tokens that are not allowed. hidden (R, d) -> (R, V)."""
        self.work.head_rows += len(hidden)
        logits = self._logits(hidden, 0, self.vocabulary)
        return logits if allowed is None else _of_allowed(logits, allowed)

    def best(self, hidden: Tensor, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The likeliest token of each row, the lowest id of equals, and whether its logits are numbers.

        hidden (R, d) -> two (R,). Of the allowed tokens (R, V), if they are given.
        """
        self.work.head_rows += len(hidden)
        slices = [logits.max(-1) for logits in self._slices(hidden, allowed)]
        values = torch.stack([best.values for best in slices])
        first = values.argmax(0)
        firsts = torch.arange(len(slices), device=hidden.device)[:, None] * self._slice_size(len(hidden))
        tokens = (torch.stack([best.indices for best in slices]) + firsts).gather(0, first[None])[0]
        if allowed is None:
            return tokens, values.isfinite().all(0)
        return tokens, values.max(0).values.isfinite()  # a slice may have no token that is allowed

    def log_probs(self, hidden: Tensor, rows: Tensor, tokens: Tensor) -> Tensor:
        """Log-probability of tokens[i] after hidden[rows[i]], in nats; NaN where the model gave no number.

        hidden (R, d), rows and tokens (N,) -> (N,) fp32.
        """
        normaliser = self._normaliser(hidden)[rows]
        result = self._picked(hidden, rows, tokens) - normaliser
        # The two terms are rounded differently in 16 bit; no probability is above 1.
        return torch.where(normaliser.isfinite(), result.clamp(max=0.0), torch.nan)

    def _picked(self, hidden: Tensor, rows: Tensor, tokens: Tensor) -> Tensor:
        """One fp32 logit a pair. -> (N,)."""
        size = max(1, slice_bytes(self.weight.device) // (PICKED_BYTES * self.weight.shape[1]))
        parts = [
            (hidden[r].float() * self.weight[t].float()).sum(-1)
            for r, t in zip(torch.split(rows, size), torch.split(tokens, size), strict=True)
        ]
        logits = torch.cat(parts)
        return self._finish(logits if self.bias is None else logits + self.bias[tokens].float())

    def _normaliser(self, hidden: Tensor) -> Tensor:
        """Log-sum-exp over the vocabulary. hidden (R, d) -> (R,)."""
        self.work.head_rows += len(hidden)
        return torch.cat([self._summed(part) for part in torch.split(hidden, ROWS_A_SLICE)])

    def _summed(self, hidden: Tensor) -> Tensor:
        return torch.stack([logits.logsumexp(-1) for logits in self._slices(hidden)]).logsumexp(0)

    def _slices(self, hidden: Tensor, allowed: Tensor | None = None) -> Iterator[Tensor]:
        """The logits in fp32, a slice of the vocabulary at a time."""
        size = self._slice_size(len(hidden))
        for first in range(0, self.vocabulary, size):
            logits = self._logits(hidden, first, first + size)
            yield logits if allowed is None else _of_allowed(logits, allowed[:, first : first + size])

    def _slice_size(self, rows: int) -> int:
        return max(1, slice_bytes(self.weight.device) // (BYTES_A_LOGIT * max(1, rows)))

    def _logits(self, hidden: Tensor, first: int, end: int) -> Tensor:
        bias = None if self.bias is None else self.bias[first:end]
        return self._finish(linear(hidden, self.weight[first:end], bias).float())

    def _finish(self, logits: Tensor) -> Tensor:
        scaled = logits if self.scale == 1.0 else logits * self.scale
        return scaled if self.cap is None else self.cap * torch.tanh(scaled / self.cap)


def _of_allowed(logits: Tensor, allowed: Tensor) -> Tensor:
    """A NaN stays one: the row has no numbers."""
    return logits.where(allowed | logits.isnan(), -torch.inf)


def slice_bytes(device: torch.device) -> int:
    """What the logits of a slice may take on a device."""
    return CPU_SLICE_BYTES if device.type == "cpu" else GPU_SLICE_BYTES


def read_head(model: PreTrainedModel, work: Work | None = None) -> Head:
    """The model's output layer. Raises ModelError if it is not a plain matrix."""
    layer = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or not weight.is_floating_point():
        raise ModelError(f"{type(model).__name__} has no dense output layer; choose another model.")
    config = model.config.get_text_config()
    return Head(
        weight=weight,
        bias=getattr(layer, "bias", None),
        scale=_scale(config),
        cap=getattr(config, "final_logit_softcapping", None),
        work=work or Work(),
    )


def _scale(config: PretrainedConfig) -> float:
    """Cohere multiplies its logits by logit_scale, Granite divides them by logits_scaling."""
    return float(getattr(config, "logit_scale", None) or 1.0) / float(
        getattr(config, "logits_scaling", None) or 1.0
    )
