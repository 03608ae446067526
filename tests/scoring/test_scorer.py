import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from resolved import scorer_of
from stages import CANDIDATE, STAGES, SUMS

from opro_local.config import ScoringSettings
from opro_local.errors import ModelError, SettingsError
from opro_local.llm import GenerationReply, Message, TokenIds
from opro_local.records import Candidate, Example
from opro_local.scoring.scorer import scoring_mode
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.tasks.task import Task
from opro_local.testing import END, ScriptedEngine

ROWS = (
    Example(id="1", text="first round", target="seed"),
    Example(id="2", text="second round", target="series A"),
)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ReplyCacheFile]:
    with closing(ReplyCacheFile(tmp_path / "cache.sqlite")) as file:
        yield file


def table(*rows: tuple[str, float]) -> ScriptedEngine:
    """An engine whose texts, told by their ends, have these log-probabilities."""

    def log_prob(text: str) -> float:
        return next(value for end, value in rows if text.endswith(end))

    return ScriptedEngine(log_prob=log_prob)


FAVOURS_SEED = (("seed", -0.5), ("series A", -1.5))


def test_the_most_probable_label_is_the_prediction() -> None:
    scorer = scorer_of(table(*FAVOURS_SEED), STAGES, ScoringSettings())
    ((first, second),) = scorer.score([CANDIDATE], ROWS)
    assert (first.prediction, first.correct) == ("seed", True)
    assert (second.prediction, second.correct) == ("seed", False)
    assert first.choice_log_probs == (-0.5, -1.5)
    assert (first.gold_log_likelihood, second.gold_log_likelihood) == (-0.5, -1.5)
    assert (first.example_id, first.target, first.reply, first.reason) == ("1", "seed", None, None)


def test_of_two_equally_probable_labels_the_first_is_the_prediction() -> None:
    ((first, _),) = scorer_of(table(("", -1.0)), STAGES, ScoringSettings()).score([CANDIDATE], ROWS)
    assert first.prediction == "seed"


def test_the_context_is_what_all_labels_share_with_the_prompt() -> None:
    engine = table(*FAVOURS_SEED)
    scorer_of(engine, STAGES, ScoringSettings()).score([CANDIDATE], ROWS[:1])
    ((request,),) = engine.asked
    # "seed" and "series A" share "se", which is not in the prompt yet: it belongs to the choices.
    assert engine.decode(request.context) == "[user] I\nfirst round\n[assistant] "
    assert [engine.decode(choice) for choice in request.choices] == ["seed", "series A"]


def test_where_joint_encoding_merges_the_prompt_with_a_label_the_choice_starts_before_the_seam() -> None:
    class Merging(ScriptedEngine):
        def encode(self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False) -> TokenIds:
            ids = super().encode(messages, prefill, closed=closed)
            text = self.decode(ids)
            if " s" not in text:
                return ids
            at = text.rindex(" s")
            return (*ids[:at], 300, *ids[at + 2 :])  # " s" is one token

        def decode(self, ids: Sequence[int]) -> str:
            return "".join(" s" if i == 300 else super(Merging, self).decode([i]) for i in ids)

    engine = Merging(log_prob=lambda _text: -1.0)
    scorer_of(engine, STAGES, ScoringSettings()).score([CANDIDATE], ROWS[:1])
    ((request,),) = engine.asked
    assert engine.decode(request.context).endswith("[assistant]")
    assert [choice[0] for choice in request.choices] == [300, 300]
    assert [engine.decode(choice) for choice in request.choices] == [" seed", " series A"]


def test_labels_of_which_one_begins_another_are_closed() -> None:
    engine = table(("seed", -1.0), ("seed plus", -2.0))
    task = replace(STAGES, labels=("seed plus", "seed"))
    ((outcome, *_),) = scorer_of(engine, task, ScoringSettings()).score([CANDIDATE], ROWS[:1])
    ((request,),) = engine.asked
    assert [choice[-1] for choice in request.choices] == [END, END]
    assert outcome.choice_log_probs == (-2.0, -1.0)


def test_other_labels_are_not_closed() -> None:
    engine = table(*FAVOURS_SEED)
    scorer_of(engine, STAGES, ScoringSettings()).score([CANDIDATE], ROWS[:1])
    assert all(END not in choice for choice in engine.asked[0][0].choices)


def test_a_label_whose_log_probability_is_no_number_is_an_outcome_with_a_reason() -> None:
    engine = table(("seed", math.nan), ("series A", -1.0))
    ((outcome, _),) = scorer_of(engine, STAGES, ScoringSettings()).score([CANDIDATE], ROWS)
    assert (outcome.prediction, outcome.correct) == (None, False)
    assert outcome.reason == "no finite log-probability"
    assert outcome.choice_log_probs == ()
    assert outcome.gold_log_likelihood is None


def test_tokens_are_those_of_the_request() -> None:
    ((outcome, _),) = scorer_of(table(*FAVOURS_SEED), STAGES, ScoringSettings()).score([CANDIDATE], ROWS)
    assert outcome.prompt_tokens == len("[user] I\nfirst round\n[assistant] " + "seed" + "series A")
    assert outcome.generated_tokens == 0


def test_all_pairs_of_a_block_are_asked_in_one_call_and_come_back_in_order() -> None:
    engine = ScriptedEngine(log_prob=lambda text: float(("J" in text) == text.endswith("seed")))
    other = Candidate(instruction="J")
    of_first, of_other = scorer_of(engine, STAGES, ScoringSettings()).score([CANDIDATE, other], ROWS)
    assert [len(call) for call in engine.asked] == [4]
    assert [o.prediction for o in of_first] == ["series A", "series A"]
    assert [o.prediction for o in of_other] == ["seed", "seed"]
    assert [o.example_id for o in of_other] == ["1", "2"]


def test_equal_requests_are_asked_once() -> None:
    engine = table(*FAVOURS_SEED)
    twins = (ROWS[0], replace(ROWS[0], id="1-2"))
    ((first, second),) = scorer_of(engine, STAGES, ScoringSettings()).score([CANDIDATE], twins)
    assert [len(call) for call in engine.asked] == [1]
    assert replace(first, example_id="1-2") == second


def test_a_known_reply_does_not_reach_the_engine(cache: ReplyCacheFile) -> None:
    engine = table(*FAVOURS_SEED)
    once = scorer_of(engine, STAGES, ScoringSettings(), cache).score([CANDIDATE], ROWS[:1])
    again = scorer_of(engine, STAGES, ScoringSettings(), cache).score([CANDIDATE], ROWS)
    assert again[0][0] == once[0][0]
    assert [[engine.decode(r.context) for r in call] for call in engine.asked] == [
        ["[user] I\nfirst round\n[assistant] "],
        ["[user] I\nsecond round\n[assistant] "],
    ]


def test_a_block_that_is_known_whole_asks_nothing(cache: ReplyCacheFile) -> None:
    engine = table(*FAVOURS_SEED)
    scorer = scorer_of(engine, STAGES, ScoringSettings(), cache)
    assert scorer.score([CANDIDATE], ROWS) == scorer.score([CANDIDATE], ROWS)
    assert len(engine.asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(table(*FAVOURS_SEED), digest="model:sha256:other"),
        replace(table(*FAVOURS_SEED), numerics="bf16"),
    ],
    ids=["digest", "numerics"],
)
def test_another_model_or_other_numerics_share_no_replies(
    other: ScriptedEngine, cache: ReplyCacheFile
) -> None:
    scorer_of(table(*FAVOURS_SEED), STAGES, ScoringSettings(), cache).score([CANDIDATE], ROWS)
    scorer_of(other, STAGES, ScoringSettings(), cache).score([CANDIDATE], ROWS)
    assert [len(call) for call in other.asked] == [2]


def test_a_failure_is_asked_again(cache: ReplyCacheFile) -> None:
    engine = table(("seed", math.nan), ("series A", -1.0))
    scorer = scorer_of(engine, STAGES, ScoringSettings(), cache)
    assert scorer.score([CANDIDATE], ROWS[:1])[0][0].reason == "no finite log-probability"
    engine.log_prob = lambda text: -0.5 if text.endswith("seed") else -1.0
    assert scorer.score([CANDIDATE], ROWS[:1])[0][0].correct


def test_a_generated_reply_is_graded_by_the_answer_type() -> None:
    engine = ScriptedEngine(reply=lambda _text: "It costs 1,200. The answer is 1,200.")
    rows = (Example(id="1", text="how much", target="1200"), Example(id="2", text="how many", target="7"))
    ((right, wrong),) = scorer_of(engine, SUMS, ScoringSettings(answer_tokens=40)).score([CANDIDATE], rows)
    assert (right.prediction, right.correct, right.reason) == ("1,200", True, None)
    assert not wrong.correct
    assert right.reply == "It costs 1,200. The answer is 1,200."
    assert right.prompt_tokens == len("[user] I\nhow much\n[assistant] ")
    assert right.generated_tokens == 36 + 1  # the token that ends the turn
    assert (right.choice_log_probs, right.gold_log_likelihood) == ((), None)


def test_a_reply_without_an_answer_has_a_reason() -> None:
    engine = ScriptedEngine(reply=lambda _text: "I do not know")
    ((outcome,),) = scorer_of(engine, SUMS, ScoringSettings(answer_tokens=40)).score([CANDIDATE], ROWS[:1])
    assert (outcome.prediction, outcome.correct, outcome.reason) == (None, False, "no answer")


def test_generation_stops_at_a_final_answer() -> None:
    engine = ScriptedEngine(reply=lambda _text: "The answer is 7.\nQ: and 8?")
    ((outcome,),) = scorer_of(engine, SUMS, ScoringSettings(answer_tokens=40)).score(
        [CANDIDATE], [Example(id="1", text="how many", target="7")]
    )
    assert outcome.correct
    assert outcome.reply is not None
    assert "and 8" not in outcome.reply


def drafts(engine: ScriptedEngine) -> list[list[str]]:
    """What the engine was given as drafts, call by call, of the first request."""
    return [[engine.decode(draft) for draft in requests[0].drafts] for requests in engine.generated]


def test_earlier_replies_to_the_same_question_are_drafts_the_last_one_first() -> None:
    engine = ScriptedEngine(reply=lambda text: {"A": "7", "B": "8", "C": "7", "D": "9"}[text[7]])
    scorer = scorer_of(engine, SUMS, ScoringSettings(answer_tokens=40))
    rows = [Example(id="1", text="how many", target="7"), Example(id="2", text="how much", target="7")]
    for text in "ABCD":
        scorer.score([Candidate(instruction=text)], rows)
    assert drafts(engine) == [[], ["7"], ["8", "7"], ["7", "8"]]


def test_labels_that_are_generated_are_drafts_too() -> None:
    engine = ScriptedEngine(reply=lambda _text: "seed")
    scorer = scorer_of(engine, STAGES, ScoringSettings(mode="generation"))
    scorer.score([CANDIDATE], ROWS[:1])
    scorer.score([Candidate(instruction="J")], ROWS[:1])
    assert drafts(engine) == [["seed", "series A"], ["seed", "seed", "series A"]]
    # What ends the turn is known when the label is; as part of the draft it would be run in vain.
    assert engine.generated[0][0].drafts[0][-1] != END


def test_drafts_are_no_longer_than_is_worth_running_them() -> None:
    engine = ScriptedEngine(reply=lambda text: text[7].lower() * 20)
    scorer = scorer_of(engine, replace(SUMS, answer="text"), ScoringSettings(answer_tokens=40))
    for text in "ABC":
        scorer.score([Candidate(instruction=text)], ROWS[:1])
    assert drafts(engine) == [[], ["a" * 20], ["b" * 20]]


def test_a_generation_that_broke_off_in_the_model_is_a_failure_whatever_was_said_before() -> None:
    class Broken(ScriptedEngine):
        def generate(self, requests: Sequence[object]) -> list[GenerationReply]:
            return [GenerationReply(text="7", tokens=1, ended="nan")] * len(requests)

    scorer = scorer_of(Broken(), SUMS, ScoringSettings(answer_tokens=40))
    ((outcome,),) = scorer.score([CANDIDATE], [Example(id="1", text="how many", target="7")])
    assert (outcome.prediction, outcome.correct) == (None, False)
    assert outcome.reason == "no finite log-probability"


def test_a_row_longer_than_the_context_has_no_answer_and_stops_no_other() -> None:
    long = Example(id="3", text="round " * 30, target="seed")
    engine = replace(table(*FAVOURS_SEED), context_length=100)
    ((first, second, third),) = scorer_of(engine, STAGES, ScoringSettings()).score(
        [CANDIDATE], [ROWS[0], long, ROWS[1]]
    )
    assert (second.prediction, second.correct, second.reason) == (None, False, "longer than the context")
    assert (second.example_id, second.prompt_tokens) == ("3", 0)
    assert [first.example_id, third.example_id] == ["1", "2"]
    assert first.prediction == third.prediction == "seed"


@pytest.mark.parametrize(
    ("task", "settings", "mode"),
    [
        (STAGES, ScoringSettings(), "likelihood"),
        (SUMS, ScoringSettings(), "generation"),
        (replace(SUMS, answer="text"), ScoringSettings(), "generation"),
        (STAGES, ScoringSettings(mode="generation"), "generation"),
        (replace(STAGES, answer="boolean"), ScoringSettings(), "likelihood"),
        (replace(SUMS, answer="choice"), ScoringSettings(), "generation"),
        (STAGES, ScoringSettings(grading="official"), "generation"),
        (STAGES, ScoringSettings(second_round=True), "generation"),
    ],
)
def test_labels_are_scored_by_likelihood_unless_the_settings_say_otherwise(
    task: Task, settings: ScoringSettings, mode: str
) -> None:
    assert scoring_mode(task, settings) == mode


@pytest.mark.parametrize("settings", [{"grading": "official"}, {"second_round": True}])
def test_likelihood_scoring_has_no_replies_to_read(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="has no replies to read"):
        scoring_mode(STAGES, ScoringSettings.model_validate({"mode": "likelihood", **settings}))


def test_official_grading_is_lenient_and_shares_no_replies_with_the_strict_one(cache: ReplyCacheFile) -> None:
    task = replace(STAGES, answer="boolean", labels=("yes", "no"))
    rows = [Example(id="1", text="plausible", target="no")]
    engine = ScriptedEngine(reply=lambda _text: "Unknown")
    for grading, correct in (("strict", False), ("official", True)):
        settings = ScoringSettings.model_validate({"mode": "generation", "grading": grading})
        ((outcome,),) = scorer_of(engine, task, settings, cache).score([CANDIDATE], rows)
        assert outcome.correct is correct
    assert len(engine.generated) == 2


SECOND = ScoringSettings(answer_tokens=40, second_round=True)
CUED = "\n\nSo the final answer is"
HOW_MANY = Example(id="1", text="how many", target="7")


def test_a_second_round_is_asked_where_the_first_reply_has_no_answer_and_both_are_kept() -> None:
    def reply(text: str) -> str:
        if text.endswith(CUED):
            return " 7.\nQ: and then?"
        return "Hard to say.\nQ: 1+1?\nA: 2" if "many" in text else "8"

    engine = ScriptedEngine(reply=reply)
    rows = [HOW_MANY, Example(id="2", text="how much", target="8")]
    ((asked_twice, asked_once),) = scorer_of(engine, SUMS, SECOND).score([CANDIDATE], rows)
    first = "[user] I\nhow many\n[assistant] "
    assert [[engine.decode(r.prompt) for r in call] for call in engine.generated[1:]] == [
        [f"{first}Hard to say.{CUED}"]
    ]
    assert engine.generated[1][0].max_tokens == 50
    assert (asked_twice.prediction, asked_twice.correct, asked_twice.reason) == ("7", True, None)
    assert asked_twice.reply == f"Hard to say.{CUED} 7.\n"
    assert asked_twice.prompt_tokens == 2 * len(first) + len(f"Hard to say.{CUED}")
    # The first reply ends where it asks a question, the second one with the line of its answer.
    assert asked_twice.generated_tokens == len("Hard to say.\nQ:") + len(" 7.\n")
    assert (asked_once.prediction, asked_once.reply) == ("8", "8")


def test_a_second_reply_without_an_answer_leaves_none() -> None:
    engine = ScriptedEngine(reply=lambda _text: "who knows")
    ((outcome,),) = scorer_of(engine, SUMS, SECOND).score([CANDIDATE], [HOW_MANY])
    assert (outcome.prediction, outcome.reason) == (None, "no answer")
    assert outcome.reply == f"who knows{CUED}who knows"


def test_second_replies_are_cached_and_no_drafts(cache: ReplyCacheFile) -> None:
    engine = ScriptedEngine(reply=lambda text: " 7" if text.endswith(CUED) else "who knows")
    once = scorer_of(engine, SUMS, SECOND, cache).score([CANDIDATE], [HOW_MANY])
    again = scorer_of(engine, SUMS, SECOND, cache)
    assert again.score([CANDIDATE], [HOW_MANY]) == once
    again.score([Candidate(instruction="J")], [HOW_MANY])
    assert [len(call) for call in engine.generated] == [1, 1, 1, 1]
    assert [r.drafts for call in engine.generated for r in call][1::2] == [(), ()]


def test_without_a_second_round_nothing_is_asked_again() -> None:
    engine = ScriptedEngine(reply=lambda _text: "who knows")
    scorer_of(engine, SUMS, ScoringSettings(answer_tokens=40)).score([CANDIDATE], [HOW_MANY])
    assert len(engine.generated) == 1


def test_what_broke_off_or_did_not_fit_is_not_asked_again() -> None:
    class Broken(ScriptedEngine):
        def generate(self, requests: Sequence[object]) -> list[GenerationReply]:
            assert not self.tokens_run, "asked again"
            self.tokens_run = 1
            return [GenerationReply(text="7", tokens=1, ended="nan")] * len(requests)

    long = Example(id="2", text="how many " * 20, target="7")
    scorer = scorer_of(Broken(context_length=120), SUMS, SECOND)
    ((broken, unfit),) = scorer.score([CANDIDATE], [HOW_MANY, long])
    assert (broken.reason, unfit.reason) == ("no finite log-probability", "longer than the context")


def test_a_second_round_that_does_not_fit_is_left_out() -> None:
    engine = ScriptedEngine(reply=lambda _text: "who knows", context_length=90)
    ((outcome,),) = scorer_of(engine, SUMS, SECOND).score([CANDIDATE], [HOW_MANY])
    assert (len(engine.generated), outcome.reply) == (1, "who knows")


@pytest.mark.parametrize(
    ("chat", "qa", "wrapped"),
    [(True, None, False), (False, None, True), (True, True, True), (False, False, False)],
)
def test_questions_are_wrapped_for_pre_trained_scorers_unless_the_task_says_otherwise(
    chat: bool, qa: bool | None, wrapped: bool
) -> None:
    scorer = scorer_of(ScriptedEngine(chat=chat), replace(STAGES, qa=qa), ScoringSettings())
    assert scorer.layout.qa is wrapped
    assert scorer.layout.chat is chat


def test_the_cost_of_a_pair_counts_the_longest_reply() -> None:
    prompts = len("[user] I\nfirst round\n[assistant] "), len("[user] I\nsecond round\n[assistant] ")
    labels = len("seed" + "series A")
    likelihood = scorer_of(table(*FAVOURS_SEED), STAGES, ScoringSettings())
    assert likelihood.tokens_per_pair([CANDIDATE], ROWS) == sum(prompts) / 2 + labels
    generation = scorer_of(ScriptedEngine(), SUMS, ScoringSettings(answer_tokens=40))
    assert generation.tokens_per_pair([CANDIDATE], ROWS) == sum(prompts) / 2 + 40
    twice = scorer_of(ScriptedEngine(), SUMS, SECOND)  # the second prompt holds the first one and its reply
    assert twice.tokens_per_pair([CANDIDATE], ROWS) == 2 * (sum(prompts) / 2 + 40) + 2 * 50


def test_a_reply_that_its_limit_cuts_off_has_no_answer_and_may_be_asked_again() -> None:
    engine = ScriptedEngine(reply=lambda text: " 7.\n" if text.endswith("answer is") else "2 + 5 = 77 - 70")
    short = ScoringSettings(answer_tokens=9)
    (((cut,),), ((again,),)) = (
        scorer_of(engine, SUMS, settings).score([CANDIDATE], ROWS[:1])
        for settings in (short, short.model_copy(update={"second_round": True}))
    )
    assert (cut.reply, cut.prediction, cut.reason) == ("2 + 5 = 7", None, "cut off")
    assert (again.prediction, again.reason) == ("7", None)


class NullLedger(ScriptedEngine):
    """A tokenizer that puts all letters in small, and drops what is no letter or digit."""

    def encode(
        self, messages: Sequence[Message], prefill: str = "", *, closed: bool = False
    ) -> tuple[int, ...]:
        kept = "".join(letter for letter in prefill.casefold() if letter.isalnum() or letter in " \n")
        return super().encode(messages, kept, closed=closed)


@pytest.mark.parametrize("labels", [("Yes", "yes"), ("++", "--"), ("no", "no!")])
def test_labels_that_are_the_same_to_the_tokenizer_are_refused(labels: tuple[str, str]) -> None:
    scorer = scorer_of(NullLedger(log_prob=len), replace(STAGES, labels=labels), ScoringSettings())
    with pytest.raises(ModelError, match=r"label '.+' is the same as '.+'.*--scoring generation"):
        scorer.score([CANDIDATE], ROWS)


def test_words_that_are_the_same_to_the_tokenizer_are_not_told_apart() -> None:
    scorer = scorer_of(NullLedger(log_prob=len), replace(STAGES, labels=("a", "b")), ScoringSettings())
    assert scorer.tells_apart(("good", "bad"))
    assert not scorer.tells_apart(("Good", "good"))
    assert not scorer.tells_apart(("good!", "good"))


def test_a_word_is_scored_in_place_of_its_label_and_counted_as_the_label() -> None:
    values = {"good": -1.0, "bad": -0.5}
    engine = ScriptedEngine(log_prob=lambda text: values[text.rsplit("[assistant] ", 1)[1]])
    scorer = scorer_of(engine, STAGES, ScoringSettings())
    worded = replace(CANDIDATE, verbalizer=("good", "bad"))
    ((outcome,),) = scorer.score([worded], ROWS[:1])
    assert outcome.prediction == STAGES.labels[1]
    assert outcome.target == ROWS[0].target
    assert outcome.choice_log_probs == (-1.0, -0.5)
    assert outcome.gold_log_likelihood == (-1.0, -0.5)[STAGES.labels.index(ROWS[0].target)]


@pytest.mark.parametrize("task", [STAGES, SUMS])
def test_a_prompt_without_tokens_is_not_put_to_the_model(task: Task) -> None:
    engine = ScriptedEngine(chat=False)
    scorer = scorer_of(engine, replace(task, qa=False), ScoringSettings())
    row = Example(id="1", text="", target="seed")
    ((outcome,),) = scorer.score([Candidate(instruction="")], [row])
    assert (outcome.prediction, outcome.reason) == (None, "an empty prompt")
    assert not scorer.fits(Candidate(instruction=""), row)
    assert not engine.asked and not engine.generated
