"""Steps that are recorded once and replayed: the same replies, whatever their shape does in between."""

from collections.abc import Callable

import pytest
import tape
import torch
from oracle import body_beneath, scorer
from tiny_models import tiny_model
from torch import Tensor

import opro_local.engine.continuations as continuations
from opro_local.engine.capture import Graph, Replayed
from opro_local.engine.decode import Decoder
from opro_local.engine.generation import Sampling, SharedGeneration
from opro_local.engine.likelihood import SharedLikelihood, WholeLikelihood
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.probe import choose_level, record_steps
from opro_local.llm import GenerationReply, GenerationRequest

NAMES = ["llama", "gemma3-window-8", "qwen3", "gpt2"]


class Recorders:
    """Tapes, counted with their replays."""

    def __init__(self) -> None:
        self.tapes: list[tape.Tape] = []
        self.replays = 0

    def __call__(self, call: Callable[[], Tensor]) -> tuple[Graph, Tensor]:
        made, result = tape.record(call)
        self.tapes.append(made)
        played = made.replay

        def replay() -> None:
            self.replays += 1
            played()

        made.replay = replay  # type: ignore[method-assign]
        return made, result


def generation(score: SharedLikelihood, ends: frozenset[int]) -> SharedGeneration:
    decoder = Decoder(head=score.head, ends=ends, text=lambda ids: " ".join(map(str, ids)), ahead=0)
    return SharedGeneration(body=body_beneath(score), decoder=decoder, prefixes=score.prefixes)


def written(name: str, record: Recorders | None, *, ends: frozenset[int]) -> list[GenerationReply]:
    """Samples behind one prompt, and greedy replies behind two, some of which end early."""
    model = tiny_model(name)
    model.config.pad_token_id = None  # with one, GPT-2 looks for pads in every pass: that cannot be recorded
    score = scorer(model, "E3", store=PrefixStore(2**30))
    body_beneath(score).record = record
    made = generation(score, ends)
    asked = GenerationRequest(prompt=tuple(range(5, 30)), max_tokens=20, final=lambda _: False)
    other = GenerationRequest(prompt=tuple(range(40, 50)), max_tokens=12, final=lambda _: False)
    with torch.inference_mode():
        sampled = made.sample(asked, Sampling(n=5, temperature=1.0, seed=3))
        return [*sampled, *made.greedy([asked, other, asked])]


@pytest.mark.parametrize("name", NAMES)
def test_replies_and_draws_are_those_of_steps_that_are_run(name: str) -> None:
    plain = written(name, None, ends=frozenset(range(12)))
    recorded = Recorders()
    assert written(name, recorded, ends=frozenset(range(12))) == plain
    assert len({reply.tokens for reply in plain[:5]}) > 1  # rows were taken out in between
    assert recorded.replays > 2 * len(recorded.tapes) > 2


def test_slabs_that_grow_are_recorded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = written("llama", None, ends=frozenset())
    monkeypatch.setattr(continuations, "TOKENS_TO_COME", 4)
    recorded = Recorders()
    assert written("llama", recorded, ends=frozenset()) == plain
    assert len(recorded.tapes) > 2


def test_work_is_counted_where_steps_are_replayed() -> None:
    counts = []
    for record in (None, Recorders()):
        score = scorer(tiny_model("llama"), "E3", store=PrefixStore(2**30))
        body = body_beneath(score)
        body.record = record
        asked = GenerationRequest(prompt=tuple(range(5, 30)), max_tokens=9, final=lambda _: False)
        with torch.inference_mode():
            generation(score, frozenset()).sample(asked, Sampling(n=3, temperature=1.0, seed=3))
        counts.append((body.work.tokens_run, body.work.tokens_padded, body.work.passes))
    assert counts[0] == counts[1]
    assert counts[0][0] == 25 + 3 * 8


def test_a_step_is_run_then_recorded_then_replayed() -> None:
    calls: list[int] = []

    def step(tokens: Tensor) -> Tensor:
        calls.append(len(calls))
        return tokens + 1

    replayed = Replayed(step, tape.record)
    assert [replayed(torch.tensor([n])).tolist() for n in range(4)] == [[1], [2], [3], [4]]
    assert calls == [0, 1]


def test_the_tape_refuses_what_a_gpu_cannot_record() -> None:
    values = torch.arange(3.0)
    for wrong in (
        lambda: values + float(values.sum()),
        lambda: values + torch.tensor(2.0),
        lambda: values[values > 1],
    ):
        with pytest.raises(RuntimeError, match="cannot be recorded"):
            tape.record(wrong)


class TestProbe:
    def recorded(self, record: Callable[[Callable[[], Tensor]], tuple[Graph, Tensor]]) -> bool:
        score = scorer(tiny_model("llama"), "E3")
        whole = WholeLikelihood(body=body_beneath(score), head=score.head, token_budget=256)
        with torch.inference_mode():
            record_steps(whole, choose_level(whole, None), record)
        return whole.body.record is not None

    def test_steps_are_recorded_where_that_changes_no_number(self) -> None:
        recorded = Recorders()
        assert self.recorded(recorded)
        assert recorded.replays > len(recorded.tapes) > 0

    def test_they_are_run_where_recording_fails(self) -> None:
        def fails(_: Callable[[], Tensor]) -> tuple[Graph, Tensor]:
            raise RuntimeError("operation not permitted when stream is capturing")

        with pytest.warns(UserWarning, match="decodes without CUDA graphs: it fails here"):
            assert not self.recorded(fails)

    def test_they_are_run_where_a_replay_gives_other_numbers(self) -> None:
        class Stale:
            def replay(self) -> None: ...

        def stale(call: Callable[[], Tensor]) -> tuple[Graph, Tensor]:
            return Stale(), call()

        with pytest.warns(UserWarning, match="decodes without CUDA graphs: reuse differs"):
            assert not self.recorded(stale)
