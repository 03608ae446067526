"""What every kind of answer keeps to, those of this package and two that a user wrote, a file each.

Each kind answers a table of its own with replies that are right, wrong or silent; then it goes all the way
through run, score, report and export.
"""

import csv
import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner, Result
from scripted_models import play_roles

import opro_local.answers
from opro_local.answers import AnswerKind, grader_of, kind_class, kind_names
from opro_local.cli import main
from opro_local.config import Metric, TaskSettings
from opro_local.errors import SettingsError
from opro_local.exports.forms import FORMS
from opro_local.reading.replies import Grader
from opro_local.records import Answer, Example, Outcome
from opro_local.results.reading import fields_of
from opro_local.scoring.judging import Judge
from opro_local.scoring.marking import Marking
from opro_local.scoring.metrics import METRICS
from opro_local.scoring.stopping import AnswerIsFinal
from opro_local.tasks.loading import load_task
from opro_local.tasks.task import Task, task_from_json, task_to_json
from opro_local.testing import ScriptedEngine

ROWS = 20
SILENT = "I cannot say"
OWN_KINDS = Path(__file__).with_name("own_kinds")
"""A file each, as a user would write it."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A table of a kind: the target of row i, a reply that is right and one that is wrong to each target.

    unhelped is what a model says to an empty instruction that may not be silent.
    """

    targets: Sequence[str]
    right: Mapping[str, str]
    wrong: Mapping[str, str]
    question: str = "Row {}."
    settings: Mapping[str, Any] = field(default_factory=dict)
    silent: str | None = SILENT
    unhelped: str | None = None
    worth_of_wrong: float = 0.0

    def rows(self) -> list[tuple[str, str]]:
        return [(self.question.format(i), self.targets[i % len(self.targets)]) for i in range(ROWS)]


def same(*targets: str) -> dict[str, str]:
    return {target: f"The answer is {target}." for target in targets}


def swapped(one: str, other: str) -> dict[str, str]:
    return {one: f"The answer is {other}.", other: f"The answer is {one}."}


OWN_GRADER = """
def judge(reply, target):
    if target in reply:
        return 1.0, "well said"
    return (0.25, "near") if "answer" in reply else (0, "nothing")
"""
OSLO, NEW_YORK = '{"city":"Oslo","count":3}', '{"city":"New York","count":-2,"note":"by sea"}'
SAMPLES: dict[str, Sample] = {
    "label": Sample(targets=("red", "blue"), right=same("red", "blue"), wrong=swapped("red", "blue")),
    "boolean": Sample(targets=("yes", "no"), right=same("yes", "no"), wrong=swapped("yes", "no")),
    "choice": Sample(
        targets=("(A)", "(B)"),
        right=same("(A)", "(B)"),
        wrong=swapped("(A)", "(B)"),
        question="Question {}?\n(A) early\n(B) late",
    ),
    "number": Sample(targets=("12", "-3"), right=same("12", "-3"), wrong=swapped("12", "-3")),
    "text": Sample(
        targets=("Oslo", "New York"),
        right=same("Oslo", "New York"),
        wrong=swapped("Oslo", "New York"),
        silent=None,  # any text is one
    ),
    "span": Sample(
        targets=("the Row", '["Row", "the row"]'),
        right=dict.fromkeys(("the Row", '["Row", "the row"]'), "The answer is row."),
        wrong=dict.fromkeys(("the Row", '["Row", "the row"]'), "The answer is a row of boats."),
        silent=None,  # any text is one
        worth_of_wrong=0.4,
    ),
    "regex": Sample(
        targets=("AB-1", "CD-22"),
        right=same("AB-1", "CD-22"),
        wrong=swapped("AB-1", "CD-22"),
        settings={"pattern": r"[A-Z]{2}-\d+"},
    ),
    "python": Sample(
        targets=("tea", "rice"),
        right=same("tea", "rice"),
        wrong=swapped("tea", "rice"),
        settings={"grader": "own.py:judge", "metric": "mean_score"},
        silent=None,  # it is worth what the function says
        worth_of_wrong=0.25,
    ),
    "judged": Sample(
        targets=("tea", "rice"),
        right=dict.fromkeys(("tea", "rice"), "Here you are: well done."),
        wrong=dict.fromkeys(("tea", "rice"), "Here you are: so so."),
        settings={"rubric": "Is it well done?", "judge_rows": "judge.csv"},
        silent=None,  # any text is graded
    ),
    "labels": Sample(
        targets=("cold; wet", "none", "dry"),
        right={
            "cold; wet": "The answer is wet and cold.",
            "none": "The answer is none.",
            "dry": "cold: no\ndry: yes\nwet: no\n\n",
        },
        wrong={
            "cold; wet": "The answer is cold, not wet but dry.",
            "none": "The answer is dry.",
            "dry": "cold: no\ndry: no\nwet: no\n\n",
        },
        settings={"separator": ";"},
    ),
    "label_set": Sample(
        targets=("cold; wet", "dry"),
        right={"cold; wet": "The answer is wet and cold.", "dry": "The answer is dry."},
        wrong={"cold; wet": "The answer is cold, not wet but dry.", "dry": "The answer is wet."},
        settings={"labels": ("cold", "dry", "wet")},
    ),
    "grade": Sample(
        targets=("1", "2", "4"),
        right={"1": "I give it 1 out of 4.", "2": "The answer is 2.", "4": "Grade: four"},
        wrong={"1": "The answer is 2.", "2": "The answer is 1.", "4": "Grade: 2/4"},
        worth_of_wrong=0.75,
    ),
    "fields": Sample(
        targets=(OSLO, NEW_YORK),
        right={OSLO: OSLO, NEW_YORK: NEW_YORK},
        wrong={OSLO: '{"city":"Bergen","count":3}', NEW_YORK: '{"city":"New York","count":2}'},
        settings={"fields": ("city=text", "count=number", "note=text?")},
        unhelped='{"city":"Bergen","count":4,"note":"by air"}',
        worth_of_wrong=1 / 3,
    ),
    "rating": Sample(
        targets=("bad", "fair", "good"),
        right=same("bad", "fair", "good"),
        wrong={"bad": "The answer is fair.", "fair": "The answer is good.", "good": "The answer is fair."},
        settings={"labels": ("bad", "fair", "good")},
        worth_of_wrong=0.5,
    ),
}


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user's files stand beside those of the package; what options take is settled before."""
    for name in main.list_commands(click.Context(main)):
        main.get_command(click.Context(main), name)
    monkeypatch.setattr(opro_local.answers, "__path__", [*opro_local.answers.__path__, str(OWN_KINDS)])
    yield
    kind_class.cache_clear()


@pytest.fixture(params=SAMPLES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sample(kind: str) -> Sample:
    return SAMPLES[kind]


GRADED = "text,reply,grade\n" + "q,well done,5\nq,so so,1\n" * 6


def judge_of(kind: AnswerKind) -> Judge | None:
    """One that is sure: well done or not."""
    return Judge.of(ScriptedEngine(log_prob=judgement), kind.rubric) if kind.rubric else None


def judgement(text: str) -> float:
    well = "well done" in text.rpartition("<reply>")[2]
    return 0.0 if text.endswith("5" if well else "1") else -40.0


def graded(kind: AnswerKind, reply: str, row: Example) -> Outcome:
    """As a run does it: read, and judged where there is a judge."""
    found = grader_of(kind).grade(reply, row)
    outcome = Outcome(example_id=row.id, target=row.target, **fields_of(found))
    judge = judge_of(kind)
    return judge.graded([row], [outcome])[0] if judge else outcome


@pytest.fixture
def task(kind: str, sample: Sample, tmp_path: Path) -> Task:
    (tmp_path / "own.py").write_text(OWN_GRADER, encoding="utf-8")
    (tmp_path / "judge.csv").write_text(GRADED, encoding="utf-8")
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("question", "answer"), *sample.rows()])
    settings = TaskSettings(
        data="rows.csv", text=("question",), label="answer", answer=kind, **dict(sample.settings)
    )
    return load_task(settings, folder=tmp_path, name="rows", allow_python=True)


def example(sample: Sample, target: str) -> Example:
    return Example(id="1", text=sample.question.format(1), target=target)


def graders(kind: AnswerKind) -> list[Grader]:
    found = [grader_of(kind, "strict")]
    try:
        found.append(grader_of(kind, "official"))
    except SettingsError as error:
        assert "--grading strict" in str(error)
    return found


def test_every_kind_has_a_sample_here() -> None:
    assert set(SAMPLES) == set(kind_names())
    assert {path.stem for path in OWN_KINDS.glob("*.py")} < set(SAMPLES)
    assert all(len(path.read_text(encoding="utf-8").splitlines()) < 60 for path in OWN_KINDS.glob("*.py"))


def test_a_right_reply_is_worth_1_and_a_wrong_one_less(task: Task, sample: Sample) -> None:
    for target, reply in sample.right.items():
        found = graded(task.kind, reply, example(sample, target))
        assert (found.score, found.reason) == (1.0, None)
        assert found.prediction is not None
    for target, reply in sample.wrong.items():
        if reply != sample.right[target]:
            found = graded(task.kind, reply, example(sample, target))
            assert 0 <= found.score < 1
            assert found.score >= sample.worth_of_wrong or sample.worth_of_wrong == 0


def test_a_silent_reply_has_a_reason_and_is_worth_nothing(task: Task, sample: Sample) -> None:
    if sample.silent is not None:
        found = grader_of(task.kind).grade(sample.silent, example(sample, sample.targets[0]))
        assert (found.prediction, found.score) == (None, 0.0)
        assert found.reason


def test_a_reply_that_is_final_keeps_its_grade(task: Task, sample: Sample) -> None:
    strict = grader_of(task.kind)
    for target, reply in sample.right.items():
        row, whole = example(sample, target), reply + "\n\nQ: the next one, and so on"
        ends = [end for end in range(len(whole)) if strict.is_final(whole[:end], row.text)]
        graded = strict.grade(whole, row)
        assert all(strict.grade(whole[:end], row) == graded for end in ends)


def test_published_readers_take_a_plain_right_reply(task: Task, sample: Sample) -> None:
    for grader in graders(task.kind)[1:]:
        for target in sample.targets:
            assert grader.grade(f"The answer is {target}.", example(sample, target)).score == 1


def test_the_first_metric_is_its_own_and_all_of_them_can_be_computed(task: Task, sample: Sample) -> None:
    assert task.metric == task.kind.metric == sample.settings.get("metric", task.kind.metrics[0])
    assert set(task.kind.metrics) <= set(get_args(Metric)) == set(METRICS)
    answers = [Answer(_answered(task, sample, row)) for row in task.examples]
    for metric in task.kind.metrics:
        score = Marking(kind=task.kind, metric=metric, spread=20.0).score(answers)
        best = METRICS[metric].normalised(score.value, 20.0)
        assert best == pytest.approx(1.0, abs=1e-6)
        no_tables = METRICS[metric].from_tables is None or task.kind.members
        assert score.interval is not None or no_tables  # all rows alike resample alike


def _answered(task: Task, sample: Sample, row: Example) -> Outcome:
    sure = tuple(0.0 if label == row.target else -40.0 for label in task.kind.classes)
    return replace(graded(task.kind, sample.right[row.target], row), choice_log_probs=sure)


def test_instructions_are_several_different_and_not_forbidden(task: Task) -> None:
    texts = list(task.kind.instructions)
    assert len(set(texts)) == len(texts) >= 8
    assert [task.kind.forbidden(text) for text in texts] == [None] * len(texts)


def test_strata_are_what_a_split_can_keep(task: Task) -> None:
    strata = {task.kind.stratum(row) for row in task.examples}
    assert strata == {""} or all(
        sum(task.kind.stratum(row) == each for row in task.examples) > 1 for each in strata
    )


def test_a_kind_is_data_and_so_is_what_ends_its_replies(task: Task) -> None:
    assert pickle.loads(pickle.dumps(task.kind)) == task.kind
    assert hash(task.kind) == hash(task_from_json(task_to_json(task)).kind)
    rule = AnswerIsFinal(kind=task.kind, grading="strict", question="?")
    rule("The answer is")  # what it has worked out by now does not travel
    again = pickle.loads(pickle.dumps(rule))
    assert again == rule
    assert again("Q: ") == rule("Q: ")


def test_a_calibrated_answer_is_worth_what_its_kind_says() -> None:
    kind = kind_class("rating")(labels=("bad", "fair", "good"))
    raw = Outcome(
        example_id="1", target="good", prediction="bad", score=0.0, choice_log_probs=(-0.5, -1.0, -3.0)
    )
    marking = Marking(kind=kind, metric="mean_score")
    worths = [marking.answers([raw], biases)[0].score for biases in ((), (-1.0, 0.0, 0.0), (-3.0, -3.0, 0.0))]
    assert worths == [0.0, 0.5, 1.0]


class TestWholeWay:
    """A generated answer: the start is silent, "Think." is right on all rows."""

    @pytest.fixture
    def home(
        self, task: Task, sample: Sample, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Path:
        by_question = {row.text: row.target for row in task.examples}

        def reply(prompt: str) -> str:
            question = prompt.rpartition("[user] ")[2].partition("\n[assistant]")[0]
            text = question.removeprefix("Think.\n")
            target = by_question[text.strip()] if text.strip() in by_question else sample.targets[0]
            wrong = sample.unhelped or sample.silent or "nothing of the kind"
            return sample.right[target] if question.startswith("Think.") else wrong

        engine = ScriptedEngine(reply=reply, log_prob=judgement, samples=[("Think.</INS>",)])
        play_roles(monkeypatch, engine)
        monkeypatch.chdir(tmp_path)
        given = {"answer": kind, "data": "rows.csv", "text": ["question"], "label": "answer"}
        lines = [f"{key} = {json.dumps(value)}" for key, value in (given | dict(sample.settings)).items()]
        Path("task.toml").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path

    def test_it_runs_is_scored_reported_and_exported(self, home: Path, task: Task, sample: Sample) -> None:
        words = ["--task", "task.toml", "--model", "scripted", "--scoring", "generation", "--allow-python"]
        small = ["--method", "opro", "--steps", "1", "--proposals-per-step", "1", "--exemplars", "1"]
        small += ["--start", "", "--headroom", "0", "--sensitivity", "0"]
        document = json.loads(invoke("run", *words, *small, "--json").stdout)
        assert document["best"]["instruction"] == "Think."
        assert document["test"]["value"] == pytest.approx(1.0)
        assert document["metric"] == task.metric
        start = next(b["value"] for b in document["baselines"] if not b["instruction"])
        assert start <= 1e-6
        assert "Think." in invoke("runs", "show", document["run"]).stdout
        scored = json.loads(invoke("score", *words, "-i", "Think.", "--on", "test", "--json").stdout)
        assert scored["scores"][0]["value"] == pytest.approx(1.0)
        for form in ("html", "md", "csv", "xlsx", "json"):
            invoke("report", "-o", f"report.{form}")
            assert (home / f"report.{form}").stat().st_size > 100
        if task.grader:
            assert "well said" in (home / "report.html").read_text(encoding="utf-8")
        for use in ("json", "csv", *FORMS):
            assert "Think." in invoke("export", "--to", use).stdout
        assert f"read as {task.kind.reading}" in invoke("export", "--to", "prompt").stdout
        outcomes = json.loads(invoke("export", "--outcomes").stdout)["outcomes"]
        best = [each for each in outcomes if each["key"] == document["best"]["key"]]
        assert [each["score"] for each in best] == pytest.approx([1.0] * len(best))
        feedback = {"well said"} if task.grader else {"grade 5.00 of 5"} if task.rubric else {None}
        assert {each["feedback"] for each in best} == feedback


def invoke(*words: str) -> Result:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, result.output
    return result
