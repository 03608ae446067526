"""Repetitions take turns, scores are held against the reference, vLLM answers over a pipe."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bench.contestants import Contestant, Scores, Trial
from bench.measuring import WARM_UP_PAIRS, largest_difference, race, spread
from bench.peers import LmEval
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

    def run(self, step: Step) -> Trial:
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


def test_a_python_without_vllm_is_told_by_its_last_words(tmp_path: Path) -> None:
    child = vllm(Path(sys.executable), folder=tmp_path, dtype="float32")
    with pytest.raises(ModelError, match=r"The vLLM child ended: .*No module named 'vllm'"), child:
        pass
