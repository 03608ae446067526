"""Sets of shots drawn from a pool, and the changes that are made to the best of them."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

from candidates import LABELS, POOL, candidate, of, shot

from opro_local.answers import AnswerKind
from opro_local.answers.label import Label
from opro_local.proposers.shots import ShotSets
from opro_local.records import Candidate, Example


def shot_sets(
    pool: tuple[Example, ...] = POOL,
    *,
    limit: int | None = 6,
    fits: Callable[[Candidate], bool] = lambda _: True,
    labels: tuple[str, ...] = LABELS,
) -> ShotSets:
    return ShotSets(
        pool=pool, kind=Label(labels=tuple(labels)) if labels else AnswerKind(), limit=limit, fits=fits
    )


def some(stream: Iterator[Candidate], count: int = 200) -> list[Candidate]:
    return list(islice(stream, count))


def drawn(found: ShotSets, seed: int = 0) -> list[Candidate]:
    return some(found.drawn(of((candidate("a"), 0.5), (candidate("b"), 0.4)), random.Random(seed)))


def moved(*shots: int, found: ShotSets | None = None) -> list[tuple[Example, ...]]:
    start = of((candidate("plain"), 0.6), (candidate("a", *shots), 0.5))
    return [c.shots for c in some((found or shot_sets()).moved(start, random.Random(0)))]


class TestDrawn:
    def test_sets_of_all_sizes_are_drawn_for_all_of_the_best_instructions(self) -> None:
        found = drawn(shot_sets())
        assert {len(c.shots) for c in found} == {1, 2, 4, 6}
        assert {c.instruction for c in found} == {"a", "b"}
        assert all(len(set(c.shots)) == len(c.shots) for c in found)
        assert {s for c in found for s in c.shots} == set(POOL)

    def test_labels_take_turns_and_the_order_is_any(self) -> None:
        found = [c for c in drawn(shot_sets()) if len(c.shots) == 6]
        assert all(set(Counter(s.target for s in c.shots).values()) == {2} for c in found)
        assert len({tuple(s.target for s in c.shots) for c in found}) > 10

    def test_a_label_that_has_run_out_leaves_its_turns_to_the_others(self) -> None:
        pool = (shot(0), shot(1), shot(4), shot(7), shot(10))
        found = shot_sets(pool).some(4, random.Random(0), diverse=False)
        assert Counter(s.target for s in found) == {"health": 3, "fintech": 1}

    def test_half_the_time_a_set_has_the_size_that_did_well(self) -> None:
        best = of((candidate("a", 0, 1, 2), 0.9))
        sizes = Counter(len(c.shots) for c in some(shot_sets().drawn(best, random.Random(0)), 400))
        assert 160 < sizes[3] < 240
        assert set(sizes) == {1, 2, 3, 4, 6}

    def test_a_diverse_set_has_rows_that_are_unlike_each_other(self) -> None:
        texts = ("the cat sat", "the cat sat down", "a cat sat down", "quarterly loan figures")
        pool = tuple(Example(id=t, text=t, target="x") for t in texts)
        found = shot_sets(pool, labels=("x",))
        for seed in range(8):
            assert texts[3] in {s.text for s in found.some(2, random.Random(seed), diverse=True)}
        plain = [found.some(2, random.Random(seed), diverse=False) for seed in range(20)]
        assert any(texts[3] not in {s.text for s in shots} for shots in plain)

    def test_open_answers_have_no_turns(self) -> None:
        rows = tuple(Example(id=str(i), text=str(i), target=str(i)) for i in range(5))
        assert len(set(shot_sets(rows, labels=()).some(5, random.Random(0), diverse=False))) == 5

    def test_shots_are_left_out_until_the_prompt_fits(self) -> None:
        found = drawn(shot_sets(fits=lambda c: len(c.shots) <= 2))
        assert max(len(c.shots) for c in found) == 2

    def test_what_is_left_out_to_fit_takes_no_label_while_another_has_more(self) -> None:
        found = drawn(shot_sets(fits=lambda c: len(c.shots) <= 4))
        cut = [Counter(s.target for s in c.shots) for c in found if len(c.shots) == 4]
        assert len(cut) > 20
        assert all(sorted(counts.values()) == [1, 1, 2] for counts in cut)

    def test_nothing_is_left_where_even_one_is_too_long(self) -> None:
        assert {c.shots for c in drawn(shot_sets(fits=lambda c: not c.shots))} == {()}

    def test_larger_sets_are_not_drawn_but_grow(self) -> None:
        found = shot_sets(tuple(map(shot, range(40))), limit=None)
        assert (found.sizes, found.most) == ([1, 2, 4, 8, 16], 40)

    def test_without_a_limit_the_pool_and_the_prompt_are_the_limit(self) -> None:
        assert shot_sets(limit=None).sizes == [1, 2, 4, 8, 12]
        assert shot_sets(limit=None).most == 12
        tight = drawn(shot_sets(limit=None, fits=lambda c: len(c.shots) <= 9))
        assert max(len(c.shots) for c in tight) == 9

    def test_there_are_none_where_there_is_no_pool_or_none_are_wanted(self) -> None:
        assert drawn(shot_sets(())) == drawn(shot_sets(limit=0)) == []

    def test_they_follow_the_generator(self) -> None:
        assert drawn(shot_sets()) == drawn(shot_sets())
        assert drawn(shot_sets()) != drawn(shot_sets(), seed=1)


class TestMoved:
    def test_a_shot_is_exchanged_added_left_out_or_moved(self) -> None:
        before = (shot(0), shot(1), shot(2))
        found = set(moved(0, 1, 2))
        exchanged = {s for s in found if len(s) == 3 and set(s) != set(before)}
        assert exchanged
        for shots in exchanged:
            ((old, new),) = [(a, b) for a, b in zip(before, shots, strict=True) if a != b]
            assert old.target == new.target
        added = [s for s in found if len(s) == 4]
        assert {tuple(x for x in s if x in before) for s in added} == {before}
        assert {before.index(b) for s in found if len(s) == 2 for b in set(before) - set(s)} == {0, 1, 2}
        reordered = {s for s in found if set(s) == set(before)} - {before}
        assert len(reordered) == 5
        assert not found - exchanged - set(added) - reordered - {s for s in found if len(s) == 2} - {before}

    def test_there_is_nothing_to_change_without_shots(self) -> None:
        assert moved() == []

    def test_no_set_grows_beyond_the_most(self) -> None:
        assert max(map(len, moved(0, 1, 2, found=shot_sets(limit=3)))) == 3

    def test_a_pool_that_is_used_up_has_nothing_to_exchange_or_add(self) -> None:
        found = set(moved(0, 1, 2, found=shot_sets(POOL[:3])))
        assert {frozenset(s) for s in found if len(s) == 3} == {frozenset(POOL[:3])}
        assert max(map(len, found)) == 3

    def test_calibration_is_not_carried_over(self) -> None:
        base = Candidate(instruction="a", shots=POOL[:3], calibration=(1.0, 0.0, 0.0))
        found = some(shot_sets().moved(of((base, 0.5)), random.Random(0)))
        assert {c.calibration for c in found} == {()}

    def test_half_of_a_set_keeps_its_order(self) -> None:
        halves = {s for s in moved(*range(6)) if len(s) == 3}
        assert len(halves) > 5
        assert all(list(half) == sorted(half, key=POOL.index) for half in halves)

    def test_no_change_loses_a_label_that_there_is_room_for_nor_tips_the_balance(self) -> None:
        for shots in ((0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5), (0, 3, 6, 9, 1, 2)):
            for found in moved(*shots):
                counts = Counter(s.target for s in found)
                before = Counter(s.target for s in map(shot, shots))
                assert len(counts) == min(len(LABELS), len(found))
                assert _spread(counts) <= max(1, _spread(before))


def _spread(counts: Counter[str]) -> int:
    return max(counts.values()) - min(counts[label] for label in LABELS)
