"""Decoding ends where it should, equals transformers' own greedy search, and draws what its seed says."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from tiny_models import CONFIGS, tiny_model
from transformers import PreTrainedModel

from opro_local.engine.cache import SlabLayer
from opro_local.engine.decode import Decoder, greedy, sampler
from opro_local.engine.forward import Body
from opro_local.engine.generation import Generation, Sampling
from opro_local.engine.head import read_head
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


def generation(model: PreTrainedModel, ends: Sequence[int] = ()) -> Generation:
    decoder = Decoder(head=read_head(model), ends=frozenset(ends), text=written)
    return Generation(body=Body(model), decoder=decoder, token_budget=4096)


def asked(prompt: TokenIds, max_tokens: int = 12, final: Callable[[str], bool] = never) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, max_tokens=max_tokens, final=final)


def greedy_replies(model: PreTrainedModel, ends: Sequence[int] = ()) -> list[GenerationReply]:
    with torch.inference_mode():
        return generation(model, ends).shared([asked(prompt) for prompt in PROMPTS])


def by_transformers(model: PreTrainedModel, prompt: TokenIds, ends: Sequence[int] = ()) -> str:
    ids = torch.tensor([prompt])
    result = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=12,
        eos_token_id=list(ends) or None,
        pad_token_id=0,
    )
    return written([token for token in result[0, len(prompt) :].tolist() if token not in ends])


@pytest.mark.parametrize("name", ATTENTION)
def test_greedy_replies_equal_transformers_own(name: str) -> None:
    model = tiny_model(name)
    assert [reply.text for reply in greedy_replies(model)] == [by_transformers(model, p) for p in PROMPTS]


@pytest.mark.parametrize("name", ["llama", "mamba"])
def test_recomputed_replies_equal_transformers_own(name: str) -> None:
    model = tiny_model(name)
    with torch.inference_mode():
        replies = generation(model).whole([asked(prompt) for prompt in PROMPTS])
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
        (reply,) = generation(model, [second]).shared([asked(PROMPTS[3])])
    assert reply == GenerationReply(text=str(first), tokens=2, ended="end")


def test_a_reply_stops_when_its_answer_is_final() -> None:
    model = tiny_model("llama")
    request = asked(PROMPTS[0], final=lambda text: len(text.split()) == 3)
    with torch.inference_mode():
        reply, other = generation(model).shared([request, asked(PROMPTS[1])])
    assert (reply.tokens, reply.ended) == (3, "final")
    assert (other.tokens, other.ended) == (12, "length")


def test_a_model_without_a_number_ends_the_row_and_no_other() -> None:
    model = tiny_model("llama")
    model.get_input_embeddings().weight.data[50] = math.nan
    with torch.inference_mode():
        bad, good = generation(model, [50]).shared([asked((3, 50)), asked((3, 4), 2)])
    assert bad == GenerationReply(text="", tokens=0, ended="nan")
    assert good.ended == "length"


def test_prompts_with_a_common_prefix_run_it_once() -> None:
    model = tiny_model("llama")
    engine = generation(model)
    requests = [asked((9,) * 30 + (i,), 3) for i in (1, 2, 3)]
    with torch.inference_mode():
        engine.shared(requests)
    assert engine.body.tokens_run == 30 + 3 * 1 + 2 * 3  # the third new token is not run


def test_samples_run_their_prompt_once() -> None:
    engine = generation(tiny_model("llama"))
    with torch.inference_mode():
        engine.sample_shared(asked(PROMPTS[1], 5), Sampling(n=4, temperature=1.0, seed=1))
    assert engine.body.tokens_run == len(PROMPTS[1]) + 4 * 4


def until(words: list[str], end: str) -> list[str]:
    return words[: words.index(end)] if end in words else words


@pytest.mark.parametrize("name", ["llama", "gemma3-window-8"])
def test_samples_depend_on_the_seed_alone(name: str) -> None:
    model = tiny_model(name)

    def texts(n: int, seed: int, *, whole: bool = False, ends: Sequence[int] = ()) -> list[str]:
        engine = generation(model, ends)
        draw = engine.sample_whole if whole else engine.sample_shared
        with torch.inference_mode():
            return [r.text for r in draw(asked(PROMPTS[0]), Sampling(n=n, temperature=1.0, seed=seed))]

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


def test_draws_follow_the_softmax_at_the_temperature() -> None:
    pick = sampler(range(2000), temperature=0.5, seed=3)
    logits = torch.tensor([0.0, math.log(2.0)]).expand(2000, 2)  # at 0.5: shares 1 to 4
    share = sum(pick(range(2000), logits)) / 2000
    assert share == pytest.approx(0.8, abs=0.03)


def test_greedy_takes_the_lowest_id_of_a_tie() -> None:
    assert greedy([0], torch.tensor([[1.0, 3.0, 3.0]])) == [1]


def test_a_slab_grows_in_place_and_leaves_what_was_shared_alone() -> None:
    shared = torch.arange(6.0).view(1, 1, 3, 2)
    layer = SlabLayer(shared, shared)
    for step in range(70):
        keys, _ = layer.update(torch.full((2, 1, 1, 2), 100.0 + step), torch.zeros(2, 1, 1, 2))
    assert layer.get_seq_length() == 73
    assert keys[1, 0, :4].tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [100.0, 100.0]]
    assert keys[0, 0, -1].tolist() == [169.0, 169.0]
    assert shared.flatten().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
