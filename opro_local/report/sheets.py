"""The content of a report as tables, for the forms that have neither pictures nor a page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opro_local.report.charts import charts, two_searches
from opro_local.report.content import (
    SPLITS,
    best_text,
    candidate_rows,
    caution,
    champion,
    differing,
    flips_of_start,
    solution_text,
    verdict_words,
    winner_diff,
)
from opro_local.report.ready_prompt import in_use

Document = Mapping[str, Any]
Cells = Sequence[object]
FIGURES = ("score", "low", "high", "n")
GAIN = ("gain", "gain low", "gain high", "p")
PROPOSER = ("proposer", "proposals", "accepted", "dropped", "records", "best", "won")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A title of at most 31 characters, columns and rows; a cell is text, a number or None."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Cells]


def sheets(document: Document) -> Iterator[Sheet]:
    """Everything that the page of a run shows, in its order; a part that the run lacks is left out."""
    yield Sheet(title="The answer", columns=("", ""), rows=list(_answer(document)))
    if document["kind"] == "task":
        yield Sheet(
            title="Scores",
            columns=("prompt", "rows", *FIGURES, "winner beside it", *GAIN),
            rows=list(_scores(document)),
        )
    for chart in charts(document):
        yield Sheet(title=chart.title, columns=chart.columns, rows=chart.rows)
    yield from _filled(
        "What changed", ("change", "words"), [(w.change, w.text) for w in winner_diff(document)]
    )
    yield from _flips(document)
    yield from _confusion(document)
    yield _candidates(document)
    yield from _filled("Rejected", ("reason", "proposals"), list(document["rejected"].items()))
    proposers = [[row[name] for name in PROPOSER] for row in document["proposers"]]
    yield from _filled("By proposer", PROPOSER, proposers)
    paraphrases = [(entry["instruction"], *_figures(entry)) for entry in document["sensitivity"]]
    yield from _filled("Said a little differently", ("instruction", *FIGURES), paraphrases)
    heads = ("step", "tokens read", "tokens written", "meta-prompt")
    yield from _filled("What the optimizer read", heads, list(_meta_prompts(document)))
    yield Sheet(title="What it took", columns=("", ""), rows=list(_cost(document)))
    yield Sheet(title="Settings and versions", columns=("", ""), rows=list(_settings(document)))


def difference_sheets(found: Document) -> Iterator[Sheet]:
    """Everything that the page of a run_difference shows."""
    runs = found["runs"]
    yield Sheet(title="Which found the better prompt", columns=("", ""), rows=list(_compared(found)))
    scores = [(split, run, *_figures(score)) for split in SPLITS for run, score in _of_runs(found, split)]
    yield Sheet(title="Scores", columns=("rows", "run", *FIGURES), rows=scores)
    best = [(run, best_text(best)) for run, best in zip(runs, found["best"], strict=True)]
    yield Sheet(title="What they found", columns=("run", "best"), rows=best)
    for chart in two_searches(found):
        yield Sheet(title=chart.title, columns=chart.columns, rows=chart.rows)
    if found["flips"]:
        yield from _flipped("Only the second is right", found["flips"]["fixed"], "second", "first")
        yield from _flipped("Only the first is right", found["flips"]["broken"], "second", "first")
    settings = [(name, *map(str, values)) for name, values in differing(found)]
    yield from _filled("Settings that differ", ("setting", *runs), settings)
    costs = [(name, *(usage[name] for usage in found["usage"])) for name in ("pairs", "tokens")]
    yield Sheet(title="What they took", columns=("amount", *runs), rows=costs)


def _compared(found: Document) -> Iterator[Cells]:
    yield "the second beside the first", " beside ".join(reversed(found["runs"]))
    if found["comparison"] is None:
        yield "verdict", "nothing to compare"
        return
    compared = found["comparison"]["comparison"]
    yield "verdict", found["comparison"]["word"]
    yield "difference", compared["difference"]
    yield from zip(("low", "high"), compared["interval"], strict=True)
    yield "p", found["comparison"]["adjusted_p"]
    yield "test rows of both", compared["n"]


def _of_runs(found: Document, split: str) -> Iterator[tuple[str, Document]]:
    both = zip(found["runs"], found[split], strict=True)
    return ((run, score) for run, score in both if score is not None)


def _filled(title: str, columns: Sequence[str], rows: Sequence[Cells]) -> Iterator[Sheet]:
    if rows:
        yield Sheet(title=title, columns=columns, rows=rows)


def _answer(document: Document) -> Iterator[Cells]:
    yield "run", document["run"]
    reason = document["stop_reason"]
    yield "state", f"{document['status']} ({reason})" if reason else document["status"]
    best = document["best"]
    if best is None:
        return
    if document["kind"] != "task":
        yield "best solution", solution_text(best["solution"])
        yield document["metric"], document["train"]["value"]
        yield from document["objective"]["references"].items()
        yield "optimum", document["objective"]["optimum"]
        yield "solved in step", document["objective"]["solved_at"]
        yield from (("published", line) for line in document["objective"]["published"])
        return
    yield "best instruction", best["instruction"] or "(empty)"
    for shot in best["shots"]:
        yield "shot", f"{shot['text']} -> {shot['target']}"
    yield "whole prompt", in_use(document, "prompt")
    yield "verdict", verdict_words(document)
    if words := caution(document):
        yield "caution", words


def _scores(document: Document) -> Iterator[Cells]:
    """On test first, beside the baselines."""
    if document["test"]:
        yield "winner", "test", *_figures(document["test"]), *_beside(None)
    verdicts = {verdict["instruction"]: verdict for verdict in document["verdicts"]}
    for baseline in document["baselines"]:
        prompt = baseline["instruction"] or "(empty)"
        yield prompt, "test", *_figures(baseline), *_beside(verdicts.get(baseline["instruction"]))
    for split in ("validation", "train"):
        if document[split]:
            yield champion(document), split, *_figures(document[split]), *_beside(None)


def _beside(verdict: Document | None) -> Cells:
    """The word, and what GAIN names."""
    if verdict is None:
        return (None,) * (1 + len(GAIN))
    compared = verdict["comparison"]
    return (verdict["word"], compared["difference"], *compared["interval"], verdict["adjusted_p"])


def _figures(score: Document) -> Cells:
    return (score["value"], *(score["interval"] or (None, None)), score["n"])


def _flips(document: Document) -> Iterator[Sheet]:
    flipped = flips_of_start(document)
    if flipped:
        yield from _flipped("Rows that it has fixed", flipped["fixed"], "winner", "baseline")
        yield from _flipped("Rows that it has broken", flipped["broken"], "winner", "baseline")


def _flipped(title: str, rows: Sequence[Document], ours: str, theirs: str) -> Iterator[Sheet]:
    names = ("id", "text", "target", "winner", "baseline", "winner_margin", "baseline_margin")
    heads = ("row", "text", "right answer", f"{ours} said", f"{theirs} said")
    margins = (f"{ours}'s margin", f"{theirs}'s margin")
    yield from _filled(title, (*heads, *margins), [[row[name] for name in names] for row in rows])


def _confusion(document: Document) -> Iterator[Sheet]:
    found = (document["test"] or {}).get("confusion")
    if found:
        rows = [(label, *counts) for label, counts in zip(found["labels"], found["rows"], strict=True)]
        columns = ("right label", *found["labels"], "no answer")
        yield Sheet(title="Which labels it mixes up", columns=columns, rows=rows)


def _candidates(document: Document) -> Sheet:
    names = ("step", "by", "origin", "text", "shots", "train", "rows", "validation", "test", "fate")
    heads = ("step", "by", "proposer", "proposal", "shots", "train", "train rows", *names[-3:])
    rows = [[getattr(row, name) for name in names] for row in candidate_rows(document)]
    return Sheet(title="Candidates", columns=heads, rows=rows)


def _meta_prompts(document: Document) -> Iterator[Cells]:
    for step in document["steps"]:
        if step["meta_prompt"]:
            yield step["number"], step["prompt_tokens"], step["generated_tokens"], step["meta_prompt"]


def _cost(document: Document) -> Iterator[Cells]:
    yield from document["usage"].items()
    yield "seconds", round(document["timing"]["seconds"])
    for effort in document["timing"]["scorer"]:
        yield from ((f"scorer {name}", value) for name, value in effort.items())


def _settings(document: Document) -> Iterator[Cells]:
    yield "created", document["timing"]["created"]
    yield "data", document["data_digest"]
    for model in document["models"]:
        yield from (
            (f"{model['role']} {name}", model[name]) for name in ("name", "numerics", "digest", "source")
        )
    yield from document["versions"].items()
    for group, values in document["settings"].items():
        for name, value in values.items():
            yield f"{group}.{name}", value if isinstance(value, str | int | float) else json.dumps(value)
