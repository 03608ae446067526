"""The processes that a pool hands jobs to, whatever they are made of."""

from collections.abc import Sequence
from typing import Any, Protocol

from opro_local.errors import OproError
from opro_local.workers.jobs import About, Done, Job

Task = Any
"""What a crew answers by; any object that may stand in a set."""


class Died(Exception):
    """The worker of a task died before it was done; why tells how, without what it worked on."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Crew(Protocol):
    """Processes that work, by number from 0. Tasks are what their answers are waited for by."""

    @property
    def size(self) -> int: ...
    def run(self, worker: int, job: Job) -> Task: ...
    def about(self, worker: int) -> Task: ...
    def ready(self, tasks: Sequence[Task], seconds: float) -> Sequence[Task]:
        """Those that have an answer, or never will, as soon as there is one; none after so many seconds."""
        ...

    def answer(self, task: Task) -> "Done | About | OproError":
        """What a ready task came to. Raises Died."""
        ...

    def begin_anew(self, worker: int) -> None:
        """End the process, if it has not ended, and begin another in its place."""
        ...

    def give_up(self, worker: int) -> None:
        """End the process for good."""
        ...
