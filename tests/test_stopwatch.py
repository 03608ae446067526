"""A part inside another stops it, so that no second counts twice."""

import pytest

from opro_local.stopwatch import Stopwatch


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Stopwatch:
    return Stopwatch(clock)


def test_a_part_inside_another_is_taken_from_it(clock: Clock, watch: Stopwatch) -> None:
    clock.now += 100
    with watch.part("scorer"):
        clock.now += 1
        with watch.part("store"):
            clock.now += 10
            with watch.part("store"):
                clock.now += 20
        clock.now += 2
        assert watch.seconds() == {"scorer": 3.0, "store": 30.0}
        clock.now += 4
    clock.now += 100
    assert watch.seconds() == {"scorer": 7.0, "store": 30.0}


def test_a_part_that_fails_has_taken_its_time(clock: Clock, watch: Stopwatch) -> None:
    with pytest.raises(ValueError, match="told"), watch.part("tokenizer"):
        clock.now += 5
        raise ValueError("told")
    clock.now += 7
    assert watch.seconds() == {"tokenizer": 5.0}


def test_it_goes_on_from_earlier_seconds_and_forgets_its_own(clock: Clock, watch: Stopwatch) -> None:
    with watch.part("store"):
        clock.now += 5
    watch.go_on_from({"scorer": 40.0})
    with watch.part("scorer"):
        clock.now += 2
    assert watch.seconds() == {"scorer": 42.0}
