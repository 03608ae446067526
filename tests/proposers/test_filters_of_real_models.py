"""The border of nonsense where it is meant to be: on the two real small models."""

import random
from itertools import islice
from pathlib import Path

import pytest
from mail_task import mail_task
from real_engines import real_engine

from opro_local.proposers.baselines import random_instructions, words_of
from opro_local.proposers.filters import FEWEST_WORDS, InstructionFilter
from opro_local.proposers.library import STEP_BY_STEP, direct_instructions

pytestmark = pytest.mark.slow

NONSENSE = ("SESchI ForKLaT=cINE Players", "asdf jkl qwer uiop", "the the the the", "12.2. 11.1. 12.2")
"""All but the second were written by the two models, when they were asked for instructions."""


@pytest.mark.parametrize("model", ["smollm2_folder", "gemma_folder"])
def test_instructions_pass_and_random_words_do_not(model: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(model)
    guard = InstructionFilter(real_engine(folder), mail_task())
    library = direct_instructions(guard.task)
    drawn = random_instructions(words_of(library), random.Random(1))  # the border comes from other draws
    shuffled = list(islice((text for text in drawn if len(text.split()) >= FEWEST_WORDS), 20))
    good = [*library, STEP_BY_STEP, "Let's solve", "You are a postman.", "Read, think, decide."]
    assert guard.reasons(good, []) == [None] * len(good)
    assert guard.reasons(shuffled, []).count("nonsense") >= 18
    assert all(guard.reasons(NONSENSE, []))
