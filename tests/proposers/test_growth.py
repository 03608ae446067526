"""Sets of shots that are made twice as large by rows like those that are answered badly."""

import random
from collections import Counter
from collections.abc import Mapping
from itertools import islice

from candidates import LABELS, POOL, candidate, of, shot

from opro_local.answers.label import Label
from opro_local.proposers.growth import ShotGrowth
from opro_local.proposers.shots import ShotSets
from opro_local.records import Candidate, Example

ROWS = (
    Example(id="t0", text="A row about loans", target="fintech"),
    Example(id="t1", text="Quarterly figures", target="fintech"),
    Example(id="t2", text="A doctor", target="health"),
)
NEAR = (
    Example(id="n0", text="Another row about loans", target="fintech"),
    Example(id="n1", text="The quarterly figures", target="fintech"),
    Example(id="n2", text="Loans again, a row about loans", target="seed"),
)


def growth(
    doubts: Mapping[str, float], pool: tuple[Example, ...] = (*POOL, *NEAR), limit: int | None = None
) -> ShotGrowth:
    sets = ShotSets(pool=pool, kind=Label(labels=LABELS), limit=limit, fits=lambda _: True)
    return ShotGrowth(sets=sets, rows=ROWS, doubts=lambda _: doubts)


def grown(found: ShotGrowth, base: Candidate, count: int = 60) -> list[tuple[Example, ...]]:
    return [c.shots for c in islice(found.grown(of((base, 0.5)), random.Random(0)), count)]


def test_a_set_is_doubled_behind_what_it_was() -> None:
    for shots in grown(growth({}), candidate("a", 0, 1, 2)):
        assert shots[:3] == (shot(0), shot(1), shot(2))
        assert len(set(shots)) == 6
        assert set(Counter(s.target for s in shots).values()) == {2}


def test_an_empty_set_gets_one_of_each_label() -> None:
    assert {frozenset(s.target for s in shots) for shots in grown(growth({}), candidate("a"))} == {
        frozenset(LABELS)
    }


def test_what_is_new_is_like_a_row_of_its_label_that_is_answered_badly() -> None:
    def fintech(doubts: Mapping[str, float]) -> Counter[str]:
        found = grown(growth(doubts), candidate("a", 0, 1, 2))
        return Counter(s.id for shots in found for s in shots[3:] if s.target == "fintech")

    assert set(fintech({"t0": 0.9, "t1": 0.0, "t2": 0.9})) == {"n0"}
    both = fintech({"t0": 0.75, "t1": 0.25, "t2": 0.0})
    assert both["n0"] + both["n1"] == 60
    assert 35 < both["n0"] < 55
    assert len(fintech({"t2": 1.0})) > 3  # of no doubt about this label, any row


def test_no_set_grows_beyond_the_pool_or_the_limit() -> None:
    assert {len(s) for s in grown(growth({}, POOL[:5]), candidate("a", 0, 1, 2))} == {5}
    assert {len(s) for s in grown(growth({}, limit=4), candidate("a", 0, 1, 2))} == {4}
    assert grown(growth({}, ()), candidate("a")) == []


def test_calibration_is_not_carried_over() -> None:
    base = Candidate(instruction="a", shots=POOL[:3], calibration=(1.0, 0.0, 0.0))
    found = islice(growth({}).grown(of((base, 0.5)), random.Random(0)), 20)
    assert {c.calibration for c in found} == {()}
