"""Whole runs whose replies a judge grades: measured beside a person first, refused where it only guesses."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pytest_socket import enable_socket
from scripted_models import play_roles
from strict_chat_server import StrictChatServer, serving

from opro_local.cli import main
from opro_local.records import derived_seed
from opro_local.testing import ScriptedEngine

RUBRIC = "The reply says what happens next."
RUN = ["run", "--task", "task.toml", "--model", "scripted", "--method", "opro", "--steps", "1"]
RUN += [
    "--proposals-per-step",
    "1",
    "--exemplars",
    "1",
    "--start",
    "",
    "--headroom",
    "0",
    "--sensitivity",
    "0",
]
PERSON = "12345" * 4


def reply_of(text: str) -> str:
    return text.rpartition("<reply>")[2].partition("</reply>")[0].strip()


def good_judge(text: str) -> float:
    """Sure of the grade that a reply names."""
    return 0.0 if text.rpartition("Grade: ")[2] == reply_of(text)[-1:] else -40.0


def coin(text: str) -> float:
    """As sure, of a grade that hangs on nothing but what stands in the reply."""
    said = text.rpartition("Grade: ")[2]
    return 0.0 if int(said) == 1 + derived_seed(0, 0, reply_of(text)) % 5 else -40.0


def engine(judge: object = good_judge) -> ScriptedEngine:
    """Writes what the judge likes where it is told to think."""

    def reply(prompt: str) -> str:
        return "Done by Monday 5" if "Think." in prompt.rpartition("[user] ")[2] else "No idea 2"

    return ScriptedEngine(reply=reply, log_prob=judge, samples=[("Think.</INS>",)] * 4)  # type: ignore[arg-type]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save("mails.csv", ["mail"], *([f"Mail {i}: when?"] for i in range(20)))
    save(
        "judge.csv",
        ["text", "reply", "grade"],
        *(["Where?", f"Row {i} {g}", g] for i, g in enumerate(PERSON)),
    )
    Path("rubric.txt").write_text(RUBRIC + "\n", encoding="utf-8")
    task = {
        "answer": "judged",
        "data": "mails.csv",
        "text": ["mail"],
        "rubric": "rubric.txt",
        "judge_rows": "judge.csv",
    }
    Path("task.toml").write_text(
        "\n".join(f"{k} = {json.dumps(v)}" for k, v in task.items()), encoding="utf-8"
    )
    return tmp_path


def save(name: str, *rows: list[str]) -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def invoke(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output
    return result


def test_a_good_judge_is_taken_and_told_everywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_roles(monkeypatch, engine())
    result = invoke(*RUN, "--json")
    document = json.loads(result.stdout)
    assert document["best"]["instruction"] == "Think."
    assert (document["metric"], document["test"]["value"]) == ("mean_score", 1.0)
    assert document["baselines"][0]["value"] == pytest.approx(0.25)
    told = document["steps"][1]["meta_prompt"]
    assert f"graded by this rubric: {RUBRIC}" in told
    assert "Correct answer" not in told  # there is no reference to show
    judge = document["task"]["judge"]
    assert judge["agreement"]["kappa"] == pytest.approx(1.0)
    assert judge["agreement"]["n"] == 20
    assert RUBRIC in judge["prompt"]
    assert (judge["model"], judge["is_scorer"]) == ("scripted", True)
    assert "the judge is the model that writes the replies" in result.stderr
    for form in ("md", "html", "csv", "json", "xlsx"):
        invoke("report", "-o", f"report.{form}")
    page = Path("report.md").read_text(encoding="utf-8")
    for told in (RUBRIC, "the judge beside a person, 20 replies: kappa 1.000", "it may like its own"):
        assert told in page
    outcomes = json.loads(invoke("export", "--outcomes").stdout)["outcomes"]
    assert {each["feedback"] for each in outcomes} == {"grade 5.00 of 5", "grade 2.00 of 5"}
    assert "graded the replies by the rubric" in invoke("export", "--to", "promptfoo").stdout


def test_served_replies_are_graded_by_the_runs_own_judge(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enable_socket()
    monkeypatch.setattr("opro_local.exports.chat_server.close_network", lambda: None)
    play_roles(monkeypatch, engine())
    invoke(*RUN)
    with serving(StrictChatServer(say=lambda _: "Perhaps by Monday 4")) as server:
        found = json.loads(invoke("export", "--check", server.url, "--json").stdout)
    scores = {side["name"]: side["score"]["value"] for side in found["sides"]}
    assert scores == {"here, written": 1.0, "there, written by served-model": pytest.approx(0.75)}
    assert {row["there"]["prediction"] for row in found["rows"]} == {"Perhaps by Monday 4"}


def test_a_coin_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_roles(monkeypatch, engine(coin))
    for command in (RUN, ["score", "--task", "task.toml", "--model", "scripted", "-i", "Think."]):
        told = invoke(*command, code=2).stderr
        assert "agrees too little with the person: kappa" in told
        assert "--judge-kappa 0" in told
    assert not list(home.rglob("*.opro"))
    taken = invoke(*RUN, "--judge-kappa", "0", "--json")
    assert "--judge-kappa 0 let it pass" in taken.stderr
    assert json.loads(taken.stdout)["task"]["judge"]["least"] == 0


def test_a_judge_is_measured_or_taken_by_word(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_roles(monkeypatch, engine())
    task = Path("task.toml").read_text(encoding="utf-8").replace('judge_rows = "judge.csv"', "")
    Path("task.toml").write_text(task, encoding="utf-8")
    assert "pass --judge-rows FILE" in invoke(*RUN, code=2).stderr
    result = invoke(*RUN, "--judge-kappa", "0", "--json")
    assert "never measured beside a person" in result.stderr
    assert "agreement" in json.loads(result.stdout)["task"]["judge"]


def test_the_optimizer_judges_where_no_judge_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, optimizer = engine(coin), engine()
    optimizer.digest = "model:sha256:other"
    play_roles(monkeypatch, scorer, optimizer=optimizer)
    result = invoke(*RUN, "--optimizer", "other", "--json")
    judge = json.loads(result.stdout)["task"]["judge"]
    assert (judge["model"], judge["is_scorer"]) == ("other", False)
    assert not scorer.asked
    assert optimizer.asked
    assert "it may like its own" not in result.stderr


def test_a_finished_run_is_measured_again_with_its_own_judge(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, engine())
    run = json.loads(invoke(*RUN, "--json").stdout)["run"]
    scored = json.loads(invoke("score", "--run", run, "--on", "test", "--json").stdout)
    assert scored["scores"][0]["value"] == 1.0
    invoke("resume", run)


def test_replies_that_repeat_their_row_are_counted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small judge grades a friendly mail as if it were a friendly reply."""

    def echo(prompt: str) -> str:
        return prompt.rpartition("[user] ")[2].partition("\n[assistant]")[0].rpartition("\n")[2]

    play_roles(monkeypatch, ScriptedEngine(reply=echo, log_prob=good_judge, samples=[("Think.</INS>",)] * 4))
    document = json.loads(invoke(*RUN, "--json").stdout)
    n = document["test"]["n"]
    score = pytest.approx(document["test"]["value"])
    assert document["echoes"] == {"count": n, "n": n, "score": score}
    assert f"{n} of the winner's {n} test replies repeat their row" in invoke("runs", "show").stdout
