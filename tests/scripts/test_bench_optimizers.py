"""The bench of optimizers: what is kept, what is made of it, and the peers' side of the protocol."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bench.contest
import pytest
from bench.cells import Cell, CellFile, CellName
from bench.contest import Contest, Plan, Purse, Search, cell_of_run
from bench.peer_child import Judge, search
from bench.peer_models import Llm, Meter, Predictor, Spent, first_label
from bench.peer_searches import SEARCHES, Classification, Prompted, distinct
from bench.plain_model import Reply
from bench.searching_peers import cell_of_answer, question_for
from bench.summary import as_json, as_table, mean_gain, summary
from candidates import call
from mail_task import mail_task, row
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.config import BudgetSettings, Folders, ModelSettings
from opro_local.effort import EngineStats
from opro_local.errors import DataError
from opro_local.records import Candidate, Step, Trajectory
from opro_local.results.document import run_document
from opro_local.testing import ScriptedEngine
from opro_local.wiring import models as wiring_models
from opro_local.wiring.host import Host

NAME = CellName(model="m", data="d", method="portfolio", seed=0, plan="p")
CELL = Cell(
    name=NAME,
    right="1110",
    start_right="1000",
    validation=0.5,
    scorer_tokens=130,
    least_tokens=100,
    optimizer_tokens=7,
    pairs=20,
    seconds=2.0,
    instruction="Sort.",
    shots=4,
    stopped="budget",
)


def cell(seed: int, right: str, start_right: str = "1000") -> Cell:
    return replace(CELL, name=replace(NAME, seed=seed), right=right, start_right=start_right)


class TestCells:
    def test_a_bench_that_is_cut_off_finds_its_finished_cells(self, tmp_path: Path) -> None:
        file = CellFile(tmp_path / "new" / "cells.jsonl")
        assert file.all() == {}
        file.add(CELL)
        with file.path.open("a") as broken:
            broken.write('{"name": {"model": "m", "da')
        file.add(cell(1, "1111"))
        assert file.all() == {NAME: CELL, replace(NAME, seed=1): cell(1, "1111")}

    def test_other_settings_have_other_cells(self) -> None:
        plan = Plan(train=8, validation=4, test=8, budget=BudgetSettings(preset="light"))
        others = [replace(plan, train=9), replace(plan, budget=BudgetSettings(preset="medium"))]
        assert len({each.digest for each in (plan, *others)}) == 3


class TestSummary:
    def test_figures_are_means_over_the_seeds(self) -> None:
        (found,) = summary([cell(0, "1110"), cell(1, "1000")])
        assert (found.seeds, found.test, found.start) == (2, 0.5, 0.25)
        assert found.sd == pytest.approx((2 * 0.25**2) ** 0.5)
        assert found.gain == 0.25
        assert found.run_per_least == 1.3
        assert not found.below_start

    def test_the_interval_is_over_rows_and_tells_what_is_below_the_start(self) -> None:
        worse = [cell(0, "0" * 100, start_right="1" * 50 + "0" * 50)]
        gain, low, high = mean_gain(worse)
        assert gain == -0.5
        assert [low, high] == pytest.approx([-0.6, -0.4], abs=0.03)
        assert summary(worse)[0].below_start

    def test_the_last_line_holds_rows_and_cells(self) -> None:
        found = json.loads(as_json(summary([CELL]), [CELL]))
        assert found["cells"][0]["right"] == "1110"
        assert found["rows"][0]["method"] == "portfolio"
        assert "portfolio" in as_table(summary([CELL]))


def contest(folder: Path, peers: tuple[str, ...] = ()) -> Contest:
    plan = Plan(train=12, validation=6, test=8, budget=BudgetSettings(steps=1, train_rows=8))
    return Contest(
        plan=plan,
        folders=Folders.of_user(folder),
        cells=CellFile(folder / "cells.jsonl"),
        searches=(Search("random"),),
        optimizer=None,
        peers=peers,
        peer_python=None,
        seeds=(0,),
    )


class TestContest:
    def test_a_run_becomes_a_cell_beside_the_start_that_validation_prefers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The model says fintech to all, but is right about every mail when it is asked which it is."""

        def log_prob(text: str) -> float:
            question, answer = text.rsplit("\n[assistant] ", 1)
            number = int(question.rsplit("Mail ", 1)[1].split(".")[0].split(" ")[0])
            told = row(number).target if "Which of these" in question else "fintech"
            return -0.1 if answer == told else -3.0

        play_roles(monkeypatch, ScriptedEngine(log_prob=log_prob))
        plan = contest(tmp_path).plan
        settings = plan.settings(ModelSettings(scorer="scripted"), Search("random"), 0).model_copy(
            update={"budget": plan.budget}
        )
        path = optimize_task(mail_task(), settings, host=Host(folders=Folders.of_user(tmp_path)))
        found, document = cell_of_run(NAME, path), run_document(path)
        rows = document["test"]["n"]
        assert (found.right, found.start_right) == ("1" * rows, "1" * rows)
        assert found.validation == 1
        assert found.asked_tokens == document["usage"]["scorer_tokens"] > 0

    def test_a_search_ends_with_the_step_that_has_used_the_tokens_of_the_reference(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = ScriptedEngine(log_prob=lambda text: -1.0 - len(text) % 3)
        play_roles(monkeypatch, engine)
        whole = contest(tmp_path)
        name = replace(NAME, method="random", plan=whole.plan.digest)
        reference = replace(CELL, name=replace(name, method="portfolio"), scorer_tokens=30_000)
        whole.cells.add(reference)
        models = wiring_models.load_models(ModelSettings(scorer="scripted"), tmp_path)
        found = whole._ours(name, mail_task(), Search("random"), models)
        assert found.stopped == "budget of tokens used"
        assert engine.tokens_run > 30_000
        with pytest.raises(DataError, match="gets the tokens of portfolio"):
            whole._ours(replace(name, seed=1), mail_task(), Search("random"), models)

    def test_an_optimizer_whose_proposals_are_all_rejected_uses_up_its_tokens_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Idle(ScriptedEngine):
            def effort(self) -> EngineStats:
                return replace(super().effort(), tokens_run=7)

        asked: list[tuple[Path, str, str]] = []
        purse = Purse(runs=tmp_path, limit=100)
        purse.metered(Idle().effort)
        monkeypatch.setattr(bench.contest, "ask", lambda *event: asked.append(event))
        spent = call(prompt_tokens=30, generated_tokens=10)
        for steps in (1, 2, 3):
            step: Step[Candidate] = Step(number=0, proposals=(), calls=(spent,))
            purse.step_closed(Trajectory(direction="maximize", steps=(step,) * steps))
        assert asked == [(purse.path, "stop", "")]

    def test_what_would_end_a_bench_late_ends_it_before_a_model_is_loaded(self, tmp_path: Path) -> None:
        twice, peers = contest(tmp_path), contest(tmp_path, peers=("promptolution-opro",))
        with pytest.raises(DataError, match="same name"):
            next(twice.run("none", [mail_task(), mail_task()]))
        with pytest.raises(DataError, match="--peer-python"):
            next(peers.run("none", [mail_task()]))
        with pytest.raises(DataError, match="gets the tokens of portfolio"):
            next(contest(tmp_path).run("none", [mail_task()]))


class Words:
    """A tokenizer: a word is a token."""

    def encode(self, text: str) -> list[str]:
        return text.split()


class Echo:
    """Answers with what stands behind the prompt's last line; a word is a token."""

    tokenizer = Words()

    def answer(self, texts: Sequence[str]) -> list[Reply]:
        replies = ["It is FINTECH" if "2" in text or "4" in text else "none" for text in texts]
        return [Reply(reply, len(text.split())) for text, reply in zip(texts, replies, strict=True)]

    def write(self, texts: Sequence[str], longest: int) -> list[Reply]:
        return [Reply(f"{longest} {text}", 1) for text in texts]


class TestPeer:
    def test_the_first_whole_label_of_a_reply_is_the_answer_and_none_is_none(self) -> None:
        labels = ("seed", "seed stage", "health")
        assert first_label("Seeds of HEALTH or seed", labels) == "health"
        assert first_label("the seed stage, not health", labels) == "seed stage"
        assert first_label("no idea", labels) is None

    def test_the_budget_ends_a_search_at_the_first_request_behind_it(self) -> None:
        meter = Meter(5)
        meter.run(Echo().answer, ["one two three", "four five six"])
        assert (meter.tokens, meter.calls) == (6, 2)
        with pytest.raises(Spent):
            meter.run(Echo().answer, ["more"])

    def test_a_repeated_text_is_left_out(self) -> None:
        assert list(distinct([["a", "x"], ["b", "y"], ["a", "z"]])) == [("a", "x"), ("b", "y")]

    def test_validation_picks_the_first_of_equal_prompts(self) -> None:
        rows = [[f"Mail {i}", "fintech"] for i in (2, 4, 5)]
        judge = Judge({"labels": ["fintech"], "validation": rows}, Echo(), Meter(float("inf")))
        best, value = judge.best([Prompted("a", 0), Prompted("b", 3)])
        assert best.text == "a"
        assert value == pytest.approx(2 / 3)

    def test_what_was_asked_once_is_not_asked_again(self) -> None:
        rows = [[f"Mail {i}", "fintech"] for i in (2, 4, 5, 5)]
        meter = Meter(float("inf"))
        judge = Judge({"labels": ["fintech"], "validation": rows}, Echo(), meter)
        start = Prompted("a", 0)
        assert judge.best([start, Prompted("b", 0), start]) == judge.best([start]) == (start, 0.5)
        assert (meter.calls, meter.tokens) == (2 * 3, 2 * 3 * 3)

    def test_what_gepa_is_told_of_an_instruction(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its class for a batch is plain data with these names."""
        monkeypatch.setitem(sys.modules, "gepa", SimpleNamespace(EvaluationBatch=SimpleNamespace))
        adapter = Classification(Predictor(Echo(), ("fintech", "seed"), Meter(float("inf"))))
        batch = adapter.evaluate([["Mail 2", "fintech"], ["Mail 3", "seed"]], {"instruction": "a"}, True)
        assert batch.scores == [1.0, 0.0]
        assert adapter.make_reflective_dataset({"instruction": "a"}, batch, ["instruction"]) == {
            "instruction": [
                {"Inputs": "Mail 2", "Generated Outputs": "It is FINTECH", "Feedback": "Right."},
                {
                    "Inputs": "Mail 3",
                    "Generated Outputs": "none",
                    "Feedback": "Wrong. The right answer is seed.",
                },
            ]
        }

    @pytest.mark.filterwarnings("default")  # theirs
    @pytest.mark.parametrize("method", SEARCHES)
    def test_the_real_peers_search_with_what_they_are_given(self, method: str) -> None:
        """Where they are installed; Echo is right about the mails that say fintech."""
        pytest.importorskip("promptolution")
        pytest.importorskip("gepa")
        rows = [[f"Mail {i}", "fintech" if i in (2, 4) else "seed"] for i in range(20)]
        task = {
            "method": method,
            "seed": 0,
            "description": "Which of these is it: fintech, seed?",
            "labels": ["fintech", "seed"],
            "starts": ["Answer:", "Which of these is it: fintech, seed?"],
            "tokens": 3_000,
            **dict.fromkeys(("scored", "train", "validation", "test"), rows),
        }
        found = search(task, Echo(), Echo())
        assert found["stopped"] == "budget"
        assert found["scorer_tokens"] >= 3_000 or found["optimizer_tokens"] >= 3_000
        assert [answer for answer in found["answers"] if answer] == ["fintech"] * found["answers"].count(
            "fintech"
        )
        assert found["answers"][2] == found["answers"][4] == "fintech"

    def test_the_scorer_counts_the_tokens_of_a_predictor(self) -> None:
        """promptolution asks for it by these names."""
        echo = Echo()
        assert Predictor(echo, ("seed",), Meter(1)).llm.tokenizer is echo.tokenizer

    def test_an_optimizer_model_is_asked_as_each_peer_asks(self) -> None:
        llm = Llm(Echo(), Meter(float("inf")))
        assert llm.get_response(["x"]) == ["128 x"]
        llm.longest = 512
        assert llm("x") == "512 x"
        assert llm([{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]) == "512 x\n\ny"

    def test_a_peer_gets_the_same_rows_and_starts_and_no_answer_is_wrong(self) -> None:
        plan = Plan(train=8, validation=4, test=8, budget=BudgetSettings(train_rows=4))
        task = mail_task()
        split = plan.split(task, 3)
        name = replace(NAME, method="promptolution-opro", seed=3)
        asked: dict[str, Any] = question_for(name, task, split, 99)
        assert (asked["tokens"], asked["seed"], len(asked["scored"]), len(asked["train"])) == (99, 3, 4, 8)
        assert asked["test"] == [[each.text, each.target] for each in split.test]
        assert asked["starts"] == ["Answer:", "Which of these is it: fintech, seed?"]
        test = [row(0), row(1), row(2)]
        answer = {
            "answers": ["fintech", None, "seed"],
            "start_answers": [None, None, "fintech"],
            "validation": 0.5,
            "scorer_tokens": 1,
            "optimizer_tokens": 2,
            "pairs": 3,
            "seconds": 4.0,
            "prompt": "P",
            "shots": 2,
            "stopped": "budget",
        }
        found = cell_of_answer(NAME, answer, test)
        assert (found.right, found.start_right, found.instruction) == ("100", "001", "P")
