"""Every respect in which a form changes a prompt, for chat models and for running text; wordings in shots."""

import pytest

from opro_local.engine.chat import plain_text
from opro_local.llm import Message, are_turns
from opro_local.prompt_form import PromptForm
from opro_local.records import Candidate, Example
from opro_local.scoring.render import Layout

LABELS = ("no", "yes")
SHOTS = (Example(id="1", text="One?", target="yes"), Example(id="2", text="Two?", target="no"))
CHAT = Layout(position="Q_begin", qa=False, chat=True)
PLAIN = Layout(position="Q_begin", qa=True, chat=False)


@pytest.mark.parametrize(
    ("form", "question", "reply"),
    [
        (PromptForm(), "I\nq", "yes"),
        (PromptForm(field="Text"), "I\nText: q", "yes"),
        (PromptForm(cue="Label:"), "I\nq\nLabel:", "yes"),
        (PromptForm(cue="Label:", begun=True), "I\nq", "Label: yes"),
        (PromptForm(begun=True), "I\nq", "yes"),
    ],
)
def test_a_form_in_a_chat(form: PromptForm, question: str, reply: str) -> None:
    prompt = CHAT.prompt(Candidate(instruction="I", form=form), "q", LABELS)
    assert prompt.messages == (Message("user", question),)
    assert prompt.answered("yes") == reply


@pytest.mark.parametrize(
    ("form", "read"),
    [
        (PromptForm(), "Q: I\nq\n\nA: yes"),
        (PromptForm(field="Text"), "I\nText: q\n\nA: yes"),
        (PromptForm(field="", cue=""), "I\nq\nyes"),
        (PromptForm(cue="Label:"), "Q: I\nq\nLabel: yes"),
        (PromptForm(cue="Label:", begun=True), "Q: I\nq\nLabel: yes"),
        (PromptForm(apart=True), "I\n\nQ: q\n\nA: yes"),
    ],
)
def test_a_form_in_running_text(form: PromptForm, read: str) -> None:
    prompt = PLAIN.prompt(Candidate(instruction="I", form=form), "q", LABELS)
    assert plain_text([*prompt.messages, Message("assistant", prompt.answered("yes"))]) == read


def test_an_instruction_apart_is_a_system_turn_and_an_empty_one_is_none() -> None:
    apart = PromptForm(apart=True)
    prompt = CHAT.prompt(Candidate(instruction="I", shots=SHOTS, form=apart), "q", LABELS)
    assert prompt.messages[:2] == (Message("system", "I"), Message("user", "One?"))
    assert are_turns(prompt.messages)
    assert CHAT.prompt(Candidate(instruction="", form=apart), "q").messages == (Message("user", "q"),)


def test_shots_stand_in_the_form_of_the_question_and_say_the_words_of_the_labels() -> None:
    form = PromptForm(field="Text", cue="Label:", begun=True)
    candidate = Candidate(instruction="I", shots=SHOTS, form=form, verbalizer=("bad", "good"))
    prompt = Layout(position="before_Q", qa=False, chat=True).prompt(candidate, "q", LABELS)
    assert prompt.messages == (
        Message("user", "I\nText: One?"),
        Message("assistant", "Label: good"),
        Message("user", "Text: Two?"),
        Message("assistant", "Label: bad"),
        Message("user", "Text: q"),
    )
    assert prompt.answered("good") == "Label: good"


def test_an_instruction_that_begins_the_answer_stands_behind_the_cue() -> None:
    layout = Layout(position="A_begin", qa=False, chat=True)
    prompt = layout.prompt(Candidate(instruction="I", form=PromptForm(cue="Label:", begun=True)), "q")
    assert prompt.answered("yes") == "Label: I yes"
