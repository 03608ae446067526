"""What a run on a mathematical objective found, beside what well-known methods find."""

import json
from collections.abc import Sequence
from typing import Any

from opro_local.problems.objectives import objective_class
from opro_local.results.proposals import ProposalRecord
from opro_local.store.header import RunHeader

Document = dict[str, Any]


def objective_findings(header: RunHeader, entries: Sequence[ProposalRecord]) -> Document:
    """solved_at is the first step with a solution that nothing can beat; explored counts different ones.

    gap is how much the best value exceeds the optimum, as a share of it; null where none is known.
    """
    objective = objective_class(header.kind).model_validate_json(header.problem_json)
    scored = [entry for entry in entries if entry.score is not None]
    values = [entry.score.value for entry in scored if entry.score is not None]
    solved = [e.step for e in scored if objective.solved_by(tuple(json.loads(e.solution or "[]")))]
    optimum, best = objective.optimum(), min(values, default=None)
    return {
        "settings": objective.model_dump(mode="json"),
        "optimum": optimum,
        "gap": (best - optimum) / optimum if optimum and best is not None else None,
        "solved_at": min(solved, default=None),
        "explored": len({entry.key for entry in scored}),
        "references": dict(objective.references()),
        "published": list(objective.published()),
    }
