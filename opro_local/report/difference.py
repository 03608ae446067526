"""What a comparison of two runs says, once: the sections that every form prints."""

from collections.abc import Iterator

from opro_local.report.charts import two_searches
from opro_local.report.flips import flip_table
from opro_local.report.section import Block, Section, word_diff
from opro_local.report.table import Table, WithInterval, setting_cell
from opro_local.results.difference import RunDifference
from opro_local.results.overview import Prompt, Solution
from opro_local.results.verdicts import comparison_line
from opro_local.results.words import manner_text, solution_text

NOTHING = "nothing to compare: no test rows in common, or other labels or metrics"


def difference_sections(found: RunDifference) -> list[Section]:
    return [
        _answer(found),
        _prompts(found),
        *(Section(title=chart.title, charts=[chart]) for chart in two_searches(found)),
        *_flips(found),
        _settings(found),
    ]


def _answer(found: RunDifference) -> Section:
    first, second = found.runs
    line = NOTHING
    if found.comparison is not None:
        rows = found.comparison.comparison.n
        line = f"{second} beside {first}, on {rows} test rows of both: {comparison_line(found.comparison)}"
    splits = (("test", found.test), ("validation", found.validation), ("train", found.train))
    table = Table(
        title="Scores",
        columns=("split", "run", "score", "n"),
        rows=[
            (split, run, WithInterval(score.value, score.interval), score.n)
            for split, scores in splits
            for run, score in zip(found.runs, scores, strict=True)
            if score is not None
        ],
        brief=True,
    )
    return Section(title="Verdict", lines=[line], tables=[table])


def _prompts(found: RunDifference) -> Section:
    both = zip(found.runs, found.best, strict=True)
    instructions = [best.instruction for best in found.best if isinstance(best, Prompt)]
    return Section(
        title="Best prompts",
        blocks=[Block(title=f"best of {run}", text=_found(best)) for run, best in both],
        changes=list(word_diff(*instructions)) if len(instructions) == len(found.best) else [],
    )


def _found(best: Prompt | Solution | None) -> str:
    if best is None:
        return "nothing scored yet"
    shots = f" (with {len(best.shots)} shots)" if isinstance(best, Prompt) and best.shots else ""
    manner = manner_text(best.form, best.verbalizer) if isinstance(best, Prompt) else ""
    return f"{solution_text(best)}{shots}{manner and f' [{manner}]'}"


def _flips(found: RunDifference) -> Iterator[Section]:
    if found.flips is not None:
        yield Section(
            title="Test rows that one answers better",
            lines=[
                f"the second is better on {len(found.flips.fixed)} rows, the first on "
                f"{len(found.flips.broken)}"
            ],
            tables=[
                *flip_table("The second is better", found.flips.fixed, "second", "first"),
                *flip_table("The first is better", found.flips.broken, "second", "first"),
            ],
        )


def _settings(found: RunDifference) -> Section:
    named = (("task", found.task), ("metric", found.metric))
    differing = [(name, values) for name, values in named if values[0] != values[1]]
    rows = [(name, *map(setting_cell, values)) for name, values in (*differing, *found.settings.items())]
    usage = [(name, *(getattr(each, name) for each in found.usage)) for name in ("pairs", "tokens")]
    settings = Table(title="Settings that differ", columns=("setting", *found.runs), rows=rows, brief=True)
    cost = Table(title="Cost", columns=("amount", *found.runs), rows=usage, brief=True)
    return Section(
        title="Settings and cost",
        lines=[] if rows else ["Their settings are the same."],
        tables=[settings, cost] if rows else [cost],
    )
