"""What counts as a copy of private rows, and what is only the language that instructions and rows share."""

import random
import time

import pytest

from opro_local.problems.leaks import LeakCheck
from opro_local.records import Example, Reason


def rows(*pairs: tuple[str, str]) -> list[Example]:
    return [Example(id=f"r{i}", text=text, target=target) for i, (text, target) in enumerate(pairs)]


MAILS = rows(
    ("We are a young team from Oslo and raise our first money for a bakery robot.", "seed"),
    ("Last spring two nurses began to build a drip stand that calls for help itself.", "healthcare"),
    ("The bridge loan, which 3,400 landlords use, is up for renewal in the coming autumn.", "fintech"),
    ("Great cheese, terrible service.", "food"),
)
SUMS = rows(
    ("Ida has 17 boxes with 100 pears each and finds 13 more.", "1,713"),
    ("Bo eats 3 of 15 plums.", "12"),
    ("Who wrote the letter from the lighthouse?", "Captain Anna Brandt"),
    ("Which island is meant?", "Runde"),
)


def reasons(instruction: str, examples: list[Example] = MAILS, answer: str = "label") -> list[Reason]:
    return LeakCheck(examples, labelled=answer in ("label", "boolean")).reasons(instruction)


class TestPassages:
    def test_eight_words_in_a_row_are_a_copy_and_seven_are_not(self) -> None:
        assert reasons("Note: two nurses began to build a drip stand!") == ["copies a row"]
        assert reasons("Note: two nurses began to build a drip rack!") == []

    @pytest.mark.parametrize(
        "copy",
        [
            "TWO NURSES BEGAN TO BUILD A DRIP STAND",
            "two  nurses\nbegan to build a\tdrip stand",
            "two nurses began - to build - a 'drip' stand",
            "two_nurses_began **to build** a drip stand",
        ],
    )
    def test_case_spacing_and_punctuation_hide_nothing(self, copy: str) -> None:
        assert reasons(copy) == ["copies a row"]

    def test_words_must_be_whole_and_of_one_row(self) -> None:
        assert reasons("two nurses began to build a drip standard") == []
        assert reasons("calls for help itself the bridge loan which landlords") == []

    def test_a_number_is_one_word_with_or_without_its_comma(self) -> None:
        assert reasons("the bridge loan which 3400 landlords use is") == ["copies a row"]

    def test_what_most_rows_share_is_the_form_of_the_question(self) -> None:
        asked = "If you follow these steps, do you come back to the start? Go {} steps."
        alike = rows(*((asked.format(n), "yes") for n in ("one", "two", "three", "four")))
        assert reasons("Say whether, if you follow these steps, do you come back to the start.", alike) == []
        assert reasons("do you come back to the start go three", alike) == ["copies a row"]

    def test_a_row_that_is_there_several_times_is_still_one_row(self) -> None:
        assert reasons("two nurses began to build a drip stand", [MAILS[1]] * 3 + [MAILS[0]]) == [
            "copies a row"
        ]

    def test_where_there_are_no_rows_nothing_can_be_copied(self) -> None:
        assert reasons("two nurses began to build a drip stand", []) == []
        assert reasons("") == []


class TestShortRows:
    SHORT = rows(
        ("The pump hums at night.", "a"),  # 5 words
        ("The old pump hums at night.", "a"),  # 6
        ("Nobody in town liked that blue door.", "b"),  # 7
        ("It rains here.", "b"),
    )

    @pytest.mark.parametrize(
        ("instruction", "leaks"),
        [
            ("Think of how the pump hums at night, then decide.", True),
            ("pump hums at night", False),
            ("the old pump hums at sea", True),
            ("nobody in town liked that blue house", True),
            ("nobody in town liked that", False),
            ("Even if it rains here, decide.", False),
        ],
    )
    def test_five_words_or_all_but_one_are_most_of_it(self, instruction: str, leaks: bool) -> None:
        assert reasons(instruction, self.SHORT) == (["copies most of a short row"] if leaks else [])

    def test_most_of_many_alike_short_rows_is_their_form(self) -> None:
        alike = rows(*((f"Is this word a colour: {word}", "x") for word in ("red", "tall", "green")))
        assert reasons("Is this word a colour? Say yes or no.", alike) == []


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "instruction", "leaks"),
        [
            ("text", "If unsure, say captain Anna  Brandt.", True),
            ("text", "If unsure, name the captain, Anna or Brandt.", False),
            ("text", "On Runde, think twice.", False),  # one word may be any word
            ("number", "The result is 1713 or less.", True),
            ("number", "The result is 1,713 or less.", True),
            ("number", "The result is 11713.", False),
            ("number", "Use 12 lines.", False),  # two digits may be any number
        ],
    )
    def test_a_rare_answer_of_some_length_is_private(
        self, answer: str, instruction: str, leaks: bool
    ) -> None:
        assert reasons(instruction, SUMS, answer) == (["copies an answer"] if leaks else [])

    def test_an_answer_that_many_rows_have_is_a_form_of_answer(self) -> None:
        # One row in 20 may have it: two of forty, not three.
        others = [(f"What is in box {i}?", f"item number {i}") for i in range(37)]
        instruction = "If the text does not say, reply: not enough information."
        for common, leaks in ((2, True), (3, False)):
            same = [(f"Is lamp {i} on?", "not enough information") for i in range(common)]
            padding = [("What is in the hall?", "one old chair")] * (3 - common)
            found = reasons(instruction, rows(*others, *same, *padding), "text")
            assert found == (["copies an answer"] if leaks else [])

    def test_labels_may_be_named(self) -> None:
        long_labels = rows(("Ring.", "very early stage"), ("Rang.", "late stage"))
        assert reasons("Say very early stage or late stage.", long_labels) == []


class TestLabelledPieces:
    @pytest.mark.parametrize(
        "instruction",
        [
            "young team from Oslo -> seed",
            "Text: a young team from Oslo. The answer is seed.",
            "great cheese terrible service: food",
        ],
    )
    def test_a_piece_of_a_row_with_its_label_is_a_copy(self, instruction: str) -> None:
        assert reasons(instruction) == ["copies a labelled row"]

    @pytest.mark.parametrize(
        "instruction",
        [
            "young team from Oslo -> fintech",  # not its label
            "team from Oslo -> seed",  # three words may be common
            "young team from Oslo. In such cases write seed",  # too far
            "seed: a young team from Oslo",  # a definition
            "terrible service: food",
            "Which of these is it: seed, healthcare, fintech, food?",
        ],
    )
    def test_labels_beside_other_words_are_not(self, instruction: str) -> None:
        assert reasons(instruction) == []

    def test_a_row_of_two_words_is_a_piece_as_a_whole(self) -> None:
        short = rows(("Red kite", "bird"), ("A red fox", "mammal"), ("Heron", "bird"))
        assert reasons("red kite = bird", short) == ["copies a labelled row"]
        assert reasons("red fox = mammal", short) == []
        assert reasons("heron = bird", short) == []

    def test_words_of_several_rows_are_nobodys_piece(self) -> None:
        shared = rows(("we make it much simpler", "seed"), ("how we make it much faster", "fintech"))
        assert reasons("we make it much: seed", shared) == []

    def test_only_labels_make_labelled_pieces(self) -> None:
        assert reasons("eats three of 15 plums: 12", SUMS, "number") == []


def test_a_thousand_long_rows_are_checked_in_a_moment() -> None:
    draw = random.Random(0)
    vocabulary = [f"word{i}" for i in range(2000)]
    private = rows(*((" ".join(draw.choices(vocabulary, k=250)), "yes") for _ in range(1000)))
    check = LeakCheck(private, labelled=True)
    check.reasons("")
    instructions = [" ".join(draw.choices(vocabulary, k=70)) for _ in range(10)]
    started = time.perf_counter()
    assert not any(map(check.reasons, instructions))
    assert (time.perf_counter() - started) / 10 < 0.5  # measured: a hundredth of it
    assert check.reasons(" ".join(private[500].text.split()[40:50])) == ["copies a row"]
