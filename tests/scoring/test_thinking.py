"""A thought ahead of an answer is never read for one, and never scored as part of a label."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from resolved import scorer_of
from stages import CANDIDATE, STAGES, SUMS

from opro_local.config import ScoringSettings
from opro_local.llm import Message, TokenIds
from opro_local.records import Example, Outcome
from opro_local.scoring.thinking import behind_thought, end_of_open_thought
from opro_local.testing import ScriptedEngine

SETTINGS = ScoringSettings(mode="generation", answer_tokens=30, thinking_tokens=50)
ROW = Example(id="1", text="how many", target="7")


@dataclass(kw_only=True)
class Thinker(ScriptedEngine):
    """Opens a thought ahead of a reply of its own, and closes it ahead of a given one."""

    def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
        thought = "<think>\n\n</think>\n\n" if prefill or closed else "<think>\n"
        plain = super().encode(messages, "", closed=False)
        end = super().encode(messages, "", closed=True)[len(plain) :] if closed else ()
        return (*plain, *(thought + prefill).encode(), *end)


def outcome_of(reply: str, engine: type[ScriptedEngine] = Thinker, **settings: object) -> Outcome:
    scorer = scorer_of(engine(reply=lambda _text: reply), SUMS, SETTINGS.model_copy(update=settings))
    return scorer.score([CANDIDATE], [ROW])[0][0]


@pytest.mark.parametrize(
    ("reply", "behind"),
    [
        ("7", "7"),
        ("<think>\n8?</think>\n\n7", "\n\n7"),
        (" <think>8", None),
        ("8? no</think>7", "7"),
        ("8</think> 9 <think></think>7", "7"),
        ("<|channel>thought\n8<channel|>7", "7"),
        ("[THINK]8[/THINK]7", "7"),
        ("I <think> so: 7", "I <think> so: 7"),
    ],
)
def test_what_stands_behind_a_thought_is_the_answer(reply: str, behind: str | None) -> None:
    assert behind_thought(reply) == behind


def test_a_thought_that_the_prompt_opened_is_open_until_its_own_mark() -> None:
    assert behind_thought("7", "</think>") is None
    assert behind_thought("8</think>7", "</think>") == "7"


@pytest.mark.parametrize(
    ("prompt", "end"),
    [
        ("[assistant] <think>\n", "</think>"),
        ("[assistant] <think>", "</think>"),
        ("[assistant] <think>\n\n</think>\n\n", None),
        ("What is <think>?\n[assistant] ", None),
        ("[assistant] [THINK]", "[/THINK]"),
    ],
)
def test_a_prompt_is_in_a_thought_if_it_ends_with_what_opens_one(prompt: str, end: str | None) -> None:
    assert end_of_open_thought(ScriptedEngine(), tuple(prompt.encode())) == end


def test_the_answer_is_read_behind_the_thought() -> None:
    outcome = outcome_of("The answer is 8. No.</think>The answer is 7.\n")
    assert (outcome.prediction, outcome.correct) == ("7", True)
    assert outcome.reply is not None and outcome.reply.startswith("The answer is 8.")


def test_a_final_answer_inside_a_thought_ends_nothing() -> None:
    # Without the thought, the first line would be final.
    outcome = outcome_of("The answer is 8.\n\nWait, it is 7.</think>7")
    assert outcome.prediction == "7"


@pytest.mark.parametrize(
    ("engine", "reply", "tokens"), [(Thinker, "8" * 99, 80), (ScriptedEngine, "<think>" + "8" * 99, 30)]
)
def test_a_thought_that_does_not_end_is_no_answer_with_a_reason(
    engine: type[ScriptedEngine], reply: str, tokens: int
) -> None:
    outcome = outcome_of(reply, engine)
    assert (outcome.prediction, outcome.correct) == (None, False)
    assert outcome.reason == f"the thought did not end within {tokens} tokens"


def test_only_a_model_that_is_made_to_think_gets_tokens_to_think() -> None:
    for engine, most in (
        (Thinker(reply=lambda _text: "</think>7"), 80),
        (ScriptedEngine(reply=lambda _text: "7"), 30),
    ):
        scorer_of(engine, SUMS, SETTINGS).score([CANDIDATE], [ROW])
        assert engine.generated[0][0].max_tokens == most


def test_a_second_round_goes_on_behind_the_thought_and_never_behind_an_open_one() -> None:
    def reply(text: str) -> str:
        if text.endswith("the final answer is"):
            assert "hm</think>" not in text and text.endswith("</think>\n\nDone\n\nSo the final answer is")
            return " 7."
        return "hm</think>Done"

    scorer = scorer_of(Thinker(reply=reply), SUMS, SETTINGS.model_copy(update={"second_round": True}))
    assert scorer.score([CANDIDATE], [ROW])[0][0].prediction == "7"
    assert outcome_of("8" * 99, second_round=True).reason == "the thought did not end within 80 tokens"


def test_labels_are_scored_behind_a_closed_thought_whose_end_is_no_part_of_them() -> None:
    asked: list[str] = []

    def log_prob(text: str) -> float:
        asked.append(text)
        return -0.5 if text.endswith("seed") else -1.5

    engine = Thinker(log_prob=log_prob)
    row = Example(id="1", text="first round", target="seed")
    ((outcome,),) = scorer_of(engine, STAGES, ScoringSettings()).score([CANDIDATE], [row])
    assert outcome.prediction == "seed"
    assert all("<think>\n\n</think>\n\n" in text for text in asked)
    (request,) = engine.asked[0]
    # Both labels begin with "se", which belongs to the context: it tells nothing.
    assert [engine.decode(choice) for choice in request.choices] == ["ed", "ries A"]
    assert engine.decode(request.context).endswith("<think>\n\n</think>\n\nse")


def test_replies_of_other_models_are_read_as_they_are() -> None:
    task = replace(SUMS, answer="text")
    engine = ScriptedEngine(reply=lambda _text: "think")
    ((outcome,),) = scorer_of(engine, task, SETTINGS).score([CANDIDATE], [replace(ROW, target="think")])
    assert outcome.correct
