"""A reply that is held to a form is the same at every level, alone, beside others, with drafts and ahead.

What is not held to one goes the way it went: nothing is asked of the grammar.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
import regex
import torch
from tiny_models import VOCABULARY, Size, byte_tokenizer, tiny_model, without_numbers

import opro_local.engine.generation
from opro_local.engine.constraints import Constraints
from opro_local.engine.decode import Decoder, Greedy, Sampler
from opro_local.engine.forward import Body
from opro_local.engine.generation import Sampling, SharedGeneration, WholeGeneration
from opro_local.engine.head import read_head
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import StoredPrefixes
from opro_local.engine.probe import REUSES, Level
from opro_local.errors import ModelError
from opro_local.llm import GenerationReply, GenerationRequest, TokenIds

SMALL = Size(vocabulary=VOCABULARY, hidden=64, heads=4)
TOKENIZER = byte_tokenizer()
END = TOKENIZER.eos_token_id
FORM = r'\{"a":(?:yes|no|none)(?:,"b":"[a-z ]{1,9}")?\}'
PROMPTS: list[TokenIds] = [tuple(range(5, 5 + length)) for length in (9, 10, 14, 3)]
Generation = SharedGeneration | WholeGeneration


def never(_text: str) -> bool:
    return False


def written(ids: Sequence[int]) -> str:
    return str(TOKENIZER.decode([i for i in ids if i != END]))


def generation(level: Level, name: str = "llama", *, ahead: int = 0, spoilt: int | None = None) -> Generation:
    model = tiny_model(name, size=SMALL, seed=3)
    if spoilt is not None:
        without_numbers(model, spoilt)
    body, ends = Body(model), frozenset([int(END)])
    constraints = Constraints(tokenizer=TOKENIZER, vocabulary=VOCABULARY, ends=ends)
    decoder = Decoder(head=read_head(model), ends=ends, text=written, ahead=ahead, constraints=constraints)
    if level == "E0":
        return WholeGeneration(body=body, decoder=decoder, token_budget=4096)
    prefixes = StoredPrefixes(reuse=REUSES[level](body, 4096), store=PrefixStore(2**30))
    return SharedGeneration(body=body, decoder=decoder, prefixes=prefixes)


def held(prompt: TokenIds, form: str = FORM, **more: object) -> GenerationRequest:
    request = GenerationRequest(prompt=prompt, max_tokens=40, final=never, constraint=form)
    return replace(request, **more)  # type: ignore[arg-type]


def greedy(engine: Generation, requests: Sequence[GenerationRequest]) -> list[GenerationReply]:
    with torch.inference_mode():
        return engine.greedy(requests)


def plain(replies: Sequence[GenerationReply]) -> list[tuple[TokenIds, str]]:
    return [(reply.ids, reply.ended) for reply in replies]


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "qwen2"])
def test_every_level_writes_the_same_replies_of_the_form(name: str) -> None:
    requests = [held(prompt) for prompt in PROMPTS]
    found = [greedy(generation(level, name), requests) for level in ("E0", "E2", "E3")]
    assert plain(found[0]) == plain(found[1]) == plain(found[2])
    assert all(regex.fullmatch(FORM, reply.text) and reply.ended == "end" for reply in found[0])


@pytest.mark.parametrize("level", ["E2", "E3"])
def test_drafts_change_no_reply_whether_they_keep_to_the_form_or_not(
    level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opro_local.engine.generation, "NODES", 7)
    engine = generation(level)
    requests = [held(prompt) for prompt in PROMPTS]
    replies = greedy(engine, requests)
    free = greedy(engine, [replace(request, constraint=None) for request in requests])
    ids = [reply.ids for reply in (*replies, *free)]
    for drafts in ([ids[0], ids[0][:5]], ids, [(1, 2, 3), (*ids[1][:7], 1)], [(*ids[0], 7, 7)]):
        drafted = greedy(engine, [replace(request, drafts=tuple(drafts)) for request in requests])
        assert plain(drafted) == plain(replies)


def test_a_draft_that_holds_takes_no_step_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = generation("E3")
    (reply,) = greedy(engine, [held(PROMPTS[0])])
    steps: list[int] = []
    monkeypatch.setattr(Decoder, "run", lambda _self, replies, *_rows, **_pick: steps.append(len(replies)))
    drafted = greedy(engine, [held(PROMPTS[0], drafts=(reply.ids,))])
    assert plain(drafted) == plain([reply])
    assert sum(steps) == 0


@pytest.mark.parametrize(("level", "ahead"), [*product(("E0", "E2", "E3"), (0, 4))])
def test_others_beside_it_and_steps_ahead_change_nothing(level: Level, ahead: int) -> None:
    engine = generation(level, ahead=ahead)
    bound, free = [held(p) for p in PROMPTS], [held(p, max_tokens=9, constraint=None) for p in PROMPTS]
    apart = plain(greedy(generation(level), bound)) + plain(greedy(generation(level), free))
    together = greedy(engine, [*bound, *free, held(PROMPTS[0], form="(?:a|b){3}")])
    assert plain(together[:-1]) == apart
    assert regex.fullmatch("[ab]{3}", together[-1].text)


@pytest.mark.parametrize("level", ["E0", "E2", "E3"])
def test_draws_keep_to_the_form_and_do_not_depend_on_how_many_there_are(level: Level) -> None:
    engine = generation(level)
    with torch.inference_mode():
        drawn = engine.sample(held(PROMPTS[0]), Sampling(n=6, temperature=3.0, seed=1))
        fewer = engine.sample(held(PROMPTS[0]), Sampling(n=2, temperature=3.0, seed=1))
    assert all(regex.fullmatch(FORM, reply.text) for reply in drawn)
    assert len({reply.text for reply in drawn}) > 1
    assert plain(fewer) == plain(drawn[:2])


@pytest.mark.parametrize("level", ["E0", "E2", "E3"])
def test_a_reply_that_is_cut_is_the_beginning_of_one(level: Level) -> None:
    engine = generation(level)
    (whole,) = greedy(engine, [held(PROMPTS[0])])
    for most in (1, 4, len(whole.ids) - 1):
        (cut,) = greedy(engine, [held(PROMPTS[0], max_tokens=most)])
        assert plain([cut]) == [(whole.ids[:most], "length")]


def test_a_model_without_numbers_ends_the_reply() -> None:
    spoilt = TOKENIZER.convert_tokens_to_ids("a")
    assert isinstance(spoilt, int)
    for level in ("E0", "E2", "E3"):
        first, second = greedy(
            generation(level, spoilt=spoilt), [held(PROMPTS[0], form="cab"), held(PROMPTS[1], form="cub")]
        )
        assert (first.text, first.ended) == ("ca", "nan")
        assert (second.text, second.ended) == ("cub", "end")


def test_where_no_token_is_left_there_is_no_number() -> None:
    head = read_head(tiny_model("llama", size=SMALL))
    allowed = torch.zeros((2, VOCABULARY), dtype=torch.bool)
    allowed[1, 7] = True
    hidden = torch.ones((2, SMALL.hidden))
    assert Greedy(head).next(hidden, allowed).tolist() == [-1, 7]
    sampler = Sampler(head, [0, 1], temperature=1.0, seed=0, places=1)
    assert sampler.next(hidden, allowed).tolist() == [-1, 7]


def test_no_grammar_is_asked_where_there_is_no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Constraints, "allowed", None)
    monkeypatch.setattr(Constraints, "progress", None)
    engine = generation("E3")
    greedy(engine, [held(prompt, constraint=None, drafts=((1, 2),)) for prompt in PROMPTS])
    with torch.inference_mode():
        engine.sample(held(PROMPTS[0], constraint=None), Sampling(n=2, temperature=1.0, seed=1))


def test_a_missing_library_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance.hf", None)
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(ModelError, match=r"pip install 'opro-local\[fields\]'"):
        greedy(generation("E3"), [held(PROMPTS[0])])


def test_a_form_that_cannot_be_is_told_in_one_line() -> None:
    with pytest.raises(ModelError, match="No reply can have the form"):
        greedy(generation("E3"), [held(PROMPTS[0], form="(")])
