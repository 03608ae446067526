"""Direct instructions that a person would try first, in many styles, made from what a task says.

Small models often do as well with one of them as with anything that an optimizer finds (arXiv 2405.10276).
They, the empty instruction, "Let's think step by step." and random words are different enough from each other
to show whether instructions matter on a task at all.
"""

import random
from itertools import islice

from opro_local.config import HEADROOM_CANDIDATES
from opro_local.proposers.baselines import random_instructions, words_of
from opro_local.records import derived_seed
from opro_local.tasks.task import Task

STEP_BY_STEP = "Let's think step by step."
"""Kojima et al. 2022; the baseline of Yang et al. 2023."""

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
    texts = OPENINGS if task.position == "A_begin" else task.kind.instructions
    return list(dict.fromkeys([*texts, *([task.description] if task.description else [])]))


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
