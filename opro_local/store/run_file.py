"""One optimisation = one SQLite file, written by one process, readable by any.

Each method that records is one transaction, and with it the seconds used so far are saved: what was recorded
is there after any crash, what was not leaves no trace. The file knows solutions only as the text that the
problem's codec makes of them.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Generic, Self

import apsw

from opro_local.effort import EngineStats
from opro_local.errors import SealedTest, StoreError
from opro_local.recording import Evaluation, Event, EventArrived
from opro_local.records import Candidate, Example, Outcome, Proposal, S, Scored, Step, Trajectory, Usage
from opro_local.stopwatch import Stopwatch
from opro_local.store import lease, schema
from opro_local.store.checking import check_records
from opro_local.store.database import Row, create, explained, open_run, settle, sound, transaction
from opro_local.store.events import read_events
from opro_local.store.header import RunHeader, load_header, save_header
from opro_local.store.rows import (
    OUTCOME_COLUMNS,
    outcome_to_row,
    read,
    read_evaluations,
    read_outcomes,
    read_parts,
    read_usage,
    score_to_json,
)
from opro_local.store.run_folder import RunFolder
from opro_local.store.steps import Codec, call_row, read_steps
from opro_local.store.test_ledger import note_use

Clock = Callable[[], float]


class RunFile(Generic[S]):
    """opro_local.recording.RunStore in one file; close it after use, or use it in a with statement.

    clock counts seconds and never goes back; watch, which is begun anew, tells what part of the program took
    them. after_commit is called when a block or a step's proposals are safe, and may raise Interrupted.
    """

    def __init__(
        self,
        path: Path,
        codec: Codec[S],
        database: apsw.Connection,
        clock: Clock,
        watch: Stopwatch | None,
        after_commit: Callable[[], None] | None,
    ) -> None:
        self.path = path
        self.header = load_header(database)
        self._codec = codec
        self._database = database
        self._clock = clock
        self._started = clock() - read_usage(database).seconds
        self._watch = watch or Stopwatch()
        self._watch.go_on_from(read_parts(database))
        self._after_commit = after_commit
        self._resources = ExitStack()

    @classmethod
    def create(
        cls,
        path: Path,
        header: RunHeader,
        codec: Codec[S],
        *,
        clock: Clock = time.monotonic,
        watch: Stopwatch | None = None,
        after_commit: Callable[[], None] | None = None,
    ) -> Self:
        """Start a run in a new file. Raises StoreError when there is one already."""
        with explained(path), ExitStack() as resources:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            resources.enter_context(lease.writing(path))
            database = resources.enter_context(closing(create(path, partial(_begin, header))))
            resources.callback(settle, database)
            run = cls(path, codec, database, clock, watch, after_commit)
            run._resources = resources.pop_all()
        return run

    @classmethod
    def open(
        cls,
        path: Path,
        codec: Codec[S],
        *,
        write: bool,
        clock: Clock = time.monotonic,
        watch: Stopwatch | None = None,
        after_commit: Callable[[], None] | None = None,
    ) -> Self:
        """Go on with a run, or only read it. Raises StoreBusy when another process writes it."""
        with sound(path), ExitStack() as resources:
            if write and path.is_file():
                resources.enter_context(lease.writing(path))
            database = resources.enter_context(closing(open_run(path, write=write)))
            if write:
                resources.callback(settle, database)
                check_records(database, codec)
            run = cls(path, codec, database, clock, watch, after_commit)
            run._resources = resources.pop_all()
        return run

    def close(self) -> None:
        with explained(self.path):
            self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # What is recorded

    def trajectory(self) -> Trajectory[S]:
        with self._sound():
            steps = tuple(read_steps(self._database, self._codec, closed=True))
        return Trajectory(direction=self.header.direction, steps=steps)

    def open_step(self) -> Step[S] | None:
        with self._sound():
            return next(read_steps(self._database, self._codec, closed=False), None)

    def outcomes(self, candidate_key: str, split: str) -> Mapping[str, Outcome]:
        with self._sound():
            return read_outcomes(self._database, candidate_key, split)

    def evaluations(self) -> list[Evaluation]:
        with self._sound():
            return read_evaluations(self._database)

    def fixed_winner(self) -> Candidate | None:
        ((winner,),) = self._read("SELECT winner FROM run")
        return None if winner is None else Candidate.from_json(winner)

    def test_is_open(self) -> bool:
        return self.fixed_winner() is not None

    def usage(self) -> Usage:
        with self._sound():
            usage = read_usage(self._database)
        return usage if self._database.readonly("main") else replace(usage, seconds=self._seconds())

    def stopped(self) -> str | None:
        ((reason,),) = self._read("SELECT stop_reason FROM run")
        return None if reason is None else str(reason)

    def events(self) -> list[Event]:
        with self._sound():
            return read_events(self._database)

    def hear(self, number: int) -> list[Event]:
        if self._read("SELECT 1 FROM event WHERE step IS NULL"):
            with self._saved():
                self._database.execute(
                    "UPDATE event SET step = :number, block = "
                    "coalesce((SELECT blocks FROM step WHERE number = :number), 0) WHERE step IS NULL",
                    {"number": number},
                )
        return self.events()

    def idle(self, seconds: float) -> None:
        begun = self._clock()
        self._committed()
        time.sleep(seconds)
        self._started += self._clock() - begun

    def record_proposals(self, step: Step[S]) -> None:
        calls = [(step.number, i, *call_row(call)) for i, call in enumerate(step.calls)]
        proposals = [(step.number, i, *self._proposal_row(p)) for i, p in enumerate(step.proposals)]
        with self._saved():
            self._database.execute(
                "INSERT INTO step (number) VALUES (?) ON CONFLICT DO NOTHING", (step.number,)
            )
            self._database.executemany(
                "INSERT INTO call VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", calls
            )
            self._database.execute("DELETE FROM proposal WHERE step = ?", (step.number,))
            self._database.executemany("INSERT INTO proposal VALUES (?, ?, ?, ?, ?, ?, ?)", proposals)
        self._committed()

    def close_step(self, number: int, scored: Sequence[Scored[S]]) -> None:
        rows = [
            (number, i, self._codec.encode(entry.solution), score_to_json(entry.score), entry.dropped)
            for i, entry in enumerate(scored)
        ]
        with self._saved():
            self._database.executemany("INSERT INTO scored VALUES (?, ?, ?, ?, ?)", rows)
            self._database.execute("UPDATE step SET closed = 1 WHERE number = ?", (number,))

    def record_block(self, split: str, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        """An outcome that is recorded already stays as it is. Raises SealedTest before the test is open."""
        if split == "test" and not self.test_is_open():
            raise SealedTest("A test row was scored before the winner was fixed; the run cannot go on.")
        with self._saved():
            for key, block in outcomes.items():
                candidate = self._candidate_id(key)
                self._database.executemany(
                    f"INSERT INTO outcome (candidate, split, {OUTCOME_COLUMNS}) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT (candidate, split, example_id) DO NOTHING",
                    [(candidate, split, *outcome_to_row(outcome)) for outcome in block],
                )
            self._database.execute("UPDATE step SET blocks = blocks + 1 WHERE NOT closed")
        self._committed()
        if self._read("SELECT 1 FROM event, step WHERE event.step IS NULL AND NOT closed"):
            raise EventArrived

    def open_test(self, winner: Candidate, rows: Sequence[Example]) -> None:
        """Raises StoreError when another winner was fixed before."""
        fixed = self.fixed_winner()
        if fixed is None:
            others = note_use(RunFolder(self.path.parent).test_ledger, self.header.run_id, rows)
            with self._saved():
                self._database.execute("UPDATE run SET winner = ?, test_uses = ?", (winner.to_json(), others))
        elif fixed.key != winner.key:
            raise StoreError(f"{self.path}: another winner was tested before. Start a new run.")

    def record_evaluation(self, evaluation: Evaluation) -> None:
        candidate, score = evaluation.candidate.to_json(), score_to_json(evaluation.score)
        row = (evaluation.role, evaluation.split, candidate, score)
        with self._saved():
            self._database.execute(
                "INSERT INTO evaluation (role, split, candidate, score) VALUES (?, ?, ?, ?)", row
            )

    def record_stop(self, reason: str) -> None:
        with self._saved():
            self._database.execute("UPDATE run SET stop_reason = ?", (reason,))

    def record_finish(self) -> None:
        with self._saved():
            self._database.execute("UPDATE run SET finished = 1")

    def record_effort(self, effort: EngineStats) -> None:
        with self._saved():
            self._database.execute("INSERT INTO effort (figures) VALUES (?)", (json.dumps(asdict(effort)),))

    @contextmanager
    def _saved(self) -> Iterator[None]:
        """One transaction, which also saves the seconds used so far."""
        with self._watch.part("store"), explained(self.path), transaction(self._database):
            yield
            parts = json.dumps(self._watch.seconds())
            self._database.execute("UPDATE run SET seconds = ?, parts = ?", (self._seconds(), parts))

    @contextmanager
    def _sound(self) -> Iterator[None]:
        with self._watch.part("store"), sound(self.path):
            yield

    def _committed(self) -> None:
        if self._after_commit is not None:
            self._after_commit()

    def _seconds(self) -> float:
        return self._clock() - self._started

    def _read(self, query: str, bindings: Row = ()) -> list[Row]:
        with self._watch.part("store"), explained(self.path):
            return read(self._database, query, bindings)

    def _candidate_id(self, key: str) -> int:
        self._database.execute("INSERT INTO candidate (key) VALUES (?) ON CONFLICT DO NOTHING", (key,))
        return int(read(self._database, "SELECT id FROM candidate WHERE key = ?", (key,))[0][0])

    def _proposal_row(self, proposal: Proposal[S]) -> Row:
        solution = None if proposal.solution is None else self._codec.encode(proposal.solution)
        return proposal.text, solution, proposal.reason, proposal.origin, proposal.author


def _begin(header: RunHeader, database: apsw.Connection) -> None:
    schema.migrate(database)
    save_header(database, header)
