"""What a run proves and what it does not, in sentences for people who decide something on it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from opro_local.results.overview import Effort, Measured, Overview
from opro_local.results.steps import best_start
from opro_local.results.trajectory import gain
from opro_local.results.words import counts_text, figure, p_text, score_text, with_interval

if TYPE_CHECKING:  # these take libraries of statistics, which a progress line can do without
    from opro_local.evidence.headroom import Headroom
    from opro_local.evidence.verdict import Verdict
    from opro_local.proposers.paraphrases import Wording
    from opro_local.results.findings import BaselineVerdict, HeadroomResult
    from opro_local.results.result import TaskResult

LENIENT = "graded leniently, as published: figures are too high; for comparison only"
PREPOSITION = {"better": " than", "no evidence of a gain": " over", "worse": " than"}


def state_line(run: Overview) -> str:
    return f"run {run.run}: {run.status} ({run.stop_reason or 'search not over'})"


def champion(run: Overview) -> str:
    """What the best solution is called: there is no winner before the end."""
    return "winner" if run.test or run.status == "finished" else "best so far"


def headroom_line(found: "Headroom | HeadroomResult") -> str:
    """Whether it matters on this task how the model is asked."""
    spread = f"{found.instructions} very different prompts score {found.lowest:.3f} to "
    spread += f"{found.highest:.3f} on {found.rows} train rows"
    if found.exists:
        return f"headroom: {spread}, more than chance would have it ({p_text(found.p_value)})"
    if found.p_value < 0.05:
        return f"no headroom seen: {spread}, a real difference but too small to be worth a search"
    return (
        f"no headroom seen: {spread}, which chance alone would do ({p_text(found.p_value)}); "
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


def comparison_line(verdict: "Verdict | BaselineVerdict") -> str:
    """A prompt beside another."""
    found = verdict.comparison
    line = f"{verdict.word}: {with_interval(found.difference, found.interval, signed=True)}"
    line += f", {p_text(verdict.adjusted_p)}"
    rows = verdict.n_to_settle
    return f"{line}; about {rows:,} test rows would settle it" if rows is not None else line


def verdict_line(verdicts: "Sequence[BaselineVerdict]", *, won_by_baseline: bool = False) -> str:
    """All comparisons in one sentence; the winner may be one of the baselines itself."""
    if won_by_baseline:
        return "verdict: nothing that was found is better than the best of the baselines, which won"
    words = Counter(verdict.word for verdict in verdicts)
    if len(words) == 1:
        (word,) = words
        return f"verdict: {word}{PREPOSITION[word]} {_all(len(verdicts))}"
    parts = [f"{word}{PREPOSITION[word]} {words[word]}" for word in words]
    return f"verdict: {', '.join(parts)} of {len(verdicts)} baselines"


def _all(count: int) -> str:
    return "the baseline" if count == 1 else f"all {count} baselines"


def run_verdict(run: "TaskResult") -> str:
    """The verdict of one run, at any time."""
    if run.test is None:
        return "verdict: not tested yet"
    won = any(run.best and baseline.key == run.best.key for baseline in run.baselines)
    if not won and not run.verdicts:
        return "verdict: there is nothing to compare with"
    return verdict_line(run.verdicts, won_by_baseline=won)


def gain_line(run: Overview) -> Iterator[str]:
    """How the winner compares on test with the start that is best on validation, as the winner is."""
    start = best_start(run)
    if run.test is None or run.test.value is None or start is None or start.value is None:
        return
    words = _gain(gain(run.test.value - start.value, run.direction))
    yield (
        f"{run.measure} on test: {start.value:.3f} with the best start, {run.test.value:.3f} "
        f"with the best prompt ({words}, n={run.test.n})"
    )


def _gain(difference: float) -> str:
    """In words, as for some metrics smaller is better."""
    size = f"{abs(difference):.3f}"
    if size == "0.000":
        return "no difference"
    return f"better by {size}" if difference > 0 else f"worse by {size}"


def selection_lines(run: "TaskResult") -> Iterator[str]:
    """How much was tried, how much of the best score is luck, and whether the winner hangs on a word."""
    selection = run.selection
    tried = f"{selection.candidates} candidates tried"
    if selection.dropped:
        tried += f", {selection.dropped} left their race early ({selection.pairs_saved:,} pairs saved)"
    yield tried
    if selection.expected_best_if_equal is not None:
        yield (
            f"were they all as good as the winner is on test, the best would show "
            f"{selection.expected_best_if_equal:.3f} on train by luck"
        )
    if selection.likelihood_agreement is not None:
        yield f"scores and likelihood of right answers agree by {selection.likelihood_agreement:.2f} (tau)"
    values = [entry.value for entry in run.sensitivity if entry.value is not None]
    if values and run.validation:
        yield (
            f"{len(values)} near-paraphrases of it: {min(values):.3f} to {max(values):.3f} on validation, "
            f"where it has {figure(run.validation.value)}"
        )
    if run.style:
        yield _style(run.style)
    if run.test_uses:
        yield f"these test rows have been used {run.test_uses} times before: count on luck with them"
    if run.frontier:
        yield frontier_line(run.frontier)


def frontier_line(frontier: Sequence[Measured]) -> str:
    """How much accuracy more tokens a row have bought."""
    points = [f"{e.prompt_tokens:.0f} tokens {e.value:.3f}" for e in frontier if e.value is not None]
    return f"prompt length and score on validation: {', '.join(points)}"


def _style(style: "Wording") -> str:
    fewest, most = style.words
    return (
        f"the best {style.instructions} instructions have {fewest} to {most} words; "
        f"{style.questions} are questions, {style.requests} requests"
    )


def tried_lines(run: Overview) -> list[str]:
    return [
        f"rejected proposals: {counts_text(run.rejected)}",
        f"examples without an answer: {counts_text(run.unanswered)}",
    ]


def cost_lines(run: Overview) -> list[str]:
    usage, timing = run.usage, run.timing
    return [
        f"{usage.pairs:,} scored pairs, {usage.tokens:,} tokens, {timing.seconds:.0f} s",
        *[_effort_line(effort) for effort in timing.scorer if effort.efficiency is not None],
    ]


def _effort_line(effort: Effort) -> str:
    """How near the scorer came to what this machine could do at best."""
    kept = effort.stored_prefix_tokens / max(1, effort.prefix_tokens)
    return (
        f"scorer, level {effort.level}: {effort.efficiency:.0%} of this machine's limit; "
        f"{effort.tokens_run:,} tokens run, {effort.least_tokens:,} were needed; "
        f"{kept:.0%} of shared tokens were kept from before"
    )


def fold_line(run: "TaskResult") -> str:
    assert run.test is not None and run.best is not None
    return f"fold {run.run}  {score_text(run.test)}"
