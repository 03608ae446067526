"""The texts that the optimizer LLM reads, kept whole in golden/meta_prompt: a change shows as a diff."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from scripted_engine import ScriptedEngine

from opro_local.config import Position, Style
from opro_local.meta_prompt import STYLES, Brief, Shown
from opro_local.records import Candidate, Example
from opro_local.scoring.render import Layout

GOLDEN = Path(__file__).parent / "golden" / "meta_prompt"
BRIEF = Brief(
    description="Sort e-mails to a fund.",
    position="Q_begin",
    qa=False,
    shown=[
        Shown(instruction="", score=12),
        Shown(instruction="Keep {braces} and 100%", score=50),
        Shown(instruction="Name the stage.", score=71),
    ],
    exemplars=[
        Example(id="7", text="We raise {x} euros.", target="seed"),
        Example(id="3", text="Payments for shops.\nFirst round is done.", target="Series A"),
    ],
)


@pytest.mark.parametrize(
    ("style", "position", "qa"),
    [
        ("tagged", "Q_begin", False),
        ("tagged", "Q_end", True),
        ("tagged", "A_begin", True),
        ("bracket", "Q_end", False),
        ("completion", "before_Q", True),
        ("completion", "A_begin", True),
    ],
)
def test_a_meta_prompt_reads_as_it_is_kept(style: Style, position: Position, qa: bool) -> None:
    meta_prompt = STYLES[style](replace(BRIEF, position=position, qa=qa))
    kept = GOLDEN / f"{style}-{position}{'-qa' if qa else ''}.txt"
    assert meta_prompt.text == kept.read_text(encoding="utf-8").removesuffix("\n")


@pytest.mark.parametrize("position", get_args(Position))
@pytest.mark.parametrize("qa", [False, True])
def test_a_problem_is_shown_as_the_scorer_is_asked_it(position: Position, qa: bool) -> None:
    prompt = Layout(position=position, qa=qa, chat=not qa).prompt(
        Candidate(instruction="<INS>"), BRIEF.exemplars[0].text
    )
    begun = f"{' ' if qa else ''}{prompt.prefill.strip()}" if position == "A_begin" else ""
    joint = "" if qa or not begun else "\n\n"
    asked = prompt.messages[0].content + joint + begun
    shown = STYLES["tagged"](replace(BRIEF, position=position, qa=qa)).text
    assert f"Problem:\n{asked}\nCorrect answer:\nseed" in shown


@pytest.mark.parametrize(
    ("style", "prefill", "ends"),
    [
        ("tagged", "\n\ntext: <INS>", ("</INS>", "\n\n")),
        ("bracket", "\n\ntext: [", ("]", "\n\n")),
    ],
)
def test_the_reply_is_begun_and_ends_at_its_closing_mark_or_its_paragraph(
    style: Style, prefill: str, ends: tuple[str, ...]
) -> None:
    meta_prompt = STYLES[style](BRIEF)
    assert (meta_prompt.prefill, meta_prompt.ends) == (prefill, ends)
    assert meta_prompt.exemplar_ids == ("7", "3")


@pytest.mark.parametrize("style", ["tagged", "bracket"])
def test_the_reply_is_begun_as_the_lines_of_the_trajectory_are(style: Style) -> None:
    meta_prompt = STYLES[style](BRIEF)
    line = f"{meta_prompt.prefill}Name the stage.{meta_prompt.ends[0]}\nscore: 71"
    assert line in meta_prompt.messages[0].content


@pytest.mark.parametrize("style", STYLES)
def test_a_pre_trained_model_reads_the_beginning_of_the_reply_on_a_line_of_its_own(style: Style) -> None:
    # It once stood right behind the request: "...in square brackets.[" was continued by "12]", a footnote.
    meta_prompt = STYLES[style](BRIEF)
    engine = ScriptedEngine(chat=False)
    read = engine.decode(engine.encode(meta_prompt.messages, meta_prompt.prefill))
    assert read.splitlines()[-1] == meta_prompt.prefill.strip()


def test_a_completion_ends_with_its_line_and_shows_no_examples() -> None:
    meta_prompt = STYLES["completion"](BRIEF)
    assert meta_prompt.ends == ("</TEXT>", "\n")
    assert meta_prompt.exemplar_ids == ()
    assert "euros" not in meta_prompt.text


@pytest.mark.parametrize(("best", "asked_for"), [(71, 76), (97, 100), (100, 100)])
def test_a_completion_asks_for_a_little_more_than_the_best_and_at_most_100(best: int, asked_for: int) -> None:
    brief = replace(BRIEF, shown=[Shown(instruction="a", score=3), Shown(instruction="b", score=best)])
    assert STYLES["completion"](brief).prefill == f"\nPrecision: {asked_for} <TEXT>"


@pytest.mark.parametrize("style", STYLES)
def test_a_first_meta_prompt_needs_no_trajectory_no_examples_and_no_description(style: Style) -> None:
    empty = replace(BRIEF, description="", shown=[], exemplars=[])
    text = STYLES[style](empty).text
    assert "The task:" not in text
    assert "problems follow" not in text
    assert "score:" not in text
