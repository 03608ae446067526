"""The pool: every job done once, whoever dies or hangs; nobody is left waiting."""

import threading
import time
from random import Random

import pytest
from crews import PickledCrew
from hypothesis import given, settings
from hypothesis import strategies as st

from opro_local.effort import NOTHING, EngineStats
from opro_local.errors import ModelError, WorkersGone
from opro_local.llm import ChoiceRequest
from opro_local.testing import ScriptedEngine
from opro_local.workers.holder import Opened
from opro_local.workers.jobs import Done, Job
from opro_local.workers.pool import FIRST_SECONDS, LEAST_SECONDS, MOST_DEATHS, Pool


def scripted() -> Opened:
    engine = ScriptedEngine(log_prob=lambda text: -float(len(text)))
    return Opened(engines={"model": engine}, place="here", hardware="a processor")


def job(number: int, *, prefix: tuple[int, ...] = (), tokens: int | None = None) -> Job:
    request = ChoiceRequest(context=(65 + number % 26,) * (number + 1), choices=((66,), (67, 68)))
    return Job(digest="model", requests=[request], tokens=tokens or number + 4, prefix=prefix)


def expected(jobs: list[Job]) -> dict[int, object]:
    engine = scripted().engines["model"]
    return {place: engine.loglikelihood(each.requests) for place, each in enumerate(jobs)}  # type: ignore[arg-type]


def found(pool: Pool, jobs: list[Job]) -> dict[int, object]:
    return {place: done.replies for place, done in answers(pool, jobs)}


def answers(pool: Pool, jobs: list[Job]) -> list[tuple[int, Done]]:
    every = list(pool.run(jobs))
    assert len(every) == len(jobs), "a job was answered twice"
    return every


def effort(found: list[tuple[int, Done]]) -> EngineStats:
    return sum((done.effort for _, done in found), NOTHING)


class Clock:
    """Goes on by step each time somebody looks."""

    def __init__(self, step: float = 0.0) -> None:
        self.step, self.now = step, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@settings(max_examples=100, deadline=None)
@given(
    jobs=st.integers(0, 12),
    size=st.integers(1, 4),
    seed=st.integers(0, 2**16),
    deaths=st.sets(st.integers(0, 20), max_size=8),
)
def test_deaths_cost_the_jobs_in_flight_and_change_no_reply(
    jobs: int, size: int, seed: int, deaths: set[int]
) -> None:
    draw = Random(seed)
    last: dict[int, int] = {}
    crew = PickledCrew(scripted, size=size, pick=lambda count: draw.randrange(count))

    def dies(number: int) -> bool:
        worker = crew.begun[number][0]
        last[worker] = last.get(worker, 0) + 1 if number in deaths else 0
        return number in deaths and last[worker] < MOST_DEATHS  # no worker is given up

    crew.dies = dies
    asked = [job(number) for number in range(jobs)]
    pool = Pool(crew, pause=0)
    told = answers(pool, asked)
    assert {place: done.replies for place, done in told} == expected(asked)
    workers = effort(told).workers
    assert sum(worker.requests for worker in workers) == jobs
    assert sum(worker.deaths for worker in workers) == len(crew.begun) - jobs
    assert pool.living == size


def test_the_largest_goes_first_and_what_begins_alike_to_the_same_worker() -> None:
    crew = PickledCrew(scripted)
    pool = Pool(crew, pause=0)
    jobs = [job(n, prefix=(n % 2,), tokens=100 - n) for n in range(8)]
    found(pool, jobs)
    assert [each.tokens for _, each in crew.begun[:2]] == [100, 99]
    crew.begun.clear()
    found(pool, jobs)
    assert {(worker, each.prefix) for worker, each in crew.begun} in (
        {(0, (0,)), (1, (1,))},
        {(0, (1,)), (1, (0,))},
    )


def test_a_worker_that_dies_three_times_in_a_row_is_given_up() -> None:
    told: list[str] = []
    crew = PickledCrew(scripted)
    crew.dies = lambda number: crew.begun[number][0] == 1
    pool = Pool(crew, tell=told.append, pause=0)
    jobs = [job(number) for number in range(6)]
    assert found(pool, jobs) == expected(jobs)
    assert (crew.given_up, pool.living) == ([1], 1)
    assert len(told) == MOST_DEATHS
    assert told[-1].startswith("worker 2 (?) died for the third time in a row")
    assert found(pool, jobs) == expected(jobs)  # and the other one goes on


def test_a_worker_is_not_asked_while_its_new_process_is_not_known_yet() -> None:
    jobs = [job(number) for number in range(4)]

    def killed(pause: float) -> dict[int, object]:
        crew = PickledCrew(scripted, size=1, dies=lambda number: number == 1, away=0.2)
        return found(Pool(crew, pause=pause), jobs)

    assert killed(0.1) == expected(jobs)  # asked again after 0.1 s, and after 0.5 s more
    with pytest.raises(WorkersGone, match="No worker is left"):
        killed(0.0)


def test_deaths_between_jobs_done_are_forgiven() -> None:
    crew = PickledCrew(scripted, size=1, dies=lambda number: number % 3 != 2)
    jobs = [job(number) for number in range(20)]
    assert found(Pool(crew, pause=0), jobs) == expected(jobs)
    assert crew.loads == 20  # each process that lived to do a job has loaded the models once


def test_without_workers_the_run_pauses() -> None:
    with pytest.raises(WorkersGone, match="No worker is left"):
        found(Pool(PickledCrew(scripted, dies=lambda _: True), pause=0), [job(1), job(2)])


def test_a_worker_that_does_not_answer_is_found_by_the_rate_of_the_others() -> None:
    clock = Clock()
    crew = PickledCrew(scripted, size=2)
    told: list[str] = []
    pool = Pool(crew, tell=told.append, clock=clock, pause=0)
    found(pool, [job(1), job(2)])  # both have begun
    crew.hangs = lambda number: number == 2
    clock.step = LEAST_SECONDS / 3
    jobs = [job(number) for number in range(4)]
    assert found(pool, jobs) == expected(jobs)
    assert [line.partition(";")[0] for line in told] == ["worker 1 (?) did not answer in time"]


def test_a_first_job_may_take_as_long_as_loading() -> None:
    clock = Clock(step=LEAST_SECONDS)
    crew = PickledCrew(scripted, size=1, hangs=lambda number: number == 0)
    assert found(Pool(crew, clock=clock, pause=0), [job(1)]) == expected([job(1)])
    assert clock.now > FIRST_SECONDS


def test_an_error_on_purpose_is_the_callers_and_frees_the_worker() -> None:
    def too_long() -> Opened:
        raise ModelError("no such model")

    crew = PickledCrew(too_long, size=1)
    with pytest.raises(ModelError, match="no such model"):
        found(Pool(crew, pause=0), [job(1)])
    with pytest.raises(ModelError, match="no such model"):
        Pool(crew, pause=0).begin()
    crew.open_models = scripted
    pool = Pool(crew, pause=0)
    assert [about.place for about in pool.begin()] == ["here"]
    assert found(pool, [job(1)]) == expected([job(1)])


def test_two_callers_share_the_workers() -> None:
    pool = Pool(PickledCrew(scripted, size=2), pause=0)
    jobs = [job(number) for number in range(30)]
    results: list[dict[int, object]] = []
    threads = [threading.Thread(target=lambda: results.append(found(pool, jobs))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert results == [expected(jobs)] * 3


def test_a_caller_without_a_worker_comes_before_one_that_has_one() -> None:
    crew = PickledCrew(scripted, size=2)
    pool = Pool(crew, pause=0)
    later = threading.Thread(target=lambda: found(pool, [job(99)]))

    def pick(_count: int) -> int:
        if not later.ident:
            later.start()  # both workers are with the first caller
            while not pool._queue:
                time.sleep(0.001)
        return 0

    crew.pick = pick
    found(pool, [job(number) for number in range(20)])
    later.join(timeout=60)
    assert [each.tokens for _, each in crew.begun].index(job(99).tokens) == 2


def test_each_caller_is_told_the_effort_of_its_own_jobs_and_each_death_once() -> None:
    crew = PickledCrew(scripted, size=2, dies=lambda number: number in (1, 6))
    pool = Pool(crew, pause=0)
    pool.begin()
    first, second = (effort(answers(pool, [job(number) for number in range(count)])) for count in (4, 3))
    assert (first.requests, second.requests) == (4, 3)
    assert [worker.place for worker in first.workers] == ["here", "here"]
    both = first + second
    assert sum(worker.requests for worker in both.workers) == 7
    assert sum(worker.deaths for worker in both.workers) == 2
    assert sum(worker.seconds for worker in both.workers) == pytest.approx(
        sum(worker.seconds for each in (first, second) for worker in each.workers)
    )
