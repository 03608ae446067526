"""The store finds the longest beginning that it holds, stays within its budget, and keeps what is used."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_local.engine.cache import Prefix, SharedLayer
from opro_local.engine.prefix_store import PrefixStore, StoreFigures
from opro_local.llm import TokenIds, common_length

TOKEN_BYTES = 16
"""What a token of a made-up prefix takes: a key and a value of two fp32 numbers, in one layer."""

some_ids = st.lists(st.integers(0, 2), min_size=1, max_size=5).map(tuple)


def prefix(ids: TokenIds) -> Prefix:
    """A token's keys and values are its id."""
    states = torch.tensor(ids, dtype=torch.float32)[None, None, :, None].expand(1, 1, -1, 2).clone()
    return Prefix(length=len(ids), layers=(SharedLayer(states, states.clone()),))


def stored(*kept: TokenIds, room: int = 1000) -> PrefixStore:
    """A store with room for so many tokens."""
    store = PrefixStore(room * TOKEN_BYTES)
    for ids in kept:
        store.keep(ids, prefix(ids))
    return store


def tokens_of(found: Prefix | None) -> list[float] | None:
    if found is None:
        return None
    numbers: list[float] = found.by_token(0)[0][:, 0, 0].tolist()
    return numbers


def test_the_longest_kept_beginning_is_found() -> None:
    store = stored((1, 2), (1, 2, 3, 4), (1, 3), (2,))
    assert tokens_of(store.find((1, 2, 3, 4, 5))) == [1.0, 2.0, 3.0, 4.0]
    assert tokens_of(store.find((1, 3, 9))) == [1.0, 3.0]
    assert tokens_of(store.find((2,))) == [2.0]
    assert store.find((7, 1)) is None


def test_of_a_longer_prefix_its_beginning_serves_without_a_copy() -> None:
    store = stored((1, 2, 3, 4))
    found = store.find((1, 2, 9))
    assert found
    assert (found.length, tokens_of(found)) == (2, [1.0, 2.0])
    whole = store.find((1, 2, 3, 4))
    assert whole
    assert found.by_token(0)[0].data_ptr() == whole.by_token(0)[0].data_ptr()


def test_looking_up_how_much_is_kept_is_no_use() -> None:
    store = stored((1, 2, 3))
    assert [store.matched(ids) for ids in [(1, 2, 3, 4), (1, 2), (1, 9), (9,)]] == [3, 2, 1, 0]
    assert store.figures == StoreFigures()


def test_figures_count_wanted_found_and_dropped() -> None:
    store = stored((1, 2, 3), room=5)
    store.find((1, 2, 3, 4))  # 4 wanted, 3 found
    store.find((1, 2))  # 2 and 2
    store.find((8, 9))  # 2 and none
    store.keep((8, 9, 9), prefix((8, 9, 9)))  # has no room beside a prefix that was used
    assert store.figures == StoreFigures(tokens_wanted=8, tokens_found=5, dropped=1)
    assert store.ids() == [(1, 2, 3)]
    store.clear()
    assert (len(store), store.bytes, store.ids(), store.figures) == (0, 0, [], StoreFigures())
    assert store.find((1, 2, 3)) is None


def test_what_is_kept_already_is_not_counted_twice() -> None:
    store = stored((1, 2, 3), (1, 2, 3))
    assert (len(store), store.bytes) == (1, 3 * TOKEN_BYTES)


def test_without_a_budget_nothing_stays() -> None:
    store = stored((1, 2, 3), room=0)
    assert (len(store), store.bytes, store.find((1, 2, 3))) == (0, 0, None)


def test_a_prefix_larger_than_the_store_pushes_nothing_out_that_was_used_more() -> None:
    store = stored((1,), (2,), room=4)
    store.find((1,))
    store.find((2,))
    store.keep((3, 3, 3, 3, 3), prefix((3, 3, 3, 3, 3)))
    assert store.ids() == [(1,), (2,)]


def test_of_prefixes_of_equal_worth_the_last_one_goes() -> None:
    assert stored((1,), (2,), (3,), room=2).ids() == [(1,), (2,)]


def test_questions_of_every_call_stay_and_old_instructions_go() -> None:
    # Room for 4 questions and 3 instructions; each of ten calls wants all questions and 3 new instructions.
    questions = [(1, n) for n in range(4)]
    store = stored(room=2 * 7)
    for call in range(10):
        wanted = [*questions, *((2, 10 * call + n) for n in range(3))]
        found = [store.find(ids) for ids in wanted]
        assert call == 0 or [tokens_of(each) for each in found[:4]] == [[1.0, float(n)] for n in range(4)]
        for ids in wanted:
            store.keep(ids, prefix(ids))
    assert [ids for ids in store.ids() if ids in questions] == questions


def test_what_is_used_more_outlives_what_came_later() -> None:
    store = stored((1,), (2,), room=2)
    store.find((1,))
    store.find((1,))
    for n in (3, 4, 5, 6):
        store.keep((n,), prefix((n,)))
    # 3 goes as the last of equals, 2 for the clock, 5 as the last of equals, 4 for the clock.
    assert store.ids() == [(1,), (6,)]


def test_what_was_used_long_ago_goes_in_the_end() -> None:
    # Ten uses in the first call are worth less than the clock after many calls.
    store = stored((1,), room=2)
    for _ in range(10):
        store.find((1,))
    for call in range(40):
        for _ in range(2):
            store.keep((2, call), prefix((2,)))
            store.find((2, call))
    assert (1,) not in store.ids()


@settings(max_examples=50)
@given(st.lists(some_ids, max_size=10), st.lists(some_ids, max_size=6), st.integers(0, 20))
def test_any_use_stays_within_the_budget_and_finds_what_is_there(
    kept: list[TokenIds], asked: list[TokenIds], room: int
) -> None:
    store = stored(room=room)
    for ids in kept:
        store.keep(ids, prefix(ids))
        assert store.bytes == sum(map(len, store.ids())) * TOKEN_BYTES <= room * TOKEN_BYTES
    assert store.ids() == sorted(store.ids())
    for ids in asked:
        longest = max((common_length(ids, other) for other in store.ids()), default=0)
        assert store.matched(ids) == longest
        assert tokens_of(store.find(ids)) == ([float(token) for token in ids[:longest]] or None)


@pytest.mark.parametrize("length", [1, 3])
def test_bytes_are_those_of_keys_and_values(length: int) -> None:
    assert prefix((5,) * length).bytes == length * TOKEN_BYTES


def test_a_prefix_larger_than_the_whole_budget_drives_nothing_out() -> None:
    store = stored((1, 2), (3, 4), (5, 6), room=4)  # the clock has moved: something was dropped
    store.keep((7, 8, 9, 10, 11), prefix((7, 8, 9, 10, 11)))
    assert len(store) == 2
    assert store.find((7,)) is None
