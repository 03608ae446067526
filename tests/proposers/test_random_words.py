"""Random words as instructions, and a search of nothing else."""

import random
from itertools import islice

from square_root import SquareRoot

from opro_local.problem import Rejected
from opro_local.proposers.baselines import random_instructions, random_search, words_of
from opro_local.records import Proposal, Step, Trajectory

WORDS = ("mail", "bank", "seed", "cheese", "robot", "stand", "loan", "oslo")


def drawn(count: int, vocabulary: tuple[str, ...] = WORDS, seed: int = 0) -> list[str]:
    return list(islice(random_instructions(vocabulary, random.Random(seed)), count))


class TestRandomInstructions:
    def test_words_are_listed_once_without_case_numbers_and_punctuation(self) -> None:
        assert words_of(["Don't pay 40 Euro,", "don't _pay_ x2 \u00c9t\u00e9"]) == (
            "don't",
            "pay",
            "euro",
            "x",
            "\u00e9t\u00e9",
        )

    def test_they_have_two_to_seven_different_words_of_the_vocabulary(self) -> None:
        found = [text.casefold().split() for text in drawn(300)]
        assert {len(words) for words in found} == {2, 3, 4, 5, 6, 7}
        assert all(len(set(words)) == len(words) for words in found)
        assert {word for words in found for word in words} == set(WORDS)

    def test_the_first_letter_is_a_capital(self) -> None:
        assert all(text[0].isupper() and text[1:].islower() for text in drawn(20))

    def test_they_follow_the_generator(self) -> None:
        assert drawn(5) == drawn(5)
        assert set(drawn(5)).isdisjoint(drawn(5, seed=1))

    def test_a_vocabulary_of_one_word_is_used_as_far_as_it_goes(self) -> None:
        assert drawn(2, ("mail",)) == ["Mail", "Mail"]


class Letters(SquareRoot):
    """Its solutions are the numbers of different letters in the instruction; an odd one is rejected."""

    def parse(self, reply: str) -> int:
        count = len(set(reply.casefold()) - {" "})
        if count % 2:
            raise Rejected("wrong number of numbers")
        return count


def proposals(trajectory: Trajectory[int], number: int = 1, *, seed: int = 0, count: int = 3) -> Step[int]:
    return random_search(Letters(), WORDS, seed).propose(trajectory, number, count)


EMPTY: Trajectory[int] = Trajectory(direction="minimize")


class TestRandomSearch:
    def test_a_step_has_as_many_new_solutions_as_are_wanted(self) -> None:
        step = proposals(EMPTY, number=4, seed=9)
        assert step.number == 4
        assert step.calls == ()
        assert len(set(step.solutions)) == len(step.proposals) == 3
        assert all(p.text == str(p.solution) for p in step.proposals)
        assert {p.origin for p in step.proposals} == {"random words"}

    def test_what_was_proposed_before_is_not_proposed_again_scored_or_not(self) -> None:
        first = proposals(EMPTY)
        before = Step(number=0, proposals=(Proposal(text="", solution=first.solutions[0]),))
        second = proposals(Trajectory(direction="minimize", steps=(before,)))
        assert first.solutions[0] not in second.solutions
        assert second.solutions[:2] == first.solutions[1:]

    def test_each_step_and_each_seed_draws_its_own(self) -> None:
        assert proposals(EMPTY) == proposals(EMPTY)
        texts = [
            frozenset(p.text for p in step.proposals)
            for step in (proposals(EMPTY, 1), proposals(EMPTY, 2), proposals(EMPTY, 1, seed=1))
        ]
        assert len(set(texts)) == 3

    def test_it_ends_where_nothing_new_can_be_drawn(self) -> None:
        step = proposals(EMPTY, count=50)  # even counts of 2 to 21 letters: at most ten
        assert 3 <= len(step.proposals) <= 10
