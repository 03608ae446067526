"""What every engine does, fake or real: lists in order, nothing for nothing, replies that are what they say.

The values behind it (which log-probability, which words) are the business of tests/engine and of scripts.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import regex
from engines import CONTEXT, DRAWS, ENGINES, FAKE, OF_REAL_MODELS, TINY, Engines

from opro_local.errors import DataError
from opro_local.llm import ChoiceRequest, Engine, GenerationReply, GenerationRequest, Message
from opro_local.testing import ScriptedEngine
from opro_local.workers.spread import SpreadEngine

FORM = r'\{"a":(?:yes|no),"b":-?[0-9]{1,3}\}'


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, engines: Engines) -> Engine:
    return engines(request.param)


@pytest.fixture(params=[*FAKE, *TINY])
def small(request: pytest.FixtureRequest, engines: Engines) -> Engine:
    """One of CONTEXT tokens."""
    return engines(request.param)


@pytest.fixture(params=[*TINY, *OF_REAL_MODELS])
def held(request: pytest.FixtureRequest, engines: Engines) -> Engine:
    """One that holds replies to a form by itself."""
    return engines(request.param)


def never(_text: str) -> bool:
    return False


def of_four(text: str) -> bool:
    return len(text) >= 4


def always(_text: str) -> bool:
    return True


def writing(
    engine: Engine, text: str = "Hi", *, most: int = 12, final: Callable[[str], bool] = never
) -> GenerationRequest:
    prompt = engine.encode([Message("user", text)])
    return GenerationRequest(prompt=prompt, max_tokens=most, final=final)


def scoring(engine: Engine, text: str, *answers: str) -> ChoiceRequest:
    context, *whole = engine.encode_each([Message("user", text)], ["", *(f"\n{a}" for a in answers)])
    assert all(ids[: len(context)] == context for ids in whole)
    return ChoiceRequest(context=context, choices=tuple(ids[len(context) :] for ids in whole))


def draws(engine: Engine, *, seed: int, temperature: float = 2.0, most: int = 8) -> list[GenerationReply]:
    return engine.sample(writing(engine, most=most), DRAWS, temperature=temperature, seed=seed)


def check_reply(engine: Engine, request: GenerationRequest, reply: GenerationReply) -> None:
    """Whether a reply is what it says it is."""
    assert 1 <= reply.tokens == len(reply.ids) <= request.max_tokens
    assert all(type(token) is int for token in reply.ids)
    assert reply.text == engine.decode(reply.ids)
    shorter = [engine.decode(reply.ids[:n]) for n in range(1, reply.tokens)]
    assert not any(map(request.final, shorter))
    if reply.ended == "end":
        assert reply.text == engine.decode(reply.ids[:-1])
    elif reply.ended == "final":
        assert request.final(reply.text)
    else:
        assert reply.ended == "length"
        assert reply.tokens == request.max_tokens
        assert not request.final(reply.text)


def test_it_tells_what_it_is(engine: Engine) -> None:
    assert engine.digest
    assert engine.numerics
    assert engine.device == "cpu"
    assert type(engine.chat) is bool
    assert engine.context_length >= CONTEXT
    assert engine.tokens_run >= 0


def test_for_nothing_there_is_nothing(engine: Engine) -> None:
    assert engine.loglikelihood([]) == []
    assert engine.generate([]) == []
    assert engine.sample(writing(engine), 0, temperature=1.0, seed=0) == []
    assert engine.sample(writing(engine), 0, temperature=0.0, seed=0) == []


def test_text_becomes_tokens_without_work(engine: Engine) -> None:
    before = engine.tokens_run
    engine.decode(engine.encode([Message("user", "Hi")], "a", closed=True))
    assert engine.tokens_run == before
    engine.generate([writing(engine, most=2)])
    assert engine.tokens_run > before


def test_every_choice_has_a_log_probability_in_the_order_asked(engine: Engine) -> None:
    first, second = scoring(engine, "One?", "yes", "no", "it may be"), scoring(engine, "Two?", "no", "yes")
    replies = engine.loglikelihood([first, second])
    assert [len(reply.log_probs) for reply in replies] == [3, 2]
    assert all(value < 0 for reply in replies for value in reply.log_probs)
    turned = [replace(request, choices=request.choices[::-1]) for request in (second, first)]
    again = [reply.log_probs[::-1] for reply in engine.loglikelihood(turned)][::-1]
    for ours, theirs in zip(replies, again, strict=True):
        assert ours.log_probs == pytest.approx(theirs, abs=0.1)  # bf16 depends on what runs beside it


def test_a_request_without_choices_has_none_in_its_reply(engine: Engine) -> None:
    asked = scoring(engine, "One?", "yes", "no")
    none, some = engine.loglikelihood([replace(asked, choices=()), asked])
    assert (len(none.log_probs), len(some.log_probs)) == (0, 2)
    assert engine.loglikelihood([replace(asked, choices=())]) == [none]


def test_what_goes_on_is_less_likely_and_what_is_equal_as_likely(engine: Engine) -> None:
    asked = scoring(engine, "One?", "no", "nothing at all", "no")
    ((no, nothing, again),) = (reply.log_probs for reply in engine.loglikelihood([asked]))
    assert no == again
    assert nothing < no


def test_requests_that_mean_nothing_are_not_made() -> None:
    for context, choices in (((), ((1,),)), ((1,), ((1,), ()))):
        with pytest.raises(AssertionError, match="without tokens"):
            ChoiceRequest(context=context, choices=choices)
    with pytest.raises(AssertionError, match="without tokens"):
        GenerationRequest(prompt=(), max_tokens=1, final=never)
    with pytest.raises(AssertionError, match="0 tokens"):
        GenerationRequest(prompt=(1,), max_tokens=0, final=never)


@pytest.mark.parametrize("most", [1, 2, 9])
def test_a_reply_is_what_it_says(engine: Engine, most: int) -> None:
    for final in (never, always, of_four):
        requests = [writing(engine, text, most=most, final=final) for text in ("Hi", "Why?", " ")]
        for request, reply in zip(requests, engine.generate(requests), strict=True):
            check_reply(engine, request, reply)


def test_a_final_reply_ends_at_once(engine: Engine) -> None:
    (reply,) = engine.generate([writing(engine, final=always)])
    assert (reply.tokens, reply.ended) in ((1, "final"), (1, "end"))


def test_a_greedy_reply_is_the_same_alone_beside_others_and_with_drafts(small: Engine) -> None:
    requests = [writing(small, text) for text in ("Hi", "Why?", "Hi", "Because of it.")]
    replies = small.generate(requests)
    assert replies[0] == replies[2]
    assert [small.generate([request])[0] for request in requests] == replies
    drafts = (replies[0].ids, replies[1].ids[:3], (1, 2), ())
    drafted = small.generate([replace(request, drafts=drafts) for request in requests])
    assert [(reply, reply.ids) for reply in drafted] == [(reply, reply.ids) for reply in replies]


def test_a_reply_keeps_to_its_form(held: Engine) -> None:
    requests = [replace(writing(held, text, most=40), constraint=FORM) for text in ("Hi", "Why?", "Hi")]
    replies = held.generate(requests)
    assert all(regex.fullmatch(FORM, reply.text) and reply.ended == "end" for reply in replies)
    assert held.sample(requests[0], 2, temperature=0.0, seed=1) == [replies[0]] * 2
    drawn = held.sample(requests[0], DRAWS, temperature=2.0, seed=1)
    assert all(regex.fullmatch(FORM, reply.text) for reply in drawn)
    assert len({reply.text for reply in drawn}) > 1


@pytest.mark.parametrize("held", TINY, indirect=True)  # real ones are in bf16, which depends on company
def test_a_form_is_kept_to_beside_others_with_drafts_and_where_a_reply_is_cut(held: Engine) -> None:
    bound, free = replace(writing(held, most=40), constraint=FORM), writing(held, "Why?")
    (alone,), (apart,) = held.generate([bound]), held.generate([free])
    assert held.generate([bound, free, bound]) == [alone, apart, alone]
    drafts = (alone.ids, alone.ids[:3], apart.ids, (1, 2))
    (drafted,) = held.generate([replace(bound, drafts=drafts)])
    assert (drafted, drafted.ids) == (alone, alone.ids)
    (cut,) = held.generate([replace(bound, max_tokens=3)])
    assert (cut.ids, cut.ended) == (alone.ids[:3], "length")


def test_a_scripted_reply_that_leaves_its_form_is_a_fault_of_the_script() -> None:
    def asked(reply: str, *, most: int = 40) -> list[GenerationReply]:
        engine = ScriptedEngine(reply=lambda _: reply)
        return engine.generate([replace(writing(engine, most=most), constraint=FORM)])

    assert asked('{"a":no,"b":7}')[0].ended == "end"
    assert asked('{"a":no,"b":7}', most=5)[0].ended == "length"
    for wrong, most in (('{"a":no,"b":', 40), ('{"a":maybe', 10), ("no", 40), ('{"a":no,"b":7} ', 40)):
        with pytest.raises(AssertionError, match="allows no reply"):
            asked(wrong, most=most)


@pytest.mark.parametrize("form", ["(?=a)b", "(?<!a)b", r"(a)\1", "(?i:a)", r"\\(?!a)"])
def test_a_form_that_no_grammar_can_follow_is_not_asked_for(form: str) -> None:
    with pytest.raises(AssertionError, match="looks around"):
        GenerationRequest(prompt=(1,), max_tokens=1, final=never, constraint=form)
    GenerationRequest(prompt=(1,), max_tokens=1, final=never, constraint=r"\(?\\?(?:a)")


def test_final_is_asked_about_what_was_written_so_far(small: Engine) -> None:
    if isinstance(small, SpreadEngine):
        pytest.skip("a worker has a copy of final, which tells nothing here")
    seen: list[str] = []

    def never(text: str) -> bool:
        seen.append(text)
        return False

    request = writing(small, final=never)
    (reply,) = small.generate([request])
    written = [small.decode(reply.ids[: n + 1]) for n in range(reply.tokens - (reply.ended == "end"))]
    assert seen == written


def test_the_same_seed_draws_the_same_and_another_one_something_else(engine: Engine) -> None:
    first = draws(engine, seed=1)
    assert [(reply, reply.ids) for reply in draws(engine, seed=1)] == [(reply, reply.ids) for reply in first]
    assert draws(engine, seed=2) != first
    assert len({reply.text for reply in first}) > 1


@pytest.mark.parametrize(("temperature", "most"), [(1.0, 6), (2.0, 16)])
def test_samples_are_what_they_say(engine: Engine, temperature: float, most: int) -> None:
    for reply in draws(engine, seed=1, temperature=temperature, most=most):
        check_reply(engine, writing(engine, most=most), reply)
        assert reply.ended in ("end", "length")


@pytest.mark.parametrize("name", [*FAKE, "tiny-chat", "tiny-plain"])
def test_a_sample_ends_by_itself_or_at_its_limit(engines: Engines, name: str) -> None:
    engine = engines(name)
    replies = [reply for seed in (1, 2, 3) for reply in draws(engine, seed=seed, most=40)]
    for reply in replies:
        check_reply(engine, writing(engine, most=40), reply)
    assert {reply.ended for reply in replies} == {"end", "length"}


def test_at_temperature_0_all_samples_are_the_greedy_reply(small: Engine) -> None:
    (greedy,) = small.generate([writing(small)])
    assert small.sample(writing(small), 3, temperature=0.0, seed=7) == [greedy] * 3


def test_a_context_can_be_used_to_its_last_token(small: Engine) -> None:
    full = (1,) * (CONTEXT - 2)
    (scored,) = small.loglikelihood([ChoiceRequest(context=full, choices=((2, 3), (4,)))])
    assert len(scored.log_probs) == 2
    asked = GenerationRequest(prompt=full, max_tokens=2, final=never)
    assert small.generate([asked])[0].tokens <= 2
    # A scripted engine knows for how many samples it is asked.
    assert len(small.sample(asked, DRAWS, temperature=1.0, seed=0)) == DRAWS


def test_what_is_longer_than_the_context_is_refused_before_any_work(engine: Engine) -> None:
    limit = engine.context_length
    fits = writing(engine)
    long = GenerationRequest(prompt=(1,) * (limit - 1), max_tokens=2, final=never)
    choices = ChoiceRequest(context=(1,) * (limit - 1), choices=((2,), (2, 3)))
    before = engine.tokens_run
    for ask in (
        lambda: engine.generate([fits, long]),
        lambda: engine.sample(long, DRAWS, temperature=1.0, seed=0),
        lambda: engine.sample(long, DRAWS, temperature=0.0, seed=0),
        lambda: engine.loglikelihood([scoring(engine, "One?", "yes"), choices]),
    ):
        with pytest.raises(DataError, match=f"{limit + 1} tokens; the model takes {limit}"):
            ask()
    assert engine.tokens_run == before


def test_its_effort_counts_what_was_scored(small: Engine) -> None:
    before = small.effort()
    small.loglikelihood([scoring(small, "One?", "yes", "no")] * 2)
    done = small.effort().since(before)
    assert done.requests == 2
    assert done.tokens_run > 0
    assert done.least_tokens > 0
    small.generate([writing(small, most=2)])
    assert small.effort().since(before).requests == 2, "what was written is counted apart"


def test_its_effort_counts_what_was_written(small: Engine) -> None:
    before = small.effort()
    greedy = small.generate([writing(small, most=2)])
    sampled = small.sample(writing(small, most=3), DRAWS, temperature=1.0, seed=0)
    done = small.effort().since(before)
    assert done.decoded_tokens == sum(reply.tokens for reply in [*greedy, *sampled]) > 0
    assert done.requests == 0
