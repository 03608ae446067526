"""A task of two labels and one of numbers, both without rows, and a prompt for them."""

from dataclasses import replace

from opro_local.config import SplitSettings
from opro_local.records import Candidate
from opro_local.tasks.task import Task

STAGES = Task(
    name="stages",
    examples=(),
    answer="label",
    labels=("seed", "series A"),
    description="",
    position="Q_begin",
    qa=None,
    metric="accuracy",
    split=SplitSettings(),
)
SUMS = replace(STAGES, answer="number", labels=())
CANDIDATE = Candidate(instruction="I")
