"""A crew in this process, as strict as one of processes: what is sent and answered goes through pickle."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from opro_local.errors import OproError
from opro_local.workers.crew import Died
from opro_local.workers.holder import ModelHolder, OpenModels
from opro_local.workers.jobs import About, Done, Job


@dataclass(eq=False)
class Sent:
    """What a worker was asked, and the process that it was asked of."""

    worker: int
    life: int
    work: Callable[[ModelHolder], object]


@dataclass
class PickledCrew:
    """Workers that answer in the order in which pick names them, of those under way.

    dies and hangs say of the n-th job that is begun whether its worker dies on it, or never answers. A worker
    that died has its models to load again, and as with Ray what it is asked within away seconds fails.
    """

    open_models: OpenModels
    size: int = 2
    pick: Callable[[int], int] = lambda _count: 0
    dies: Callable[[int], bool] = lambda _job: False
    hangs: Callable[[int], bool] = lambda _job: False
    away: float = 0.0
    loads: int = 0
    begun: list[tuple[int, Job]] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._holders = [self._holder() for _ in range(self.size)]
        self._lives = [0] * self.size
        self._back = [0.0] * self.size
        self._doomed: set[Sent] = set()
        self._stuck: set[Sent] = set()

    def run(self, worker: int, job: Job) -> Sent:
        assert worker not in self.given_up
        number = len(self.begun)
        self.begun.append((worker, job))
        kept = pickle.dumps(job)
        task = self._sent(worker, lambda holder: holder.run(pickle.loads(kept)))
        if self.dies(number) or monotonic() < self._back[worker]:
            self._doomed.add(task)
        if self.hangs(number):
            self._stuck.add(task)
        return task

    def about(self, worker: int) -> Sent:
        return self._sent(worker, ModelHolder.about)

    def ready(self, tasks: Sequence[Sent], seconds: float) -> Sequence[Sent]:
        able = [task for task in tasks if task not in self._stuck or task.life < self._lives[task.worker]]
        return [able[self.pick(len(able)) % len(able)]] if able else []

    def answer(self, task: Sent) -> Done | About | OproError:
        if task in self._doomed and task.life == self._lives[task.worker]:
            self.begin_anew(task.worker)
        if task.life < self._lives[task.worker]:
            raise Died("died")
        answer: Done | About | OproError = pickle.loads(pickle.dumps(task.work(self._holders[task.worker])))
        return answer

    def begin_anew(self, worker: int) -> None:
        self._lives[worker] += 1
        self._back[worker] = (
            monotonic() + self.away if monotonic() >= self._back[worker] else self._back[worker]
        )
        self._holders[worker] = self._holder()

    def give_up(self, worker: int) -> None:
        self._lives[worker] += 1
        self.given_up.append(worker)

    def _sent(self, worker: int, work: Callable[[ModelHolder], object]) -> Sent:
        return Sent(worker, self._lives[worker], work)

    def _holder(self) -> ModelHolder:
        def counted() -> object:
            self.loads += 1
            return self.open_models()

        return ModelHolder(counted)  # type: ignore[arg-type]
