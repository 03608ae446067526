"""The texts that the optimizer LLM reads, kept whole in golden/meta_prompt: a change shows as a diff."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from opro_local.config import Position, ScoreDisplay, Style, TrajectoryOrder
from opro_local.meta_prompt import SCALES, STYLES, MetaPromptContent, TrajectoryLine
from opro_local.records import Candidate, Example
from opro_local.scoring.render import Layout
from opro_local.testing import ScriptedEngine

GOLDEN = Path(__file__).parent / "golden" / "meta_prompt"
BRIEF = MetaPromptContent(
    description="Sort e-mails to a fund.",
    position="Q_begin",
    qa=False,
    order="ascending",
    display="100-buckets",
    blocks="trajectory-first",
    shown=[
        TrajectoryLine(instruction="", score=0.125),
        TrajectoryLine(instruction="Keep {braces} and 100%", score=0.5),
        TrajectoryLine(instruction="Name the stage.", score=0.7083),
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


DESCENDING = list(reversed(BRIEF.shown))


@pytest.mark.parametrize(
    ("name", "style", "changes"),
    [
        (
            "tagged-20-buckets-descending-exemplars-first",
            "tagged",
            {
                "display": "20-buckets",
                "order": "descending",
                "shown": DESCENDING,
                "blocks": "exemplars-first",
            },
        ),
        (
            "tagged-hidden-instructions-only",
            "tagged",
            {"display": "hidden", "description": "", "exemplars": []},
        ),
        (
            "bracket-raw-random-exemplars-first",
            "bracket",
            {"display": "raw", "order": "random", "blocks": "exemplars-first"},
        ),
        ("bracket-hidden", "bracket", {"display": "hidden"}),
        (
            "completion-20-buckets-descending",
            "completion",
            {"display": "20-buckets", "order": "descending", "shown": DESCENDING},
        ),
        ("completion-hidden", "completion", {"display": "hidden"}),
    ],
)
def test_a_published_option_reads_as_it_is_kept(name: str, style: Style, changes: dict[str, Any]) -> None:
    meta_prompt = STYLES[style](replace(BRIEF, **changes))
    assert meta_prompt.text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n")


@pytest.mark.parametrize(
    ("style", "order", "words"),
    [
        ("tagged", "ascending", "the best one comes last"),
        ("tagged", "descending", "the best one comes first"),
        ("tagged", "random", "no particular order"),
        ("bracket", "ascending", "from the lowest to the highest"),
        ("bracket", "descending", "from the highest to the lowest"),
        ("bracket", "random", "no particular order"),
    ],
)
def test_the_order_is_told_as_it_is(style: Style, order: TrajectoryOrder, words: str) -> None:
    every = ("comes last", "comes first", "no particular order", "to the highest", "to the lowest")
    text = STYLES[style](replace(BRIEF, order=order)).text
    assert words in text
    assert [other for other in every if other in text and other not in words] == []


@pytest.mark.parametrize("style", STYLES)
def test_hidden_scores_are_not_spoken_of(style: Style) -> None:
    text = STYLES[style](replace(BRIEF, display="hidden")).text
    assert "Name the stage." in text
    assert [word for word in ("score", "recision:", "each reached", "71") if word in text] == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("display", "most"), [("20-buckets", "20"), ("raw", "1")])
def test_a_scale_other_than_the_usual_is_named(style: Style, display: ScoreDisplay, most: str) -> None:
    assert f" from 0 to {most}" in STYLES[style](replace(BRIEF, display=display)).text


@pytest.mark.parametrize(
    ("display", "score", "written"),
    [
        ("100-buckets", 0.125, "12"),  # half to even, as published
        ("100-buckets", 0.375, "38"),
        ("100-buckets", 0.29, "29"),
        ("20-buckets", 0.125, "2"),
        ("20-buckets", 0.175, "4"),
        ("20-buckets", 1.0, "20"),
        ("raw", 0.70833, "0.708"),
        ("raw", 1.0, "1.000"),
    ],
)
def test_scores_are_written_in_the_scale(display: ScoreDisplay, score: float, written: str) -> None:
    assert SCALES[display].text(score) == written


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


@pytest.mark.parametrize(
    ("display", "best", "asked_for"),
    [
        ("100-buckets", 0.71, "76"),
        ("100-buckets", 0.125, "17"),  # it is shown as 12
        ("100-buckets", 0.97, "100"),
        ("100-buckets", 1.0, "100"),
        ("20-buckets", 0.71, "15"),
        ("20-buckets", 1.0, "20"),
        ("raw", 0.71, "0.760"),
        ("raw", 0.97, "1.000"),
    ],
)
def test_a_completion_asks_for_a_little_more_than_the_best_and_at_most_all(
    display: ScoreDisplay, best: float, asked_for: str
) -> None:
    shown = [TrajectoryLine(instruction="b", score=best), TrajectoryLine(instruction="a", score=0.03)]
    brief = replace(BRIEF, shown=shown, display=display)
    assert STYLES["completion"](brief).prefill == f"\nPrecision: {asked_for} <TEXT>"


@pytest.mark.parametrize("style", STYLES)
def test_a_first_meta_prompt_needs_no_trajectory_no_examples_and_no_description(style: Style) -> None:
    empty = replace(BRIEF, description="", shown=[], exemplars=[])
    text = STYLES[style](empty).text
    assert "The task:" not in text
    assert "problems follow" not in text
    assert "score:" not in text
