"""runs list, show and diff: what finished and unfinished runs say; no model is loaded."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from opro_local.cli.findings import (
    comparison_line,
    difference_lines,
    frontier_line,
    headroom_line,
    proposer_lines,
    selection_lines,
    shown,
    verdict_line,
)
from opro_local.cli.output import emit_json, emit_json_lines, form_of, json_option, say, write_output
from opro_local.cli.solved import solved_lines
from opro_local.config import Folders
from opro_local.errors import SettingsError, StoreError

Document = dict[str, Any]

LEAST_PROPOSERS = 2
"""The starts and one proposer: then there is nothing to compare."""
LENIENT = "graded leniently, as published: figures are too high; for comparison only"


@click.group("runs")
def runs() -> None:
    """Look at runs."""


@runs.command("list")
@json_option
@click.pass_obj
def list_runs(folders: Folders, as_json: bool) -> None:
    """List all runs, the latest last."""
    documents = [document for _, document in _readable(_run_files(folders.runs))]
    if as_json:
        emit_json_lines(_summary(document) for document in documents)
        return
    for document in documents:
        fields = _summary(document)
        say(
            f"{fields['run']}  {fields['status']:<10}  {fields['task']:<20}  test {figure(fields['test'])}"
            + ("  graded leniently" if fields["grading"] == "official" else "")
        )


@runs.command("show")
@click.argument("name", metavar="[RUN]", required=False)
@json_option
@click.pass_obj
def show(folders: Folders, name: str | None, as_json: bool) -> None:
    """Show the result of a run: RUN is its id or file, the latest one if not given."""
    show_result(find_run(folders.runs, name), as_json=as_json)


@runs.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="OTHER")
@json_option
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page instead, or md, json, csv, xlsx.",
)
@click.pass_obj
def diff(folders: Folders, first: str, second: str, as_json: bool, output: Path | None) -> None:
    """Compare two runs: settings, prompts, scores, and whether OTHER has found a better prompt than RUN."""
    from opro_local.results.difference import run_difference

    found = run_difference(find_run(folders.runs, first), find_run(folders.runs, second))
    if output is not None:
        from opro_local.report.forms import difference_in_form

        write_output(output, difference_in_form(found, form_of(output)))
    elif as_json:
        emit_json(found)
    else:
        say("\n".join(difference_lines(found)))


def find_run(folder: Path, name: str | None, *, unfinished: bool = False) -> Path:
    """The file of a run, by id or path; without a name the latest readable one, or unfinished one.

    Raises SettingsError.
    """
    if name is None:
        return _latest(folder, unfinished=unfinished)
    for path in (folder / f"{name}.sqlite", Path(name)):
        if path.is_file():
            return path
    raise SettingsError(f"No run {name!r} in {folder}. See: opro-local runs list")


def _latest(folder: Path, *, unfinished: bool) -> Path:
    files = _run_files(folder)
    if not files:
        raise SettingsError(f"No runs in {folder} yet. Start one with: opro-local run")
    for path, document in _readable(reversed(files)):
        if not unfinished or document["status"] != "finished":
            return path
    kind = "unfinished" if unfinished else "readable"
    raise SettingsError(f"No {kind} run in {folder}. See: opro-local runs list")


def show_result(path: Path, *, as_json: bool) -> None:
    """Print a run's document, or the answer in words."""
    document = run_document(path)
    if as_json:
        emit_json(document)
    else:
        lines = result_lines if document["kind"] == "task" else solved_lines
        say("\n".join(lines(document)))


def show_folds(paths: Sequence[Path], *, as_json: bool) -> None:
    """Print what runs on all folds of a table prove together."""
    from opro_local.results.findings import pooled_verdicts

    documents, verdicts = [run_document(path) for path in paths], pooled_verdicts(paths)
    if as_json:
        emit_json({"folds": documents, "verdicts": verdicts})
        return
    tested = [document for document in documents if document["test"]]
    for document in documents:
        if document not in tested:
            say("\n".join(result_lines(document)))
    for document in tested:
        say(
            _score_line(f"fold {document['run']}", document["test"])
            + f"  {shown(document['best']['instruction'])}"
        )
    rows = sum(document["test"]["n"] for document in tested)
    say(f"\nthe winners of {len(tested)} searches on {rows} rows, each tested once")
    for verdict in verdicts:
        say(f"  {comparison_line(verdict)}  {shown(verdict['instruction'])}")
    if verdicts:
        say(verdict_line(verdicts))


def result_lines(document: Document) -> list[str]:
    """The answer first: the best instruction, how good it is, beside what it is compared with."""
    best = document["best"]
    if best is None:
        return [
            f"run {document['run']}: {document['stop_reason'] or 'nothing scored yet'}",
            *_headroom(document),
        ]
    metric = document["metric"]
    lines = [f"run {document['run']}: {document['status']} ({document['stop_reason'] or 'search not over'})"]
    lines += ["", "best prompt:", f"  {shown(best['instruction'])}"]
    if best["shots"]:
        lines.append(f"  with {len(best['shots'])} shots: {', '.join(shot['id'] for shot in best['shots'])}")
    lines += ["", f"{metric} (95 % interval)"]
    lines += [LENIENT] if document["task"].get("grading") == "official" else []
    lines += [_score_line(name, document[name]) for name in ("train", "validation", "test") if document[name]]
    verdicts = {verdict["instruction"]: verdict for verdict in document["verdicts"]}
    for baseline in document["baselines"]:
        lines.append(_score_line("test, baseline", baseline) + f"  {shown(baseline['instruction'])}")
        if baseline["instruction"] in verdicts:
            lines.append(f"                  {comparison_line(verdicts[baseline['instruction']])}")
    lines += ["", *_gain_lines(document), *selection_lines(document), *_count_lines(document)]
    lines += [frontier_line(document["frontier"])] if document["frontier"] else []
    lines += proposer_lines(document["proposers"]) if len(document["proposers"]) > LEAST_PROPOSERS else []
    won = any(baseline["key"] == best["key"] for baseline in document["baselines"])
    lines += [verdict_line(document["verdicts"], won_by_baseline=won)] if verdicts else []
    return [*lines, *_headroom(document)]


def _headroom(document: Document) -> list[str]:
    """Said last where there is none: then the rest counts for little."""
    found = document["headroom"]
    return [headroom_line(found)] if found and not found["exists"] else []


def _score_line(name: str, score: Document) -> str:
    low, high = score["interval"] or (None, None)
    interval = "" if low is None else f"  [{low:.3f}, {high:.3f}]"
    return f"  {name:<14}  {figure(score['value'])}{interval}  n={score['n']}"


def figure(value: float | None) -> str:
    return "not available" if value is None else f"{value:.3f}"


def _gain_lines(document: Document) -> list[str]:
    """How the winner compares on test with the start that is best on validation, as the winner is."""
    sign = 1 if document["direction"] == "maximize" else -1
    keys = {p["key"] for step in document["steps"][:1] for p in step["proposals"]}
    starts = [f for f in document["finalists"] if f["key"] in keys and f["value"] is not None]
    if document["test"] is None or not starts:
        return []
    chosen = max(starts, key=lambda finalist: sign * finalist["value"])["key"]
    start = next((b["value"] for b in document["baselines"] if b["key"] == chosen), None)
    value = document["test"]["value"]
    if start is None or value is None:
        return []
    return [
        f"{document['metric']} on test: {start:.3f} with the best start, {value:.3f} "
        f"with the best prompt ({_gain(sign * (value - start))}, n={document['test']['n']})"
    ]


def _gain(difference: float) -> str:
    """In words, as for some metrics smaller is better."""
    size = f"{abs(difference):.3f}"
    if size == "0.000":
        return "no difference"
    return f"better by {size}" if difference > 0 else f"worse by {size}"


def _count_lines(document: Document) -> list[str]:
    usage, timing = document["usage"], document["timing"]
    rejected = ", ".join(f"{reason} {count}" for reason, count in document["rejected"].items()) or "none"
    unanswered = ", ".join(f"{reason} {count}" for reason, count in document["unanswered"].items()) or "none"
    return [
        f"rejected proposals: {rejected}",
        f"examples without an answer: {unanswered}",
        f"{usage['pairs']:,} scored pairs, {usage['tokens']:,} tokens, {timing['seconds']:.0f} s",
        *[_effort_line(effort) for effort in timing["scorer"] if effort["efficiency"] is not None],
    ]


def _effort_line(effort: Document) -> str:
    """How near the scorer came to what this machine could do at best."""
    kept = effort["stored_prefix_tokens"] / max(1, effort["prefix_tokens"])
    return (
        f"scorer, level {effort['level']}: {effort['efficiency']:.0%} of this machine's limit; "
        f"{effort['tokens_run']:,} tokens run, {effort['least_tokens']:,} were needed; "
        f"{kept:.0%} of shared tokens were kept from before"
    )


def _summary(document: Document) -> Document:
    return {
        "run": document["run"],
        "status": document["status"],
        "task": document["task"].get("name", document["kind"]),
        "created": document["timing"]["created"],
        "metric": document["metric"],
        "grading": document["task"].get("grading", "strict"),
        "test": document["test"] and document["test"]["value"],
    }


def _readable(paths: Iterable[Path]) -> Iterator[tuple[Path, Document]]:
    """The overviews of the files that hold a run; a word on stderr about each that does not."""
    from opro_local.results.document import run_overview

    for path in paths:
        try:
            yield path, run_overview(path)
        except StoreError as error:
            say(f"note: {error}", err=True)


def _run_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.sqlite") if path.name != "cache.sqlite")


def run_document(path: Path, *, outcomes: bool = False) -> Document:
    """All that a run file says. Raises StoreError."""
    from opro_local.results import document

    return document.run_document(path, outcomes=outcomes)
