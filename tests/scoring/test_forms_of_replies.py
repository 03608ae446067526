"""Where a kind of answer has a form, replies are held to it, and kept by it."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from resolved import scorer_of
from stages import STAGES

from opro_local.config import FieldSettings, ScoringSettings
from opro_local.records import Candidate, Example
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.testing import ScriptedEngine

ROW = Example(id="1", text="two teas", target='{"drink":"tea","cups":2}')
FIELDS = (
    FieldSettings(name="drink", answer="label", labels=("coffee", "tea")),
    FieldSettings(name="cups", answer="number"),
)
TASK = replace(
    STAGES, answer="fields", labels=(), fields=FIELDS, metric="mean_score", examples=(ROW,), test=()
)
FORM = TASK.kind.constraint or ""
SAY = Candidate(instruction="Say it.")


def says(reply: str, *, chat: bool = True) -> ScriptedEngine:
    return ScriptedEngine(reply=lambda _: reply, chat=chat)


def test_a_reply_is_held_to_the_form_of_its_fields() -> None:
    engine = says(ROW.target)
    ((outcome,),) = scorer_of(engine, TASK, ScoringSettings()).score([SAY], [ROW])
    assert (outcome.score, outcome.prediction, outcome.reason) == (1.0, ROW.target, None)
    assert engine.generated[0][0].constraint == FORM


def test_a_pre_trained_model_writes_a_blank_ahead_of_it() -> None:
    engine = says(f" {ROW.target}", chat=False)
    ((outcome,),) = scorer_of(engine, TASK, ScoringSettings()).score([SAY], [ROW])
    assert outcome.score == 1.0
    assert engine.generated[0][0].constraint == rf"\ {FORM}"


def test_a_reply_that_is_cut_is_an_outcome_with_a_reason() -> None:
    engine = says(ROW.target)
    ((outcome,),) = scorer_of(engine, TASK, ScoringSettings(answer_tokens=9)).score([SAY], [ROW])
    assert (outcome.prediction, outcome.score, outcome.reason) == (None, 0.0, "cut off")
    assert outcome.reply == ROW.target[:9]


def test_without_the_grammar_a_reply_is_read_as_it_is() -> None:
    engine = says(f"Well: {ROW.target}")
    ((outcome,),) = scorer_of(engine, TASK, ScoringSettings(grammar="off")).score([SAY], [ROW])
    assert outcome.score == 1.0
    assert engine.generated[0][0].constraint is None


def test_a_thought_has_no_form() -> None:
    class Thinking(ScriptedEngine):
        def _chat_text(self, messages: object) -> str:
            return "[assistant] <think>\n"

    engine = Thinking(reply=lambda _: f"Let me see.</think>{ROW.target}")
    ((outcome,),) = scorer_of(engine, TASK, ScoringSettings()).score([SAY], [ROW])
    assert outcome.score == 1.0
    assert engine.generated[0][0].constraint is None


def test_a_second_round_is_for_replies_without_a_form() -> None:
    replies = iter(["Two.", f" {ROW.target}"])
    engine = ScriptedEngine(reply=lambda _: next(replies))
    settings = ScoringSettings(second_round=True, grammar="off")
    ((outcome,),) = scorer_of(engine, TASK, settings).score([SAY], [ROW])
    assert (outcome.score, len(engine.generated)) == (1.0, 2)
    engine = says(ROW.target)
    settings = ScoringSettings(second_round=True, answer_tokens=3)
    ((outcome,),) = scorer_of(engine, TASK, settings).score([SAY], [ROW])
    assert (outcome.reason, len(engine.generated)) == ("cut off", 1)


def test_replies_of_one_form_are_kept_apart_from_those_of_another_and_of_none(tmp_path: Path) -> None:
    other = replace(TASK, fields=(*FIELDS, FieldSettings(name="note", answer="text", required=False)))
    asked = []
    with closing(ReplyCacheFile(tmp_path / "cache.sqlite")) as cache:
        for task, grammar in ((TASK, "on"), (TASK, "off"), (other, "on"), (TASK, "on"), (other, "on")):
            engine = says(ROW.target)
            settings = ScoringSettings.model_validate({"grammar": grammar})
            scorer_of(engine, task, settings, cache).score([SAY], [ROW])
            asked.append(bool(engine.generated))
    assert asked == [True, True, True, False, False]
