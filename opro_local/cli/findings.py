"""Findings in words: what a run proves and what it does not, for people who decide something on it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]


def headroom_line(found: Document) -> str:
    """Whether it matters on this task how the model is asked."""
    spread = f"{found['instructions']} very different prompts score {found['lowest']:.3f} to "
    spread += f"{found['highest']:.3f} on {found['rows']} train rows"
    if found["exists"]:
        return f"headroom: {spread}, more than chance would have it ({_p(found['p_value'])})"
    if found["p_value"] < 0.05:
        return f"no headroom seen: {spread}, a real difference but too small to be worth a search"
    return (
        f"no headroom seen: {spread}, which chance alone would do ({_p(found['p_value'])}); "
        "a search may find nothing but luck"
    )


def power_line(test_rows: int, minimum_detectable_gain: float | None) -> str:
    """What so many test rows buy."""
    if minimum_detectable_gain is None:
        return f"{test_rows} test rows are too few to tell any gain; label more rows"
    return (
        f"{test_rows} test rows tell a gain in accuracy of {minimum_detectable_gain:.0%} or more in four of "
        "five cases"
    )


def comparison_line(verdict: Document) -> str:
    """The winner beside one baseline."""
    comparison = verdict["comparison"]
    low, high = comparison["interval"]
    line = f"{verdict['word']}: {comparison['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
    line += f", {_p(verdict['adjusted_p'])}"
    rows = verdict["n_to_settle"]
    return f"{line}; about {rows:,} test rows would settle it" if rows is not None else line


def verdict_line(verdicts: Sequence[Document], *, won_by_baseline: bool = False) -> str:
    """All comparisons in one sentence; the winner may be one of the baselines itself."""
    if won_by_baseline:
        return "verdict: nothing that was found is better than the best of the baselines, which won"
    words = Counter(verdict["word"] for verdict in verdicts)
    if len(words) == 1:
        (word,) = words
        return f"verdict: {word}{PREPOSITION[word]} {_all(len(verdicts))}"
    parts = [f"{word}{PREPOSITION[word]} {words[word]}" for word in PREPOSITION if words[word]]
    return f"verdict: {', '.join(parts)} of {len(verdicts)} baselines"


PREPOSITION = {"better": " than", "no evidence of a gain": " over", "worse": " than"}


def _all(count: int) -> str:
    return "the baseline" if count == 1 else f"all {count} baselines"


def _p(value: float) -> str:
    return "p<0.001" if value < 0.001 else f"p={value:.3f}"


def selection_lines(document: Document) -> Iterator[str]:
    """How much was tried, how much of the best score is luck, and whether the winner hangs on a word."""
    selection = document["selection"]
    tried = f"{selection['candidates']} candidates tried"
    if selection["dropped"]:
        tried += f", {selection['dropped']} left their race early ({selection['pairs_saved']:,} pairs saved)"
    yield tried
    if selection["expected_best_if_equal"] is not None:
        yield (
            f"were they all as good as the winner is on test, the best would show "
            f"{selection['expected_best_if_equal']:.3f} on train by luck"
        )
    if selection["likelihood_agreement"] is not None:
        yield f"scores and likelihood of right answers agree by {selection['likelihood_agreement']:.2f} (tau)"
    values = [entry["value"] for entry in document["sensitivity"] if entry["value"] is not None]
    if values and document["validation"]:
        yield (
            f"{len(values)} near-paraphrases of it: {min(values):.3f} to {max(values):.3f} on validation, "
            f"where it has {document['validation']['value']:.3f}"
        )
    if document["style"]:
        yield _style(document["style"])
    if document["test_uses"]:
        yield f"these test rows have been used {document['test_uses']} times before: count on luck with them"


def frontier_line(frontier: Sequence[Document]) -> str:
    """How much accuracy more tokens a row have bought."""
    points = [
        f"{entry['prompt_tokens']:.0f} tokens {entry['value']:.3f}"
        for entry in frontier
        if entry["value"] is not None
    ]
    return f"prompt length and score on validation: {', '.join(points)}"


def proposer_lines(proposers: Sequence[Document]) -> Iterator[str]:
    """What each proposer brought."""
    yield "accepted of proposed, and the best on train:"
    for found in proposers:
        best = "-" if found["best"] is None else f"{found['best']:.3f}"
        line = f"  {found['proposer']:<16}  {found['accepted']:>3} of {found['proposals']:<3}  {best}"
        yield line + ("  has won" if found["won"] else "")


def _style(style: Document) -> str:
    fewest, most = style["words"]
    return (
        f"the best {style['instructions']} instructions have {fewest} to {most} words; "
        f"{style['questions']} are questions, {style['requests']} requests"
    )


def shown(instruction: str) -> str:
    return instruction.replace("\n", "\n  ") or "(empty)"


def difference_lines(found: Document) -> list[str]:
    """Two runs side by side."""
    lines = [f"{'':<28}  {found['runs'][0]:<24}  {found['runs'][1]}"]
    differing = [name for name in ("task", "metric") if found[name][0] != found[name][1]]
    lines += [_side_by_side(name, *found[name]) for name in differing]
    lines += [_side_by_side(name, *values) for name, values in found["settings"].items()]
    for split in ("train", "validation", "test"):
        values = [None if score is None else score["value"] for score in found[split]]
        lines.append(_side_by_side(split, *("-" if value is None else f"{value:.3f}" for value in values)))
    lines.append(_side_by_side("tokens", *(f"{usage['tokens']:,}" for usage in found["usage"])))
    for run, best in zip(found["runs"], found["best"], strict=True):
        lines += ["", f"best prompt of {run}:", f"  {_prompt(best)}"]
    compared = found["comparison"]
    if compared is None:
        return [
            *lines,
            "",
            "they have no test rows in common, or other labels or metrics: nothing to compare",
        ]
    rows = compared["comparison"]["n"]
    return [
        *lines,
        "",
        f"the second beside the first on {rows} test rows of both",
        f"  {comparison_line(compared)}",
    ]


def _side_by_side(name: str, one: object, other: object) -> str:
    return f"{name:<28}  {one!s:<24}  {other}"


def _prompt(best: Document | None) -> str:
    if best is None:
        return "nothing scored yet"
    if "instruction" not in best:
        return ", ".join(f"{number:g}" for number in best["solution"])
    shots = f" (with {len(best['shots'])} shots)" if best["shots"] else ""
    return f"{shown(best['instruction'])}{shots}"
