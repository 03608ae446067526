"""Paraphrases and crossings of the best candidates."""

import random

from candidates import candidate, instructions, of

from opro_local.proposers.paraphrases import paraphrases
from opro_local.proposers.variations import crossed, paraphrased


def test_paraphrases_come_with_the_shots_of_what_they_paraphrase_the_best_first() -> None:
    best = of((candidate("Classify the text.", 1), 0.5), (candidate("Answer the question.", 2, 3), 0.9))
    found = list(paraphrased(best, random.Random(0)))
    first, second = paraphrases("Answer the question."), paraphrases("Classify the text.")
    assert set(instructions(found[: len(first)])) == set(first)
    assert set(instructions(found[len(first) :])) == set(second)
    assert {len(c.shots) for c in found[: len(first)]} == {2}


def test_instructions_are_crossed_with_each_others_shots_then_their_sentences() -> None:
    best = of((candidate("One. Two.", 1), 0.5), (candidate("Three. Four.", 2), 0.9))
    found = list(crossed(best, random.Random(0)))
    assert set(found[:2]) == {candidate("One. Two.", 2), candidate("Three. Four.", 1)}
    assert set(found[2:]) == {candidate("One. Four.", 1), candidate("Three. Two.", 2)}


def test_of_single_sentences_a_crossing_has_both() -> None:
    best = of((candidate("Think."), 0.5), (candidate(""), 0.6), (candidate("Sort."), 0.4))
    spliced = instructions(list(crossed(best, random.Random(0))))[6:]
    assert set(spliced) == {"Think. Sort.", "Sort. Think.", "Think.", "Sort."}
