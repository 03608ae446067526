"""What a GPU runs, on the meta device: it has no numbers, so a read of one raises; so does a tensor that was
left on the CPU. A pass is read from once, when its scores or tokens are there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest
import torch
from oracle import CASES, LEVELS, body_beneath, many, scorer, work_of
from tiny_models import tiny_model
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import PreTrainedModel
from typed_transformers import moved

from opro_local.engine.cache import Placed, Prefix, Trail
from opro_local.engine.continuations import CachedRows
from opro_local.engine.decode import STEPS_AHEAD, Decoder, Greedy, Sampler, steps_ahead
from opro_local.engine.forward import Body
from opro_local.engine.generation import SharedGeneration
from opro_local.engine.head import read_head
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.probe import REUSES, Level
from opro_local.engine.rows import tree_row, trunk_row
from opro_local.llm import GenerationRequest

META = torch.device("meta")


class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]  # so is torch's __init_subclass__
    """Raises where tensors of two devices meet; for indices torch itself does not mind on the meta device."""

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        given = tree_leaves((args, kwargs))
        devices = {each.device for each in given if isinstance(each, torch.Tensor) and each.dim()}
        if len(devices) > 1:
            raise RuntimeError(f"{func} has tensors of {devices}")
        return func(*args, **(kwargs or {}))


@contextmanager
def one_device() -> Iterator[None]:
    untyped: Any = OneDevice  # as torch's own __init__ is
    with torch.inference_mode(), untyped():
        yield


def on_meta(name: str) -> PreTrainedModel:
    model = tiny_model(name)
    model.config.pad_token_id = None  # with one, GPT-2 looks for pads in every pass
    return moved(model, META)


class HostReads:
    """Lets tensors of the meta device be read, as ones and as true, and counts how often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name, value in (("tolist", self._ones), ("__bool__", self._true)):
            monkeypatch.setattr(torch.Tensor, name, self._read(getattr(torch.Tensor, name), value))

    def _read(
        self, own: Callable[[torch.Tensor], object], value: Callable[[torch.Tensor], object]
    ) -> Callable[[torch.Tensor], object]:
        def read(tensor: torch.Tensor) -> object:
            if tensor.device != META:
                return own(tensor)
            self.count += 1
            return value(tensor)

        return read

    def _ones(self, tensor: torch.Tensor) -> object:
        return torch.ones(tensor.shape, dtype=tensor.dtype).tolist()

    def _true(self, _: torch.Tensor) -> bool:
        return True


def prefix_on_meta(body: Body, level: Level, tokens: int) -> Prefix:
    placed = Placed(row=trunk_row((5,) * tokens, 0), prefix=None)
    return REUSES[level](body, 256).run([placed], keep=True).trail(0, placed, range(tokens)).joined()


def test_reads_and_tensors_of_the_cpu_are_refused_here() -> None:
    there, index = torch.ones(3, device=META), torch.tensor([0])
    for wrong in (
        there.tolist,
        there.sum().item,
        lambda: there[index],
        lambda: there.gather(0, index),
        lambda: torch.cat([there, torch.ones(3)]),
        lambda: there[there > 0],
    ):
        with one_device(), pytest.raises((RuntimeError, NotImplementedError)):
            wrong()


@pytest.mark.parametrize(
    ("name", "level"), [case for case in CASES if case[1] == "E3" or case[0] in ("llama", "gemma2-window-8")]
)
def test_a_pass_and_its_scores_stay_on_the_device(name: str, level: Level) -> None:
    model = on_meta(name)
    body, head = Body(model), read_head(model)
    reuse = REUSES[level](body, 256)
    with one_device():
        prefix = prefix_on_meta(body, level, 9)
        alone = [Placed(row=tree_row(request, 0), prefix=None) for request in many(9)[::3]]
        behind = [Placed(row=trunk_row((5,) * (9 + n), 9), prefix=prefix) for n in (1, 3)]
        for rows in (alone, behind):
            states = reuse.run(rows, keep=True)
            index = torch.tensor([0, 1, 1], device=META)
            scores = head.log_probs(states.hidden, index, index)
            made = [states.hidden, scores, *chain.from_iterable(states.kept)]
            assert {each.device for each in made} == {META}


@pytest.mark.parametrize("level", LEVELS)
def test_scoring_reads_once_a_pass(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    score = scorer(on_meta("qwen2-window-8"), level, token_budget=128, store=PrefixStore(2**30))
    reads = HostReads(monkeypatch)
    with one_device():
        replies = score(many(12))
    assert [len(reply.log_probs) for reply in replies] == [3] * 12
    assert 0 < reads.count <= work_of(score).passes


@pytest.mark.parametrize("name", ["qwen2-window-8", "gpt2"])
def test_a_step_of_decoding_stays_on_the_device_and_reads_nothing(name: str) -> None:
    model = on_meta(name)
    body, head = Body(model), read_head(model)
    numbers = [0, 1, 2]
    with one_device():
        trails = [Trail(prefix=prefix_on_meta(body, "E3", tokens), own=()) for tokens in (9, 4, 30)]
        rows = CachedRows(body, trails, body.packed_step)
        for pick in (Greedy(head), Sampler(head, numbers, temperature=0.5, seed=1, places=4)):
            tokens = torch.ones(3, dtype=torch.long, device=META)
            for _ in range(2):
                tokens = pick.next(rows.step(tokens))
            assert (tokens.shape, tokens.device) == ((3,), META)
        rows.keep([0, 2])
        pick.keep([0, 2])
        tokens = pick.next(rows.step(tokens[:2]))
        assert (tokens.shape, tokens.device) == ((2,), META)


class CountedArriving:
    """Arriving for the meta device: every token that comes is 1."""

    under_way = most_under_way = 0

    def __init__(self, values: torch.Tensor) -> None:
        assert values.device == META
        self._rows = len(values)
        CountedArriving.under_way += 1
        CountedArriving.most_under_way = max(CountedArriving.most_under_way, CountedArriving.under_way)

    def read(self) -> list[int]:
        CountedArriving.under_way -= 1
        return [1] * self._rows


def test_the_host_sees_tokens_some_steps_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedArriving, "most_under_way", 0)
    monkeypatch.setattr("opro_local.engine.decode.Arriving", CountedArriving)
    score = scorer(on_meta("llama"), "E3")
    decoder = Decoder(head=score.head, ends=frozenset(), text=str, ahead=steps_ahead(META))
    body = body_beneath(score)
    reads = HostReads(monkeypatch)
    requests = [
        GenerationRequest(prompt=request.context, max_tokens=9, final=lambda _: False) for request in many(6)
    ]
    with one_device():
        replies = SharedGeneration(body=body, decoder=decoder, prefixes=score.prefixes).greedy(requests)
    assert [reply.tokens for reply in replies] == [9] * 6
    assert (CountedArriving.under_way, CountedArriving.most_under_way) == (0, STEPS_AHEAD + 1)
    assert 0 < reads.count <= work_of(score).passes - 8  # none in the eight steps behind the prompts
