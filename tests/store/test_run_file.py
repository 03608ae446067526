"""What every RunStore must do, shown on the one that ships."""

import json
import math
import multiprocessing
import os
import stat
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from candidates import call
from store_script import HEADER, SHOT, CandidateCodec, candidate, drive, outcome, proposed, run_to_the_end

from opro_local.effort import EngineStats
from opro_local.errors import Interrupted, SealedTest, StoreBusy, StoreError
from opro_local.recording import Evaluation, RunStore
from opro_local.records import Candidate, OptimizerCall, Outcome, Proposal, Score, Scored, Step, Usage
from opro_local.results.reading import read_overview
from opro_local.stopwatch import Stopwatch
from opro_local.store import schema
from opro_local.store.header import read_header, save_header
from opro_local.store.reader import reading
from opro_local.store.run_file import Clock, RunFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "r1.sqlite"


def created(
    path: Path, *, clock: Clock = time.monotonic, after_commit: Callable[[], None] | None = None
) -> RunFile[Candidate]:
    return RunFile.create(path, HEADER, CandidateCodec(), clock=clock, after_commit=after_commit)


def reopened(path: Path, *, clock: Clock = time.monotonic) -> RunFile[Candidate]:
    return RunFile.open(path, CandidateCodec(), write=True, clock=clock)


def entry(who: Candidate, value: float, step: int) -> Scored[Candidate]:
    return Scored(solution=who, score=Score(value=value), step=step)


def test_a_new_run_is_empty(path: Path) -> None:
    with created(path) as run:
        store: RunStore[Candidate] = run
        assert store.trajectory().steps == ()
        assert store.trajectory().direction == "maximize"
        assert store.open_step() is None
        assert store.stopped() is None
        assert store.evaluations() == []
        assert replace(store.usage(), seconds=0.0) == Usage()


def test_a_step_is_open_until_its_scores_are_recorded(path: Path) -> None:
    step = proposed(0)
    with created(path) as store:
        store.record_proposals(step)
        assert store.open_step() == step
        assert store.trajectory().steps == ()
        scored = [entry(s, 0.1 + 0.2, 0) for s in step.solutions]
        store.close_step(0, scored)
        assert store.open_step() is None
        assert store.trajectory().steps == (replace(step, scored=tuple(scored)),)


def test_everything_is_found_again_by_the_next_process(path: Path) -> None:
    step = Step(
        number=0,
        proposals=(
            Proposal(text="Ünïcode \x00 and 日本", solution=candidate(0, 0), origin="human"),
            Proposal(text="", reason="empty"),
        ),
        calls=(
            replace(call("Ünïcode \x00 and 日本"), seed=2**63 - 1, temperature=0.1 + 0.2),
            replace(call(), exemplar_ids=("e1", "é")),
        ),
    )
    fitted = replace(candidate(0, 0), calibration=(1e-300, -0.1))
    score = Score(value=1 / 3, n=7, interval=(0.1, 0.9), metrics={"mcc": -0.25}, reasons={"no answer": 2})
    evaluation = Evaluation(role="winner", split="test", candidate=fitted, score=score)
    with created(path) as store:
        store.record_proposals(step)
        scored = (Scored(solution=fitted, score=score, step=0),)
        store.close_step(0, scored)
        store.record_evaluation(evaluation)
        store.record_stop("target reached")
    with RunFile.open(path, CandidateCodec(), write=False) as store:
        assert store.trajectory().steps == (replace(step, scored=scored),)
        assert store.evaluations() == [evaluation]
        assert store.stopped() == "target reached"
    assert read_header(path) == HEADER


def test_outcomes_come_back_bit_for_bit(path: Path) -> None:
    plain = Outcome(
        example_id="e1",
        target="NA",
        prediction="007",
        score=0.0,
        choice_log_probs=(-0.1 - 0.2, -math.inf, -5e-324),
        gold_log_likelihood=-math.inf,
        reply="two\nlines",
        prompt_tokens=3,
        generated_tokens=4,
    )
    failed = Outcome(
        example_id="e2",
        target="NA",
        prediction=None,
        score=0.0,
        reason="no answer",
        choice_log_probs=(math.nan,),
        gold_log_likelihood=math.nan,
    )
    with created(path) as store:
        store.open_test(candidate(0, 0), [])
        store.record_block("test", {"k": [plain, failed]})
    with reopened(path) as store:
        found = store.outcomes("k", "test")
        assert list(found) == ["e1", "e2"]
        assert found["e1"] == plain
        assert math.isnan(found["e2"].choice_log_probs[0])
        assert math.isnan(found["e2"].gold_log_likelihood or 0.0)
        assert store.outcomes("k", "train") == {}
        assert store.outcomes("other", "test") == {}


def test_the_first_outcome_of_a_pair_stays(path: Path) -> None:
    first = outcome(candidate(1, 0), "b")
    with created(path) as store:
        store.record_block("train", {"k": [first]})
        store.record_block("train", {"k": [replace(first, score=1.0), outcome(candidate(1, 0), "c")]})
        assert not store.outcomes("k", "train")["b"].correct
        assert store.usage().pairs == 2


def test_usage_counts_rows_and_leaves_out_the_starting_step(path: Path) -> None:
    with created(path) as store:
        for number in (0, 1):
            store.record_proposals(proposed(number))
            store.record_block("train", {f"k{number}": [outcome(candidate(1, 0), row) for row in "abc"]})
            store.close_step(number, [])
        store.record_proposals(proposed(2))
        usage = store.usage()
    # 2 x 3 pairs of 10 + 1 tokens; three meta-prompts of 100 tokens and 0 + 7 + 14 sampled ones.
    assert replace(usage, seconds=0.0) == Usage(steps=1, pairs=6, scorer_tokens=66, optimizer_tokens=321)


def test_seconds_go_on_where_the_last_saved_transaction_left_them(path: Path) -> None:
    with created(path, clock=iter([100.0, 103.0, 105.0]).__next__) as store:
        store.record_proposals(proposed(0))  # 3 seconds in
        assert store.usage().seconds == 5.0  # the last two are not saved
    with reopened(path, clock=iter([7.0, 7.5]).__next__) as store:
        assert store.usage().seconds == 3.5
    with RunFile.open(path, CandidateCodec(), write=False) as store:
        assert store.usage().seconds == 3.0


def test_seconds_of_the_parts_go_on_where_the_last_saved_transaction_left_them(path: Path) -> None:
    now = 0.0
    watch = Stopwatch(lambda: now)
    with watch.part("scorer"):
        now += 50  # before the run began
    with RunFile.create(path, HEADER, CandidateCodec(), clock=lambda: now, watch=watch) as store:
        with watch.part("optimizer"):
            now += 3
        store.record_proposals(proposed(0))
        with watch.part("scorer"):
            now += 9  # and is cut off
    with RunFile.open(path, CandidateCodec(), write=True, clock=lambda: now, watch=watch) as store:
        with watch.part("scorer"):
            now += 2
        now += 1
        store.close_step(0, [])
    with reading(path) as run:
        assert run.parts == {"optimizer": 3.0, "scorer": 2.0, "store": 0.0}
        assert run.usage.seconds == 6.0
    assert read_overview(path).timing.parts == {"optimizer": 3.0, "scorer": 2.0, "store": 0.0, "other": 1.0}


def test_a_request_to_stop_comes_after_the_block_is_safe(path: Path) -> None:
    def stop() -> None:
        raise Interrupted("stopped")

    with created(path, after_commit=stop) as store:
        with pytest.raises(Interrupted):
            store.record_proposals(proposed(0))
        with pytest.raises(Interrupted):
            store.record_block("train", {"k": [outcome(candidate(0, 0), "a")]})
        store.close_step(0, [])
        assert store.usage().pairs == 1
        assert len(store.trajectory().steps) == 1


def test_a_block_that_cannot_be_recorded_leaves_no_trace(path: Path) -> None:
    with created(path) as store:
        with pytest.raises(TypeError):
            store.record_block("train", {"k": [outcome(candidate(0, 0), "a"), replace_id(object())]})
        assert store.usage().pairs == 0
        store.record_block("train", {"k": [outcome(candidate(0, 0), "a")]})
        assert store.usage().pairs == 1


def replace_id(wrong: object) -> Outcome:
    return replace(outcome(candidate(0, 0), "b"), example_id=wrong)  # type: ignore[arg-type]  # it is to be wrong


def test_only_its_owner_can_read_a_run(path: Path) -> None:
    before = os.umask(0)
    try:
        with created(path) as store:
            store.record_proposals(proposed(0))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["r1.sqlite", "r1.sqlite-wal", "r1.sqlite-shm", "r1.sqlite.lock"], 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_run_is_not_started_over_another(path: Path) -> None:
    with created(path) as store:
        store.record_proposals(proposed(0))
    with pytest.raises(StoreError, match="exists already"):
        created(path)
    with reopened(path) as store:
        assert store.open_step() == proposed(0)


def test_a_run_that_is_being_written_can_be_read_but_not_resumed(path: Path) -> None:
    with created(path) as store:
        store.record_proposals(proposed(0))
        with pytest.raises(StoreBusy, match="another process"):
            reopened(path)
        with RunFile.open(path, CandidateCodec(), write=False) as reader:
            assert reader.open_step() == proposed(0)
    with reopened(path) as store:
        assert store.open_step() == proposed(0)


def test_another_process_is_refused_too(path: Path) -> None:
    with created(path), multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_refusal, (path,)) == "StoreBusy"


def _refusal(path: Path) -> str:
    try:
        reopened(path)
    except StoreError as error:
        return type(error).__name__
    return "opened"


def test_a_reader_cannot_write(path: Path) -> None:
    created(path).close()
    with (
        RunFile.open(path, CandidateCodec(), write=False) as reader,
        pytest.raises(StoreError, match="cannot be read or written"),
    ):
        reader.record_stop("no")


def test_a_closed_run_is_one_file_that_can_be_read_from_a_folder_nobody_can_write(path: Path) -> None:
    with created(path) as store:
        store.record_proposals(proposed(0))
    with reopened(path) as store:
        store.record_stop("target reached")
    assert {file.name for file in path.parent.iterdir()} == {"r1.sqlite", "r1.sqlite.lock"}
    copy = apsw.Connection(f"file:{path}?immutable=1", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    assert copy.pragma("journal_mode") == "delete"
    assert list(copy.execute("SELECT stop_reason FROM run")) == [("target reached",)]
    copy.close()


def test_closing_a_run_does_not_wait_for_its_readers(path: Path) -> None:
    store = created(path)
    store.record_proposals(proposed(0))
    with RunFile.open(path, CandidateCodec(), write=False) as reader:
        started = time.monotonic()
        store.close()
        assert time.monotonic() - started < 5
        assert reader.open_step() == proposed(0)
    with reopened(path) as again:
        assert again.open_step() == proposed(0)


def test_a_missing_run_leaves_nothing_behind(path: Path) -> None:
    with pytest.raises(StoreError, match="no such run file"):
        reopened(path)
    assert not path.parent.exists()


def test_a_solution_need_not_be_a_candidate(path: Path) -> None:
    class Pairs:
        def encode(self, solution: tuple[int, int]) -> str:
            return repr(solution)

        def decode(self, text: str) -> tuple[int, int]:
            w, b = text.strip("()").split(",")
            return int(w), int(b)

    header = replace(HEADER, kind="linear regression", direction="minimize")
    with RunFile.create(path, header, Pairs()) as store:
        store.record_proposals(Step(number=0, proposals=(Proposal(text="[1, 2]", solution=(1, 2)),)))
        store.close_step(0, [Scored(solution=(1, 2), score=Score(value=-7.5), step=0)])
        best = store.trajectory().best
    assert best is not None
    assert best.solution == (1, 2)
    assert store.header.direction == "minimize"


def test_the_script_of_these_tests_runs_to_its_end(path: Path) -> None:
    run_to_the_end(path)
    with reopened(path) as store:
        assert (
            store.usage().pairs == 6 * 4 + 2 + 2
        )  # train, one finalist on validation, two candidates on test
        before = store.trajectory()
        drive(store)  # a finished run has nothing left to do
        assert store.trajectory() == before
        assert store.open_step() is None
        assert before.best is not None
        assert before.best.solution.shots == (SHOT,)


def test_a_file_of_version_1_is_read_as_it_is_and_becomes_current_when_it_goes_on(path: Path) -> None:
    created(path).close()
    with closing(apsw.Connection(str(path))) as database:
        database.execute(
            "DROP TABLE effort; ALTER TABLE scored DROP COLUMN dropped; ALTER TABLE run DROP COLUMN winner; "
            "ALTER TABLE run DROP COLUMN test_uses; DROP TABLE event; ALTER TABLE step DROP COLUMN blocks; "
            "ALTER TABLE outcome DROP COLUMN score; ALTER TABLE outcome DROP COLUMN feedback; "
            "DROP TABLE call; ALTER TABLE proposal DROP COLUMN author; ALTER TABLE run DROP COLUMN parts; "
            "ALTER TABLE step ADD COLUMN meta_prompt TEXT NOT NULL DEFAULT ''; "
            "ALTER TABLE step ADD COLUMN exemplar_ids TEXT NOT NULL DEFAULT '[]'; "
            "ALTER TABLE step ADD COLUMN temperature REAL; ALTER TABLE step ADD COLUMN seed INTEGER; "
            "ALTER TABLE step ADD COLUMN prompt_tokens INTEGER NOT NULL DEFAULT 0; "
            "ALTER TABLE step ADD COLUMN generated_tokens INTEGER NOT NULL DEFAULT 0; "
            "ALTER TABLE outcome ADD COLUMN correct INTEGER NOT NULL DEFAULT 0; "
            "PRAGMA user_version = 1; "
            """UPDATE run SET settings = '{"models": {"scorer": "tiny"}, "search": {"seed": 3}}'"""
        )
    assert read_overview(path).timing.scorer == []
    effort = EngineStats(
        level="E3",
        requests=8,
        tokens_run=90,
        least_tokens=80,
        prefix_tokens=20,
        stored_prefix_tokens=5,
        seconds=2.0,
        least_seconds=1.0,
    )
    with reopened(path) as run:
        run.record_effort(effort)
        search = json.loads(run.header.settings_json)["search"]
    assert search == {
        "seed": 3,
        "method": "opro",
        "racing": "off",
        "headroom": 0,
        "sensitivity": 0,
    }  # as it was begun
    (figures,) = read_overview(path).timing.scorer
    assert (figures.tokens_run, figures.efficiency) == (90, 0.5)


WRITERS = {
    "start": "start",
    "human": "human",
    "opro": "model",
    "opro tagged": "model",
    "evoprompt-de": "model",
    "paraphrases": "paraphrase",
    "library": "program",
    "shot sets": "program",
}


def test_a_step_of_version_7_has_one_call_if_it_has_a_meta_prompt_and_its_proposals_have_authors(
    path: Path,
) -> None:
    path.parent.mkdir()
    with closing(apsw.Connection(str(path))) as database:
        for script in schema.MIGRATIONS[:7]:
            database.execute(script)
        save_header(database, HEADER)
        database.execute(
            "INSERT INTO step VALUES (0, '', '[]', NULL, NULL, 0, 0, 1, 0), "
            """(1, 'Ask.', '["a", "b"]', 0.3, 5, 20, 7, 1, 3)"""
        )
        database.executemany(
            "INSERT INTO proposal VALUES (1, ?, '', NULL, 'empty', ?)", list(enumerate(WRITERS))
        )
        database.pragma("application_id", schema.APPLICATION_ID)
        database.pragma("user_version", 7)
    asked = OptimizerCall(
        meta_prompt="Ask.",
        seed=5,
        temperature=0.3,
        prompt_tokens=20,
        generated_tokens=7,
        exemplar_ids=("a", "b"),
    )
    with reopened(path) as store:
        first, second = store.trajectory().steps
        assert (first.calls, second.calls) == ((), (asked,))
        assert {p.origin: p.author for p in second.proposals} == WRITERS
        assert store.usage().optimizer_tokens == 27
    (start, step) = read_overview(path).steps
    assert (start.meta_prompt, start.temperature, start.calls) == ("", None, ())
    assert (step.meta_prompt, step.prompt_tokens, len(step.calls)) == ("Ask.", 20, 1)


def test_a_step_is_exported_with_all_its_calls_and_the_tokens_of_all(path: Path) -> None:
    run_to_the_end(path)
    step = read_overview(path).steps[1]
    assert [call.meta_prompt for call in step.calls] == ["meta-prompt 1.0", "meta-prompt 1.1"]
    assert (step.meta_prompt, step.exemplar_ids) == ("meta-prompt 1.0", ("a", "c"))
    assert (step.prompt_tokens, step.generated_tokens) == (100, 7)


def test_test_rows_are_refused_until_the_winner_is_fixed(path: Path) -> None:
    who = candidate(0, 0)
    with created(path) as run:
        assert not run.test_is_open()
        with pytest.raises(SealedTest, match="before the winner was fixed"):
            run.record_block("test", {who.key: [outcome(who, "g")]})
        assert run.outcomes(who.key, "test") == {}
        run.open_test(who, [])
        run.record_block("test", {who.key: [outcome(who, "g")]})
    with reopened(path) as run:
        assert run.test_is_open()
        run.open_test(replace(who, calibration=(0.5, -0.5)), [])  # the same candidate, fitted
        with pytest.raises(StoreError, match="another winner"):
            run.open_test(candidate(0, 1), [])


def test_a_dropped_candidate_comes_back_as_dropped(path: Path) -> None:
    who = candidate(0, 0)
    with created(path) as run:
        run.record_proposals(proposed(0))
        run.close_step(0, [Scored(solution=who, score=Score(value=0.25, n=16), step=0, dropped=True)])
        (entry,) = run.trajectory().scored
        assert entry.dropped
        assert run.trajectory().best is None


def test_idle_time_is_not_counted(path: Path) -> None:
    now = 0.0

    def an_hour_passes() -> None:
        nonlocal now
        now += 3600

    with created(path, clock=lambda: now, after_commit=an_hour_passes) as run:
        now = 5.0
        run.idle(0)
        now += 2
        assert run.usage().seconds == 7.0
