"""A whole search for instructions and shots by a scripted model: what is scored, shown and told."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mail_task import LABELS, mail_task
from scripted_models import play_roles

import opro_local
from opro_local.errors import Interrupted, LeakedShot
from opro_local.llm import GenerationReply, GenerationRequest
from opro_local.recording import NullLedger
from opro_local.records import Example
from opro_local.results.document import run_document
from opro_local.tasks.task import Task
from opro_local.testing import ScriptedEngine

Document = dict[str, Any]


def log_prob(text: str) -> float:
    """A prompt with more shots is answered right more often; every text of a length has its own luck."""
    if "\n[assistant] " not in text:
        return -float(len(text))
    question, answer = text.rsplit("\n[assistant] ", 1)
    if answer not in LABELS:
        return -float(len(text))
    number = int(question.rsplit("Mail ", 1)[1].split(".")[0].split(" ")[0])
    shots = question.count("[assistant]")
    right = random.Random(f"{number} {shots}").random() < 0.4 + 0.08 * shots
    favoured = LABELS[number % 2] if right else LABELS[1 - number % 2]
    return -0.1 if answer == favoured else -3.0


class Writer(ScriptedEngine):
    """Writes as many instructions as it is asked for, which follow the seed."""

    def sample(
        self, request: GenerationRequest, n: int, *, temperature: float, seed: int
    ) -> list[GenerationReply]:
        draw = random.Random(seed)
        texts = [" ".join(draw.sample(WORDS, 4)) for _ in range(n)]
        return [GenerationReply(text=f"{text}.</INS>", tokens=5, ended="final") for text in texts]


WORDS = ("read", "sort", "mail", "kind", "answer", "look", "money", "decide", "label", "think")


def task() -> Task:
    """Eighty mails; the last eight have the text of the first ones, some with another label."""
    whole = mail_task(rows=72)
    copies = [replace(row, id=f"copy {row.id}") for row in whole.examples[:4]]
    other = [replace(row, id=f"other {row.id}", target=LABELS[0]) for row in whole.examples[4:8]]
    return replace(whole, examples=(*whole.examples, *copies, *other))


SETTINGS: Document = {
    "models": {"scorer": "scripted"},
    "search": {"headroom": 0, "sensitivity": 0, "max_shots": 4, "starts": ["", "Sort it."]},
    "budget": {"steps": 6, "train_rows": 16},
}


def searched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, host: opro_local.Host | None = None, **search: Any
) -> Path:
    play_roles(monkeypatch, Writer(log_prob=log_prob))
    chosen = {**SETTINGS, "search": {**SETTINGS["search"], "style": "tagged", **search}}
    settings = opro_local.RunSettings.model_validate(chosen)
    host = host or opro_local.Host(folders=opro_local.Folders.of_user(folder))
    return opro_local.optimize_task(task(), settings, host=host)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return searched(tmp_path, monkeypatch)


def shots_by_key(document: Document) -> dict[str, list[str]]:
    return {
        proposal["key"]: proposal["solution"]["shots"]
        for step in document["steps"]
        for proposal in step["proposals"]
        if proposal["solution"]
    }


def test_no_shot_is_scored_as_its_own_example_and_none_is_of_validation_or_test(path: Path) -> None:
    document = run_document(path, outcomes=True)
    texts = {row.id: row.text for row in task().examples}
    shots = shots_by_key(document)
    assert sum(map(len, shots.values())) > 20
    scored: Counter[bool] = Counter()
    for outcome in document["outcomes"]:
        own = {texts[shot] for shot in shots.get(outcome["key"], [])}
        assert texts[outcome["example_id"]] not in own
        scored[bool(own)] += 1
    assert min(scored.values()) > 100
    ids = document["task"]["row_ids"]
    elsewhere = {texts[row] for part in ("train", "validation", "test") for row in ids[part]}
    assert not elsewhere & {texts[shot] for each in shots.values() for shot in each}


def test_a_planted_shot_is_refused_before_it_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, ScriptedEngine(log_prob=log_prob))
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    settings = opro_local.RunSettings.model_validate(SETTINGS)
    found = opro_local.wiring.task_run.prepare(task(), settings, host)
    row = found.measurement.split.train[3]
    planted = replace(
        found.space.candidate("Sort it."), shots=(Example(id="new", text=row.text, target="seed"),)
    )
    with pytest.raises(LeakedShot):
        found.measurement.outcomes([planted], "train", NullLedger(lambda: None))


def test_every_proposer_is_named_and_told_with_what_it_brought(path: Path) -> None:
    document = run_document(path)
    told = {row["proposer"]: row for row in document["proposers"]}
    assert {"start", "opro tagged", "library", "shot sets", "shot moves"} <= set(told)
    assert sum(row["proposals"] for row in told.values()) == 2 + 6 * 8
    assert [row["won"] for row in told.values()].count(True) == 1
    assert document["best"]["shots"]
    authors = {p["origin"]: p["author"] for step in document["steps"] for p in step["proposals"]}
    assert set(authors) == set(told)
    assert {authors[name] for name in ("library", "shot sets", "shot moves")} == {"program"}
    assert (authors["start"], authors["opro tagged"]) == ("start", "model")
    assert authors.get("paraphrases", "paraphrase") == "paraphrase"
    tokens = [entry["prompt_tokens"] for entry in document["frontier"]]
    values = [entry["value"] for entry in document["frontier"]]
    assert tokens == sorted(tokens)
    assert values == sorted(set(values))


def test_sets_that_do_well_grow_and_what_is_left_out_proposes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ["library", "random words", "crossover", "paraphrases", "form", "wording"]
    left_out = ["shot sets", "shot moves", *others]
    document = run_document(searched(tmp_path, monkeypatch, max_shots=None, without=left_out))
    sizes: dict[str, set[int]] = {}
    for step in document["steps"]:
        for proposal in step["proposals"]:
            if proposal["solution"]:
                sizes.setdefault(proposal["origin"], set()).add(len(proposal["solution"]["shots"]))
    assert {4, 8} <= sizes["shot growth"]
    assert len(document["best"]["shots"]) >= 4
    assert not set(left_out) & set(sizes)


def test_the_limit_of_a_prompt_holds_for_all_that_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 70
    document = run_document(searched(tmp_path, monkeypatch, max_prompt_tokens=most))
    told = {row["proposer"]: row for row in document["proposers"]}
    # The scripted engine counts characters; a row adds eight at most, the labels' answers two and seven more.
    longest = max(
        proposal["score"]["prompt_tokens"]
        for step in document["steps"]
        for proposal in step["proposals"]
        if proposal["score"]
    )
    assert longest < most + 60
    assert any(len(shots) == 1 for shots in shots_by_key(document).values())
    assert max(len(shots) for shots in shots_by_key(document).values()) < 4
    assert told["shot sets"]["accepted"]


@pytest.mark.parametrize("method", ["portfolio", "opro"])
def test_the_rows_that_the_best_so_far_missed_are_shown_if_they_are_asked_for(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: Document = {"exemplar_choice": "current-wrong", "shots": 2, "shown": 1}
    options["without"] = ["reflection"]  # it shows rows of its own
    document = run_document(searched(tmp_path, monkeypatch, method=method, **options), outcomes=True)
    steps = [step for step in document["steps"] if step["exemplar_ids"]]
    assert len(steps) > 1
    for step in steps:
        best = max(
            (
                proposal
                for earlier in document["steps"][: step["number"]]
                for proposal in earlier["proposals"]
                if proposal["score"] and not proposal["dropped"]
            ),
            key=lambda p: (p["score"]["value"], -p["score"]["metrics"]["log_loss"]),
        )
        assert f"<INS>{best['solution']['instruction']}</INS>" in step["meta_prompt"]
        missed = {
            outcome["example_id"]
            for outcome in document["outcomes"]
            if (outcome["split"], outcome["key"]) == ("train", best["key"]) and not outcome["correct"]
        }
        assert missed >= set(step["exemplar_ids"])


@pytest.mark.parametrize(
    "options",
    [
        {"exemplar_choice": "current-wrong", "validate_every": 2},
        {
            "method": "opro",
            "exemplar_choice": "accumulative-wrong",
            "trajectory_order": "random",
            "temperature_end": 0.5,
            "baselines": "full",
        },
    ],
)
def test_cut_off_after_any_block_the_same_search_goes_on(
    options: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_document(searched(tmp_path / "whole", monkeypatch, **options))
    blocks = [0]

    def stop() -> None:
        blocks[0] += 1
        if blocks[0] % 21 == 0:
            raise Interrupted

    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path / "cut"), after_commit=stop)
    with pytest.raises(Interrupted):
        searched(tmp_path, monkeypatch, host=host, **options)
    (path,) = (p for p in host.folders.runs.glob("*.sqlite") if p.name != "cache.sqlite")
    for _ in range(100):
        try:
            opro_local.resume_run(path, host=host)
        except Interrupted:
            continue
        break
    again = run_document(path)
    differing = {"run", "timing", "settings"}
    assert blocks[0] > 20
    assert {k: v for k, v in again.items() if k not in differing} == {
        k: v for k, v in whole.items() if k not in differing
    }


def test_every_arm_leaves_in_what_must_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = "Money is never seed."
    others = ["form", "wording", "shot growth", "reflection"]
    document = run_document(searched(tmp_path, monkeypatch, keep=[kept], baselines="full", without=others))
    proposals = [p for step in document["steps"] for p in step["proposals"]]
    accepted = [p for p in proposals if p["solution"]]
    assert {p["origin"] for p in accepted} >= {"library", "random words", "crossover"}
    assert all(p["solution"]["instruction"].count(kept) == 1 for p in accepted)
    assert {p["reason"] for p in proposals if p["author"] == "model"} == {"lacks words to keep"}
    assert kept in document["best"]["instruction"]
