"""Prefixes over several calls: run once, never written again, and dropping them changes no score."""

import hashlib
from dataclasses import dataclass
from random import Random

import pytest
from oracle import LEVELS, by_the_model_itself, ids, largest_gap, run, scorer, work_of, workload
from tiny_models import tiny_model

from opro_local.engine.counts import count
from opro_local.engine.plan import PASS_OVERHEAD_TOKENS
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.probe import Level
from opro_local.llm import ChoiceRequest, TokenIds

PLENTY = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Questions that come in every step, each before the instructions of that step."""

    questions: list[TokenIds]
    choices: tuple[TokenIds, ...]
    draw: Random

    def step(self, n: int = 4) -> list[ChoiceRequest]:
        """New instructions of 12 tokens and more; the last two begin like the first two."""
        stems = [ids(self.draw, 3) for _ in range(n - 2)]
        instructions = [stem + ids(self.draw, 9 + i) for i, stem in enumerate([*stems, *stems[:2]])]
        return [
            ChoiceRequest(context=question + instruction, choices=self.choices)
            for instruction in instructions
            for question in self.questions
        ]


def steps(n: int = 5) -> Steps:
    """Questions of 8 tokens and more behind a header of 5; choices of one and two tokens."""
    draw = Random(11)
    header = ids(draw, 5)
    questions = [header + ids(draw, 8 + 2 * i) for i in range(n)]
    return Steps(questions=questions, choices=(ids(draw, 1), ids(draw, 2), ids(draw, 2)), draw=draw)


def fingerprints(store: PrefixStore) -> dict[TokenIds, str]:
    """A hash of all keys and values of each kept prefix."""
    result = {}
    for prompt in store.ids():
        prefix = store.find(prompt)
        assert prefix
        states = [states for layer in range(len(prefix.layers)) for states in prefix.by_token(layer)]
        joined = b"".join(each.contiguous().numpy().tobytes() for each in states)
        result[prompt] = hashlib.sha256(joined).hexdigest()
    return result


@pytest.mark.parametrize("level", LEVELS)
def test_a_second_call_equals_a_fresh_one(level: Level) -> None:
    model = tiny_model("qwen2-window-8")
    made = steps()
    first, second = made.step(), made.step()
    score = scorer(model, level, store=PrefixStore(PLENTY))
    fresh = [run(scorer(model, level), requests) for requests in (first, second)]
    assert largest_gap(run(score, first), fresh[0]) < 1e-5
    assert largest_gap(run(score, second), fresh[1]) < 1e-5
    assert largest_gap(run(score, first), fresh[0]) < 1e-5


@pytest.mark.parametrize("level", LEVELS)
def test_kept_keys_and_values_are_never_written_again(level: Level) -> None:
    made = steps()
    store = PrefixStore(PLENTY)
    score = scorer(tiny_model("llama"), level, store=store)
    run(score, made.step())
    before = fingerprints(store)
    assert len(before) >= 6  # the header and the questions
    run(score, made.step())
    assert before.items() <= fingerprints(store).items()


@pytest.mark.parametrize("level", LEVELS)
def test_a_second_step_runs_its_new_tokens_only(level: Level) -> None:
    made = steps(12)
    first, second = made.step(8), made.step(8)
    score = scorer(tiny_model("llama"), level, store=PrefixStore(PLENTY), overhead=PASS_OVERHEAD_TOKENS)
    run(score, first)
    new = count(second, made.questions).unique_tokens
    before = work_of(score).tokens_run
    run(score, second)
    assert new <= work_of(score).tokens_run - before <= 1.05 * new


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_call_again_runs_a_token_for_each_prompt_and_its_choices(level: Level) -> None:
    prompts = [(9,) * 20 + (i, 5) for i in range(1, 4)]
    requests = [ChoiceRequest(context=prompt, choices=((1,), (2, 3))) for prompt in prompts]
    score = scorer(tiny_model("llama"), level, store=PrefixStore(PLENTY))
    run(score, requests)
    before = work_of(score).tokens_run
    run(score, requests)
    assert work_of(score).tokens_run - before == 3 * (2 + 1)  # the 20 were kept, not what is behind them


@pytest.mark.parametrize("budget_tokens", [0, 25, 70])
@pytest.mark.parametrize("level", LEVELS)
def test_a_small_store_drops_prefixes_and_changes_no_score(level: Level, budget_tokens: int) -> None:
    model = tiny_model("llama")
    token_bytes = 3 * 2 * 2 * 8 * 4  # layers, keys and values, heads, width, fp32
    store = PrefixStore(budget_tokens * token_bytes)
    score = scorer(model, level, store=store)
    made = steps()
    for requests in (made.step(), workload()):
        fresh = run(scorer(model, level), requests)
        assert largest_gap(run(score, requests), fresh) < 1e-5
        assert store.bytes <= budget_tokens * token_bytes
    assert store.figures.dropped > 0 or budget_tokens == 0  # nothing comes in where nothing fits


def test_figures_tell_how_much_of_the_prefixes_was_there() -> None:
    prompts = [(9,) * 20 + (i,) for i in range(1, 4)]
    requests = [ChoiceRequest(context=prompt, choices=((1,),)) for prompt in prompts]
    store = PrefixStore(PLENTY)
    score = scorer(tiny_model("llama"), "E3", store=store)
    run(score, requests)
    assert (store.figures.tokens_wanted, store.figures.tokens_found) == (20, 0)
    run(score, requests)
    assert (store.figures.tokens_wanted, store.figures.tokens_found) == (40, 20)


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_kept_serves_prompts_that_leave_it_early_or_go_beyond_it(level: Level) -> None:
    model = tiny_model("gemma3-window-8")
    draw = Random(12)
    prefix, choices = ids(draw, 24), (ids(draw, 1), ids(draw, 3))
    store = PrefixStore(PLENTY)
    score = scorer(model, level, store=store)

    def asked(*contexts: TokenIds) -> list[ChoiceRequest]:
        return [ChoiceRequest(context=context, choices=choices) for context in contexts]

    run(score, asked((*prefix, 1), (*prefix, 2, 3)))
    assert store.ids() == [prefix]
    longer, shorter = ids(draw, 6), ids(draw, 7)
    for requests, new in [
        (asked((*prefix, *longer, 4), (*prefix, *longer, 5)), 6 + 2 * (1 + 2)),
        (asked(prefix[:10] + shorter), 7 + 2),
        (asked(prefix), 1 + 2),
        (asked(prefix[:10]), 1 + 2),
    ]:
        before = work_of(score).tokens_run
        assert largest_gap(run(score, requests), by_the_model_itself(model, requests)) < 1e-4
        assert work_of(score).tokens_run - before == new
