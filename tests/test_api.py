"""The package as Python users have it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from mail_task import mail_model, mail_task
from scripted_models import play_roles

import opro_local
from opro_local.catalogue import StoredModel
from opro_local.config import ModelSettings, SplitSettings
from opro_local.errors import Interrupted, ModelError, SettingsError
from opro_local.problems.heats import HEAT_TOKENS
from opro_local.tasks.split import split_task
from opro_local.testing import ScriptedEngine
from opro_local.wiring import models as wiring_models
from opro_local.wiring import task_run

SKILLS = {"": 6, "Sort it.": 12, "Let's think step by step.": 8}
SETTINGS: dict[str, Any] = {
    "models": {"scorer": "scripted"},
    "search": {"method": "opro", "proposals_per_step": 1, "starts": [""], "headroom": 0, "sensitivity": 0},
    "budget": {"steps": 1},
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mails.csv"
    rows = "".join(f"{row.id},{row.text},{row.target}\n" for row in mail_task().examples)
    path.write_text(f"id,mail,kind\n{rows}", encoding="utf-8")
    return path


def settings(**groups: dict[str, Any]) -> opro_local.RunSettings:
    return opro_local.RunSettings.model_validate({**SETTINGS, **groups})


def test_the_folder_that_the_variable_names_is_that_of_python_users_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPRO_LOCAL_HOME", str(tmp_path / "elsewhere"))
    assert opro_local.Host().folders.runs == tmp_path / "elsewhere" / "runs"
    assert opro_local.Folders.of_user(tmp_path).runs == tmp_path / "runs"
    monkeypatch.delenv("OPRO_LOCAL_HOME")
    assert opro_local.Folders.of_user().runs.parts[-2:] == ("opro-local", "runs")


def test_the_public_names_are_these() -> None:
    assert opro_local.__all__ == [
        "Folders",
        "Host",
        "RunSettings",
        "TaskSettings",
        "load_task",
        "load_winner",
        "measure_candidates",
        "optimize_task",
        "resume_run",
        "run_document",
        "score_instructions",
        "solve",
    ]
    assert all(callable(getattr(opro_local, name)) for name in opro_local.__all__)
    assert dir(opro_local) == opro_local.__all__


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="optimise_task"):
        opro_local.optimise_task  # noqa: B018


def test_a_table_becomes_a_task_by_its_columns(table: Path) -> None:
    task = opro_local.load_task(table, text="mail", label="kind", id="id", description="Sort the mails.")
    assert task == mail_task()


def test_a_setting_that_nobody_knows_is_an_error(table: Path) -> None:
    with pytest.raises(SettingsError, match="unknown key 'lable'"):
        opro_local.load_task(table, text="mail", label="kind", lable="x")


def test_a_run_needs_a_task_and_settings_alone(
    table: Path, own_user_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS), samples=[["Sort it.</INS>"]]))
    task = opro_local.load_task(table, text="mail", label="kind", id="id")
    path = opro_local.optimize_task(task, settings())
    assert path.is_relative_to(own_user_folders / "opro-local" / "runs")
    assert opro_local.run_document(path)["best"]["instruction"] == "Sort it."


def test_a_run_that_was_interrupted_is_resumed_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise Interrupted("stopped")

    folders = opro_local.Folders.of_user(tmp_path)
    engine = ScriptedEngine(log_prob=mail_model(SKILLS), samples=[["Sort it.</INS>"]])
    play_roles(monkeypatch, engine)
    with pytest.raises(Interrupted):
        opro_local.optimize_task(
            mail_task(), settings(), host=opro_local.Host(folders=folders, after_commit=stop)
        )
    (path,) = folders.runs.glob("2*.sqlite")
    opro_local.resume_run(path, host=opro_local.Host(folders=folders))
    assert opro_local.run_document(path)["status"] == "finished"


def test_given_instructions_are_measured_on_validation_unless_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS)))
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    plain = settings(scoring={"calibration": "none"})
    ((candidate, score),) = opro_local.score_instructions(
        mail_task(), ["Sort it."], settings=plain, host=host
    )
    assert candidate.instruction == "Sort it."
    assert (score.value, score.n) == (0.75, 4)  # validation holds the rows 2, 19, 5 and 10


@pytest.mark.parametrize(("on", "rows"), [("validation", 12), ("test", 20), ("all", 20)])
def test_given_instructions_are_calibrated_on_validation_where_test_is_measured(
    on: Literal["validation", "test", "all"], rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine(log_prob=mail_model(SKILLS))
    play_roles(monkeypatch, engine)
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    calibrated = settings(scoring={"calibration": "batch"})
    opro_local.measure_candidates(mail_task(), ["Sort it."], settings=calibrated, on=on, host=host)
    asked = {request.context for call in engine.asked for request in call}
    assert len(asked) == rows  # 8 of train, 4 of validation, 8 of test


def test_a_machine_with_a_gpu_gets_the_medium_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    for device, preset, rows in (("cpu", "light", 48), ("cuda", "medium", 128)):
        play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS), device=device))
        budget = task_run.prepare(mail_task(), settings(), host).settings.budget
        assert (budget.preset, budget.train_rows, budget.steps) == (preset, rows, 1)


@pytest.mark.parametrize(("stored", "most"), [(0, HEAT_TOKENS), (500, 500), (10**6, HEAT_TOKENS)])
def test_prompts_are_scored_together_as_far_as_the_engine_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int, most: int
) -> None:
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS)))
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    loaded = host.load_models(settings().models, tmp_path)
    run = task_run.prepare(mail_task(), settings(), host, models=replace(loaded, stored_tokens=stored))
    assert run.measurement.heat_tokens == most


@dataclass(frozen=True)
class Planned:
    """A plan whose figure tells which model it is of."""

    name: str

    @property
    def stored_tokens(self) -> int:
        return ord(self.name)

    def __str__(self) -> str:
        return f"memory: enough for {self.name}"


def test_equal_weights_are_loaded_once_and_play_both_roles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(
        models: Mapping[str, StoredModel], chosen: ModelSettings
    ) -> tuple[dict[str, ScriptedEngine], dict[str, Planned]]:
        loaded.extend(model.name for model in models.values())
        return {d: ScriptedEngine(digest=d) for d in models}, {d: Planned(d[-1]) for d in models}

    def resolve(name: str, folder: Path, *, reread: bool) -> StoredModel:
        digest = "model:sha256:" + name.removesuffix("-again")
        before = None if reread else f"before {name}"
        return StoredModel(name=name, path=folder / name, digest=digest, manifest=None, checked_before=before)

    monkeypatch.setattr(wiring_models, "resolve", resolve)
    monkeypatch.setattr(wiring_models, "load_stored", load)
    monkeypatch.setattr(StoredModel, "parameters", property(lambda model: ord(model.name[0])))
    for optimizer, names in ((None, ["a"]), ("a-again", ["a"]), ("b", ["a", "b"])):
        loaded.clear()
        models = wiring_models.load_models(ModelSettings(scorer="a", optimizer=optimizer), tmp_path)
        assert [name.removesuffix("-again") for name in loaded] == names
        assert models.memory == tuple(f"memory: enough for {name[0]}" for name in names)
        assert models.stored_tokens == ord("a")
        assert models.optimizer_parameters == ord(names[-1][0])
        assert (models.optimizer is models.scorer) == (names == ["a"])
        assert [record.role for record in models.records] == ["scorer", "optimizer"]
        assert models.records[1].name == (optimizer or "a")
        assert models.records[1].digest == models.optimizer.digest
        assert [record.checked_before for record in models.records] == [
            "before a",
            f"before {optimizer or 'a'}",
        ]
    again = wiring_models.load_models(ModelSettings(scorer="a", optimizer="b", verify=True), tmp_path)
    assert [record.checked_before for record in again.records] == [None, None]
    assert wiring_models.load_models(ModelSettings(scorer="a", repeatable=True), tmp_path).stored_tokens == 0


@pytest.mark.parametrize(
    ("shots", "search_shots", "rows", "scored", "pool"),
    [
        (0, False, 48, 8, 0),
        (3, False, 48, 5, 3),
        (0, True, 48, 6, 2),
        (0, True, 4, 4, 4),
        (5, True, 48, 3, 5),
    ],
)
def test_rows_for_shots_are_set_aside_from_train(
    *, shots: int, search_shots: bool, rows: int, scored: int, pool: int
) -> None:
    found = split_task(mail_task(), seed=0, shots=shots, search_shots=search_shots, train_rows=rows)
    assert (len(found.train), len(found.pool)) == (scored, pool)
    assert not {row.text for row in found.train} & {row.text for row in found.pool}


def test_the_split_has_a_seed_of_its_own_if_one_is_given() -> None:
    fixed = replace(mail_task(), split=SplitSettings(seed=7))
    sizes: dict[str, Any] = {"shots": 0, "search_shots": True, "train_rows": 48}
    first, second = (split_task(fixed, seed=seed, **sizes) for seed in (1, 2))
    assert first == second != split_task(mail_task(), seed=1, **sizes)


def test_shots_must_leave_rows_to_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS)))
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    with pytest.raises(SettingsError, match="--shots must leave some"):
        opro_local.optimize_task(mail_task(), settings(search={"shots": 100}), host=host)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (ScriptedEngine(numerics="bfloat16/nf4/cuda/E1"), "was computed as scripted, here it is bfloat16"),
        (ScriptedEngine(digest="model:sha256:other"), "had other weights"),
    ],
)
def test_a_run_is_resumed_only_with_the_model_it_was_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: ScriptedEngine, words: str
) -> None:
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS), samples=[["Sort it.</INS>"]]))
    path = opro_local.optimize_task(mail_task(), settings(), host=host)
    play_roles(monkeypatch, other)
    with pytest.raises(ModelError, match=words):
        opro_local.resume_run(path, host=host)


def test_a_model_folder_is_kept_as_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS), samples=[["Sort it.</INS>"]]))
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path))
    path = opro_local.optimize_task(
        mail_task(), settings(models={"scorer": "tiny", "optimizer": "alias"}), host=host
    )
    models = opro_local.run_document(path)["settings"]["models"]
    assert (models["scorer"], models["optimizer"]) == (str(tmp_path / "tiny"), "alias")


def test_measuring_instructions_can_be_interrupted_after_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise Interrupted("stopped")

    engine = ScriptedEngine(log_prob=mail_model(SKILLS))
    play_roles(monkeypatch, engine)
    host = opro_local.Host(folders=opro_local.Folders.of_user(tmp_path), after_commit=stop)
    with pytest.raises(Interrupted):
        opro_local.score_instructions(
            mail_task(), ["Sort it."], settings=settings(search={"block": 2}), host=host
        )
    assert [len(call) for call in engine.asked] == [2]
