"""Hands jobs to workers and takes their replies as they come, whatever happens to a worker.

A free worker gets the largest job that begins as one it has had before, else the largest there is. A worker
that dies or does not answer in time loses the job it had, which goes back to the others; its process is begun
anew, until it has died too often in a row.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from opro_local.effort import WorkerStats
from opro_local.errors import OproError, WorkersGone
from opro_local.llm import TokenIds
from opro_local.workers.crew import Crew, Died, Task
from opro_local.workers.jobs import About, Done, Job

MOST_DEATHS = 3
"""A worker that dies so often in a row, no job done between, is given up."""

PAUSE_SECONDS = 5.0
"""A worker that died is given work again after so long, after a second death in a row five times as long.

What is asked of the dead process fails at once until Ray knows that another is on its way: seconds
on a busy machine. The new one starts meanwhile.
"""

FIRST_SECONDS = 1800.0
"""A worker's first job may take so long: it may load its models."""
LEAST_SECONDS = 120.0
TIMES_AS_LONG = 30.0
"""Later ones so many times as long as those before it, for their tokens, and no less than LEAST_SECONDS."""

LOOK_SECONDS = 0.5
"""The longest wait for a reply before workers that became free, and those overdue, are looked at."""

REMEMBERED = 256
"""Beginnings of jobs that a worker is known by; its store of prefixes holds no more for long."""


@dataclass(slots=True)
class _Worker:
    """deaths are those that no job's effort tells of yet."""

    number: int
    place: str = "?"
    deaths: int = 0
    deaths_in_row: int = 0
    begun: bool = False
    known: dict[TokenIds, None] = field(default_factory=dict)

    def learn(self, prefix: TokenIds) -> None:
        self.known.pop(prefix, None)
        self.known[prefix] = None
        while len(self.known) > REMEMBERED:
            del self.known[next(iter(self.known))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    """A job under way: which of the call's, who has it, and until when it should be done."""

    place: int
    worker: _Worker
    due: float


class Pool:
    """Workers that serve several callers, each in a thread of its own."""

    def __init__(
        self,
        crew: Crew,
        *,
        tell: Callable[[str], None] = lambda _line: None,
        clock: Callable[[], float] = time.monotonic,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._crew, self._tell, self._clock, self._pause = crew, tell, clock, pause
        self._workers = [_Worker(number) for number in range(crew.size)]
        self._free: dict[int, None] = dict.fromkeys(range(crew.size))
        self._living = crew.size
        self._queue: deque[object] = deque()
        self._seconds_a_token: float | None = None
        self._change = threading.Condition()

    def begin(self) -> list[About]:
        """Let all workers load their models. Raises the error of one that cannot, WorkersGone if one dies."""
        tasks = [self._crew.about(worker.number) for worker in self._workers]
        abouts = []
        for worker, task in zip(self._workers, tasks, strict=True):
            about = self._loaded(worker, task)
            worker.place, worker.begun = about.place, True
            abouts.append(about)
        return abouts

    @property
    def living(self) -> int:
        """How many workers were not given up."""
        return self._living

    def _loaded(self, worker: _Worker, task: Task) -> About:
        """What a worker is that was asked. Raises WorkersGone, and what it replied."""
        if not self._crew.ready([task], FIRST_SECONDS):
            raise WorkersGone(f"{_name(worker)} did not answer in time.")
        try:
            answer = self._crew.answer(task)
        except Died as died:
            raise WorkersGone(
                f"{_name(worker)} {died.why} before it was ready. Check that it has memory, and that "
                "its node has opro-local of the same version."
            ) from None
        if isinstance(answer, OproError):
            raise answer
        assert isinstance(answer, About)
        return answer

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Done]]:
        """The places of jobs with what was done, as it comes.

        Raises WorkersGone where no worker is left, and the error that a worker replied with.
        """
        waiting = dict(enumerate(jobs))
        flights: dict[Task, _Flight] = {}
        try:
            while waiting or flights:
                self._hand_out(waiting, flights)
                for task in self._crew.ready(list(flights), LOOK_SECONDS):
                    flight = flights.pop(task)
                    done = self._landed(task, jobs[flight.place], flight)
                    if done is None:
                        waiting[flight.place] = jobs[flight.place]
                    else:
                        yield flight.place, done
                self._call_back(waiting, flights, jobs)
        finally:
            for flight in flights.values():  # the caller has left: what is under way is of no use
                self._lost(flight.worker, "was stopped", at_fault=False)

    def _hand_out(self, waiting: dict[int, Job], flights: dict[Task, _Flight]) -> None:
        """Give every free worker a job, and wait for one where none is at work for this caller."""
        while waiting:
            worker = self._taken(wait=not flights)
            if worker is None:
                return
            place = _best(waiting, worker)
            job = waiting.pop(place)
            worker.learn(job.prefix)
            with self._kept_on_error(worker):
                task = self._crew.run(worker.number, job)
            flights[task] = _Flight(place=place, worker=worker, due=self._clock() + self._limit(worker, job))

    def _taken(self, *, wait: bool) -> _Worker | None:
        """A worker that was free; None where there is none, and none is waited for. Raises WorkersGone.

        Callers that have no worker come before those that have one, in the order in which they asked.
        """
        with self._change:
            if wait:
                self._wait_for_turn()
            if not self._living:
                raise WorkersGone("No worker is left: each died three times in a row.")
            if not self._free or (self._queue and not wait):
                return None
            number = next(iter(self._free))
            del self._free[number]
            return self._workers[number]

    def _wait_for_turn(self) -> None:
        ticket = object()
        self._queue.append(ticket)
        try:
            self._change.wait_for(lambda: (self._free and self._queue[0] is ticket) or not self._living)
        finally:
            self._queue.remove(ticket)
            self._change.notify_all()

    def _landed(self, task: Task, job: Job, flight: _Flight) -> Done | None:
        """What a job came to, its worker free again; None if the worker died."""
        worker = flight.worker
        try:
            with self._kept_on_error(worker):
                answer = self._crew.answer(task)
        except Died as died:
            self._lost(worker, died.why)
            return None
        worker.begun, worker.deaths_in_row = True, 0
        self._release(worker)
        if isinstance(answer, OproError):
            raise answer
        assert isinstance(answer, Done)
        rate = answer.seconds / max(1, job.tokens)
        self._seconds_a_token = max(rate, 0.9 * (self._seconds_a_token or 0.0))
        workers = self._accounts(worker, requests=len(job.requests), done=answer)
        return replace(answer, effort=replace(answer.effort, workers=workers))

    def _accounts(self, worker: _Worker, *, requests: int, done: Done) -> tuple[WorkerStats, ...]:
        """Of all workers: what one of them has done, and deaths that nobody was told of."""
        with self._change:
            deaths = [each.deaths for each in self._workers]
            for each in self._workers:
                each.deaths = 0
        accounts = [
            WorkerStats(place=each.place, requests=0, tokens_run=0, seconds=0.0, deaths=died)
            for each, died in zip(self._workers, deaths, strict=True)
        ]
        accounts[worker.number] = replace(
            accounts[worker.number], requests=requests, tokens_run=done.tokens_run, seconds=done.seconds
        )
        return tuple(accounts)

    def _limit(self, worker: _Worker, job: Job) -> float:
        if not worker.begun or self._seconds_a_token is None:
            return FIRST_SECONDS
        return max(LEAST_SECONDS, TIMES_AS_LONG * self._seconds_a_token * job.tokens)

    def _call_back(self, waiting: dict[int, Job], flights: dict[Task, _Flight], jobs: Sequence[Job]) -> None:
        """Take jobs away from workers that are overdue."""
        now = self._clock()
        for task, flight in [item for item in flights.items() if item[1].due < now]:
            del flights[task]
            waiting[flight.place] = jobs[flight.place]
            self._crew.begin_anew(flight.worker.number)
            self._lost(flight.worker, "did not answer in time")

    def _lost(self, worker: _Worker, why: str, *, at_fault: bool = True) -> None:
        """A worker without its process: free again with a new one, or given up."""
        worker.begun = False
        worker.known.clear()
        if not at_fault:
            self._crew.begin_anew(worker.number)
            self._release(worker)
            return
        with self._change:
            worker.deaths += 1
        worker.deaths_in_row += 1
        if worker.deaths_in_row < MOST_DEATHS:
            self._tell(f"{_name(worker)} {why}; it is begun anew, its work goes to the next that is free")
            self._release_after(self._pause * 5 ** (worker.deaths_in_row - 1), worker)
            return
        self._tell(f"{_name(worker)} {why} for the third time in a row; it is given up")
        self._crew.give_up(worker.number)
        with self._change:
            self._living -= 1
            self._change.notify_all()

    @contextmanager
    def _kept_on_error(self, worker: _Worker) -> Iterator[None]:
        """A worker is free again where what it was asked failed here, it being none the worse for it."""
        try:
            yield
        except Died:
            raise
        except BaseException:
            self._release(worker)
            raise

    def _release_after(self, seconds: float, worker: _Worker) -> None:
        if not seconds:
            self._release(worker)
            return
        timer = threading.Timer(seconds, self._release, [worker])
        timer.daemon = True  # nobody waits for it who has left
        timer.start()

    def _release(self, worker: _Worker) -> None:
        with self._change:
            self._free[worker.number] = None
            self._change.notify_all()


def _best(waiting: dict[int, Job], worker: _Worker) -> int:
    """The place of the largest job that the worker knows the beginning of, else of the largest."""
    known = [place for place, job in waiting.items() if job.prefix in worker.known]
    return max(known or waiting, key=lambda place: (waiting[place].tokens, -place))


def _name(worker: _Worker) -> str:
    return f"worker {worker.number + 1} ({worker.place})"
