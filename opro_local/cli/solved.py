"""The result of runs on mathematical problems in words."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

Document = Mapping[str, Any]


def solved_lines(document: Document) -> list[str]:
    """The best solution first, beside what other methods find."""
    best, found, metric = document["best"], document["objective"], document["metric"]
    lines = [f"run {document['run']}: {document['status']} ({document['stop_reason'] or 'search not over'})"]
    if best is None:
        return lines
    lines += ["", f"best solution: {_numbers(best['solution'])}, found in step {best['step']}"]
    lines.append(f"  {metric:<20}  {_value(document['train']['value'])}")
    others = dict(found["references"])
    if found["optimum"] is not None:
        others["optimum"] = found["optimum"]
    lines += [f"  {name:<20}  {_value(value)}" for name, value in others.items()]
    lines += [f"  {'gap to the optimum':<20}  {found['gap']:.1%}"] if found["gap"] is not None else []
    return [*lines, "", _solved_line(document), *_count_lines(document)]


def repeats_document(documents: Sequence[Document]) -> dict[str, Any]:
    """Means and deviations over runs; steps only of those that solved the problem."""
    found = [document["objective"] for document in documents]
    steps = [entry["solved_at"] for entry in found if entry["solved_at"] is not None]
    gaps = [entry["gap"] for entry in found if entry["gap"] is not None]
    return {
        "repeats": len(documents),
        "solved": len(steps),
        "steps": _spread(steps),
        "explored": _spread([entry["explored"] for entry in found]),
        "gap": _spread(gaps),
        "published": found[0]["published"],
    }


def repeats_lines(documents: Sequence[Document]) -> list[str]:
    summary = repeats_document(documents)
    lines = [f"{summary['solved']} of {summary['repeats']} runs solved the problem"]
    if summary["steps"]:
        lines.append(f"  steps until then      {_plus_minus(summary['steps'])}")
    lines.append(f"  different solutions   {_plus_minus(summary['explored'])}")
    if summary["gap"]:
        lines.append(f"  gap to the optimum    {_plus_minus(summary['gap'], 100)} %")
    return lines + [f"  published             {line}" for line in summary["published"]]


def _solved_line(document: Document) -> str:
    step = document["objective"]["solved_at"]
    return "not solved" if step is None else f"solved in step {step}"


def _count_lines(document: Document) -> list[str]:
    usage, proposals = document["usage"], [p for step in document["steps"] for p in step["proposals"]]
    rejected = ", ".join(f"{reason} {n}" for reason, n in document["rejected"].items()) or "none"
    return [
        f"{usage['steps']} steps, {len(proposals)} proposals, {document['objective']['explored']} different "
        "solutions (the starting ones included)",
        f"rejected proposals: {rejected}",
        f"{usage['tokens']:,} tokens, {document['timing']['seconds']:.0f} s",
    ]


def _spread(values: Sequence[float]) -> dict[str, float | None] | None:
    """Mean and sample deviation; the deviation of one value is not known."""
    if not values:
        return None
    return {"mean": mean(values), "deviation": stdev(values) if len(values) > 1 else None}


def _plus_minus(spread: Mapping[str, float | None], scale: float = 1) -> str:
    centre, deviation = spread["mean"], spread["deviation"]
    assert centre is not None
    return f"{scale * centre:.1f}" + ("" if deviation is None else f" ± {scale * deviation:.1f}")


def _numbers(solution: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in solution)


def _value(value: float | None) -> str:
    return "not finite" if value is None else f"{value:,.2f}"
