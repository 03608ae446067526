"""Who graded the replies of a run, behind which prompt, and how far a person agrees with it."""

from collections.abc import Iterator

from opro_local.report.section import Block, Section
from opro_local.report.table import Table
from opro_local.results.result import TaskResult
from opro_local.results.verdicts import judge_lines
from opro_local.tasks.graded_replies import GRADES


def judge_section(run: TaskResult) -> Iterator[Section]:
    judge = run.task.judge
    if judge is None:
        return
    prompt = Block(title="What the judge reads before a text and its reply", text=judge.prompt)
    scale = Table(
        title="Scale of the judge",
        columns=("grade", "bias"),
        rows=list(zip(GRADES, judge.biases, strict=True)),
        caption=f"nats, added to {judge.sharpness:.3f} times each grade's log-probability before the "
        "expected grade is taken; fitted on the replies that a person graded",
    )
    yield Section(
        title="Judge",
        lines=list(judge_lines(judge, run.length_bias, run.echoes)),
        details=[prompt, *([scale] if judge.agreement else [])],
    )
