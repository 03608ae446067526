"""Where other words for labels come from, and which are never taken."""

import random
from itertools import pairwise

import pytest
from candidates import candidate, of

from opro_local.proposers.verbalizers import FEWEST_ROWS, TYPICAL, Verbalizers
from opro_local.records import Candidate, Example

LABELS = ("SciTech", "world_news")


def rows(*texts: tuple[str, str]) -> list[Example]:
    return [Example(id=str(i), text=text, target=target) for i, (text, target) in enumerate(texts)]


ROWS = rows(
    *[(f"the chip and its maker {word}", "SciTech") for word in ("one", "two", "three")],
    *[(f"the treaty of the ministers {word}", "world_news") for word in ("four", "five", "six")],
)


def of_labels(*labels: str, texts: list[Example] = ROWS) -> Verbalizers:
    return Verbalizers(labels=labels, rows=texts, told_apart=lambda words: "Sci tech" not in words)


def drawn(verbalizers: Verbalizers, base: Candidate | None = None) -> list[Candidate]:
    start = base or candidate("Sort.", 1)
    return list(verbalizers.varied(of((start, 0.5)), random.Random(0)))


def test_names_are_written_as_in_a_sentence() -> None:
    assert of_labels(*LABELS, "arts-and-letters", "NUM", "--").styles == [
        ("sci tech", "world news", "arts and letters", "num", "--"),
        ("Sci tech", "World news", "Arts and letters", "Num", "--"),
        ("a sci tech", "a world news", "an arts and letters", "a num", "a --"),
    ]


def test_words_of_rows_are_typical_of_their_label_and_of_several_rows() -> None:
    found = of_labels(*LABELS).of_rows
    assert len(found["SciTech"]) == TYPICAL
    assert set(found["SciTech"]) < {"chip", "and", "its", "maker"}
    assert set(found["world_news"]) == {"treaty", "ministers"}


def test_a_word_of_fewer_rows_is_never_taken() -> None:
    few = rows(*[("secret plan", "a"), ("other", "b")] * (FEWEST_ROWS - 1))
    assert not any(of_labels("a", "b", texts=few).of_rows.values())


def test_rows_without_words_have_none() -> None:
    assert of_labels("a", "b", texts=rows(("1 2", "a"), ("3", "b"))).of_rows == {"a": [], "b": []}


@pytest.mark.parametrize(
    "words",
    [("same", "same"), ("Same", "same"), ("tech", "technology"), ("world_news", "x"), ("x", "scitech")],
)
def test_words_that_could_be_taken_for_each_other_are_not_apart(words: tuple[str, str]) -> None:
    assert not of_labels(*LABELS).apart(words)


def test_every_draw_has_a_word_a_label_of_its_own_and_changes_nothing_else() -> None:
    verbalizers, base = of_labels(*LABELS), candidate("Sort.", 1)
    found = drawn(verbalizers, base)
    assert len({c.verbalizer for c in found}) > 10
    assert {"sci", "treaty"} < {word for c in found for word in c.verbalizer}
    assert not any("Sci tech" in c.verbalizer for c in found)  # the model does not tell it apart
    for other in found:
        assert other.verbalizer != LABELS
        assert len(other.verbalizer) == len(LABELS)
        assert verbalizers.apart(other.verbalizer)
        assert (other.instruction, other.shots, other.form) == (base.instruction, base.shots, base.form)


def test_the_labels_themselves_come_back() -> None:
    base = Candidate(instruction="Sort.", verbalizer=("maker", "treaty"))
    assert any(c.verbalizer == () for c in drawn(of_labels(*LABELS), base))
    assert all(one != base for one in drawn(of_labels(*LABELS), base))


def test_where_no_words_are_told_apart_the_draws_end() -> None:
    verbalizers = Verbalizers(labels=LABELS, rows=ROWS, told_apart=lambda _: False)
    assert drawn(verbalizers) == []


def test_the_same_draw_gives_the_same_words() -> None:
    assert all(a == b for a, b in pairwise([drawn(of_labels(*LABELS)) for _ in range(2)]))
