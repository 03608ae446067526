"""Few rows through the transposed product equal torch's own layer, in value and in layout."""

import pytest
import torch
from tiny_models import tiny_model

from opro_local.engine.few_rows import FEWEST_ROWS, MOST_ROWS, FewRowsLinear, ease_few_rows, linear
from opro_local.engine.forward import Body

SHAPES = [
    (1,),
    (FEWEST_ROWS - 1,),
    (FEWEST_ROWS,),
    (MOST_ROWS,),
    (MOST_ROWS + 1,),
    (1, 8),
    (3, 5),
    (2, 3, 4),
    (0,),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_any_rows_equal_torchs_own_product(shape: tuple[int, ...], biased: bool, dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(len(shape))
    weight = torch.randn(48, 32, generator=draw).to(dtype)
    bias = torch.randn(48, generator=draw).to(dtype) if biased else None
    rows = torch.randn(*shape, 32, generator=draw).to(dtype)
    ours, own = linear(rows, weight, bias), torch.nn.functional.linear(rows, weight, bias)
    assert (ours.shape, ours.dtype) == (own.shape, dtype)
    torch.testing.assert_close(ours, own, rtol=2 * torch.finfo(dtype).eps, atol=0.05 if biased else 1e-3)


def test_the_result_lies_in_memory_as_torchs_own() -> None:
    """Packed layers read the memory of what they are given, not its strides."""
    rows = torch.randn(2, 4, 32, dtype=torch.bfloat16)
    assert linear(rows, torch.randn(48, 32, dtype=torch.bfloat16), None).is_contiguous()


def test_only_plain_layers_in_16_bit_are_changed() -> None:
    class Own(torch.nn.Linear):
        pass

    sixteen = torch.nn.Linear(4, 4, dtype=torch.bfloat16)
    own = Own(4, 4, dtype=torch.bfloat16)
    plain = torch.nn.Linear(4, 4)
    ease_few_rows(torch.nn.Sequential(sixteen, own, plain))
    assert [type(each) for each in (sixteen, own, plain)] == [FewRowsLinear, Own, torch.nn.Linear]


def test_a_body_multiplies_few_rows_so() -> None:
    model = tiny_model("llama").to(torch.bfloat16)  # type: ignore[arg-type]
    Body(model)
    layers = [each for each in model.modules() if isinstance(each, torch.nn.Linear)]
    assert layers
    assert {type(each) for each in layers} == {FewRowsLinear}
