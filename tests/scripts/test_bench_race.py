"""Repetitions take turns, scores are held against the reference, vLLM answers over a pipe."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
import torch
from bench.contestants import Contestant, Scores, Trial
from bench.deadline import UNBOUNDED, Deadline, TooSlow
from bench.measuring import WARM_UP_PAIRS, largest_difference, race, spread
from bench.peers import LmEval, Transformers
from bench.vllm_peer import vllm
from bench.workloads import Step
from tiny_models import byte_tokenizer, tiny_model

from opro_local.engine.loading import Loaded
from opro_local.errors import ModelError, SettingsError
from opro_local.llm import ChoiceRequest

STEP = Step(
    workload="w",
    number=1,
    choices=tuple(ChoiceRequest(context=(n,), choices=((1, 2), (3,))) for n in range(40)),
)


@dataclass(slots=True)
class Scripted:
    """Tells its seconds one after the other and writes its runs into a common log."""

    name: str
    log: list[tuple[str, int]]
    seconds: list[float]
    scores: Scores = ((-1.0, -2.0),)
    step_numbers: Sequence[int] = field(default=(1,))

    def takes(self, step: Step) -> bool:
        return step.number in self.step_numbers

    def run(self, step: Step, deadline: Deadline = UNBOUNDED) -> Trial:
        self.log.append((self.name, step.pairs))
        return Trial(seconds=self.seconds.pop(0), scores=self.scores)


def test_contestants_warm_up_and_then_take_turns() -> None:
    log: list[tuple[str, int]] = []
    field: list[Contestant] = [
        Scripted("a", log, [9.0, 3.0, 1.0, 2.0]),
        Scripted("other", log, [], step_numbers=()),
        Scripted("b", log, [9.0, 5.0, 7.0, 6.0], scores=((-1.5, -2.25),)),
    ]
    results = race(field, STEP, repeat=3, reference={0: (-1.0, -2.0)})
    assert log == [("a", WARM_UP_PAIRS), ("b", WARM_UP_PAIRS), *[("a", 40), ("b", 40)] * 3]
    assert {name: result.seconds for name, result in results.items()} == {"a": 2.0, "b": 6.0}
    assert {name: result.difference for name, result in results.items()} == {"a": 0.0, "b": 0.5}


@dataclass(slots=True)
class Lasting:
    """Takes that long a pair, and is cut off between two."""

    name: str
    a_pair: float
    turns: int = 0

    def takes(self, step: Step) -> bool:
        return True

    def run(self, step: Step, deadline: Deadline = UNBOUNDED) -> Trial:
        for _ in range(step.pairs):
            deadline.check()
            time.sleep(self.a_pair)
        self.turns += 1
        return Trial(seconds=step.pairs * self.a_pair, scores=((-1.0, -2.0),))


def test_who_takes_longer_than_its_seconds_is_cut_off_and_takes_more_than_them() -> None:
    slow, fast = Lasting("slow", 0.02), Lasting("fast", 0.001)
    results = race([slow, fast], STEP, repeat=3, reference={}, seconds=0.3)
    assert slow.turns == 0
    assert results["slow"].cut_off and 0.3 <= results["slow"].seconds < 0.6
    assert not results["fast"].cut_off and results["fast"].seconds == 0.04


def test_who_has_used_its_seconds_takes_no_further_turn() -> None:
    one = Lasting("one", 0.005)
    result = race([one], STEP, repeat=50, reference={0: (-1.0, -2.0)}, seconds=0.8)["one"]
    assert 2 <= one.turns < 10
    assert (result.cut_off, result.difference) == (False, 0.0)


@pytest.mark.parametrize("peer", [Transformers, LmEval])
def test_a_peer_in_this_process_ends_before_its_next_pass(
    monkeypatch: pytest.MonkeyPatch, peer: type[Transformers | LmEval]
) -> None:
    loaded = Loaded(model=tiny_model("llama"), tokenizer=byte_tokenizer(), quantize="none")
    models = ModuleType("lm_eval.models.huggingface")
    models.HFLM = lambda pretrained, **_: Passing(pretrained)  # type: ignore[attr-defined]
    for name in ("lm_eval", "lm_eval.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, models.__name__, models)
    with pytest.raises(TooSlow):
        peer(loaded).run(STEP, Deadline.after(0.0))
    assert not loaded.model._forward_pre_hooks


@dataclass
class Passing:
    model: Callable[..., object]

    def _loglikelihood_tokens(self, rows: Sequence[object], **_: object) -> None:
        self.model(input_ids=torch.ones(1, 1, dtype=torch.long))


def test_a_score_that_is_no_number_is_not_overlooked() -> None:
    difference = largest_difference(((-1.0, math.nan), (-3.0,)), {0: (-1.0, -2.0), 1: (-9.0,)})
    assert difference is not None and math.isnan(difference)


def test_without_scores_there_is_no_difference() -> None:
    assert largest_difference((), {0: (-1.0,)}) is None


def test_the_pairs_of_the_reference_are_spread_over_all() -> None:
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 16) == [0, 1, 2]
    assert spread(0, 16) == []


def test_a_missing_lm_eval_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    loaded = Loaded(model=tiny_model("llama"), tokenizer=byte_tokenizer(), quantize="none")
    with pytest.raises(SettingsError, match=r"^lm-eval cannot be imported"):
        LmEval(loaded).run(STEP)


VLLM = '''
"""As much of vllm as the child uses: a token's log-probability is minus the prompt's length minus its id."""
from types import SimpleNamespace

SamplingParams = SimpleNamespace

class LLM:
    def __init__(self, *, model, dtype, enable_prefix_caching, **others):
        print("loading", model, dtype)
        self.seen = []

    def reset_prefix_cache(self):
        self.seen = []

    def generate(self, prompts, params, *, use_tqdm):
        self.seen.append(len(prompts))
        cached = 100.0 * (len(self.seen) - 1)  # so that the test sees whether the warm prompts came first
        return [self.answer(p["prompt_token_ids"], s, cached) for p, s in zip(prompts, params, strict=True)]

    def answer(self, ids, sampling, cached):
        assert sampling.max_tokens == 1 and sampling.temperature == 0
        found = {
            token: SimpleNamespace(logprob=-float(len(ids) + token) - cached)
            for token in sampling.logprob_token_ids
        }
        return SimpleNamespace(outputs=[SimpleNamespace(logprobs=[found])])
'''


def test_vllm_scores_in_a_child_cold_or_behind_the_earlier_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vllm.py").write_text(VLLM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    requests = (ChoiceRequest(context=(5, 6), choices=((1, 2), (3,))),)
    cold = Step(workload="w", number=1, choices=requests)
    warm = Step(workload="w", number=2, before=requests, choices=requests)
    with vllm(Path(sys.executable), folder=tmp_path, dtype="float32") as peer:
        # Behind 5 6: -2 - 1 and, a token on, -3 - 2; the other choice -2 - 3.
        assert peer.run(cold).scores == ((-8.0, -5.0),)
        assert peer.run(warm).scores == ((-208.0, -105.0),)
        assert peer.run(cold).scores == ((-8.0, -5.0),)


def test_a_child_that_is_too_slow_is_killed_and_takes_no_further_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vllm.py").write_text(VLLM.replace("self.seen.append", "import time; time.sleep(60)  # "))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with vllm(Path(sys.executable), folder=tmp_path, dtype="float32") as peer:
        assert peer.takes(STEP)
        with pytest.raises(TooSlow, match=r"cut off after [0-9.]+ s"):
            peer.run(STEP, Deadline.after(0.3))
        assert not peer.takes(STEP)


def test_a_python_without_vllm_is_told_by_its_last_words(tmp_path: Path) -> None:
    child = vllm(Path(sys.executable), folder=tmp_path, dtype="float32")
    with pytest.raises(ModelError, match=r"The vLLM child ended: .*No module named 'vllm'"), child:
        pass
