"""Prefixes are shared and nested where that runs the fewest tokens; every prompt is served once."""

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_local.engine.plan import Group, group_by_prefix, line_chunks, padded_chunks
from opro_local.llm import TokenIds, common_length

some_ids = st.lists(st.integers(0, 2), min_size=1, max_size=6).map(tuple)
prompts = st.lists(some_ids, max_size=12)


def tokens_run(groups: Sequence[Group], rows: Sequence[TokenIds], known: Sequence[int] = ()) -> int:
    """Tokens of the prefixes, each behind its parent or what is known of it, and of the rows behind them."""
    held = dict(zip(rows, known, strict=False))

    def new(group: Group) -> int:
        there = max((n for row, n in held.items() if row[: len(group.prefix)] == group.prefix), default=0)
        return max(0, len(group.prefix) - max(group.parent, there))

    return sum(new(group) + sum(len(rows[i]) - len(group.prefix) for i in group.members) for group in groups)


def test_instruction_first_runs_the_header_once_and_each_instruction_once() -> None:
    header = (1, 2, 3)
    rows = [(*header, instruction, instruction, q, q) for q in (7, 8, 9) for instruction in (4, 5)]
    groups = group_by_prefix(rows, overhead=0)
    assert groups == [
        Group(prefix=header, members=()),
        Group(prefix=(1, 2, 3, 4, 4), parent=3, members=(0, 2, 4)),
        Group(prefix=(1, 2, 3, 5, 5), parent=3, members=(1, 3, 5)),
    ]
    assert tokens_run(groups, rows) == 3 + 2 * 2 + 6 * 2


def test_instruction_after_the_question_runs_each_question_once() -> None:
    rows = [(1, q, q, q, instruction) for instruction in (4, 5, 6) for q in (7, 8)]
    assert group_by_prefix(rows, overhead=1) == [
        Group(prefix=(1, 7, 7, 7), members=(0, 2, 4)),
        Group(prefix=(1, 8, 8, 8), members=(1, 3, 5)),
    ]


def test_three_levels_stand_behind_each_other() -> None:
    header, instruction, question = (1, 1), (2, 2), (3, 3)
    rows = [
        (*header, *instruction, *question, 4),
        (*header, *instruction, *question, 5),
        (*header, *instruction, 6),
        (*header, 7),
    ]
    assert group_by_prefix(rows, overhead=0) == [
        Group(prefix=header, members=(3,)),
        Group(prefix=header + instruction, parent=2, members=(2,)),
        Group(prefix=header + instruction + question, parent=4, members=(0, 1)),
    ]


def test_a_short_common_header_is_preferred_where_the_rest_differs() -> None:
    header = tuple(range(10))
    rows = [(*header, 11, 1), (*header, 11, 2), (*header, 12, 1), (*header, 13, 1)]
    # The 11 behind the header would save one token and cost a pass.
    assert group_by_prefix(rows, overhead=1) == [Group(prefix=header, members=(0, 1, 2, 3))]


def test_a_prefix_that_does_not_pay_for_its_pass_is_not_shared() -> None:
    rows = [(1, 2, 3, 4), (1, 2, 3, 5)]  # shared: 3 + 1 + 1 = 5 tokens and a pass; alone: 8
    assert group_by_prefix(rows, overhead=2) == [Group(prefix=(1, 2, 3), members=(0, 1))]
    assert group_by_prefix(rows, overhead=3) == [Group(prefix=(), members=(0, 1))]


def test_a_nested_prefix_must_pay_for_its_own_pass() -> None:
    # The four tokens behind the header are run once less, for one more pass.
    header = (9,) * 20
    rows = [(*header, 1, 1, 1, 1, 5), (*header, 1, 1, 1, 1, 6), (*header, 7), (*header, 8)]
    assert [group.prefix for group in group_by_prefix(rows, overhead=3)] == [header, (*header, 1, 1, 1, 1)]
    assert [group.prefix for group in group_by_prefix(rows, overhead=4)] == [header]


def test_equal_prompts_keep_one_token_each_to_run() -> None:
    assert group_by_prefix([(1, 2, 3)] * 3, overhead=0) == [Group(prefix=(1, 2), members=(0, 1, 2))]


def test_a_prompt_that_begins_another_keeps_its_last_token() -> None:
    groups = group_by_prefix([(1, 2, 3), (1, 2, 3, 4), (1, 2, 3, 5)], overhead=0)
    assert [(group.prefix, group.members) for group in groups] == [((1, 2), (0,)), ((1, 2, 3), (1, 2))]


def test_no_prompts_no_groups_and_one_prompt_one_group() -> None:
    assert group_by_prefix([]) == []
    assert group_by_prefix([(5, 6)]) == [Group(prefix=(), members=(0,))]


def test_known_tokens_cost_nothing() -> None:
    # A question that is kept is shared though two rows alone would not pay for a pass over it.
    rows = [(1, 2, 3, 4), (1, 2, 3, 5)]
    assert group_by_prefix(rows, overhead=4) == [Group(prefix=(), members=(0, 1))]
    assert group_by_prefix(rows, known=[3, 3], overhead=4) == [Group(prefix=(1, 2, 3), members=(0, 1))]


def test_a_row_that_shares_nothing_starts_behind_what_is_known_of_it() -> None:
    row = tuple(range(30))
    assert group_by_prefix([row], known=[20], overhead=16) == [Group(prefix=row[:20], members=(0,))]
    assert group_by_prefix([row], known=[16], overhead=16) == [Group(prefix=(), members=(0,))]


def test_a_prompt_that_is_known_whole_keeps_its_last_token_to_run() -> None:
    row = tuple(range(30))
    assert group_by_prefix([row], known=[30], overhead=16) == [Group(prefix=row[:29], members=(0,))]


def test_very_deep_nesting_is_cut_off_but_served() -> None:
    rows = [(0,) * n for n in range(1, 200)]
    served = sorted(i for group in group_by_prefix(rows) for i in group.members)
    assert served == list(range(199))


@settings(max_examples=50)
@given(prompts)
def test_every_prompt_is_served_once_behind_a_prefix_of_its_own(rows: list[TokenIds]) -> None:
    groups = group_by_prefix(rows, overhead=0)
    assert sorted(i for group in groups for i in group.members) == list(range(len(rows)))
    for group in groups:
        for i in group.members:
            assert rows[i][: len(group.prefix)] == group.prefix
            assert len(group.prefix) < len(rows[i])


@settings(max_examples=50)
@given(prompts, st.integers(0, 3))
def test_groups_come_after_those_that_they_stand_behind(rows: list[TokenIds], overhead: int) -> None:
    ready: set[TokenIds] = {()}
    for group in group_by_prefix(rows, overhead=overhead):
        assert group.parent == 0 or group.parent < len(group.prefix)
        assert group.prefix[: group.parent] in ready
        ready.add(group.prefix)


@settings(max_examples=50)
@given(prompts, st.integers(0, 3))
def test_groups_do_not_depend_on_the_order(rows: list[TokenIds], overhead: int) -> None:
    def shape(listed: list[TokenIds]) -> list[tuple[TokenIds, int, list[TokenIds]]]:
        return [
            (group.prefix, group.parent, sorted(listed[i] for i in group.members))
            for group in group_by_prefix(listed, overhead=overhead)
        ]

    assert shape(rows) == shape(rows[::-1])


@settings(max_examples=50)
@given(st.lists(some_ids, max_size=6), st.integers(0, 3))
def test_no_other_choice_of_prefixes_runs_fewer_tokens(rows: list[TokenIds], overhead: int) -> None:
    groups = group_by_prefix(rows, overhead=overhead)
    passes = sum(bool(group.prefix) for group in groups)
    assert tokens_run(groups, rows) + overhead * passes == cheapest(rows, overhead) <= sum(map(len, rows))


def cheapest(rows: Sequence[TokenIds], overhead: int) -> int:
    """The least that any nested set of shared prefixes costs: at every node of the trie, open it or not."""

    @cache
    def cost(node: TokenIds, above: int) -> int:
        below = [row for row in rows if row[: len(node)] == node]
        ends = sum(len(row) - above for row in below if len(row) == len(node) + 1)
        further = {row[: len(node) + 1] for row in below if len(row) > len(node) + 1}
        closed = ends + sum(cost(child, above) for child in further)
        if not node or len(node) == above:
            return closed
        return min(closed, len(node) - above + overhead + cost(node, len(node)))

    return cost((), 0)


@settings(max_examples=50)
@given(st.lists(some_ids, max_size=8), st.lists(some_ids, max_size=4))
def test_what_is_known_never_makes_a_plan_dearer(rows: list[TokenIds], kept: list[TokenIds]) -> None:
    known = [max((common_length(row, other) for other in kept), default=0) for row in rows]
    without, with_known = (
        tokens_run(group_by_prefix(rows, known=held, overhead=0), rows, held or []) for held in (None, known)
    )
    assert with_known <= without


def test_chunks_hold_rows_of_like_length_within_the_budget() -> None:
    assert padded_chunks([3, 10, 2, 9], budget=20) == [[1, 3], [0, 2]]


def test_a_row_longer_than_the_budget_is_a_chunk_of_its_own() -> None:
    assert padded_chunks([50, 1], budget=20) == [[0], [1]]


@pytest.mark.parametrize(
    ("costs", "budget", "lines"),
    [
        ([4, 4, 4, 4], 100, [[0, 1, 2, 3]]),
        ([4, 4, 4, 4], 12, [[0, 1], [2, 3]]),  # two lines of 8 rather than 12 and 4
        ([7, 7, 7], 10, [[0], [1], [2]]),
        ([30, 1, 1], 10, [[0], [1, 2]]),
        ([1, 30, 1], 10, [[0], [1], [2]]),
        ([], 10, []),
    ],
)
def test_lines_are_about_equal(costs: list[int], budget: int, lines: list[list[int]]) -> None:
    assert line_chunks(costs, budget=budget) == lines


@settings(max_examples=50)
@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 100))
def test_lines_hold_every_row_once_within_the_budget(costs: list[int], budget: int) -> None:
    lines = line_chunks(costs, budget=budget)
    assert [row for line in lines for row in line] == list(range(len(costs)))
    assert all(len(line) == 1 or sum(costs[row] for row in line) <= budget for line in lines)


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(5, 100))
def test_lines_of_equal_rows_differ_by_no_more_than_they_must(rows: int, cost: int, budget: int) -> None:
    lines = line_chunks([cost] * rows, budget=budget)
    fewest = -(-rows // (budget // cost))
    assert len(lines) <= fewest + 1
