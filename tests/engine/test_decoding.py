"""Decoding ends where it should, equals transformers' own greedy search, and draws what its seed says.

Drafts, budgets and levels change how much goes through the model, never a token.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from tiny_models import CONFIGS, tiny_model, without_numbers
from transformers import PreTrainedModel
from typed_transformers import generated

import opro_local.engine.continuations
import opro_local.engine.decode
import opro_local.engine.generation
import opro_local.engine.head
import opro_local.engine.rows
from opro_local.engine.cache import COLUMNS, GROWTH_TOKENS, Prefix, SlabLayer, SlabRoom, Trail
from opro_local.engine.continuations import best_slots
from opro_local.engine.decode import NO_NUMBER, Decoder, Greedy, Sampler
from opro_local.engine.forward import Body
from opro_local.engine.generation import Sampling, SharedGeneration, WholeGeneration
from opro_local.engine.head import Head, read_head
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import StoredPrefixes
from opro_local.engine.probe import REUSES, Level
from opro_local.engine.rows import FOREVER
from opro_local.llm import GenerationReply, GenerationRequest, TokenIds

ATTENTION = sorted(set(CONFIGS) - {"mamba"})
PROMPTS: list[TokenIds] = [
    (5, 6, 7, 8, 9, 10, 11, 12, 13, 14),
    (5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18),
    (5, 6, 7, 8, 9, 10, 11, 12, 13, 19, 20),
    (30, 31),
]


def written(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids))


def never(text: str) -> bool:
    return False


def decoder(model: PreTrainedModel, ends: Sequence[int] = (), *, ahead: int = 0) -> Decoder:
    return Decoder(head=read_head(model), ends=frozenset(ends), text=written, ahead=ahead)


def generation(
    model: PreTrainedModel,
    ends: Sequence[int] = (),
    *,
    level: Level = "E3",
    budget: int = 4096,
    ahead: int = 0,
) -> SharedGeneration:
    body = Body(model)
    prefixes = StoredPrefixes(reuse=REUSES[level](body, budget), store=PrefixStore(2**30))
    return SharedGeneration(body=body, decoder=decoder(model, ends, ahead=ahead), prefixes=prefixes)


def recomputed(model: PreTrainedModel, ends: Sequence[int] = ()) -> WholeGeneration:
    return WholeGeneration(body=Body(model), decoder=decoder(model, ends), token_budget=4096)


def asked(
    prompt: TokenIds,
    max_tokens: int = 12,
    final: Callable[[str], bool] = never,
    drafts: Sequence[TokenIds] = (),
) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, max_tokens=max_tokens, final=final, drafts=tuple(drafts))


def greedy_replies(
    model: PreTrainedModel, ends: Sequence[int] = (), level: Level = "E3"
) -> list[GenerationReply]:
    with torch.inference_mode():
        return generation(model, ends, level=level).greedy([asked(prompt) for prompt in PROMPTS])


def tokens_of(reply: GenerationReply) -> TokenIds:
    return tuple(int(word) for word in reply.text.split())


def by_transformers(model: PreTrainedModel, prompt: TokenIds, ends: Sequence[int] = ()) -> str:
    ids = torch.tensor([prompt])
    (result,) = generated(
        model,
        inputs=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=12,
        eos_token_id=list(ends) or None,
        pad_token_id=0,
    )
    return written([token for token in result[len(prompt) :] if token not in ends])


def levels_of(name: str) -> list[Level]:
    """A soft-capped attention runs at E2 at the most."""
    return ["E2"] if name.startswith("gemma2") else ["E2", "E3"]


@pytest.mark.parametrize("name", ATTENTION)
def test_greedy_replies_equal_transformers_own(name: str) -> None:
    model = tiny_model(name)
    right = [by_transformers(model, p) for p in PROMPTS]
    for level in levels_of(name):
        assert [reply.text for reply in greedy_replies(model, level=level)] == right


def drafted(replies: Sequence[GenerationReply]) -> list[GenerationRequest]:
    """Prompts with drafts that hold to the end, for a while, and not at all."""
    return [
        asked(prompt, drafts=[tokens_of(reply)[:n], (*tokens_of(reply)[:2], 1, 2), (1, 2), (3,)])
        for prompt, reply, n in zip(PROMPTS, replies, (12, 5, 1, 0), strict=True)
    ]


@pytest.mark.parametrize("name", ATTENTION)
def test_drafts_change_no_token(name: str) -> None:
    model = tiny_model(name)
    plain = greedy_replies(model, level=levels_of(name)[-1])
    for level in levels_of(name):
        with torch.inference_mode():
            assert generation(model, level=level).greedy(drafted(plain)) == plain


def test_a_tree_of_drafts_whose_branches_saw_each_other_would_be_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny_model("llama")
    plain = greedy_replies(model)
    monkeypatch.setattr(opro_local.engine.rows, "_end_of_subtree", lambda *_: FOREVER - 1000)
    opro_local.engine.rows._tree.cache_clear()
    with torch.inference_mode():
        wrong = generation(model).greedy(drafted(plain))
    opro_local.engine.rows._tree.cache_clear()
    assert wrong != plain


def test_a_draft_that_holds_to_the_end_takes_one_pass() -> None:
    model = tiny_model("llama")
    plain = greedy_replies(model)[3]
    end = tokens_of(plain)[4]
    engine = generation(model, [end])
    with torch.inference_mode():
        (reply,) = engine.greedy([asked(PROMPTS[3], drafts=[tokens_of(plain)[:5], (1, 2, 3)])])
    assert (tokens_of(reply), reply.ended) == (tokens_of(plain)[:4], "end")
    assert engine.body.work.passes == 1
    # The draft's tokens, a branch and the prompt; of the branch the first token is its own.
    assert engine.body.work.tokens_run == len(PROMPTS[3]) + 5 + 3


def test_a_draft_is_cut_at_the_limit_of_the_reply() -> None:
    model = tiny_model("llama")
    (long, *_) = greedy_replies(model)
    with torch.inference_mode():
        (reply,) = generation(model).greedy([asked(PROMPTS[0], 3, drafts=[tokens_of(long)])])
    assert (tokens_of(reply), reply.ended) == (tokens_of(long)[:3], "length")


@pytest.mark.parametrize("level", ["E2", "E3"])
def test_batches_of_any_size_give_the_same_replies(level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("gemma3-window-8")
    plain = greedy_replies(model)
    monkeypatch.setattr(opro_local.engine.generation, "WAITING_BYTES", 0)
    with torch.inference_mode():
        small = generation(model, level=level, budget=4).greedy([asked(prompt) for prompt in PROMPTS])
    assert small == plain


def test_compaction_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    texts = [tokens_of(reply) for reply in greedy_replies(model)]
    ends = [texts[0][2], texts[1][5]]
    compacted = greedy_replies(model, ends)
    monkeypatch.setattr(opro_local.engine.decode, "COMPACT_AT_DONE", 2.0)
    assert greedy_replies(model, ends) == compacted


def test_a_reply_that_is_cut_short_is_the_beginning_of_the_whole_one() -> None:
    model = tiny_model("llama")
    whole = greedy_replies(model)
    with torch.inference_mode():
        cut = generation(model).greedy([asked(p, final=lambda text: len(text.split()) >= 4) for p in PROMPTS])
    assert [tokens_of(reply) for reply in cut] == [tokens_of(reply)[:4] for reply in whole]


def test_memory_that_runs_out_while_decoding_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    plain = greedy_replies(model)
    step, calls = Body.step, iter(range(1000))

    def failing(self: Body, *args: Any, **named: Any) -> torch.Tensor:
        if next(calls) in (2, 5):
            raise torch.OutOfMemoryError
        return step(self, *args, **named)

    monkeypatch.setattr(Body, "step", failing)
    assert greedy_replies(model) == plain


@pytest.mark.parametrize("name", ["llama", "mamba"])
def test_recomputed_replies_equal_transformers_own(name: str) -> None:
    model = tiny_model(name)
    with torch.inference_mode():
        replies = recomputed(model).greedy([asked(prompt) for prompt in PROMPTS])
    assert [reply.text for reply in replies] == [by_transformers(model, p) for p in PROMPTS]


def test_rows_that_end_early_are_taken_out_without_changing_the_others() -> None:
    model = tiny_model("llama")
    texts = [reply.text.split() for reply in greedy_replies(model)]
    ends = [int(texts[0][2]), int(texts[1][5])]  # two rows end at different steps
    replies = greedy_replies(model, ends)
    assert [reply.text for reply in replies] == [by_transformers(model, p, ends) for p in PROMPTS]
    assert {reply.ended for reply in replies[:2]} == {"end"}


def test_a_reply_that_ends_its_turn_has_no_end_token_in_its_text() -> None:
    model = tiny_model("llama")
    first, second = (int(token) for token in greedy_replies(model)[3].text.split()[:2])
    assert first != second
    with torch.inference_mode():
        (reply,) = generation(model, [second]).greedy([asked(PROMPTS[3])])
    assert reply == GenerationReply(text=str(first), tokens=2, ended="end")


def test_a_reply_stops_when_its_answer_is_final() -> None:
    model = tiny_model("llama")
    request = asked(PROMPTS[0], final=lambda text: len(text.split()) == 3)
    with torch.inference_mode():
        reply, other = generation(model).greedy([request, asked(PROMPTS[1])])
    assert (reply.tokens, reply.ended) == (3, "final")
    assert (other.tokens, other.ended) == (12, "length")


def test_a_model_without_a_number_ends_the_row_and_no_other() -> None:
    model = tiny_model("llama")
    without_numbers(model, 50)
    with torch.inference_mode():
        bad, good = generation(model, [50]).greedy([asked((3, 50)), asked((3, 4), 2)])
    assert bad == GenerationReply(text="", tokens=0, ended="nan")
    assert good.ended == "length"


def test_a_draft_without_numbers_does_not_reach_the_reply() -> None:
    model = tiny_model("llama")
    plain = greedy_replies(model)[3]
    without_numbers(model, 96)
    assert 96 not in (*PROMPTS[3], *tokens_of(plain))
    with torch.inference_mode():
        (reply,) = generation(model).greedy([asked(PROMPTS[3], drafts=[(96, 5), tokens_of(plain)[:2]])])
    assert reply == plain


def test_memory_that_runs_out_before_sampling_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    sampling = Sampling(n=2, temperature=1.0, seed=1)
    with torch.inference_mode():
        plain = generation(model).sample(asked(PROMPTS[0]), sampling)
    packed, calls = Body.packed, iter(range(1000))

    def failing(self: Body, *args: Any, **kwargs: Any) -> object:
        if next(calls) == 0:
            raise torch.OutOfMemoryError
        return packed(self, *args, **kwargs)

    monkeypatch.setattr(Body, "packed", failing)
    with torch.inference_mode():
        assert generation(model).sample(asked(PROMPTS[0]), sampling) == plain


def test_prompts_with_a_common_prefix_run_it_once() -> None:
    model = tiny_model("llama")
    engine = generation(model)
    requests = [asked((9,) * 30 + (i,), 3) for i in (1, 2, 3)]
    with torch.inference_mode():
        engine.greedy(requests)
    assert engine.body.work.tokens_run == 30 + 3 * 1 + 2 * 3  # the third new token is not run


@pytest.mark.parametrize("level", ["E2", "E3"])
@pytest.mark.parametrize("name", ["llama", "gemma3-window-8"])
def test_rows_that_share_a_block_write_what_they_write_alone(
    name: str, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(name)
    prompts = [(9,) * 12 + (i,) * (1 + i % 3) for i in range(1, 6)] + [(8,) * 7 + (i,) for i in (1, 2)]
    texts = [reply.text.split() for reply in greedy_of(model, prompts, level=level)]
    ends = [
        int(texts[0][1]),
        int(texts[3][3]),
        int(texts[5][2]),
    ]  # rows leave their blocks at different steps
    drawn = sampled_of(model, ends, level=level)
    for slots in (1, 2, 3, 8):
        monkeypatch.setattr(opro_local.engine.continuations, "SLOTS", (slots,))
        assert [reply.text.split() for reply in greedy_of(model, prompts, level=level)] == texts
        assert [r.text.split() for r in greedy_of(model, prompts, ends, level=level)] == [
            cut(text, ends) for text in texts
        ]
        assert sampled_of(model, ends, level=level) == drawn


def greedy_of(
    model: PreTrainedModel, prompts: Sequence[TokenIds], ends: Sequence[int] = (), *, level: Level
) -> list[GenerationReply]:
    with torch.inference_mode():
        return generation(model, ends, level=level).greedy([asked(prompt) for prompt in prompts])


def sampled_of(model: PreTrainedModel, ends: Sequence[int], *, level: Level) -> list[str]:
    with torch.inference_mode():
        replies = generation(model, ends, level=level).sample(
            asked(PROMPTS[1]), Sampling(n=7, temperature=1.0, seed=2)
        )
    return [reply.text for reply in replies]


def cut(words: Sequence[str], ends: Sequence[int]) -> list[str]:
    """Up to the first word that ends a reply."""
    first = next((at for at, word in enumerate(words) if int(word) in ends), len(words))
    return list(words[:first])


@pytest.mark.parametrize(
    ("prefix", "own", "rows", "slots"), [(1500, 0, 8, 8), (20, 200, 8, 1), (1500, 0, 1, 1)]
)
def test_a_long_prefix_is_read_by_many_rows_at_once(prefix: int, own: int, rows: int, slots: int) -> None:
    shared = Prefix(length=prefix, layers=())
    states = (torch.zeros(own, 1, 1), torch.zeros(own, 1, 1))
    trails = [Trail(prefix=shared, own=(states,))] * rows
    assert best_slots(trails, at_once=1) == slots
    assert best_slots(trails, at_once=8) == 1


def test_samples_run_their_prompt_once() -> None:
    engine = generation(tiny_model("llama"))
    with torch.inference_mode():
        engine.sample(asked(PROMPTS[1], 5), Sampling(n=4, temperature=1.0, seed=1))
    assert engine.body.work.tokens_run == len(PROMPTS[1]) + 4 * 4


def until(words: list[str], end: str) -> list[str]:
    return words[: words.index(end)] if end in words else words


@pytest.mark.parametrize("name", ["llama", "gemma3-window-8"])
def test_samples_depend_on_the_seed_alone(name: str) -> None:
    model = tiny_model(name)

    def texts(n: int, seed: int, *, whole: bool = False, ends: Sequence[int] = ()) -> list[str]:
        engine = recomputed(model, ends) if whole else generation(model, ends)
        with torch.inference_mode():
            return [
                r.text for r in engine.sample(asked(PROMPTS[0]), Sampling(n=n, temperature=1.0, seed=seed))
            ]

    samples = texts(4, 1)
    assert texts(4, 1) == samples
    assert texts(2, 1) == samples[:2]
    assert texts(4, 1, whole=True) == samples
    assert texts(4, 2) != samples
    assert len(set(samples)) == 4
    # The first row ends at once and is taken out; the others draw what they drew.
    early = samples[0].split()[0]
    ended = [text.split() for text in texts(4, 1, ends=[int(early)])]
    assert ended == [until(text.split(), early) for text in samples]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3-window-8"])
def test_steps_that_the_host_has_not_seen_change_no_reply(name: str) -> None:
    model = tiny_model(name)
    texts = [reply.text.split() for reply in greedy_of(model, PROMPTS, level="E3")]
    ends = [int(texts[0][1]), int(texts[3][3])]  # rows end at different steps

    def replies(ahead: int) -> list[GenerationReply]:
        engine = generation(model, ends, ahead=ahead)
        sampling = Sampling(n=7, temperature=1.0, seed=2)
        with torch.inference_mode():
            return engine.greedy([asked(p) for p in PROMPTS]) + engine.sample(asked(PROMPTS[1]), sampling)

    seen = replies(0)
    assert {reply.ended for reply in seen} == {"end", "length"}
    for ahead in (1, 4, 20):
        assert replies(ahead) == seen


def test_rows_that_have_ended_ask_for_no_position_that_the_model_lacks() -> None:
    model = tiny_model("gpt2")
    room = model.config.n_positions
    requests = [asked((7,) * (room - 2), 2), *(asked((5, number), 12) for number in range(6))]
    with torch.inference_mode():
        replies = generation(model, ahead=4).greedy(requests)
    assert [reply.tokens for reply in replies] == [2, *[12] * 6]


def plain_head(weight: torch.Tensor) -> Head:
    return Head(weight=weight, bias=None, scale=1.0, cap=None)


def test_draws_follow_the_softmax_at_the_temperature() -> None:
    head = plain_head(torch.tensor([[0.0], [math.log(2.0)]]))
    pick = Sampler(head, range(2000), temperature=0.5, seed=3, places=1)
    tokens = pick.next(torch.ones(2000, 1))  # at 0.5: shares 1 to 4
    assert tokens.sum() / 2000 == pytest.approx(0.8, abs=0.03)
    assert set(tokens.tolist()) == {0, 1}


def test_a_row_without_numbers_draws_none_and_leaves_the_others_alone() -> None:
    head = plain_head(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)))
    good = torch.randn(3, generator=torch.Generator().manual_seed(1))
    for bad in (math.nan, math.inf):
        both = torch.stack([torch.full((3,), bad), good])
        drawn = Sampler(head, [0, 1], temperature=1.0, seed=3, places=1).next(both).tolist()
        alone = Sampler(head, [1], temperature=1.0, seed=3, places=1).next(good[None]).tolist()
        assert drawn == [NO_NUMBER, *alone]


@pytest.mark.parametrize("slice_bytes", [1, 2**20])
def test_greedy_takes_the_lowest_id_of_a_tie(slice_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opro_local.engine.head, "CPU_SLICE_BYTES", slice_bytes)
    head = plain_head(torch.tensor([[1.0], [3.0], [3.0], [-9.0]]))
    hidden = torch.tensor([[1.0], [-1.0], [math.nan]])
    assert Greedy(head).next(hidden).tolist() == [1, 3, NO_NUMBER]


def test_a_slab_grows_in_place_and_leaves_what_was_shared_alone() -> None:
    long = torch.arange(6.0).view(3, 1, 2)
    short = torch.full((1, 1, 2), 7.0)
    room = SlabRoom(3, 1, torch.device("cpu"))
    layer = SlabLayer([[(0, (long, long))], [(0, (short, short))]], room)
    grown = 0
    for step in range(70):
        if room.reserve():
            layer.grow()
            grown += 1
        keys, _ = layer.update(torch.full((2, 1, 1, 2), 100.0 + step), torch.zeros(2, 1, 1, 2))
        assert keys.shape[2] % COLUMNS == 0
        assert room.used < keys.shape[2] <= room.used + COLUMNS
        room.move_on()
        room.count()
    assert layer.get_seq_length() == 73
    assert 0 < grown <= 70 // GROWTH_TOKENS
    assert keys[0, 0, :4].tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [100.0, 100.0]]
    assert keys[1, 0, :4].tolist() == [[7.0, 7.0], [0.0, 0.0], [0.0, 0.0], [100.0, 100.0]]
    assert keys[0, 0, 72:].tolist() == [[169.0, 169.0], *[[0.0, 0.0]] * (keys.shape[2] - 73)]
    assert long.flatten().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
