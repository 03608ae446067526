"""Direct instructions that a person would try first, in many styles, made from what a task says.

Small models often do as well with one of them as with anything that an optimizer finds (arXiv 2405.10276).
They, the empty instruction, "Let's think step by step." and random words are different enough from each other
to show whether instructions matter on a task at all.
"""

import random
from collections.abc import Sequence
from itertools import islice

from opro_local.config import HEADROOM_CANDIDATES
from opro_local.proposers.baselines import random_instructions, words_of
from opro_local.records import derived_seed
from opro_local.tasks.task import Task

STEP_BY_STEP = "Let's think step by step."
"""Kojima et al. 2022; the baseline of Yang et al. 2023."""

NUMBER = (
    "Solve the problem. End with the answer as a number.",
    "Calculate.",
    "What is the number that is asked for?",
    "Give the final number and nothing else.",
    "Work through the problem one step at a time, then state the result.",
    "You are a careful accountant. Check every sum before you give the result.",
    "Write down what is known and what is asked, then do the calculation.",
    "Turn the problem into an equation and solve it.",
    "Read the problem twice. Then compute the result.",
    "Estimate the answer first, compute it exactly, and compare the two.",
    "Break the problem into smaller ones, solve each, and put the results together.",
)
TEXT = (
    "Answer the question. Give only the answer.",
    "Answer.",
    "What is the right answer?",
    "Reply as briefly as you can.",
    "Think about what is asked, then answer.",
    "You are an expert on this subject. Answer precisely.",
    "Answer in the form that the question asks for, without any comment.",
    "Work it out in small steps and finish with the answer.",
    "List what the question tells you, then draw the conclusion.",
    "Read the question twice before you answer it.",
    "Check your answer against every part of the question before you write it down.",
)
OPENINGS = (
    "The answer is",
    "Let's solve the problem.",
    "Let's work it out.",
    "Let's read it once more.",
    "Here is the right answer.",
    "In short:",
    "After some thought, my answer is:",
    "First, let's see what is asked.",
    "All details considered, it is",
    "An expert would say:",
    "Let's rule out what cannot be right.",
)


def direct_instructions(task: Task) -> list[str]:
    """Different instructions for the task, the plainest first; its description, if it has one, comes last."""
    if task.position == "A_begin":
        texts: Sequence[str] = OPENINGS
    elif task.labels:
        texts = _for_labels(task.labels)
    else:
        texts = NUMBER if task.answer == "number" else TEXT
    return list(dict.fromkeys([*texts, *([task.description] if task.description else [])]))


def _for_labels(labels: Sequence[str]) -> list[str]:
    named = ", ".join(labels)
    lines = "\n".join(f"- {label}" for label in labels)
    return [
        f"Which of these is it: {named}?",
        "Classify the text.",
        "What kind of text is this?",
        f"Answer with one of these and nothing else: {named}.",
        f"Assign the text to exactly one of the following categories: {named}.",
        f"The possible labels are:\n{lines}\nPick the one that describes the text best.",
        f"Work out step by step what the text is about, then decide on one of: {named}.",
        f"You are an expert who has sorted thousands of such texts. Sort this one into: {named}.",
        f"Rule out the labels that do not fit and give the one that is left. The labels: {named}.",
        "Go with your first impression.",
        "Read every word of the text before you decide on its label.",
    ]


def headroom_instructions(task: Task, seed: int) -> list[str]:
    """HEADROOM_CANDIDATES instructions that have little in common, the empty one first, random words last.

    The random words come from the others, not from rows: none of the user's data is read.
    """
    direct = direct_instructions(task)
    chosen = dict.fromkeys(["", STEP_BY_STEP, *direct])
    drawn = random_instructions(words_of(direct), random.Random(derived_seed(seed, 0, "headroom")))
    while len(chosen) < HEADROOM_CANDIDATES:
        chosen |= dict.fromkeys(islice(drawn, HEADROOM_CANDIDATES - len(chosen)))
    return list(chosen)
