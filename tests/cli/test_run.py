"""run, resume, score, runs and export as a user meets them, the models scripted."""

import csv
import io
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result
from cut_off import cut_off
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.cli.output import fitted
from opro_local.cli.progress import RunProgress
from opro_local.cli.runs import find_run
from opro_local.errors import DataError, ModelError, OproError, SettingsError, StoreBusy, StoreError
from opro_local.problem import Estimate
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.store import lease
from opro_local.testing import ScriptedEngine
from opro_local.wiring import models

START = "Which of these is it: fintech, seed?"
SKILLS = {"": 6, START: 9, "Sort it well.": 12, "Read twice.": 16, STEP_BY_STEP: 8}
SAMPLES = (("sort it well.</INS>", "I cannot."), ("Sort it well.", "Read twice.</INS>"))
DATA = ("--data", "mails.csv", "--id", "id", "--text", "mail", "--label", "kind")
SMALL = (
    *("--method", "opro", "--steps", "2", "--proposals-per-step", "2", "--exemplars", "1"),
    *("--racing", "on"),
    *("--headroom", "0", "--sensitivity", "0"),
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [(example.id, example.text, example.target) for example in mail_task().examples]
    with Path("mails.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "mail", "kind"), *rows])
    return tmp_path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    return _play(monkeypatch)


def _play(monkeypatch: pytest.MonkeyPatch, samples: tuple[tuple[str, ...], ...] = SAMPLES) -> ScriptedEngine:
    engine = ScriptedEngine(log_prob=mail_model(SKILLS), samples=samples)
    play_roles(monkeypatch, engine)
    return engine


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def done(*arguments: str) -> Result:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result


def run(*arguments: str) -> Result:
    return call("run", "--model", "scripted", *DATA, *SMALL, *arguments)


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def said(result: Result) -> list[str]:
    """What a command printed for people, without the indents."""
    return [line.strip() for line in result.stdout.splitlines()]


def comparable(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in ("run", "timing", "test_uses")}


def assert_one_line(result: Result, code: int, words: str) -> None:
    assert result.exit_code == code, result.output
    assert words in result.stderr.splitlines()[-1]
    assert result.stderr.splitlines()[-1].startswith("opro-local: ")
    assert "Traceback" not in result.output
    assert result.stdout == ""


class TestRun:
    def test_the_answer_comes_first_and_with_what_it_is_compared(self, model: ScriptedEngine) -> None:
        lines = said(run())
        assert lines[0] == "Result"
        assert lines[1].endswith(": finished (budget of 2 steps used)")
        assert lines[lines.index("best prompt:") + 1] == "Read twice."
        (train,) = [line for line in lines if line.startswith("train ")]
        assert train.split()[1] == "1.000" and re.search(r" 8 +winner$", train)
        # The starts are equal on train and on validation: the first counts, which is the empty one.
        (gain,) = [line for line in lines if line.startswith("accuracy on test (n=8): ")]
        assert gain == (
            "accuracy on test (n=8): 0.125 with the start that validation prefers, "
            "0.625 with the best prompt: better by 0.500"
        )
        baselines = [line for line in lines if line.startswith("test  ") and not line.endswith("winner")]
        assert [line.rsplit("  ", 1)[1] for line in baselines] == ["(empty)", START, STEP_BY_STEP]
        assert "rejected proposals: duplicate 1, refusal 1" in lines
        assert "rows without an answer: none" in lines

    def test_progress_is_told_on_stderr_and_shows_no_text_of_the_user(self, model: ScriptedEngine) -> None:
        told = run().stderr.splitlines()
        assert told[0] == "task: mails.csv"
        assert told[1].startswith("run ")
        assert "opro-local resume" in told[1]
        assert told[2].startswith(
            "up to 116 scored pairs (about "
        )  # (2 + 4 + 1) * 8 + (4 + 2 + 1) * 4 + (3 + 1) * 8
        assert re.fullmatch(
            r"minimum detectable gain \d+ points of accuracy \(8 test rows, 80 % power\)", told[3]
        )
        assert told[4].startswith("step 0: 2 of 2 proposals accepted, best 0.375 (step 0), ")
        assert told[6].startswith("step 2: 1 of 2 proposals accepted, best 1.000 (step 2), ")
        assert not any("Mail" in line or "twice" in line for line in told)

    def test_notes_about_the_table_are_told(self, model: ScriptedEngine) -> None:
        with Path("mails.csv").open("a", encoding="utf-8") as file:
            file.write("r20,Mail 20.,\n")
        assert run().stderr.splitlines()[0] == "note: 1 row without a label left out."

    def test_progress_can_be_switched_off(self, model: ScriptedEngine) -> None:
        assert run("--no-progress").stderr == ""

    def test_json_is_the_whole_document_on_stdout_alone(self, model: ScriptedEngine) -> None:
        found = document(run("--json"))
        assert found["best"]["instruction"] == "Read twice."
        assert found["test"]["n"] == 8
        assert found["rejected"] == {"duplicate": 1, "refusal": 1}
        assert found["settings"]["budget"]["train_rows"] == 48  # the preset of a machine without a GPU

    def test_two_models_play_their_own_roles(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scorer = ScriptedEngine(log_prob=mail_model(SKILLS), digest="model:sha256:a")
        optimizer = ScriptedEngine(
            samples=[["Sort it well.</TEXT>"], ["Read twice."]], chat=False, digest="model:sha256:b"
        )
        play_roles(monkeypatch, scorer, optimizer=optimizer)
        found = document(run("--json", "--proposals-per-step", "1"))
        assert [m["digest"] for m in found["models"]] == ["model:sha256:a", "model:sha256:b"]
        assert found["steps"][1]["meta_prompt"].startswith("Texts that are put at the beginning")
        assert found["best"]["instruction"] == "Read twice."

    def test_the_second_run_of_the_same_task_asks_the_scorer_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = _play(monkeypatch)
        one = document(run("--json"))
        second = _play(monkeypatch)
        other = document(run("--json"))
        assert len(first.asked) > 0
        assert second.asked == []
        assert comparable(other) == comparable(one)

    def test_control_characters_of_an_instruction_do_not_reach_the_terminal(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        skills = {**SKILLS, "Red \x1b[31m": 20, "?": 0}
        engine = ScriptedEngine(log_prob=mail_model(skills), samples=[["red \x1b[31m</INS>", "?"]] * 2)
        play_roles(monkeypatch, engine)
        result = run()
        assert "Red [31m" in said(result)


class TestInterrupt:
    @pytest.fixture(autouse=True)
    def _as_at_a_terminal(self) -> Iterator[None]:
        """A shell lets commands in its background ignore Ctrl-C, and their children inherit that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @staticmethod
    def pressing(times: int, *, at: int) -> Callable[[str], float]:
        """A model during whose at-th question Ctrl-C is pressed."""
        answer, asked = mail_model(SKILLS), 0

        def log_prob(text: str) -> float:
            nonlocal asked
            asked += 1
            if asked == at:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)  # to this thread, so that two do not become one
            return answer(text)

        return log_prob

    def test_a_block_is_finished_and_saved_and_the_run_goes_on_as_if_nothing_had_happened(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The first block holds two candidates on four rows, with two labels each: 16 questions.
        play_roles(monkeypatch, ScriptedEngine(log_prob=self.pressing(1, at=3)))
        stopped = run("--block", "4")
        assert_one_line(stopped, 130, "opro-local resume")
        assert "Stopping after this block" in stopped.stderr
        half = document(call("runs", "show", "--json"))
        assert (half["status"], half["usage"]["pairs"]) == ("unfinished", 8)
        assert stopped.stderr.strip().endswith(f"opro-local resume {half['run']}")

        engine = _play(monkeypatch)
        resumed = document(call("resume", "--json"))
        assert [len(call) for call in engine.asked][:1] == [8]
        Path("again").mkdir()
        _play(monkeypatch)
        whole = document(
            call("--home", "again", "run", "--model", "m", *DATA, *SMALL, "--block", "4", "--json")
        )
        whole["settings"]["models"]["scorer"] = "scripted"
        assert comparable(resumed) == comparable(whole)

    def test_pressing_twice_stops_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        play_roles(monkeypatch, ScriptedEngine(log_prob=self.pressing(2, at=3)))
        assert_one_line(run("--block", "4"), 130, "Interrupted")
        assert document(call("runs", "show", "--json"))["usage"]["pairs"] == 0

    def test_ctrl_c_means_what_it_meant_before_when_the_command_is_over(self, model: ScriptedEngine) -> None:
        before = signal.getsignal(signal.SIGINT)
        run()
        assert signal.getsignal(signal.SIGINT) is before


class TestResume:
    def test_a_finished_run_stays_as_it_is(self, model: ScriptedEngine) -> None:
        before = document(run("--json"))
        asked = len(model.asked)
        assert comparable(document(call("resume", before["run"], "--json"))) == comparable(before)
        assert len(model.asked) == asked

    def test_other_weights_are_refused(self, monkeypatch: pytest.MonkeyPatch, model: ScriptedEngine) -> None:
        name = self.unfinished().stem
        play_roles(monkeypatch, ScriptedEngine(digest="model:sha256:other"))
        assert_one_line(call("resume", name), 4, "other weights")

    def test_a_run_that_another_process_writes_is_busy(self, model: ScriptedEngine) -> None:
        path = self.unfinished()
        with lease.writing(path):
            assert_one_line(call("resume", path.stem), 75, path.name)

    def unfinished(self) -> Path:
        """A run that was cut off before it said that it was finished."""
        run()
        (path,) = Path(os.environ["OPRO_LOCAL_HOME"]).glob("runs/2*.sqlite")
        return cut_off(path)

    def test_a_finished_run_is_shown_without_a_model(
        self, monkeypatch: pytest.MonkeyPatch, model: ScriptedEngine
    ) -> None:
        run()
        (path,) = Path(os.environ["OPRO_LOCAL_HOME"]).glob("runs/2*.sqlite")
        before = path.read_bytes()
        monkeypatch.setattr(models, "load_models", lambda *_: pytest.fail("a model was loaded"))
        shown = call("resume", path.stem)
        assert shown.exit_code == 0 and shown.stdout == call("runs", "show", path.stem).stdout
        assert path.read_bytes() == before

    def test_without_runs_the_message_says_how_to_start_one(self) -> None:
        assert_one_line(call("resume"), 2, "Start one with: opro-local run")

    def test_an_unknown_run_is_named(self) -> None:
        assert_one_line(call("resume", "nope"), 2, "No run 'nope'")


class TestScore:
    def score(self, *arguments: str) -> Result:
        return call("score", "--model", "scripted", *DATA, "--calibration", "none", *arguments)

    def test_given_instructions_are_measured_in_order(self, model: ScriptedEngine) -> None:
        # Validation holds the rows 2, 19, 5 and 10.
        result = self.score("-i", "Read twice.", "-i", "", "--no-progress")
        assert result.stdout.splitlines() == ["0.750  Read twice.", "0.500  (empty)"]

    def test_another_split_may_be_named(self, model: ScriptedEngine) -> None:
        found = document(self.score("-i", "", "--on", "train", "--json"))
        assert found["metric"] == "accuracy"
        (score,) = found["scores"]
        assert (score["instruction"], score["split"], score["value"], score["n"]) == ("", "train", 1 / 3, 6)

    def test_a_metric_that_the_answers_do_not_allow_has_no_number(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        play_roles(monkeypatch, ScriptedEngine(log_prob=lambda _text: float("nan")))
        assert self.score("-i", "", "--metric", "log_loss").stdout == "not available  (empty)\n"
        found = document(self.score("-i", "", "--metric", "log_loss", "--json"))
        assert found["scores"][0]["value"] is None
        assert found["scores"][0]["reasons"] == {"no finite log-probability": 4}

    def test_no_run_is_written(self, model: ScriptedEngine) -> None:
        self.score("-i", "")
        assert done("runs", "list").stdout == ""

    def test_an_instruction_is_needed(self) -> None:
        assert self.score().exit_code == 2


class TestRuns:
    def test_all_runs_are_listed_the_latest_last(self, model: ScriptedEngine) -> None:
        run()
        (line,) = done("runs", "list").stdout.splitlines()
        assert line.split()[1:] == ["finished", "mails", "test", "0.625"]
        found = document(call("runs", "list", "--json"))
        assert (found["status"], found["task"], found["test"]) == ("finished", "mails", 0.625)

    def test_a_file_that_is_no_run_is_passed_over_with_a_note(self, model: ScriptedEngine) -> None:
        run()
        Path(os.environ["OPRO_LOCAL_HOME"], "runs", "broken.sqlite").write_text("no database " * 100)
        result = done("runs", "list")
        assert len(result.stdout.splitlines()) == 1
        assert "broken.sqlite" in result.stderr

    def test_the_latest_run_is_the_latest_that_can_be_read(self, model: ScriptedEngine) -> None:
        name = document(run("--json"))["run"]
        Path(os.environ["OPRO_LOCAL_HOME"], "runs", "9.sqlite").write_text("no database " * 100)
        result = call("runs", "show", "--json")
        assert document(result)["run"] == document(call("export"))["run"] == name
        assert "9.sqlite" in result.stderr

    def test_the_latest_unfinished_run_is_found_behind_a_finished_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = Path(os.environ["OPRO_LOCAL_HOME"], "runs")
        _play(monkeypatch)
        done_one = document(run("--json"))["run"]
        with pytest.raises(SettingsError, match="No unfinished run in"):
            find_run(folder, None, unfinished=True)
        play_roles(monkeypatch, ScriptedEngine(log_prob=TestInterrupt.pressing(2, at=1)))
        run("--seed", "5")
        (cut_off,) = {path.stem for path in folder.glob("2*.sqlite")} - {done_one}
        # Names begin with the time: this puts the finished run last.
        (folder / f"{done_one}.sqlite").rename(folder / "3.sqlite")
        assert find_run(folder, None).stem == "3"
        assert find_run(folder, None, unfinished=True).stem == cut_off

    def test_a_run_is_shown_by_id_by_file_or_as_the_latest(self, model: ScriptedEngine) -> None:
        name = document(run("--json"))["run"]
        path = Path(os.environ["OPRO_LOCAL_HOME"], "runs", f"{name}.sqlite")
        shown = [done("runs", "show", *which).stdout for which in ([], [name], [str(path)])]
        assert len(set(shown)) == 1
        assert "best prompt:" in shown[0]

    def test_a_run_that_is_not_over_shows_the_best_so_far(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The starts have 16 pairs in the only block of step 0, so the second block is of step 1.
        play_roles(monkeypatch, ScriptedEngine(log_prob=TestInterrupt.pressing(1, at=33), samples=SAMPLES))
        run()
        lines = said(done("runs", "show"))
        assert lines[1].endswith(": unfinished (search not over)")
        assert lines[2] == "verdict: not tested yet"
        assert lines[lines.index("best prompt:") + 1] == "(empty)"
        assert not any(line.startswith("test ") for line in lines)

    def test_a_run_without_a_number_has_no_best_prompt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        play_roles(monkeypatch, ScriptedEngine(log_prob=lambda _text: float("nan"), samples=SAMPLES))
        assert run("--metric", "log_loss").exit_code == 3
        lines = said(done("runs", "show"))
        assert "nothing scored yet" in lines
        assert "rows without an answer: no finite log-probability 16" in lines

    def test_shots_are_listed_by_id(self, model: ScriptedEngine) -> None:
        assert "with 2 shots: " in run("--shots", "2").stdout

    def test_a_run_without_a_score_yet_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        play_roles(monkeypatch, ScriptedEngine(log_prob=TestInterrupt.pressing(2, at=1)))
        run()
        assert "nothing scored yet" in said(done("runs", "show"))


class TestExport:
    def test_json_goes_to_stdout_and_may_hold_every_outcome(self, model: ScriptedEngine) -> None:
        run()
        assert "outcomes" not in document(call("export"))
        outcomes = document(call("export", "--outcomes"))["outcomes"]
        assert len(outcomes) == document(call("export"))["usage"]["pairs"]

    def test_csv_has_a_row_a_candidate(self, model: ScriptedEngine) -> None:
        run()
        rows = list(csv.DictReader(io.StringIO(done("export", "--to", "csv").stdout)))
        assert [row["instruction"] for row in rows if row["instruction"]]

    def test_a_file_may_be_named(self, model: ScriptedEngine) -> None:
        run()
        assert done("export", "-o", "out.json").stdout == ""
        assert json.loads(Path("out.json").read_text(encoding="utf-8"))["status"] == "finished"

    def test_a_file_that_cannot_be_written_is_an_error(self, model: ScriptedEngine) -> None:
        run()
        assert_one_line(call("export", "-o", "no/folder/out.json"), 1, "cannot be written")


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (OproError("went wrong"), 1),
            (StoreError("went wrong"), 1),
            (SettingsError("went wrong"), 2),
            (DataError("went wrong"), 3),
            (ModelError("went wrong"), 4),
            (StoreBusy("went wrong"), 75),
        ],
    )
    def test_each_class_has_its_exit_code_and_one_line(
        self, error: OproError, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(models, "load_models", fail)
        assert_one_line(run(), code, "opro-local: went wrong")

    def test_verbose_shows_where_it_came_from(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise ModelError("went wrong")

        monkeypatch.setattr(models, "load_models", fail)
        result = call("-v", "run", "--model", "scripted", *DATA)
        assert result.exit_code == 4
        assert result.stderr.startswith("Traceback")
        assert result.stderr.splitlines()[-1].endswith("ModelError: went wrong")

    def test_a_file_that_is_not_there_is_bad_data(self, model: ScriptedEngine) -> None:
        result = call("run", "--model", "scripted", "--data", "no.csv", "--text", "a", "--label", "b")
        assert_one_line(result, 3, "no.csv")

    def test_a_column_that_is_not_there_is_bad_data(self, model: ScriptedEngine) -> None:
        assert_one_line(call("run", "-m", "scripted", *DATA[:-1], "sort"), 3, "sort")

    def test_likelihood_needs_labels(self, model: ScriptedEngine) -> None:
        assert_one_line(run("--answer", "text", "--scoring", "likelihood"), 2, "needs a label set")

    def test_a_form_needs_a_grammar(self, monkeypatch: pytest.MonkeyPatch, model: ScriptedEngine) -> None:
        monkeypatch.setattr("opro_local.wiring.task_run.find_spec", lambda _: None)
        fields = ("-m", "scripted", *DATA[:-2], "--answer", "fields", "--fields", "kind=label")
        assert_one_line(call("run", *fields), 2, "pip install 'opro-local[fields]', or pass --grammar off.")
        model.reply = lambda _: '{"kind":"seed"}'
        assert call("run", *fields, "--grammar", "off", *SMALL).exit_code == 0

    def test_a_loss_needs_probabilities(self, model: ScriptedEngine) -> None:
        assert_one_line(run("--metric", "brier", "--scoring", "generation"), 2, "needs probabilities")

    def test_a_full_disk_is_one_line_and_the_run_goes_on_later(
        self, monkeypatch: pytest.MonkeyPatch, model: ScriptedEngine
    ) -> None:
        from opro_local.store import run_file

        def full(*_: object) -> None:
            raise apsw.FullError("database or disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(run_file, "outcome_to_row", full)
            assert run().exit_code == 1
        assert document(call("resume", "--json"))["status"] == "finished"


class TestFolds:
    def test_the_whole_search_is_done_for_each_fold_and_the_verdicts_are_pooled(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _play(monkeypatch, samples=(SAMPLES * 2))
        found = document(run("--folds", "2", "--json"))
        assert [fold["test"]["n"] for fold in found["folds"]] == [10, 10]
        ids = [row for fold in found["folds"] for row in fold["task"]["row_ids"]["test"]]
        assert len(set(ids)) == 20
        by_instruction = {verdict["instruction"]: verdict["comparison"] for verdict in found["verdicts"]}
        # Of the twenty rows the winner knows 16 in both folds, the empty instruction 6.
        assert [fold["best"]["instruction"] for fold in found["folds"]] == ["Read twice."] * 2
        assert by_instruction[""]["n"] == 20
        assert by_instruction[""]["difference"] == 0.5

    def test_in_words_the_verdict_is_that_of_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _play(monkeypatch, samples=(SAMPLES * 2))
        lines = said(run("--folds", "2"))
        assert lines[0] == "All folds together"
        assert "cross-fitting: the winners of 2 searches on 20 rows, each tested once" in lines
        assert lines[2].startswith("verdict: better than")
        assert sum(line.endswith("10  Read twice.") for line in lines) == 2

    def test_folds_that_end_without_headroom_say_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model({}, otherwise=6)))
        flags = ("--folds", "2", "--calibration", "none", "--stop-without-headroom")
        lines = said(done("run", "--model", "scripted", *DATA, *flags))
        assert sum(line.startswith("no headroom seen: ") for line in lines) == 2

    def test_one_fold_alone_is_a_run_like_any_other(self, model: ScriptedEngine) -> None:
        assert document(run("--folds", "2", "--fold", "1", "--json"))["test"]["n"] == 10


class TestHeadroom:
    """SMALL leaves the headroom test out; here it comes first."""

    ROWS = ("--method", "opro", "--steps", "1", "--proposals-per-step", "2", "--sensitivity", "0")

    def tried(
        self, monkeypatch: pytest.MonkeyPatch, *flags: str, skills: dict[str, int], otherwise: int = 6
    ) -> Result:
        engine = ScriptedEngine(
            log_prob=mail_model(skills, otherwise=otherwise), samples=[["Sort it well.</INS>", "No"]]
        )
        play_roles(monkeypatch, engine)
        return done("run", "--model", "scripted", *DATA, *self.ROWS, *flags)

    def test_without_any_difference_the_run_says_so_first_and_with_the_answer_and_goes_on(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = self.tried(monkeypatch, skills={})
        told = [line for line in found.stderr.splitlines() if "headroom" in line]
        assert told[0].startswith("no headroom seen: 16 very different prompts score ")
        assert told[0] in said(found)
        assert "best prompt:" in found.stdout

    def test_on_request_it_ends_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = self.tried(monkeypatch, "--stop-without-headroom", skills={})
        lines = said(found)
        assert lines[1].endswith(": finished (no headroom)")
        assert lines[3].startswith("no headroom seen: ")
        assert done("runs", "list").stdout.split()[1] == "finished"

    def test_a_person_at_a_terminal_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("opro_local.cli.hosting._at_terminal", lambda: True)
        engine = ScriptedEngine(log_prob=mail_model({}, otherwise=6))
        play_roles(monkeypatch, engine)
        answered = CliRunner().invoke(main, ["run", "--model", "scripted", *DATA, *self.ROWS], input="n\n")
        assert "Search all the same?" in answered.stderr
        assert said(answered)[1].endswith(": finished (no headroom)")

    def test_where_instructions_matter_nobody_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def asked() -> bool:
            raise AssertionError

        monkeypatch.setattr("opro_local.cli.hosting._at_terminal", asked)
        strong = {"": 20, STEP_BY_STEP: 20, "Classify the text.": 20, "Go with your first impression.": 20}
        found = self.tried(monkeypatch, skills=strong, otherwise=0)
        assert any(line.startswith("headroom: 16 very") for line in found.stderr.splitlines())


def test_the_rate_and_the_time_left_follow_the_clock(capsys: pytest.CaptureFixture[str]) -> None:
    from opro_local.records import Score, Scored, Step, Trajectory

    now = 100.0
    with RunProgress(shown=True, clock=lambda: now) as progress:
        cost = Estimate(
            pairs=200,
            scorer_tokens=5000,
            optimizer_tokens=1,
            test_rows=96,
            minimum_detectable_gain=0.14,
            memory=("memory: at most 1.00 GB",),
        )
        progress.started("r1", cost)
        now += 10.0
        progress.block_scored("train", 50)
        scored = (Scored(solution=0, score=Score(value=0.5), step=0),)
        progress.step_closed(
            Trajectory(direction="maximize", steps=(Step(number=0, proposals=(), scored=scored),))
        )
    assert capsys.readouterr().err.splitlines()[2:] == [
        "minimum detectable gain 14 points of accuracy (96 test rows, 80 % power)",
        "memory: at most 1.00 GB",
        "step 0: 0 of 0 proposals accepted, best 0.500 (step 0), 5.0 pairs/s, at most 0:30 left",
    ]


def test_a_person_at_the_terminal_is_asked_between_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch)
    said = "Read twice.\n\n\n\n"
    done = CliRunner().invoke(
        main,
        ["--home", ".", "run", *DATA, "--model", "scripted", *SMALL, "--ask", "--json"],
        input=said,
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    human = [(s["number"], p) for s in document["steps"] for p in s["proposals"] if p["origin"] == "human"]
    ((step, proposal),) = human
    assert step == 1 and proposal["solution"]["instruction"] == "Read twice."
    assert done.stderr.count("your instruction") == 4, (
        "after the starts and two steps, and once more for the one"
    )
    assert START in done.stderr


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch)
    arguments = ["--home", ".", "run", *DATA, "--model", "scripted", *SMALL, "--ask", "--json"]
    done = CliRunner().invoke(main, arguments, input="")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "finished"


def test_efficiency_is_measured_now_and_then_and_only_where_a_person_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first time, between two steps, it takes a second."""
    from opro_local.effort import EngineStats
    from opro_local.records import Score, Scored, Step, Trajectory

    asked: list[float] = []
    now = 0.0

    def effort() -> EngineStats:
        asked.append(now)
        return EngineStats(
            level="E3",
            requests=1,
            tokens_run=10,
            least_tokens=5,
            prefix_tokens=0,
            stored_prefix_tokens=0,
            seconds=4.0,
            least_seconds=1.0,
        )

    def search() -> None:
        nonlocal now
        with RunProgress(shown=True, clock=lambda: now) as progress:
            progress.started("r1", Estimate(pairs=200, scorer_tokens=1, optimizer_tokens=1, test_rows=0))
            progress.metered(effort)
            scored = (Scored(solution=0, score=Score(value=0.5), step=0),)
            for _ in range(4):
                now += 6.0
                progress.block_scored("train", 10)
                step = Step(number=0, proposals=(), scored=scored)
                progress.step_closed(Trajectory(direction="maximize", steps=(step,)))

    search()
    assert asked == []
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    now = 0.0
    search()
    assert asked == [6.0, 18.0]
    assert "25% of peak throughput, at most" in capsys.readouterr().err


@pytest.mark.parametrize("width", [20, 80])
def test_a_line_is_broken_between_words(width: int) -> None:
    text = "  one long line of many words\nrun 20261126-213156-282a_which_is_a_name_of_itself"
    lines = fitted(text, width).splitlines()
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert all(len(line) <= width or " " not in line.strip() for line in lines)
    assert width == 80 or lines[1].startswith("    "), "what follows is indented"


def test_a_word_while_the_live_view_is_drawn_stands_above_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written past the view, it moved it down and left two of its lines behind when Ctrl-C was pressed."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with RunProgress(shown=True) as progress:
        capsys.readouterr()
        progress.tell("Stopping after this block.")
        drawn = capsys.readouterr().err
    assert drawn.index("Stopping") < drawn.index("starting")
    capsys.readouterr()
    with RunProgress(shown=False) as progress:
        progress.tell("Stopping after this block.")
    assert capsys.readouterr().err == "Stopping after this block.\n"


def test_what_was_said_at_a_question_stays_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The view that goes on is a new one: the old one went up by its own height and erased the answer."""
    from opro_local.records import Score, Scored, Step, Trajectory

    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    up = "\x1b[1A"

    def answer(*_: object, **__: object) -> bool:
        assert up in capsys.readouterr().err, "the view was erased"
        return True

    monkeypatch.setattr("click.confirm", answer)
    scored = (Scored(solution=0, score=Score(value=0.5), step=0),)
    step = Step(number=0, proposals=(), scored=scored)
    with RunProgress(shown=True) as progress:
        progress.step_closed(Trajectory(direction="maximize", steps=(step,)))
        progress.say("a line")
        assert progress.ask("Search all the same?")
    before, drawn, _ = capsys.readouterr().err.partition("best so far")
    assert drawn and up not in before


def test_what_a_run_says_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(shown=True) as progress:
        progress.say("task: mails\x1b]0;owned\x07\x1b[2J\x9b31m.csv")
    assert capsys.readouterr().err == "task: mails]0;owned[2J31m.csv\n"


@pytest.mark.usefixtures("model")
def test_a_run_is_deleted_after_a_question() -> None:
    assert CliRunner().invoke(main, ["run", "-m", "scripted", *DATA, *SMALL]).exit_code == 0
    kept = CliRunner().invoke(main, ["runs", "rm", "2"], input="n\n")
    assert kept.exit_code == 1
    assert "Delete " in kept.stderr
    assert len(CliRunner().invoke(main, ["runs", "list"]).stdout.splitlines()) == 1
    assert CliRunner().invoke(main, ["runs", "rm", "2", "--yes"]).stdout.endswith(" removed\n")
    assert not CliRunner().invoke(main, ["runs", "list"]).stdout
