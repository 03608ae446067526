"""Prefixes are shared where that runs fewer tokens, and every prompt is served once."""

from hypothesis import given
from hypothesis import strategies as st

from opro_local.engine.plan import Group, chunks, group_by_prefix
from opro_local.llm import TokenIds

prompts = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple), max_size=12)


def tokens_run(groups: list[Group], rows: list[TokenIds]) -> int:
    return sum(
        len(group.prefix) + sum(len(rows[i]) - len(group.prefix) for i in group.members) for group in groups
    )


def test_instruction_first_runs_each_instruction_once() -> None:
    header = (1, 2, 3)
    rows = [(*header, instruction, instruction, q, q) for q in (7, 8, 9) for instruction in (4, 5)]
    groups = group_by_prefix(rows, overhead=0)
    assert groups == [
        Group(prefix=(1, 2, 3, 4, 4), members=(0, 2, 4)),
        Group(prefix=(1, 2, 3, 5, 5), members=(1, 3, 5)),
    ]
    assert tokens_run(groups, rows) == 2 * (5 + 3 * 2)


def test_instruction_after_the_question_runs_each_question_once() -> None:
    rows = [(1, q, q, q, instruction) for instruction in (4, 5, 6) for q in (7, 8)]
    groups = group_by_prefix(rows, overhead=0)
    assert [group.prefix for group in groups] == [(1, 7, 7, 7), (1, 8, 8, 8)]
    assert [group.members for group in groups] == [(0, 2, 4), (1, 3, 5)]


def test_a_short_common_header_is_preferred_where_the_rest_differs() -> None:
    header = tuple(range(10))
    rows = [(*header, 11, 1), (*header, 11, 2), (*header, 12, 1), (*header, 13, 1)]
    assert group_by_prefix(rows, overhead=0) == [Group(prefix=header, members=(0, 1, 2, 3))]


def test_rows_outside_a_deep_group_fall_to_the_prefix_above() -> None:
    deep = (1, 2, 3, 4, 5, 6, 7, 8, 9)
    rows = [(*deep, 1), (*deep, 2), (*deep, 3), (1, 2, 5, 5), (1, 2, 6, 6), (1, 2, 7, 7)]
    groups = group_by_prefix(rows, overhead=0)
    assert groups == [Group(prefix=deep, members=(0, 1, 2)), Group(prefix=(1, 2), members=(3, 4, 5))]


def test_a_prefix_that_does_not_pay_for_its_pass_is_not_shared() -> None:
    rows = [(1, 2, 3, 4), (1, 2, 3, 5)]  # shared: 3 + 1 + 1 = 5 tokens and a pass; alone: 8
    assert group_by_prefix(rows, overhead=2) == [Group(prefix=(1, 2, 3), members=(0, 1))]
    assert group_by_prefix(rows, overhead=3) == [Group(prefix=(), members=(0, 1))]


def test_equal_prompts_keep_one_token_each_to_run() -> None:
    assert group_by_prefix([(1, 2, 3)] * 3, overhead=0) == [Group(prefix=(1, 2), members=(0, 1, 2))]


def test_a_prompt_that_begins_another_keeps_its_last_token() -> None:
    rows = [(1, 2, 3), (1, 2, 3, 4), (1, 2, 3, 5)]
    assert group_by_prefix(rows, overhead=0)[0].prefix == (1, 2)


def test_no_prompts_no_groups_and_one_prompt_one_group() -> None:
    assert group_by_prefix([]) == []
    assert group_by_prefix([(5, 6)]) == [Group(prefix=(), members=(0,))]


def test_very_deep_nesting_is_cut_off_but_served() -> None:
    rows = [(0,) * n for n in range(1, 200)]
    served = sorted(i for group in group_by_prefix(rows) for i in group.members)
    assert served == list(range(199))


@given(prompts)
def test_every_prompt_is_served_once_behind_a_prefix_of_its_own(rows: list[TokenIds]) -> None:
    groups = group_by_prefix(rows, overhead=0)
    assert sorted(i for group in groups for i in group.members) == list(range(len(rows)))
    for group in groups:
        for i in group.members:
            assert rows[i][: len(group.prefix)] == group.prefix
            assert len(group.prefix) < len(rows[i])


@given(prompts)
def test_sharing_never_runs_more_and_does_not_depend_on_the_order(rows: list[TokenIds]) -> None:
    def shape(listed: list[TokenIds]) -> list[tuple[TokenIds, list[TokenIds]]]:
        groups = group_by_prefix(listed, overhead=0)
        return sorted((group.prefix, [listed[i] for i in group.members]) for group in groups)

    assert tokens_run(group_by_prefix(rows, overhead=0), rows) <= sum(map(len, rows))
    assert shape(rows) == shape(rows[::-1])


def test_chunks_hold_rows_of_like_length_within_the_budget() -> None:
    assert chunks([3, 10, 2, 9], shared=0, budget=20) == [[1, 3], [0, 2]]


def test_cached_tokens_count_a_sixteenth_in_a_chunk() -> None:
    assert chunks([1, 1, 1, 1], shared=160, budget=22) == [[0, 1], [2, 3]]


def test_a_row_longer_than_the_budget_is_a_chunk_of_its_own() -> None:
    assert chunks([50, 1], shared=0, budget=20) == [[0], [1]]
