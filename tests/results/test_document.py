import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_script import HEADER, SHOT, TASK, CandidateCodec, candidate, outcome, proposed, run_to_the_end

from opro_local.answers.label import Label
from opro_local.config import SearchSettings
from opro_local.problem import NullWatcher
from opro_local.problems.mathematical import MathematicalProblem
from opro_local.problems.objectives.linear_regression import LinearRegression
from opro_local.recording import Evaluation
from opro_local.records import Candidate, Outcome, Proposal, Score, Scored, SplitName, Step
from opro_local.report.candidates import COLUMNS, candidates_csv
from opro_local.report.spreadsheet import neutralised
from opro_local.results.document import SCHEMA_FILE, as_json, generated_schema, run_document
from opro_local.results.reading import read_overview
from opro_local.results.result import read_candidate, read_result, rows_digest
from opro_local.scoring.marking import Marking
from opro_local.store.run_file import RunFile
from opro_local.store.schema import VERSION
from opro_local.tasks.task import Task, task_to_json

FINDINGS = (
    "most_common",
    "answering",
    *("headroom", "verdicts", "selection", "style", "test_uses", "flips", "reliability"),
    "data_digest",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.sqlite"


@pytest.fixture
def document(path: Path) -> dict[str, Any]:
    run_to_the_end(path)
    return run_document(path, outcomes=True)


def test_the_digest_of_the_data_is_that_of_its_rows() -> None:
    def digest(changed: Task) -> str:
        return rows_digest(replace(HEADER, problem_json=task_to_json(changed)))

    assert digest(replace(TASK, position="A_begin", metric="macro_f1", name="other")) == digest(TASK)
    first, *others = TASK.examples
    assert digest(replace(TASK, examples=(replace(first, text="Another mail."), *others))) != digest(TASK)


def test_it_names_the_run_its_models_and_its_task(document: dict[str, Any]) -> None:
    assert document["run"] == "r1"
    assert document["status"] == "finished"
    assert document["stop_reason"] == "budget of 2 steps used"
    assert document["models"][0]["digest"] == "model:sha256:1"
    assert document["settings"] == {"models": {"scorer": "tiny"}}
    assert document["task"]["labels"] == ["fintech", "seed"]
    assert document["metric"] == "accuracy"
    assert document["versions"] == {"python": "3.11.2"}


def test_the_winner_comes_with_its_scores_on_every_split(document: dict[str, Any]) -> None:
    assert document["best"]["instruction"] == "Instruction 2.1"
    assert document["best"]["calibration"] == [0.1 + 0.2, -1e-300]
    assert document["best"]["shots"][0]["text"] == 'Shot with "quotes"\nand a line'
    assert (document["best"]["step"], document["best"]["origin"]) == (2, "opro")
    assert (document["train"]["value"], document["train"]["n"]) == (1.0, 4)
    assert (document["validation"]["value"], document["validation"]["n"]) == (1.0, 2)
    assert (document["test"]["value"], document["test"]["interval"]) == (1.0, [1 / 3, 1.0])


def test_baselines_and_finalists_are_told_apart(document: dict[str, Any]) -> None:
    (baseline,) = document["baselines"]
    (finalist,) = document["finalists"]
    assert (baseline["instruction"], baseline["split"], baseline["n"]) == ("Instruction 0.0", "test", 1)
    assert (finalist["instruction"], finalist["split"], finalist["n"]) == ("Instruction 2.1", "validation", 2)


def test_what_was_validated_during_the_search_comes_with_its_step_and_its_score_on_train(path: Path) -> None:
    open_one = candidate(1, 1)
    score = Score(value=0.5, n=2)
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        for number in (0, 1):
            store.record_proposals(proposed(number))
            who = candidate(number, 0) if number == 0 else open_one
            store.record_evaluation(
                Evaluation(role="periodic", split="validation", candidate=who, score=score)
            )
            if number == 0:
                store.close_step(0, [Scored(solution=who, score=Score(value=0.75, n=4), step=0)])
    document = run_document(path)
    told = [(e["instruction"], e["step"], e["train"], e["value"], e["n"]) for e in document["periodic"]]
    assert told == [("Instruction 0.0", 0, 0.75, 0.5, 2), ("Instruction 1.1", 1, None, 0.5, 2)]
    assert document["finalists"] == []
    (first, *_) = csv.DictReader(io.StringIO(candidates_csv(read_result(path))))
    assert (first["train"], first["validation"], first["test"]) == ("0.75", "0.5", "")


def test_steps_hold_all_proposals_in_order(document: dict[str, Any]) -> None:
    step = document["steps"][1]
    assert (step["number"], step["closed"], step["seed"]) == (1, True, 2**62 + 1)
    assert step["meta_prompt"] == "meta-prompt 1.0"
    assert step["exemplar_ids"] == ["a", "c"]
    first, rejected, last = step["proposals"]
    assert first["text"] == "<t>0"
    assert first["solution"]["instruction"] == "Instruction 1.0"
    assert first["solution"]["shots"] == ["s"]
    assert first["score"]["value"] == 0.25
    assert (rejected["text"], rejected["reason"], rejected["solution"]) == ("chatter", "cut off", None)
    assert last["solution"]["instruction"] == "Instruction 1.1"


def test_it_counts_rejections_failures_and_usage(document: dict[str, Any]) -> None:
    assert document["rejected"] == {"cut off": 3}
    assert document["unanswered"] == {"no answer": 1}
    assert document["usage"] == {
        "steps": 2,
        "pairs": 28,
        "scorer_tokens": 308,
        "optimizer_tokens": 321,
        "tokens": 629,
    }
    assert document["timing"]["created"] == "2026-11-22T10:00:00Z"
    assert document["timing"]["pairs_per_second"] == 28 / document["timing"]["seconds"]


def test_outcomes_are_there_only_when_asked_for(document: dict[str, Any], path: Path) -> None:
    assert "outcomes" not in run_document(path)
    assert len(document["outcomes"]) == 28
    failed = next(entry for entry in document["outcomes"] if entry["reason"])
    assert failed["key"] == candidate(0, 0).key
    assert (failed["split"], failed["example_id"], failed["prediction"]) == ("train", "d", None)


def test_outcomes_show_the_turns_that_the_scorer_read(document: dict[str, Any]) -> None:
    entry = next(
        e for e in document["outcomes"] if e["key"] == candidate(1, 0).key and e["example_id"] == "b"
    )
    assert entry["prompt"] == {
        "messages": [
            {"role": "user", "content": SHOT.text},
            {"role": "assistant", "content": "fintech"},
            {"role": "user", "content": "Mail b\nInstruction 1.0"},
        ],
        "prefill": "",
        "lead": "",
    }


def test_outcomes_and_confusion_are_those_of_the_calibrated_candidate_that_was_scored(path: Path) -> None:
    # Uncalibrated all five are taken for fintech; 2 nats in favour of seed turn the last three round.
    raw = [(-0.1, -2.5), (-0.1, -2.3), (-0.3, -1.4), (-0.3, -1.4), (-0.6, -0.8)]
    targets = ["fintech", "seed", "seed", "fintech", "seed"]
    answers = [
        Outcome(
            example_id=row,
            target=target,
            prediction="fintech",
            score=float(target == "fintech"),
            choice_log_probs=pair,
        )
        for row, target, pair in zip("abcde", targets, raw, strict=True)
    ]
    answers.append(Outcome(example_id="f", target="seed", prediction=None, score=0.0, reason="no answer"))
    fitted = replace(candidate(0, 0), calibration=(0.0, 2.0))
    marking = Marking(kind=Label(labels=("fintech", "seed")))
    score = marking.score(marking.answers(answers, fitted.calibration))
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        store.record_proposals(proposed(0))
        store.close_step(0, [Scored(solution=fitted, score=Score(value=0.5), step=0)])
        store.open_test(fitted, [])
        store.record_block("test", {fitted.key: answers})
        store.record_evaluation(Evaluation(role="winner", split="test", candidate=fitted, score=score))
    document = run_document(path, outcomes=True)
    assert [e["prediction"] for e in document["outcomes"]] == [
        *("fintech", "fintech", "seed", "seed", "seed", None)
    ]
    assert mean(e["correct"] for e in document["outcomes"]) == document["test"]["value"] == 0.5
    assert document["outcomes"][2]["choice_log_probs"] == pytest.approx([-0.3, 0.6])
    assert document["test"]["confusion"] == {"labels": ["fintech", "seed"], "rows": [[1, 1, 0], [1, 2, 1]]}


def test_every_split_has_the_calibration_that_it_was_scored_with(path: Path) -> None:
    first, last = (replace(candidate(0, 0), calibration=(0.0, bias)) for bias in (1.0, 2.0))
    answer = Outcome(
        example_id="g", target="seed", prediction="fintech", score=0.0, choice_log_probs=(-0.1, -1.6)
    )
    splits: tuple[SplitName, ...] = ("train", "validation", "test")
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        store.record_proposals(proposed(0))
        store.record_block("train", {first.key: [answer]})
        store.close_step(0, [Scored(solution=first, score=Score(value=0.5), step=0)])
        store.record_block("validation", {first.key: [answer]})
        store.record_evaluation(_evaluation("finalist", "validation", first))
        store.open_test(last, [])
        store.record_block("test", {last.key: [answer]})
        store.record_evaluation(_evaluation("winner", "test", last))
    document = run_document(path, outcomes=True)
    assert document["best"]["calibration"] == [0.0, 2.0]
    found = {entry["split"]: entry["prediction"] for entry in document["outcomes"]}
    assert found == dict(zip(splits, ("fintech", "fintech", "seed"), strict=True))
    assert document["validation"]["confusion"]["rows"] != document["test"]["confusion"]["rows"]


def test_the_table_has_the_calibration_of_test_of_what_was_measured_there(path: Path) -> None:
    winner, start, other = (replace(candidate(0, i), calibration=(0.0, 1.0)) for i in range(3))
    again = {who.key: replace(who, calibration=(0.0, 2.0)) for who in (winner, start)}
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        store.record_proposals(
            Step(
                number=0,
                proposals=tuple(Proposal(text="x", solution=each) for each in (winner, start, other)),
            )
        )
        store.close_step(0, [_scored(each, 0.5) for each in (winner, start, other)])
        for each in (winner, start):
            store.record_evaluation(_evaluation("finalist", "validation", each))
        store.open_test(again[winner.key], [])
        store.record_evaluation(_evaluation("winner", "test", again[winner.key]))
        store.record_evaluation(_evaluation("baseline", "test", again[start.key], 0.25))
    rows = list(csv.DictReader(io.StringIO(candidates_csv(read_result(path)))))
    assert [json.loads(row["biases"])["seed"] for row in rows] == [2.0, 2.0, 1.0]
    found = read_candidate(path, start.key)
    assert found.test is not None and found.test.value == 0.25
    document = run_document(path)
    assert document["baselines"][0]["calibration"] == [0.0, 2.0]
    assert [each["calibration"] for each in document["finalists"]] == [[0.0, 1.0]] * 2


def test_the_table_says_of_each_candidate_how_its_answers_are_read(path: Path) -> None:
    """Of grades one calibration takes the mean, another the likeliest."""
    mean, likeliest = (replace(candidate(0, i), calibration=(0.0, 1.0, 1.0)[: 3 - i]) for i in range(2))
    header = replace(HEADER, problem_json=task_to_json(replace(TASK, answer="grade")))
    with RunFile.create(path, header, CandidateCodec()) as store:
        store.record_proposals(
            Step(number=0, proposals=tuple(Proposal(text="x", solution=each) for each in (mean, likeliest)))
        )
        store.close_step(0, [_scored(mean, 0.75), _scored(likeliest, 0.5)])
    rows = list(csv.DictReader(io.StringIO(candidates_csv(read_result(path)))))
    assert ["mean" in row["answer"] for row in rows] == [True, False]
    assert "likeliest" in rows[1]["answer"] or "highest" in rows[1]["answer"]
    assert run_document(path)["answering"]["others"] == {likeliest.key: rows[1]["answer"]}


def test_a_baseline_that_was_never_proposed_is_exported_with_its_own_calibration(path: Path) -> None:
    fitted = replace(candidate(7, 7), calibration=(0.0, 9.0))
    answer = Outcome(
        example_id="g", target="seed", prediction="fintech", score=0.0, choice_log_probs=(-0.1, -2.0)
    )
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        store.record_block("train", {fitted.key: [answer]})
        store.open_test(fitted, [])
        store.record_block("test", {fitted.key: [answer]})
        store.record_evaluation(_evaluation("baseline", "test", fitted))
    found = run_document(path, outcomes=True)["outcomes"]
    assert {(e["split"], e["prediction"], e["correct"]) for e in found} == {
        ("train", "seed", True),
        ("test", "seed", True),
    }


def test_validation_has_its_own_confusion_and_tasks_without_labels_have_none(
    document: dict[str, Any], tmp_path: Path
) -> None:
    assert document["validation"]["confusion"]["rows"] == [[0, 0, 0], [0, 2, 0]]
    answer = Outcome(example_id="g", target="4", prediction="4", score=1.0, reply="4")
    who = candidate(0, 0)
    numbers = replace(TASK, answer="number", labels=())
    header = replace(HEADER, problem_json=task_to_json(numbers), summary={**HEADER.summary, "labels": []})
    with RunFile.create(tmp_path / "numbers.sqlite", header, CandidateCodec()) as store:
        store.record_proposals(proposed(0))
        store.close_step(0, [_scored(who, 0.5)])
        store.open_test(who, [])
        store.record_block("test", {who.key: [answer]})
        store.record_evaluation(_evaluation("winner", "test", who))
    assert "confusion" not in run_document(tmp_path / "numbers.sqlite")["test"]


def test_the_overview_says_the_same_without_what_is_made_of_outcomes(
    document: dict[str, Any], path: Path
) -> None:
    overview = as_json(read_overview(path))
    for split in ("validation", "test"):
        del document[split]["confusion"]
    for key in ("outcomes", *FINDINGS):
        del document[key]
    assert overview == document
    assert overview["store_version"] == VERSION
    assert "schema_version" not in overview  # that is the command line's


def test_the_shipped_schema_is_that_of_the_types_and_names_what_is_written(
    document: dict[str, Any],
) -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == generated_schema(), "bash scripts/guide writes it"
    schema = json.loads(generated_schema())
    assert schema["properties"]["schema_version"] == {
        "const": 1,
        "description": "One more when a key goes or means something else.",
    }
    task = schema["$defs"]["TaskResult"]
    assert set(task["required"]) <= set(document) <= set(task["properties"])
    assert "outcomes" not in task["required"] and "verdicts" in task["required"]
    score = schema["$defs"]["Held"]
    assert set(score["required"]) <= set(document["test"]) <= set(score["properties"])


def test_it_is_strict_json(document: dict[str, Any]) -> None:
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text) == document
    failed = next(entry for entry in document["outcomes"] if entry["reason"])
    assert failed["gold_log_likelihood"] is None  # NaN
    wrong = next(entry for entry in document["outcomes"] if entry["prediction"] == "fintech")
    assert wrong["choice_log_probs"] == [(-0.1 - 0.2) + (0.1 + 0.2), None]  # minus infinity


def test_a_run_in_its_first_step_has_no_best_yet(path: Path) -> None:
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        store.record_proposals(proposed(0))
        document = run_document(path)
    assert document["status"] == "unfinished"
    assert document["best"] is None
    assert document["train"] is None
    assert document["test"] is None
    assert document["steps"][0]["closed"] is False
    assert document["steps"][0]["proposals"][0]["score"] is None
    assert candidates_csv(read_result(path)).count("\n") == 3


def test_before_there_is_a_winner_the_best_is_that_of_the_search(path: Path) -> None:
    low, high = candidate(0, 0), candidate(0, 1)
    with RunFile.create(path, replace(HEADER, direction="minimize"), CandidateCodec()) as store:
        store.record_proposals(proposed(0))
        store.close_step(0, [_scored(high, 0.9), _scored(low, 0.2)])
        store.record_stop("target")
        store.record_evaluation(_evaluation("finalist", "validation", high))
        document = run_document(path)
    assert document["status"] == "stopped"
    assert document["best"]["instruction"] == "Instruction 0.0"
    assert document["train"]["value"] == 0.2
    assert document["validation"] is None


def test_a_winner_that_is_a_baseline_too_keeps_its_own_score(path: Path) -> None:
    who = candidate(0, 0)
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        store.record_proposals(proposed(0))
        store.close_step(0, [_scored(who, 0.5)])
        store.record_evaluation(_evaluation("baseline", "test", who, 0.1))
        store.record_evaluation(_evaluation("winner", "test", who, 0.7))
        store.record_evaluation(_evaluation("finalist", "validation", who, 0.3))
        document = run_document(path)
    assert (document["validation"]["value"], document["test"]["value"]) == (0.3, 0.7)


def test_a_mathematical_problem_shows_its_solution_as_it_is(path: Path) -> None:
    problem = LinearRegression()
    header = replace(
        HEADER,
        kind="linear-regression",
        direction="minimize",
        summary={},
        problem_json=problem.model_dump_json(),
    )
    codec = MathematicalProblem(objective=problem, search=SearchSettings(), watcher=NullWatcher())
    with RunFile.create(path, header, codec) as store:
        store.record_proposals(Step(number=0, proposals=(Proposal(text="-", solution=(-1.0, 2.0)),)))
        store.close_step(0, [Scored(solution=(-1.0, 2.0), score=Score(value=3.0), step=0)])
        document = run_document(path)
    assert document["best"]["solution"] == [-1.0, 2.0]
    assert document["metric"] is None
    assert document["objective"]["explored"] == 1 and document["objective"]["solved_at"] is None
    assert document["steps"][0]["proposals"][0]["solution"] == [-1.0, 2.0]
    assert (
        next(csv.DictReader(io.StringIO(candidates_csv(read_result(path)))))["instruction"] == "[-1.0, 2.0]"
    )


def test_the_table_has_one_row_a_candidate(document: dict[str, Any], path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(candidates_csv(read_result(path)))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["instruction"] for row in rows] == [
        f"Instruction {s}.{i}" for s in range(3) for i in range(2)
    ]
    assert (rows[5]["train"], rows[5]["train_n"], rows[5]["validation"], rows[5]["test"]) == (
        "1.0",
        "4",
        "1.0",
        "1.0",
    )
    assert (rows[0]["train"], rows[0]["validation"], rows[0]["test"]) == ("0.25", "", "1.0")
    assert rows[1]["test"] == ""
    assert rows[0]["shots"] == "s"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "|x",
        "%x",
        "\t=1",
        "\rx",
        "\nx",
        " =1",
        "\u200b=1",
        "\ufeff@x",
        "\uff1d1",
    ],
)
def test_what_may_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert neutralised(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Think.", "1 = 1", "a-b", "'=1", "  plain", "é"])
def test_plain_text_stays(text: str) -> None:
    assert neutralised(text) == text


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=8))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert not neutralised(text).lstrip().startswith(("=", "+", "-", "@", "|", "%"))


def test_an_instruction_that_looks_like_a_formula_is_harmless_in_the_table(path: Path) -> None:
    evil = Candidate(instruction="=HYPERLINK(1)")
    with RunFile.create(path, HEADER, CandidateCodec()) as store:
        store.record_proposals(Step(number=0, proposals=(Proposal(text="x", solution=evil),)))
        store.record_block("train", {evil.key: [outcome(evil, "a")]})
        store.close_step(0, [_scored(evil, -0.5)])
    row = next(csv.DictReader(io.StringIO(candidates_csv(read_result(path)))))
    assert row["instruction"] == "'=HYPERLINK(1)"
    assert row["train"] == "-0.5"


def _scored(who: Candidate, value: float) -> Scored[Candidate]:
    return Scored(solution=who, score=Score(value=value), step=0)


def _evaluation(role: str, split: SplitName, who: Candidate, value: float = 0.5) -> Evaluation:
    return Evaluation(role=role, split=split, candidate=who, score=Score(value=value))
