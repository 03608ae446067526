"""Every cell of the published table of positions, for chat models and for pre-trained ones."""

from typing import get_args

import pytest

from opro_local.config import Position
from opro_local.llm import Message
from opro_local.records import Candidate, Example
from opro_local.scoring.render import Layout

POSITIONS: tuple[Position, ...] = get_args(Position)
SHOTS = (
    Example(id="1", text="One?", target="yes"),
    Example(id="2", text="Two?", target="no"),
)


def plain_text(layout: Layout, candidate: Candidate, text: str, answer: str) -> str:
    """What a pre-trained model reads: a blank line between turns, an answer right behind its question."""
    prompt = layout.prompt(candidate, text)
    turns = [*prompt.messages, Message("assistant", prompt.answered(answer))]
    read = "".join(("\n\n" if turn.role == "user" else "") + turn.content for turn in turns)
    return read.removeprefix("\n\n")


@pytest.mark.parametrize(
    ("position", "read"),
    [
        ("before_Q", "I\nQ: q\n\nA: yes"),
        ("Q_begin", "Q: I\nq\n\nA: yes"),
        ("Q_end", "Q: q\nI\n\nA: yes"),
        ("A_begin", "Q: q\n\nA: I yes"),
    ],
)
def test_a_wrapped_question_of_a_pre_trained_scorer(position: Position, read: str) -> None:
    layout = Layout(position=position, qa=True, chat=False)
    assert plain_text(layout, Candidate(instruction="I"), "q", "yes") == read


@pytest.mark.parametrize(
    ("position", "read"),
    [
        ("before_Q", "I\nq\nyes"),
        ("Q_begin", "I\nq\nyes"),
        ("Q_end", "q\nI\nyes"),
        ("A_begin", "q\nI yes"),
    ],
)
def test_a_plain_question_of_a_pre_trained_scorer(position: Position, read: str) -> None:
    layout = Layout(position=position, qa=False, chat=False)
    assert plain_text(layout, Candidate(instruction="I"), "q", "yes") == read


@pytest.mark.parametrize(
    ("position", "qa", "question", "prefill", "answered"),
    [
        ("before_Q", False, "I\nq", "", "yes"),
        ("Q_begin", False, "I\nq", "", "yes"),
        ("Q_end", False, "q\nI", "", "yes"),
        ("A_begin", False, "q", "I", "I yes"),
        ("before_Q", True, "I\nQ: q\n\nA:", "", "yes"),
        ("Q_begin", True, "Q: I\nq\n\nA:", "", "yes"),
        ("Q_end", True, "Q: q\nI\n\nA:", "", "yes"),
        ("A_begin", True, "Q: q\n\nA:", "I", "I yes"),
    ],
)
def test_a_chat_scorer_gets_turns_and_the_answers_turn_begins_without_a_blank(
    position: Position, qa: bool, question: str, prefill: str, answered: str
) -> None:
    prompt = Layout(position=position, qa=qa, chat=True).prompt(Candidate(instruction="I"), "q")
    assert prompt.messages == (Message("user", question),)
    assert prompt.prefill == prefill
    assert prompt.answered("yes") == answered


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("qa", "read"), [(True, "Q: q\n\nA: yes"), (False, "q\nyes")])
def test_an_empty_instruction_leaves_no_line_behind(position: Position, qa: bool, read: str) -> None:
    layout = Layout(position=position, qa=qa, chat=False)
    assert plain_text(layout, Candidate(instruction=""), "q", "yes") == read


@pytest.mark.parametrize("position", POSITIONS)
def test_the_prompt_before_the_answer_is_what_every_answer_continues(position: Position) -> None:
    prompt = Layout(position=position, qa=True, chat=False).prompt(Candidate(instruction="I"), "q")
    assert prompt.answered("yes").startswith(prompt.prefill)


@pytest.mark.parametrize(
    ("position", "turns", "prefill"),
    [
        ("Q_begin", ["I\nOne?", "yes", "Two?", "no", "q"], ""),
        ("Q_end", ["One?", "yes", "Two?", "no", "q\nI"], ""),
        ("A_begin", ["One?", "yes", "Two?", "no", "q"], "I"),
    ],
)
def test_shots_are_earlier_turns_and_the_instruction_stands_once(
    position: Position, turns: list[str], prefill: str
) -> None:
    prompt = Layout(position=position, qa=False, chat=True).prompt(
        Candidate(instruction="I", shots=SHOTS), "q"
    )
    assert [message.content for message in prompt.messages] == turns
    assert [message.role for message in prompt.messages] == ["user", "assistant"] * 2 + ["user"]
    assert prompt.prefill == prefill


def test_shots_of_a_pre_trained_scorer_are_running_text() -> None:
    layout = Layout(position="before_Q", qa=True, chat=False)
    read = plain_text(layout, Candidate(instruction="I", shots=SHOTS), "q", "yes")
    assert read == "I\nQ: One?\n\nA: yes\n\nQ: Two?\n\nA: no\n\nQ: q\n\nA: yes"


def test_braces_and_percent_signs_stay_as_they_are() -> None:
    prompt = Layout(position="Q_begin", qa=False, chat=True).prompt(Candidate(instruction="{i} 100%"), "{q}")
    assert prompt.messages[0].content == "{i} 100%\n{q}"
