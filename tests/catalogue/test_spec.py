from pathlib import Path

import pytest

from opro_local.catalogue import load_catalogue
from opro_local.catalogue import spec as spec_module
from opro_local.catalogue.spec import PackageSource
from opro_local.errors import ModelError, SettingsError

ALIASES = [
    "deepseek-r1-distill-qwen-1.5b",
    *("gemma-3-12b", "gemma-3-1b", "gemma-3-270m", "gemma-3-4b"),
    *("gemma-4-12b", "gemma-4-31b", "gemma-4-e2b", "gemma-4-e4b"),
    *("granite-4.0-h-micro", "granite-4.0-micro"),
    "lfm2.5-1.2b",
    *("llama-3.1-8b", "llama-3.2-1b", "llama-3.2-3b"),
    *("mistral-7b", "mistral-nemo-12b", "mistral-small-24b"),
    *("olmo-3-7b", "olmo-3-7b-think"),
    *("phi-4", "phi-4-mini"),
    *("qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-14b", "qwen2.5-32b", "qwen2.5-3b", "qwen2.5-7b"),
    *("qwen3-0.6b", "qwen3-1.7b", "qwen3-14b", "qwen3-32b", "qwen3-4b"),
    *("qwen3-4b-instruct-2507", "qwen3-4b-thinking-2507", "qwen3-8b"),
    *("qwen3.5-0.8b", "qwen3.5-27b", "qwen3.5-2b", "qwen3.5-4b", "qwen3.5-9b"),
    *("smollm2-1.7b", "smollm2-135m", "smollm2-360m", "smollm3-3b"),
]


def test_catalogue_holds_the_promised_models_each_in_the_file_of_its_alias() -> None:
    assert list(load_catalogue()) == ALIASES
    folder = Path(__file__).parents[2] / "models"
    assert sorted(path.stem for path in folder.glob("*.toml")) == ALIASES


def test_mistral_7b_is_the_instruct_model_v3() -> None:
    spec = load_catalogue()["mistral-7b"]
    assert (spec.hub, spec.family, spec.licence) == (
        "mistralai/Mistral-7B-Instruct-v0.3",
        "mistral",
        "apache-2.0",
    )
    assert (spec.chat, spec.context_length, spec.quantize.gpu, spec.quantize.cpu) == (
        True,
        32768,
        "nf4",
        "bf16",
    )


def test_models_from_about_three_billion_parameters_are_nf4_on_a_gpu() -> None:
    big = {alias for alias, spec in load_catalogue().items() if spec.quantize.gpu == "nf4"}
    assert {"qwen2.5-3b", "llama-3.2-3b", "qwen3-4b", "phi-4-mini"} <= big
    assert not big & {"smollm2-1.7b", "qwen3-1.7b", "gemma-3-1b", "llama-3.2-1b"}


def test_gemma_3_and_llama_are_gated_and_only_the_270m_is_pre_trained() -> None:
    catalogue = load_catalogue()
    gated = {alias for alias, spec in catalogue.items() if spec.gated}
    assert gated == {alias for alias in ALIASES if alias.startswith(("gemma-3", "llama"))}
    assert [alias for alias, spec in catalogue.items() if not spec.chat] == ["gemma-3-270m"]


def test_it_is_told_which_models_think() -> None:
    catalogue = load_catalogue()
    thinkers = {alias: spec.thinking for alias, spec in catalogue.items() if spec.thinking != "no"}
    always = {alias for alias, thinking in thinkers.items() if thinking == "always"}
    assert always == {"deepseek-r1-distill-qwen-1.5b", "olmo-3-7b-think", "qwen3-4b-thinking-2507"}
    hybrid = {alias for alias in ALIASES if alias.startswith(("gemma-4", "qwen3-", "qwen3.5", "smollm3"))}
    assert set(thinkers) - always == hybrid - {"qwen3-4b-instruct-2507", "qwen3-4b-thinking-2507"}


def test_every_entry_begins_with_its_source() -> None:
    for path in (Path(__file__).parents[2] / "models").glob("*.toml"):
        assert path.read_text(encoding="utf-8").startswith("# Source: "), path.name


def test_packages_are_pinned_to_one_version_and_one_hash() -> None:
    packaged = {
        alias: source
        for alias, spec in load_catalogue().items()
        for source in spec.sources
        if isinstance(source, PackageSource)
    }
    assert sorted(packaged) == ["gemma-3-270m", "smollm2-135m"]
    assert all("==" in package for source in packaged.values() for package in source.packages)
    assert packaged["smollm2-135m"].sha256.startswith("b179c9523d0e")


def test_a_source_is_found_by_kind_or_is_the_first() -> None:
    catalogue = load_catalogue()
    assert catalogue["smollm2-135m"].source("package").kind == "package"
    assert catalogue["smollm2-135m"].source(None).kind == "hub"
    with pytest.raises(
        ModelError, match="mistral-7b has no source of kind package; it can be pulled from: hub"
    ):
        catalogue["mistral-7b"].source("package")


def test_an_unknown_key_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = (Path(__file__).parents[2] / "models" / "phi-4.toml").read_text()
    (tmp_path / "phi-4.toml").write_text("colour = 'red'\n" + original)
    monkeypatch.setattr(spec_module, "_catalogue_folder", lambda: tmp_path)
    with pytest.raises(SettingsError, match=r"phi-4\.toml: unknown key 'colour'"):
        load_catalogue()
