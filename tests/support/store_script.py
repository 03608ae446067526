"""A run whose proposals and answers are fixed in advance, driven on a RunFile as the loop would.

As a program (store_script.py FOLDER FIRST STRIDE) it leaves in FOLDER, for n = FIRST, FIRST + STRIDE, ...,
the file n.sqlite of a process killed with SIGKILL when it was about to run its n-th SQL statement.
"""

import itertools
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import apsw

from opro_local.recording import Evaluation, RunStore
from opro_local.records import (
    Candidate,
    Example,
    OptimizerCall,
    Outcome,
    Proposal,
    Score,
    Scored,
    SplitName,
    Step,
)
from opro_local.store.header import ModelRecord, RunHeader
from opro_local.store.run_file import RunFile
from opro_local.tasks.task import Task, task_to_json

LAST_STEP = 2
ROWS: Mapping[SplitName, Sequence[str]] = {
    "train": ("a", "b", "c", "d"),
    "validation": ("e", "f"),
    "test": ("g",),
}
BLOCK = 2
SHOT = Example(id="s", text='Shot with "quotes"\nand a line', target="fintech")


TASK = Task(
    name="mails",
    examples=tuple(
        Example(id=row, text=f"Mail {row}", target="seed") for part in ROWS.values() for row in part
    ),
    answer="label",
    labels=("fintech", "seed"),
    description="",
    position="Q_end",
    qa=False,
    metric="accuracy",
)


class CandidateCodec:
    def encode(self, solution: Candidate) -> str:
        return solution.to_json()

    def decode(self, text: str) -> Candidate:
        return Candidate.from_json(text)


HEADER = RunHeader(
    run_id="r1",
    created="2026-11-22T10:00:00Z",
    kind="task",
    direction="maximize",
    settings_json='{"models": {"scorer": "tiny"}}',
    problem_json=task_to_json(TASK),
    summary={
        "name": "mails",
        "metric": "accuracy",
        "labels": ["fintech", "seed"],
        "layout": {"position": "Q_end", "qa": False, "chat": True},
        "row_ids": {split: list(rows) for split, rows in ROWS.items()},
    },
    models=(
        ModelRecord(role="scorer", name="tiny", digest="model:sha256:1", source="folder", numerics="fp32"),
    ),
    versions={"python": "3.11.2"},
)


def candidate(step: int, number: int) -> Candidate:
    return Candidate(instruction=f"Instruction {step}.{number}", shots=(SHOT,))


def proposed(number: int) -> Step[Candidate]:
    solutions = [Proposal(text=f"<t>{i}", solution=candidate(number, i)) for i in range(2)]
    rejected: Proposal[Candidate] = Proposal(text="chatter", reason="cut off")
    return Step(
        number=number,
        proposals=(solutions[0], rejected, solutions[1]),
        calls=tuple(
            OptimizerCall(
                meta_prompt=f"meta-prompt {number}.{i}",
                seed=2**62 + number,
                temperature=0.1 + 0.2 * i,
                prompt_tokens=50,
                generated_tokens=3 * number + i,
                exemplar_ids=("a", "c")[i:],
            )
            for i in range(2)
        ),
    )


def outcome(who: Candidate, example_id: str) -> Outcome:
    """Right or wrong by a fixed rule; the candidate 2.1 is right most often, and one answer fails."""
    failed = who.instruction == "Instruction 0.0" and example_id == "d"
    correct = not failed and (example_id in "aeg" or who.instruction == "Instruction 2.1")
    likely, impossible = -0.1 - 0.2, float("-inf")
    return Outcome(
        example_id=example_id,
        target="seed",
        prediction=None if failed else "seed" if correct else "fintech",
        score=float(correct),
        reason="no answer" if failed else None,
        choice_log_probs=() if failed else (impossible, likely) if correct else (likely, impossible),
        gold_log_likelihood=float("nan") if failed else -1 / 3,
        reply="seed" if correct else None,
        prompt_tokens=10,
        generated_tokens=1,
    )


def drive(store: RunStore[Candidate]) -> None:
    """Bring the run to its end from wherever it is."""
    while store.stopped() is None:
        number = len(store.trajectory().steps)
        if number > LAST_STEP:
            store.record_stop("budget of 2 steps used")
            break
        step = store.open_step()
        if step is None:
            step = proposed(number)
            store.record_proposals(step)
        store.close_step(
            number, [scored(store, c, number) for c in evaluated(store, step.solutions, "train")]
        )
    finish(store)


def finish(store: RunStore[Candidate]) -> None:
    best = store.trajectory().best
    assert best is not None
    plan: list[tuple[str, SplitName, Candidate]] = [
        ("finalist", "validation", best.solution),
        ("winner", "test", best.solution),
        ("baseline", "test", candidate(0, 0)),
    ]
    for role, split, who in plan:
        if split == "test":
            store.open_test(best.solution, [TASK.examples[-1]])
        evaluated(store, [who], split)
        evaluation = Evaluation(role=role, split=split, candidate=who, score=measured(store, who, split))
        if evaluation not in store.evaluations():
            store.record_evaluation(evaluation)
    store.record_finish()


def evaluated(store: RunStore[Candidate], who: Sequence[Candidate], split: SplitName) -> Sequence[Candidate]:
    """The same candidates, once their outcomes are recorded."""
    for start in range(0, len(ROWS[split]), BLOCK):
        block = ROWS[split][start : start + BLOCK]
        missing = [c for c in who if not set(block) <= set(store.outcomes(c.key, split))]
        if missing:
            store.record_block(split, {c.key: [outcome(c, row) for row in block] for c in missing})
    return who


def measured(store: RunStore[Candidate], who: Candidate, split: SplitName) -> Score:
    outcomes = store.outcomes(who.key, split).values()
    value = sum(o.correct for o in outcomes) / len(outcomes)
    return Score(value=value, n=len(outcomes), interval=(value / 3, 1.0), metrics={"mcc": -0.1}, reasons={})


def scored(store: RunStore[Candidate], who: Candidate, step: int) -> Scored[Candidate]:
    fitted = replace(who, calibration=(0.1 + 0.2, -1e-300))
    return Scored(solution=fitted, score=measured(store, who, "train"), step=step)


def run_to_the_end(path: Path) -> None:
    """Start the run, or go on with it."""
    clock = itertools.count().__next__
    codec = CandidateCodec()
    if path.exists():
        opened = RunFile.open(path, codec, write=True, clock=clock)
    else:
        opened = RunFile.create(path, HEADER, codec, clock=clock)
    with opened as store:
        drive(store)


def _killed(path: Path, at: int) -> bool:
    """Whether the child met its end before the run did."""
    child = os.fork()
    if child == 0:
        _die_at_statement(at)
        run_to_the_end(path)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _die_at_statement(at: int) -> None:
    counter = itertools.count(1)

    def traced(*_: object) -> bool:
        if next(counter) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = traced

    apsw.connection_hooks.append(hook)


if __name__ == "__main__":
    folder, first, stride = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for n in itertools.count(first, stride):
        if not _killed(folder / f"{n}.sqlite", n):
            break
