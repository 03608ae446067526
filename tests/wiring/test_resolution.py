"""What a run goes by where the user says nothing, and what its file keeps of it."""

from typing import Any

import pytest
from mail_task import mail_task

from opro_local.config import BudgetSettings, Method, ResolvedSettings, RunSettings
from opro_local.store.header import ModelRecord
from opro_local.testing import ScriptedEngine
from opro_local.wiring.methods import METHODS
from opro_local.wiring.models import Models
from opro_local.wiring.resolution import resolved, resolved_for_objective, with_preset

START = "Which of these is it: fintech, seed?"


def settings(**groups: Any) -> RunSettings:
    return RunSettings.model_validate({"models": {"scorer": "m"}, **groups})


def found(
    chosen: RunSettings,
    *,
    mode: Any = "likelihood",
    parameters: int | None = None,
    stored_tokens: int = 0,
    **engine: Any,
) -> ResolvedSettings:
    played = ScriptedEngine(**engine)
    records = tuple(
        ModelRecord(role=role, name="m", digest="d", source="s", numerics="n", parameters=count)
        for role, count in (("scorer", 1), ("optimizer", parameters))
    )
    models = Models(scorer=played, optimizer=played, records=records, stored_tokens=stored_tokens)
    return resolved(mail_task(), chosen, mode, models)


def test_a_portfolio_races_calibrates_and_reads_short_meta_prompts_in_all_styles() -> None:
    run = found(settings())
    search = run.search
    assert (search.races, search.max_shots, search.meta_prompt_tokens) == (True, None, 1024)
    assert (search.style, search.styles) == ("tagged", ("tagged", "bracket", "completion"))
    assert (run.scoring.calibration, run.scoring.mode) == ("auto", "likelihood")
    assert (search.starts, search.temperature_end) == (("", START), 1.0)


@pytest.mark.parametrize("method", ["opro", "evoprompt-ga", "evoprompt-de"])
def test_a_published_method_is_alone_and_may_fill_the_context(method: Method) -> None:
    run = found(settings(search={"method": method}), context_length=777)
    assert METHODS[method].published
    assert (run.search.races, run.search.max_shots, run.scoring.calibration) == (False, 0, "none")
    assert run.search.meta_prompt_tokens == 777
    assert run.stored.search.meta_prompt_tokens is None


def test_what_the_user_says_stays() -> None:
    search = {"racing": "off", "meta_prompt_tokens": 9, "style": "bracket", "starts": ["a"], "max_shots": 2}
    own = settings(search={**search, "temperature_end": 0.5}, scoring={"calibration": "batch"})
    run = found(own, chat=False)
    assert (run.search.races, run.search.meta_prompt_tokens, run.search.max_shots) == (False, 9, 2)
    assert (run.search.style, run.search.styles) == ("bracket", ("bracket",))
    assert (run.search.starts, run.search.temperature_end) == (("a",), 0.5)
    assert run.scoring.calibration == "batch"


def test_a_pre_trained_optimizer_completes_and_generated_answers_are_not_calibrated() -> None:
    run = found(settings(), mode="generation", chat=False)
    assert (run.search.style, run.scoring.calibration) == ("completion", "none")
    assert run.stored.scoring.calibration == "auto"


@pytest.mark.parametrize(
    ("parameters", "said", "reflects"),
    [
        (None, None, True),
        (135_000_000, None, False),
        (630_000_000, None, False),
        (999_885_952, None, True),
        (135_000_000, "on", True),
        (7_000_000_000, "off", False),
    ],
)
def test_an_optimizer_from_about_1b_is_shown_wrong_answers_unless_the_user_says_otherwise(
    parameters: int | None, said: Any, reflects: bool
) -> None:
    run = found(settings(search={"reflection": said}), parameters=parameters)
    assert run.search.reflects is reflects
    assert run.stored.search.reflection == ("on" if reflects else "off")
    assert found(settings(search={"method": "one-step"})).search.reflection == "off"


@pytest.mark.parametrize(("stored", "most"), [(0, None), (500, None), (3_000, 3_000), (10**6, 8_000)])
def test_a_prompt_is_at_most_what_the_store_and_the_context_hold(stored: int, most: int | None) -> None:
    run = found(settings(), stored_tokens=stored, context_length=8_000)
    assert run.search.max_prompt_tokens == run.stored.search.max_prompt_tokens == most
    own = found(settings(search={"max_prompt_tokens": 60}), stored_tokens=stored, context_length=8_000)
    assert own.search.max_prompt_tokens == 60


def test_a_resumed_run_keeps_its_limits_whatever_memory_is_free_then() -> None:
    run = found(settings(), stored_tokens=3_000, parameters=135_000_000)
    assert found(run.stored, stored_tokens=2_000, parameters=135_000_000) == run


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_stored_resolves_to_the_same(method: Method, device: str) -> None:
    run = found(settings(search={"method": method}), device=device)
    again = RunSettings.model_validate_json(run.stored.model_dump_json())
    assert found(again, device="cpu") == run


def test_an_objective_has_no_starts_of_settings_no_race_and_a_medium_budget() -> None:
    run = resolved_for_objective(settings(), ScriptedEngine(context_length=500))
    assert (run.search.starts, run.search.races, run.search.meta_prompt_tokens) == ((), False, 500)
    assert (run.budget.preset, run.budget.steps) == ("medium", 40)
    assert run.stored.search == settings().search


def test_a_preset_fills_in_what_the_user_left_open() -> None:
    light = with_preset(BudgetSettings(steps=3), fallback="light")
    assert (light.preset, light.steps, light.train_rows) == ("light", 3, 48)


def test_the_named_preset_goes_before_the_fallback_and_no_steps_are_a_number() -> None:
    heavy = with_preset(BudgetSettings(preset="heavy", steps=0, train_rows=5), fallback="light")
    assert (heavy.preset, heavy.steps, heavy.train_rows) == ("heavy", 0, 5)
