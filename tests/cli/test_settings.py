"""Where a setting comes from, as `config show` tells it."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from platformdirs import user_config_path
from pydantic.fields import FieldInfo

from opro_local.cli import COMMANDS, main
from opro_local.cli.flags import config_option
from opro_local.cli.settings import PROJECT_FILE, run_settings, setting_options
from opro_local.config import ModelSettings, RunSettings, SearchSettings
from opro_local.config.checking import read_toml
from opro_local.errors import SettingsError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config_show(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["config", "show", *arguments], env=env)


def shown(*arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    result = config_show("--json", *arguments, env=env)
    assert result.exit_code == 0, result.stderr
    settings: dict[str, Any] = json.loads(result.stdout)
    return settings


def user_file() -> Path:
    path = user_config_path("opro-local") / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_each_layer_goes_before_the_ones_below_it() -> None:
    name, variable = "budget.steps", {"OPRO_LOCAL_STEPS": "4"}
    assert shown()[name] == {"value": None, "origin": "default"}
    user_file().write_text("[budget]\nsteps = 2\n")
    assert shown()[name] == {"value": 2, "origin": str(user_file())}
    Path(PROJECT_FILE).write_text("[budget]\nsteps = 3\n")
    assert shown()[name] == {"value": 3, "origin": PROJECT_FILE}
    assert shown(env=variable)[name] == {"value": 4, "origin": "environment"}
    assert shown("--steps", "5", env=variable)[name] == {"value": 5, "origin": "flag"}


def test_the_layers_are_merged_setting_by_setting() -> None:
    user_file().write_text("[search]\nseed = 1\nshots = 2\n")
    Path(PROJECT_FILE).write_text("[search]\nseed = 3\n")
    settings = shown()
    assert settings["search.seed"]["value"] == 3
    assert settings["search.shots"]["value"] == 2
    assert settings["search.temperature"] == {"value": 1.0, "origin": "default"}


def test_text_output_has_one_setting_a_line_with_its_origin() -> None:
    result = config_show("--budget", "heavy")
    lines = result.stdout.splitlines()
    assert "budget.preset = heavy  (flag)" in lines
    assert "search.seed = 0  (default)" in lines
    assert len(lines) == len(shown()) - 1  # schema_version has no line


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[budget]\nstep = 2\n", "budget.step"),
        (
            "[scoring]\nmod = 1\n",
            "'scoring.mod'. Known keys: answer_tokens, calibration, grading, grammar, judge_kappa, mode, "
            "second_round, thinking_tokens.",
        ),
        ("[search]\ntemperature = inf\n", "search.temperature"),
        ("[searching]\nseed = 2\n", "'searching'. Known keys: budget, models, scoring, search."),
        ("[budget]\nsteps = -1\n", "budget.steps"),
        ('models = "smollm2-135m"\n', "models"),
        ("[budget\n", "not valid TOML"),
        ("a = " + "[" * 3000 + "]" * 3000, "nested too deep"),
        ("[search]\nstarts = []\n", "search.starts"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong_and_exits_2(text: str, complaint: str) -> None:
    Path(PROJECT_FILE).write_text(text)
    result = config_show()
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"opro-local: {PROJECT_FILE}: ")
    assert complaint in line


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (("--steps", "many"), {}),
        (("--style", "poem"), {}),
        ((), {"OPRO_LOCAL_STEPS": "many"}),
        ((), {"OPRO_LOCAL_CALIBRATION": "poem"}),
        (("--no-such-flag",), {}),
    ],
)
def test_a_wrong_flag_or_variable_exits_2(arguments: tuple[str, ...], env: dict[str, str]) -> None:
    assert config_show(*arguments, env=env).exit_code == 2


def test_a_number_out_of_range_exits_2_before_anything_is_loaded() -> None:
    result = CliRunner().invoke(main, ["run", "--model", "m", "--steps", "-1"])
    assert result.exit_code == 2
    assert "budget.steps" in result.stderr


def test_a_command_may_offer_single_settings_and_reads_the_others_from_the_files() -> None:
    seen: list[RunSettings] = []

    @click.command()
    @setting_options("models", "search.seed", "budget.preset")
    @click.pass_context
    def probe(ctx: click.Context, /, **_: Any) -> None:
        seen.append(run_settings(ctx))

    offered = [option.opts[0] for option in probe.params]
    assert offered == [
        "--model",
        "--optimizer",
        "--judge",
        "--quantize",
        "--device",
        "--compiled",
        "--repeatable",
        "--threads",
        "--verify",
        "--seed",
        "--budget",
    ]
    Path(PROJECT_FILE).write_text("[search]\nshots = 2\nseed = 3\n")
    CliRunner().invoke(probe, ["--model", "m", "--seed", "4"], catch_exceptions=False)
    assert seen == [
        RunSettings(models=ModelSettings(scorer="m"), search=SearchSettings(seed=4, shots=2)),
    ]


def test_settings_of_the_same_name_in_two_groups_have_flags_of_their_own() -> None:
    flags = {option.name: option.opts[0] for option in command_of("run").params}
    assert flags["scoring__mode"] == "--scoring"
    assert flags["split__train"] == "--split-train"

    @click.command()
    @config_option("split", "mode", FieldInfo(annotation=str))
    def probe() -> None: ...

    assert probe.params[0].opts == ["--mode"]


def test_a_repeated_flag_gives_several_values() -> None:
    settings = shown("--start", "Sort it.", "--start", "")
    assert settings["search.starts"] == {"value": ["Sort it.", ""], "origin": "flag"}


def test_proposers_that_are_left_out_are_names_of_several_words() -> None:
    name, arms = "search.without", ["shot sets", "form"]
    assert shown("--without", "shot sets", "--without", "form")[name]["value"] == arms
    assert shown(env={"OPRO_LOCAL_WITHOUT": "shot sets\nform"})[name]["value"] == arms
    refused = config_show("--without", "shots")
    assert refused.exit_code == 2 and "'shot sets'" in refused.stderr


def test_a_variable_holds_several_values_a_line_each_since_texts_have_blanks() -> None:
    settings = shown(env={"OPRO_LOCAL_START": "Sort it well.\nRead twice."})
    assert settings["search.starts"]["value"] == ["Sort it well.", "Read twice."]


def test_a_model_named_in_the_project_file_is_enough_for_a_run() -> None:
    Path(PROJECT_FILE).write_text('[models]\nscorer = "no-such-model"\n')
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 4
    assert "no-such-model" in result.stderr


def test_without_a_model_the_message_says_how_to_name_one() -> None:
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 2
    assert "--model" in result.stderr


def command_of(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, click.Command)
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    first = (command_of(name).help or "").splitlines()[0]
    assert first.startswith(COMMANDS[name].help.rstrip("."))


def test_the_list_of_commands_is_complete() -> None:
    listed = CliRunner().invoke(main, ["--help"]).stdout
    assert set(COMMANDS) == {
        *("run", "solve", "study", "resume", "score", "prompts", "report", "export", "serve", "guide"),
        *("runs", "model", "init", "data", "config"),
    }
    assert all(f"  {name} " in listed for name in COMMANDS)


def test_an_unknown_command_exits_2() -> None:
    assert CliRunner().invoke(main, ["optimise"]).exit_code == 2


def test_the_help_of_a_budget_says_that_the_final_measurement_is_not_in_it() -> None:
    helps = {
        option.opts[0]: option.help for option in command_of("run").params if isinstance(option, click.Option)
    }
    for flag in ("--max-pairs", "--max-tokens", "--max-seconds"):
        assert (helps[flag] or "").endswith("checked between steps; the final measurement comes on top.")


def test_every_setting_of_a_run_has_a_variable_named_after_its_flag() -> None:
    options = [p for p in command_of("run").params if isinstance(p, click.Option) and "__" in str(p.name)]
    assert len(options) > 40
    for option in options:
        flag = next(name for name in option.opts if name.startswith("--"))
        assert option.envvar == "OPRO_LOCAL_" + flag.removeprefix("--").replace("-", "_").upper()


def test_a_column_that_a_variable_names_may_have_blanks() -> None:
    rows = "".join(f"mail {i},{'ab'[i % 2]}\n" for i in range(10))
    Path("rows.csv").write_text(f"the mail,kind\n{rows}", encoding="utf-8")
    result = CliRunner().invoke(
        main,
        ["data", "check", "--data", "rows.csv", "--label", "kind"],
        env={"OPRO_LOCAL_TEXT": "the mail"},
    )
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("content", [b"a = " + b"[" * 100_000, b"a = 1 # \xff", b"a ="])
def test_a_file_that_is_no_toml_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "task.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"not valid TOML|nested too deep") as error:
        read_toml(path)
    assert "\n" not in str(error.value)
