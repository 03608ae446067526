"""What a run proves and what it does not, in sentences for people who decide something on it."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from opro_local.evidence.judge_record import Correlation, JudgeRecord
from opro_local.results.overview import Overview
from opro_local.results.steps import best_start
from opro_local.results.trajectory import gain
from opro_local.results.words import counts_text, figure, p_text, with_interval
from opro_local.wording import counted, quoted

if TYPE_CHECKING:  # these take libraries of statistics, which a progress line can do without
    from opro_local.evidence.headroom import Headroom
    from opro_local.evidence.verdict import Verdict
    from opro_local.proposers.paraphrases import Wording
    from opro_local.results.findings import BaselineVerdict, Echoes, HeadroomResult
    from opro_local.results.most_common import MostCommon
    from opro_local.results.result import TaskResult

LENIENT = "official grading (lenient): scores are too high, to be compared with published ones only"
NAMED_ROWS = 5
OFTEN_CUT = 10
"""One of so many replies that is cut off is often."""
PREPOSITION = {"better": " than", "no evidence of a gain": " over", "worse": " than"}


def state_line(run: Overview) -> str:
    return f"run {run.run}: {run.status} ({run.stop_reason or 'search not over'})"


def champion(run: Overview) -> str:
    """What the best solution is called: there is no winner before the end."""
    return "winner" if run.test or run.status == "finished" else "best so far"


def headroom_line(found: "Headroom | HeadroomResult") -> str:
    """Whether it matters on this task how the model is asked."""
    spread = f"{found.instructions} very different prompts score {found.lowest:.3f} to "
    spread += f"{found.highest:.3f} in {found.measure} on {found.rows} train rows"
    if found.exists:
        return f"headroom: {spread}, a wider spread than chance gives ({p_text(found.p_value)})"
    if found.p_value < 0.05:
        return f"no headroom seen: {spread}, a spread beyond chance but too small to be worth a search"
    return (
        f"no headroom seen: {spread}, no wider spread than chance gives ({p_text(found.p_value)}); "
        "expect no gain from a search"
    )


def left_out_line(ids: Sequence[str], context: int) -> str:
    """Rows that no prompt can ask about."""
    shown = ", ".join(ids[:NAMED_ROWS]) + (", ..." if len(ids) > NAMED_ROWS else "")
    return (
        f"left out: {counted(len(ids), 'row')} longer than the scorer's context of {context:,} tokens, "
        f"prompt and answer included ({shown})"
    )


def power_line(test_rows: int, minimum_detectable_gain: float | None, metric: str) -> str:
    """The minimum detectable effect of a comparison on so many test rows, as of problem.Estimate."""
    if minimum_detectable_gain is None:
        return (
            f"what gain in {metric} {test_rows} test rows can show depends on how far answers differ: "
            "verdicts name the rows needed"
        )
    about = f"({test_rows} test rows, 80 % power)"
    if math.isinf(minimum_detectable_gain):
        return f"no gain in {metric} is detectable {about}: label more rows"
    return f"minimum detectable gain {100 * minimum_detectable_gain:.0f} points of {metric} {about}"


def comparison_line(verdict: "Verdict | BaselineVerdict | MostCommon") -> str:
    """A prompt beside another."""
    found = verdict.comparison
    line = f"{verdict.word}: gain {with_interval(found.difference, found.interval, signed=True)}"
    line += f", one-sided {p_text(verdict.adjusted_p)}, n={found.n}"
    if verdict.word == "no evidence of a gain" and found.few_decide:
        return f"{line}; it hangs on few rows"
    rows = verdict.n_to_settle
    return f"{line}; about {rows:,} test rows would detect such a gain (80 % power)" if rows else line


def verdict_line(verdicts: "Sequence[BaselineVerdict]", *, won_by_baseline: bool = False) -> str:
    """All comparisons in one sentence; the winner may be one of the baselines itself, beside the others."""
    if not won_by_baseline:
        return f"verdict: {_compared(verdicts, 'baseline')}"
    line = "verdict: the search found nothing better: the winner is itself one of the baselines"
    return f"{line}; {_compared(verdicts, 'other baseline')}" if verdicts else line


def _compared(verdicts: "Sequence[BaselineVerdict]", others: str) -> str:
    words = Counter(verdict.word for verdict in verdicts)
    if len(words) == 1:
        (word,) = words
        return f"{word}{PREPOSITION[word]} {_all(len(verdicts), others)} {_tested(verdicts)}"
    parts = [f"{word}{PREPOSITION[word]} {words[word]}" for word in words]
    return f"{', '.join(parts)} of {len(verdicts)} {others}s {_tested(verdicts)}"


def _tested(verdicts: "Sequence[BaselineVerdict]") -> str:
    correction = ", Holm-corrected" if len(verdicts) > 1 else ""
    return f"(one-sided paired tests, n={verdicts[0].comparison.n} test rows{correction})"


def _all(count: int, others: str) -> str:
    return f"the {others}" if count == 1 else f"all {count} {others}s"


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
        f"{run.measure} on test (n={run.test.n}): {start.value:.3f} with the start that validation prefers, "
        f"{run.test.value:.3f} with the best prompt: {words}"
    )


def most_common_line(run: "TaskResult") -> Iterator[str]:
    """Whether the winner is worth more than saying one thing to every row."""
    found = run.most_common
    if found is not None:
        yield (
            f"always {quoted(found.answer)}, chosen on train: {run.measure} on test "
            f"{with_interval(found.value, found.interval)}; the winner beside it: {comparison_line(found)}"
        )


def _gain(difference: float) -> str:
    """In words, as for some metrics smaller is better."""
    size = f"{abs(difference):.3f}"
    if size == "0.000":
        return "no difference"
    return f"better by {size}" if difference > 0 else f"worse by {size}"


def calibration_line(run: "TaskResult") -> Iterator[str]:
    """That a score needs its calibration, and what it is without."""
    plain, held, biases = run.answering.uncalibrated, run.test, run.answering.biases
    if biases or plain:
        line = "calibrated: "
        line += "each label's log-probability has a bias added" if biases else run.answering.reading
        if plain and held:
            line += f"; {run.measure} on test is {with_interval(held.value, held.interval)} "
            line += f"with {'the biases' if biases else 'this'}, "
            line += f"{with_interval(plain.value, plain.interval)} without"
        yield line


def judge_lines(
    judge: JudgeRecord, length: Correlation | None = None, echoes: "Echoes | None" = None
) -> Iterator[str]:
    """Who graded, how far a person agrees, and what length and repeating the row have to do with it."""
    yield f"replies are graded from 1 to 5 by {judge.model}, each by itself; scores go from 0 to 1"
    if judge.is_scorer:
        yield "the judge is the model that writes the replies: it may like its own; --judge names another"
    yield _agreement_line(judge)
    if length:
        yield (
            f"length bias: rank correlation of score and length of a reply "
            f"{with_interval(length.value, length.interval, signed=True)} "
            f"(Spearman, the winner's {length.n} test replies)"
        )
    if echoes and echoes.count:
        yield (
            f"{echoes.count} of the winner's {echoes.n} test replies repeat their row, mean score "
            f"{figure(echoes.score)}: is that what the rubric wants?"
        )


def _agreement_line(judge: JudgeRecord) -> str:
    found = judge.agreement
    if found is None:
        return "the judge was never measured beside a person (--judge-kappa 0): its scores may mean nothing"
    line = (
        f"the judge beside a person, {found.n} replies: kappa "
        f"{with_interval(found.kappa, found.interval)} (quadratic weights; by chance as high with "
        f"{p_text(found.p_value)}), kinder by "
        f"{with_interval(found.bias, found.bias_interval, signed=True)} grades"
    )
    return (
        line
        if found.suffices(judge.least) and judge.least
        else f"{line}; --judge-kappa {judge.least:g} let it pass"
    )


def selection_lines(run: "TaskResult") -> Iterator[str]:
    """How much was tried, how much of the best score is luck, and whether the winner hangs on a word."""
    selection = run.selection
    tried = f"{counted(selection.candidates, 'candidate')} scored beyond the starts"
    if selection.dropped:
        tried += f", {selection.dropped} dropped by racing ({selection.pairs_saved:,} pairs saved)"
    yield tried
    whole = selection.candidates - selection.dropped
    yield from _expected(run)
    if selection.expected_best_if_equal is not None:
        yield (
            f"selection bias: by luck alone the best of {whole} would show "
            f"{selection.expected_best_if_equal:.3f} on train, were each as good as the winner is on test "
            "(rows as easy or hard as they were)"
        )
    if selection.likelihood_agreement is not None:
        yield (
            f"rank correlation of score and likelihood of the right answers: "
            f"{selection.likelihood_agreement:.2f} (Kendall's tau, {counted(whole, 'candidate')})"
        )
    values = [entry.value for entry in run.sensitivity if entry.value is not None]
    if values and run.validation:
        yield (
            f"sensitivity to wording: {counted(len(values), 'near-paraphrase')} of the winner score "
            f"{min(values):.3f} to {max(values):.3f} on validation (n={run.validation.n}), the winner "
            f"{figure(run.validation.value)}"
        )
    if run.style:
        yield _style(run.style)
    if run.test_uses:
        looks = counted(run.test_uses, "earlier look")
        yield f"test set reuse: {looks} at these test rows (runs, measurements): scores may be too high"
    if run.frontier:
        yield frontier_line(run)


def _expected(run: Overview) -> Iterator[str]:
    """Beside what validation shows of the winner."""
    if run.expected and run.validation:
        expected = with_interval(run.expected.value, run.expected.interval)
        yield (
            f"expected {run.measure} on other rows: {expected}; validation shows "
            f"{figure(run.validation.value)}, with the luck of the best of "
            f"{counted(len(run.compared), 'finalist')}"
        )


def frontier_line(run: Overview) -> str:
    """The best score for each length of prompt, by the numbers that export takes."""
    numbered = [(number, e) for number, e in enumerate(run.frontier, start=1) if e.value is not None]
    points = [f"({number}) {e.value:.3f} at {e.prompt_tokens:.0f} tokens" for number, e in numbered]
    return f"score by prompt length ({run.chosen_on}, n={run.frontier[0].n}): {', '.join(points)}"


def _style(style: "Wording") -> str:
    fewest, most = style.words
    return (
        f"the {counted(style.instructions, 'instruction')} best on train: {fewest} to {most} words, "
        f"{counted(style.questions, 'question')}, {counted(style.requests, 'request')}"
    )


def tried_lines(run: Overview) -> list[str]:
    left_out = run.task.left_out
    return [
        f"rejected proposals: {counts_text(run.rejected)}",
        f"rows without an answer: {counts_text(run.unanswered)}{_cut_off(run)}",
        *([f"rows left out, longer than the scorer's context: {left_out}"] if left_out else []),
    ]


def _cut_off(run: Overview) -> str:
    """What to do where many replies were cut off."""
    if run.unanswered.get("cut off", 0) * OFTEN_CUT < max(1, run.usage.pairs):
        return ""
    return f" of {run.usage.pairs:,} pairs; a reply that is cut off counts as wrong: raise --answer-tokens"
