"""A result of a document, so that a test may change the one and look at the other."""

from typing import Any

from pydantic import TypeAdapter

from opro_local.results.result import ObjectiveResult, TaskResult

_TASK = TypeAdapter(TaskResult)
_OBJECTIVE = TypeAdapter(ObjectiveResult)


def task_result(document: dict[str, Any]) -> TaskResult:
    return _TASK.validate_python(document)


def objective_result(document: dict[str, Any]) -> ObjectiveResult:
    return _OBJECTIVE.validate_python(document)
