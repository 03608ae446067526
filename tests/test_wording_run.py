"""A search whose model is right only in other words for the labels: these stay the user's everywhere."""

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from mail_task import LABELS, mail_task
from scripted_models import play_roles

import opro_local
from opro_local.cli import main
from opro_local.config import Arm, ScoringSettings
from opro_local.errors import Interrupted, SettingsError
from opro_local.exports.chat_server import ChatReply
from opro_local.exports.check import ask_served, known_prompt
from opro_local.exports.forms import FORMS, in_use
from opro_local.llm import GenerationReply, GenerationRequest
from opro_local.records import Candidate
from opro_local.report.candidates import candidates_csv
from opro_local.report.sections import sections
from opro_local.report.terminal import terminal_lines
from opro_local.results.document import run_document
from opro_local.results.result import TaskResult, read_result
from opro_local.results.winner import load_winner
from opro_local.testing import ScriptedEngine

WORDS = ("Fintech", "Seed")


def log_prob(text: str) -> float:
    """Right where the words of all labels are capitalised; else every row is of the second label."""
    question, _, answer = text.rpartition("\n[assistant] ")
    if "Mail " not in question or answer.split(" ")[-1].casefold() not in LABELS:
        return -float(len(text))
    word = answer.split(" ")[-1]
    number = int(question.rsplit("Mail ", 1)[1].split(".")[0])
    meant = LABELS.index(word.casefold())
    if not word.istitle():
        return -1.0 - meant
    return -0.1 if meant == number % 2 else -9.0


class Writer(ScriptedEngine):
    """Writes instructions that follow the seed."""

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        texts = [f"Look at it {random.Random(f'{seed} {i}').choice(TWICE)}.</INS>" for i in range(n)]
        return [GenerationReply(text=text, tokens=5, ended="final") for text in texts]


TWICE = ("twice", "closely", "again", "once more", "with care")


def settings(**search: Any) -> opro_local.RunSettings:
    return opro_local.RunSettings.model_validate(
        {
            "models": {"scorer": "scripted"},
            "search": {
                "headroom": 0,
                "max_shots": 4,
                "starts": ["Sort it."],
                "style": "tagged",
                "without": ["reflection"],
                **search,  # others find the words sooner
            },
            "budget": {"steps": 6, "train_rows": 16},
            "scoring": {"calibration": "none"},
        }
    )


def searched(folder: Path, monkeypatch: pytest.MonkeyPatch, **search: Any) -> Path:
    play_roles(monkeypatch, Writer(log_prob=log_prob, reply=lambda _text: "It is Fintech."))
    host = opro_local.Host(folders=opro_local.Folders.of_user(folder))
    return opro_local.optimize_task(mail_task(72), settings(**search), host=host)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished search, which the tests read."""
    with pytest.MonkeyPatch.context() as patch:
        yield searched(tmp_path_factory.mktemp("words"), patch)


@pytest.fixture
def run(path: Path) -> TaskResult:
    found = read_result(path, outcomes=True)
    assert isinstance(found, TaskResult)
    return found


def test_the_words_that_the_model_knows_are_found(run: TaskResult) -> None:
    assert run.best and run.best.verbalizer == WORDS
    assert run.test and run.test.value == 1.0
    proposers = {row.proposer for row in run.proposers}
    assert {"form", "wording"} <= proposers
    assert proposers - {"start"} <= {*get_args(Arm)}


def test_every_answer_and_the_confusion_are_in_the_users_labels(run: TaskResult) -> None:
    assert run.outcomes and run.test and run.test.confusion
    assert {answer.prediction for answer in run.outcomes} == {*LABELS}
    assert {answer.target for answer in run.outcomes} == {*LABELS}
    assert run.test.confusion.labels == LABELS
    (first, second) = run.test.confusion.rows
    assert (first[1], second[0]) == (0, 0)
    assert run.answering.labels == LABELS
    assert run.answering.wordings == dict(zip(LABELS, WORDS, strict=True))


def test_shots_and_prompts_of_the_record_say_the_words(run: TaskResult) -> None:
    assert run.best and run.outcomes
    said = {
        turn.content.rsplit(" ", 1)[-1]
        for answer in run.outcomes
        if answer.key == run.best.key and answer.prompt
        for turn in answer.prompt.messages
        if turn.role == "assistant"
    }
    assert said <= {*WORDS}
    assert bool(said) == bool(run.best.shots)


def test_the_document_has_form_and_words_only_where_they_are_not_the_default(path: Path) -> None:
    document = run_document(path)
    solutions = [p["solution"] for step in document["steps"] for p in step["proposals"] if p["solution"]]
    assert document["best"]["verbalizer"] == [*WORDS]
    assert document["answering"]["wordings"] == dict(zip(LABELS, WORDS, strict=True))
    start = solutions[0]
    assert "form" not in start and "verbalizer" not in start
    assert any("form" in solution for solution in solutions)


@pytest.mark.parametrize("name", FORMS)
def test_every_export_says_which_word_is_which_label(name: str, run: TaskResult) -> None:
    text, lost = in_use(run, name)
    for label, word in zip(LABELS, WORDS, strict=True):
        assert f"'{word}' is {label}" in text
    assert any(line.startswith("Wordings: ") for line in lost) == (name not in ("prompt", "python"))


def test_exports_for_programs_hold_the_words(run: TaskResult) -> None:
    assert json.loads(in_use(run, "chat-messages")[0])["wordings"] == dict(zip(LABELS, WORDS, strict=True))
    assert 'root ::= [ ]? ("Fintech" | "Seed")' in json.loads(in_use(run, "llama-cpp")[0])["grammar"]
    assert '"value": "Fintech"' in in_use(run, "promptfoo")[0]
    assert "WORDS = {'fintech': 'Fintech', 'seed': 'Seed'}" in in_use(run, "python")[0]


def test_report_and_table_tell_the_form(run: TaskResult) -> None:
    report = "\n".join(terminal_lines(sections(run)))
    assert "labels as Fintech, Seed" in report
    rows = candidates_csv(run).splitlines()
    assert any('"{""fintech"": ""Fintech"", ""seed"": ""Seed""}"' in row for row in rows)


def test_what_the_scorer_writes_is_read_in_words_and_told_in_labels(path: Path, tmp_path: Path) -> None:
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    outcomes = opro_local.api.written_answers(path, host=host)
    assert {outcome.prediction for outcome in outcomes} == {"fintech"}
    assert {outcome.target for outcome in outcomes} == {*LABELS}
    assert all(outcome.correct == (outcome.target == "fintech") for outcome in outcomes)


def _said(reply: ChatReply, _body: object) -> ChatReply:
    return reply


def test_what_a_server_says_is_read_in_words_and_told_in_labels(path: Path) -> None:
    known = known_prompt(path)
    says = {"It is Seed.": "seed", "Of the kind fintech": "fintech", "neither": None}
    for reply, label in says.items():
        asked = partial(_said, ChatReply(text=reply, cut=False))
        outcomes = ask_served(known, asked, model="m", rows=known.rows)
        assert {outcome.prediction for outcome in outcomes} == {label}
        assert all(outcome.correct == (outcome.target == label) for outcome in outcomes)


def test_a_winner_takes_its_words_along_where_the_labels_are_the_same(path: Path) -> None:
    winner = load_winner(path)
    assert winner.carried(winner.task)[0][1].verbalizer == WORDS
    other = mail_task(8)
    object.__setattr__(other, "labels", ("a", "b"))
    assert winner.carried(other)[0][1].verbalizer == ()


def test_words_are_for_likelihoods_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_roles(monkeypatch, ScriptedEngine(log_prob=log_prob))
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    written = settings().model_copy(update={"scoring": ScoringSettings(mode="generation")})
    prepared = opro_local.wiring.task_run.prepare(mail_task(72), written, host)
    worded = Candidate(instruction="Sort it.", verbalizer=WORDS)
    with pytest.raises(SettingsError, match="--scoring likelihood"):
        prepared.space.scorer.score([worded], prepared.measurement.split.train[:1])


def test_an_arm_that_is_left_out_proposes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_out = ["form", "wording", "opro tagged", "opro bracket", "opro completion"]
    found = run_document(searched(tmp_path, monkeypatch, without=left_out))
    names = {row["proposer"] for row in found["proposers"]}
    assert not names & {"form", "wording"} and not any(name.startswith("opro") for name in names)
    solutions = [p["solution"] for step in found["steps"] for p in step["proposals"] if p["solution"]]
    assert not any("form" in solution or "verbalizer" in solution for solution in solutions)


@pytest.mark.parametrize("method", ["opro", "evoprompt-ga", "random", "one-step"])
def test_other_methods_keep_the_form_of_the_layout(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_document(searched(tmp_path, monkeypatch, method=method))
    solutions = [p["solution"] for step in found["steps"] for p in step["proposals"] if p["solution"]]
    assert not any("form" in solution or "verbalizer" in solution for solution in solutions)


def test_a_proposal_in_another_form_is_no_duplicate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_document(searched(tmp_path, monkeypatch))
    accepted = [p for step in found["steps"] for p in step["proposals"] if p["solution"]]
    assert len({p["key"] for p in accepted}) == len(accepted)


def test_score_tells_the_form_of_what_a_run_has_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_roles(monkeypatch, Writer(log_prob=log_prob))
    arguments = ["--home", str(path.parents[1]), "score", "--run", path.stem, "--on", "validation"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert "labels as Fintech, Seed" in result.stdout
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert found["scores"][0]["verbalizer"] == [*WORDS]
    assert "verbalizer" not in found["scores"][1]


def test_cut_off_after_any_block_the_same_words_are_found(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [0]

    def stop() -> None:
        blocks[0] += 1
        if blocks[0] % 11 == 0:
            raise Interrupted

    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path / "cut"), after_commit=stop)
    with pytest.raises(Interrupted):
        opro_local.optimize_task(mail_task(72), settings(), host=host)
    (cut,) = (p for p in host.folders.runs.glob("*.sqlite") if p.name != "cache.sqlite")
    for _ in range(100):
        with suppress(Interrupted):
            opro_local.resume_run(cut, host=host)
            break
    whole, again = run_document(path), run_document(cut)
    assert blocks[0] > 20
    for part in ("best", "steps", "test", "baselines", "finalists", "answering"):
        assert again[part] == whole[part]
