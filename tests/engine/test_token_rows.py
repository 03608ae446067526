"""Choices hang as a tree behind their context; each token is predicted where its path so far ends."""

from opro_local.engine.rows import (
    FOREVER,
    NO_TOKEN,
    Row,
    Target,
    chain_rows,
    draft_row,
    joined,
    tree_row,
    trunk_row,
)
from opro_local.llm import ChoiceRequest


def test_one_token_choices_add_no_token() -> None:
    row = tree_row(ChoiceRequest(context=(5, 6, 7), choices=((1,), (2,))), 1)
    assert row == Row(
        start=1,
        ids=(6, 7),
        positions=(1, 2),
        until=(FOREVER, FOREVER),
        choices=((Target(column=1, token=1),), (Target(column=1, token=2),)),
    )


def test_choices_with_a_common_beginning_share_its_tokens() -> None:
    # Trunk 0..1; then the paths 1, 1-2 and 3 in columns 2, 3, 4. The last token of a choice is not run.
    row = tree_row(ChoiceRequest(context=(5, 6), choices=((1, 2, 8), (3, 9), (1, 4))), 0)
    assert row.ids == (5, 6, 1, 2, 3)
    assert row.positions == (0, 1, 2, 3, 2)
    assert row.until == (FOREVER, FOREVER, 4, 4, 5)
    assert row.choices == (
        (Target(column=1, token=1), Target(column=2, token=2), Target(column=3, token=8)),
        (Target(column=1, token=3), Target(column=4, token=9)),
        (Target(column=1, token=1), Target(column=2, token=4)),
    )


def test_a_choice_that_begins_another_and_a_repeated_choice_cost_nothing() -> None:
    row = tree_row(ChoiceRequest(context=(5,), choices=((1, 2), (1,), (1, 2), (1, 2, 3))), 0)
    assert row.ids == (5, 1, 2)
    assert row.choices[0] == row.choices[2]


def test_without_reuse_every_choice_has_the_whole_context() -> None:
    rows = chain_rows(ChoiceRequest(context=(5, 6), choices=((1, 2), (3,))))
    assert [row.ids for row in rows] == [(5, 6, 1), (5, 6)]


def test_the_trunk_behind_a_prefix_keeps_its_positions() -> None:
    assert trunk_row((5, 6, 7, 8), 3) == Row(start=3, ids=(8,), positions=(3,), until=(FOREVER,))


def test_rows_joined_end_where_the_next_one_begins() -> None:
    tree = tree_row(ChoiceRequest(context=(9, 5), choices=((1, 2, 8), (3, 8))), 1)
    line = joined([trunk_row((9, 7, 8), 1), tree])
    assert line == Row(
        start=1,
        ids=(7, 8, 5, 1, 2, 3),
        positions=(1, 2, 1, 2, 3, 2),
        until=(2, 2, 6, 5, 5, 6),
    )
    assert joined([tree]) is tree


def test_drafts_are_run_to_their_last_token_whose_successor_is_open() -> None:
    row = draft_row((5, 6), [(1, 2), (3,)], 1)
    assert row.ids == (6, 1, 2, 3)
    assert row.choices[1] == (Target(column=0, token=3), Target(column=3, token=NO_TOKEN))
