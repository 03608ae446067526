"""placeholder until merge"""

from collections.abc import Sequence
from dataclasses import dataclass

from opro_local.llm import Engine
from opro_local.tasks.task import Task


@dataclass(frozen=True)
class Guard:
    engine: Engine

    @classmethod
    def of(cls, engine: Engine, task: Task) -> "Guard":
        return cls(engine)

    def reasons(self, texts: Sequence[str], earlier: Sequence[str]) -> list[str | None]:
        return [None for _ in texts]
