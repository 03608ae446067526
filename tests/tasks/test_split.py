"""What holds for every split, by Hypothesis, and worked examples of the cuts."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_local.config import SplitSettings
from opro_local.errors import DataError, SettingsError
from opro_local.records import Example, content_hash
from opro_local.tasks.split import Split, set_aside, split_examples
from opro_local.tasks.twins import twin_key

PLAIN = SplitSettings()
SHARES = [PLAIN, SplitSettings(train=0.8, validation=0.1, test=0.1)]
SHARES += [SplitSettings(train=0.05, validation=0.05, test=0.9)]


def by_label(row: Example) -> str:
    return row.target


def all_alike(_row: Example) -> str:
    return ""


def rows(**labels: int) -> list[Example]:
    """So many different texts of each label."""
    return [
        Example(id=f"{label}{i}", text=f"text {label} {i}", target=label)
        for label, n in labels.items()
        for i in range(n)
    ]


def parts(split: Split) -> tuple[tuple[Example, ...], ...]:
    return split.train, split.validation, split.test


def sizes(split: Split) -> tuple[int, ...]:
    return tuple(len(part) for part in parts(split))


def homes(split: Split) -> dict[str, int]:
    return {example.id: home for home, part in enumerate(parts(split)) for example in part}


tables = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(2, 12), min_size=1).filter(
    lambda table: sum(table.values()) >= 5
)


@given(tables, st.sampled_from(SHARES), st.integers(0, 9), st.booleans(), st.randoms())
@settings(max_examples=60, deadline=None)
def test_parts_are_disjoint_complete_and_independent_of_row_order(
    table: dict[str, int], shares: SplitSettings, seed: int, stratify: bool, random: Random
) -> None:
    examples = rows(**table)
    split = split_examples(examples, shares, seed, stratum=by_label if stratify else all_alike)
    assert sorted(example.id for part in parts(split) for example in part) == sorted(e.id for e in examples)
    random.shuffle(examples)
    assert split_examples(examples, shares, seed, stratum=by_label if stratify else all_alike) == split


@given(tables, st.sampled_from(SHARES), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_label_is_in_train_and_no_part_is_empty(
    table: dict[str, int], shares: SplitSettings, seed: int
) -> None:
    split = split_examples(rows(**table), shares, seed, stratum=by_label)
    assert {example.target for example in split.train} == set(table)
    assert min(sizes(split)) > 0


@given(st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(3, 12), min_size=2), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_each_part_of_each_label_is_next_to_its_share_and_so_are_the_parts(
    table: dict[str, int], seed: int
) -> None:
    split = split_examples(rows(**table), PLAIN, seed, stratum=by_label)
    for part, share in zip(parts(split), (0.4, 0.2, 0.4), strict=True):
        found = Counter(example.target for example in part)
        for label, n in table.items():
            assert abs(found[label] - share * n) < 1
        assert abs(len(part) - share * sum(table.values())) <= 1.01


@given(st.integers(5, 40), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_new_row_moves_at_most_three_others_of_its_label(n: int, seed: int) -> None:
    before = homes(split_examples(rows(A=n), PLAIN, seed, stratum=by_label))
    after = homes(split_examples(rows(A=n + 1), PLAIN, seed, stratum=by_label))
    assert sum(before[key] != after[key] for key in before) <= 3


@given(st.lists(st.integers(1, 4), min_size=6, max_size=20), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_rows_with_one_text_stay_together(copies: list[int], seed: int) -> None:
    examples = [
        Example(id=f"{text}-{copy}", text=f"{text}", target="AB"[text % 2])
        for text, n in enumerate(copies)
        for copy in range(n)
    ]
    split = split_examples(examples, PLAIN, seed, stratum=by_label)
    texts = [{example.text for example in part} for part in parts(split)]
    assert sum(map(len, texts)) == len(copies)


TWINNED = st.dictionaries(st.sampled_from("ABC"), st.integers(3, 12), min_size=2)


def with_twins(examples: list[Example]) -> list[Example]:
    """Every second row a second time, in other letters and with a full stop."""
    twins = [
        Example(id=f"{row.id}t", text=f" {row.text.upper()}. ", target=row.target) for row in examples[::2]
    ]
    return examples + twins


def sides(split: Split) -> list[set[str]]:
    """What the texts of the parts say, the pool apart from the rest of train."""
    return [{twin_key(row.text) for row in part} for part in (*parts(split), split.pool)]


@given(TWINNED, st.integers(0, 9), st.sampled_from([1, 3]))
@settings(max_examples=60, deadline=None)
def test_texts_that_say_the_same_stay_on_one_side(table: dict[str, int], seed: int, folds: int) -> None:
    examples = with_twins(rows(**table))
    split = split_examples(examples, SplitSettings(folds=folds), seed, stratum=by_label)
    assert len({row.id for part in parts(split) for row in part}) == len(examples)
    aside = set_aside(split, scored=len(split.train), pool=2, stratum=by_label, twins="together")
    found = sides(aside)
    assert sum(map(len, found)) == len(set().union(*found))
    assert len(aside.pool) == len({twin_key(row.text) for row in aside.pool})


@given(TWINNED, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_without_twins_the_setting_changes_nothing(table: dict[str, int], seed: int) -> None:
    together, apart = (
        split_examples(rows(**table), SplitSettings.model_validate({"twins": how}), seed, stratum=by_label)
        for how in ("together", "apart")
    )
    assert together == apart


def test_a_split_is_the_one_that_earlier_versions_made() -> None:
    split = split_examples(rows(A=6, B=4), PLAIN, 0, stratum=by_label)
    assert [" ".join(row.id for row in part) for part in parts(split)] == [
        "B2 A4 A5 A2",
        "A1 B1",
        "B3 A3 A0 B0",
    ]


def test_twins_of_rows_of_a_test_file_are_left_out() -> None:
    examples = rows(A=6, B=6)
    tested = Example(id="t", text="TEXT A 0!", target="A")
    split = split_examples(examples, PLAIN, 0, stratum=by_label, test=[tested])
    assert "A0" not in homes(split)


@given(tables, st.integers(1, 30), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_cap_only_takes_rows_away(table: dict[str, int], cap: int, seed: int) -> None:
    whole = split_examples(rows(**table), PLAIN, seed, stratum=by_label)
    capped = split_examples(
        rows(**table), PLAIN.model_copy(update={"max_train": cap}), seed, stratum=by_label
    )
    assert len(capped.train) == min(cap, len(whole.train))
    kept = set(capped.train)
    assert capped.train == tuple(example for example in whole.train if example in kept)
    assert (capped.validation, capped.test) == (whole.validation, whole.test)
    if cap >= len(table):
        assert {example.target for example in capped.train} == set(table)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"A": 10}, (4, 2, 4)),
        ({"A": 5, "B": 5}, (4, 2, 4)),
        ({"A": 2, "B": 2, "C": 2, "D": 2, "E": 2}, (5, 2, 3)),  # every label keeps one for train
        ({"A": 56, "B": 56, "C": 56, "D": 56, "E": 56, "F": 56}, (135, 67, 134)),
    ],
)
def test_shares_are_met_over_all_labels(table: dict[str, int], expected: tuple[int, ...]) -> None:
    assert sizes(split_examples(rows(**table), PLAIN, 0, stratum=by_label)) == expected


def test_small_classes_together_still_meet_small_shares() -> None:
    table = {f"label {i}": 4 for i in range(25)}
    assert sizes(split_examples(rows(**table), SHARES[1], 0, stratum=by_label)) == (80, 10, 10)


def test_parts_are_in_seeded_hash_order() -> None:
    split = split_examples(rows(A=30), PLAIN, 7, stratum=all_alike)
    for part in parts(split):
        ranks = [content_hash("split", [7, example.id]) for example in part]
        assert ranks == sorted(ranks)
    assert split != split_examples(rows(A=30), PLAIN, 8, stratum=all_alike)


def test_caps_keep_the_labels_in_proportion() -> None:
    capped = PLAIN.model_copy(update={"max_test": 10})
    split = split_examples(rows(A=100, B=20, C=5), capped, 0, stratum=by_label)
    # test holds 40, 8 and 2; one of each is sure, the other 7 go by 39 : 7 : 1.
    assert Counter(example.target for example in split.test) == {"A": 7, "B": 2, "C": 1}


def test_a_cap_below_the_number_of_labels_takes_the_largest() -> None:
    capped = PLAIN.model_copy(update={"max_train": 2})
    split = split_examples(rows(A=50, B=50, C=5), capped, 0, stratum=by_label)
    assert Counter(example.target for example in split.train) == {"A": 1, "B": 1}


@pytest.mark.parametrize("table", [{"A": 4}, {"A": 5, "B": 1}])
def test_too_few_texts_are_refused_with_what_is_needed(table: dict[str, int]) -> None:
    """What is said of labels only where there are some."""
    labels = r" with \d labels: .*, and 2 of each label" if len(table) > 1 else ": a split needs .* at least"
    with pytest.raises(DataError, match=rf"different texts?{labels}\. Add rows"):
        split_examples(rows(**table), PLAIN, 0, stratum=by_label)


def test_shares_that_are_not_one_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"add up to 1\.2"):
        split_examples(rows(A=9), SplitSettings(train=0.6), 0, stratum=by_label)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_over_all_folds_every_row_is_tested_once(folds: int) -> None:
    examples = rows(a=7, b=12, c=20)
    splits = [
        split_examples(examples, SplitSettings(folds=folds, fold=fold), 3, stratum=by_label)
        for fold in range(folds)
    ]
    tested = [row.id for split in splits for row in split.test]
    assert sorted(tested) == sorted(row.id for row in examples)
    assert max(len(s.test) for s in splits) - min(len(s.test) for s in splits) <= 1
    for split in splits:
        parts = [*split.train, *split.validation, *split.test]
        assert sorted(row.id for row in parts) == sorted(row.id for row in examples)
        assert {row.target for row in split.train} == {"a", "b", "c"}
        assert len(split.train) == pytest.approx(2 * len(split.validation), abs=2)  # 0.4 to 0.2


def test_a_fold_that_leaves_a_label_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="Take fewer folds"):
        split_examples(rows(a=5, b=2), SplitSettings(folds=9, fold=8), 0, stratum=by_label)


def test_rows_of_a_test_file_are_test_and_their_texts_are_nowhere_else() -> None:
    test = [Example(id="x", text="text A 3", target="A"), Example(id="y", text="other", target="B")]
    shares = SplitSettings(train=0.5, validation=0.25)
    split = split_examples(rows(A=9, B=8), shares, 0, stratum=by_label, test=test)
    assert sizes(split) == (8, 4, 2)
    assert set(split.test) == set(test)
    assert "text A 3" not in {row.text for row in (*split.train, *split.validation)}


@given(st.integers(5, 60), st.integers(0, 9), st.sampled_from([0.01, 0.035, 0.3, 0.5]))
@settings(max_examples=60, deadline=None)
def test_beside_a_test_file_no_part_is_empty_and_small_shares_leave_rows_unused(
    count: int, seed: int, share: float
) -> None:
    test = [Example(id="x", text="other", target="A")]
    shares = SplitSettings(train=share, validation=share)
    split = split_examples(rows(A=count), shares, seed, stratum=all_alike, test=test)
    train, validation, tested = sizes(split)
    assert (train >= 1, validation >= 1, tested) == (True, True, 1)
    assert abs(train - share * count) <= 1
    assert abs(validation - share * count) <= 1


@pytest.mark.parametrize("folds", [{"fold": 1}, {"folds": 3, "fold": 3}])
def test_a_fold_that_does_not_exist_is_refused(folds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="they count from 0"):
        SplitSettings.model_validate(folds)
