"""Study files: what they may say, and the runs that follow."""

from pathlib import Path

import pytest

from opro_local.config import RunSettings
from opro_local.errors import SettingsError
from opro_local.studies.plan import (
    Cell,
    all_settings,
    cells,
    find_study,
    read_study,
    settings_of,
    shipped_studies,
)

BASE = RunSettings.model_validate({"models": {"scorer": "m"}, "search": {"seed": 5, "shown": 4}})


def study(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_grid_is_all_combinations_with_their_repeats(tmp_path: Path) -> None:
    path = study(
        tmp_path,
        'repeats = 2\n[grid]\n"search.exemplars" = [0, 3]\n'
        '"search.proposals_per_step, budget.steps" = [[1, 8], [8, 1]]\n',
    )
    plan = cells(read_study(path))
    assert [(cell.label, cell.repeat) for cell in plan][:3] == [
        ("exemplars 0, proposals_per_step 1, steps 8", 0),
        ("exemplars 0, proposals_per_step 1, steps 8", 1),
        ("exemplars 0, proposals_per_step 8, steps 1", 0),
    ]
    assert len(plan) == 2 * 2 * 2
    settings = settings_of(plan[1], BASE)
    assert (settings.search.exemplars, settings.search.proposals_per_step, settings.budget.steps) == (0, 1, 8)
    assert (settings.search.seed, settings.search.shown) == (6, 4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[grid]\n"models.scorer" = ["a"]\n', "cannot vary 'models.scorer'"),
        ('[grid]\n"search" = [1]\n', "cannot vary 'search'"),
        ('[grid]\n"search.shown" = []\n', "no values"),
        ('[grid]\n"search.shown, budget.steps" = [[1]]\n', "lists of 2 values"),
        ("[grid]\n", "grid"),
        ('colour = "red"\n[grid]\n"search.shown" = [1]\n', "unknown key 'colour'"),
        ("no toml", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        read_study(study(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "value"), [("search.shwon", 3), ("search.shown", "many"), ("budget.steps", -1)]
)
def test_a_value_that_a_setting_does_not_take_is_told_before_any_run(name: str, value: object) -> None:
    good, bad = Cell(values={"search.shown": 3}, repeat=0), Cell(values={name: value}, repeat=0)
    with pytest.raises(SettingsError, match=r"grid \("):
        all_settings([good, bad], BASE)


def test_nothing_left_out_is_said() -> None:
    labels = [Cell(values={"search.without": arms}, repeat=0).label for arms in ([], ["form", "wording"])]
    assert labels == ["without (empty)", "without form / wording"]


@pytest.mark.parametrize("name", shipped_studies())
def test_a_shipped_study_can_be_run(name: str) -> None:
    found = read_study(find_study(name))
    base = RunSettings.model_validate(
        {"models": {"scorer": "m"}, **{k: v for k, v in found.fixed().items() if v}}
    )
    settings = all_settings(cells(found), base)
    assert len({each.model_dump_json() for each in settings}) == len(settings) > 1
    assert found.description


def test_candidates_per_step_compares_equal_numbers() -> None:
    found = read_study(find_study("candidates-per-step"))
    settings = all_settings(cells(found), BASE)
    assert {each.search.proposals_per_step * (each.budget.steps or 0) for each in settings} == {80}


def test_an_unknown_study_names_the_shipped_ones() -> None:
    with pytest.raises(SettingsError, match="temperature"):
        find_study("nothing-of-the-kind")
