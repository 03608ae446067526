"""Matrix products of few rows on a CPU in 16 bit, without a copy of the weights for every call.

oneDNN lays its second factor out anew in each product. For few rows that is the larger part of the work if
the weights are that factor; the transposed product makes them the first, which is read where it lies.
"""

import torch
from torch import Tensor, nn

FEWEST_ROWS, MOST_ROWS = 8, 64
"""From so many rows to so many: below it pays with AMX only, above it the products themselves take longer."""


class FewRowsLinear(nn.Linear):
    """A linear layer that multiplies few rows by the transposed product."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """torch's linear. rows (..., d), weight (V, d), bias (V,) -> (..., V)."""
    if not _pays(rows, weight):
        return nn.functional.linear(rows, weight, bias)
    flat = rows.reshape(-1, rows.shape[-1])
    out = weight @ flat.t() if bias is None else torch.addmm(bias[:, None], weight, flat.t())
    return out.t().reshape(*rows.shape[:-1], -1).contiguous()


def ease_few_rows(model: nn.Module) -> None:
    """Make the model's plain linear layers multiply few rows by the transposed product."""
    for module in model.modules():
        if type(module) is nn.Linear and module.weight.dtype == torch.bfloat16:
            module.__class__ = FewRowsLinear


def _pays(rows: Tensor, weight: Tensor) -> bool:
    few = FEWEST_ROWS <= rows.numel() // rows.shape[-1] <= MOST_ROWS
    return few and weight.device.type == "cpu" and weight.dtype == torch.bfloat16
