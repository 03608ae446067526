"""A repeatable engine: a call has the same numbers to the last bit, whatever was asked for before."""

from collections.abc import Callable, Sequence
from random import Random

import pytest
import torch
from tiny_models import save_tiny_model

from opro_local.engine.local import LocalEngine
from opro_local.engine.probe import Level
from opro_local.engine.swapping import LoadOptions, load_engines
from opro_local.llm import ChoiceRequest, GenerationRequest, TokenIds

FAMILIES = ("llama", "gemma3-window-8", "mamba")


def blocks(seed: int = 0) -> list[list[ChoiceRequest]]:
    """Some share a prefix with others, in part or behind other pieces; some are behind one that is nested."""
    draw = Random(seed)

    def some(length: int) -> TokenIds:
        return tuple(draw.randrange(10, 90) for _ in range(length))

    head = some(20)
    instructions = [head + some(20 + 7 * i) for i in range(4)]
    rows = [some(3 + i) for i in range(6)]
    return [
        [
            ChoiceRequest(context=instruction + row, choices=((5, 6), (7,)))
            for instruction in instructions[first : first + count]
            for row in rows[: 2 + count]
        ]
        for first in range(3)
        for count in (1, 2)
    ]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalEngine]:
    folder = tmp_path_factory.mktemp("models")

    def load(family: str) -> LocalEngine:
        path = folder / family
        if not path.exists():
            save_tiny_model(path, family, seed=3)
        options = LoadOptions(quantize="fp32", device="cpu", repeatable=True)
        (engine,) = load_engines({"model": path}, options)[0].values()
        assert isinstance(engine, LocalEngine)
        return engine

    return load


def scores(engine: LocalEngine, order: Sequence[int]) -> dict[int, list[tuple[float, ...]]]:
    asked = blocks()
    return {number: [reply.log_probs for reply in engine.loglikelihood(asked[number])] for number in order}


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_do_not_depend_on_what_was_asked_before(
    loaded: Callable[[str], LocalEngine], family: str
) -> None:
    one, other = loaded(family), loaded(family)
    expected = scores(one, range(6))
    assert scores(one, [3, 1, 5, 0, 2, 4]) == expected  # from the store
    assert scores(other, [5, 4, 3, 2, 1, 0]) == expected


@pytest.mark.parametrize("family", FAMILIES[:2])
def test_what_is_stored_is_run_once(loaded: Callable[[str], LocalEngine], family: str) -> None:
    engine = loaded(family)
    scores(engine, range(6))
    before = engine.tokens_run
    scores(engine, range(6))
    again = engine.tokens_run - before
    engine.forget()
    before = engine.tokens_run
    scores(engine, range(6))
    assert again < engine.tokens_run - before


def test_replies_and_draws_are_repeated_too(loaded: Callable[[str], LocalEngine]) -> None:
    one, other = loaded("llama"), loaded("llama")
    asked = [
        GenerationRequest(prompt=block[0].context, max_tokens=6, final=str.isupper) for block in blocks()
    ]
    scores(other, [4, 2])
    for engine in (one, other):
        assert engine.generate(asked[:3]) == one.generate(asked[:3])
        drawn = [engine.sample(asked[0], 4, temperature=1.0, seed=5) for _ in range(2)]
        assert drawn == [one.sample(asked[0], 4, temperature=1.0, seed=5)] * 2


def test_what_else_moves_the_last_bits_is_named(loaded: Callable[[str], LocalEngine]) -> None:
    assert loaded("llama").numerics == f"float32/none/cpu/E3/eager+lines2048x{torch.get_num_threads()}"
    levels: tuple[Level, ...] = ("E0", "E3")
    assert loaded("mamba").level in levels
