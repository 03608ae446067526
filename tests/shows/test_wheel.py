"""The built wheel is complete: it works in an empty folder, with nothing of the checkout."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest
from whole_command import Done, environment, result

CHECKOUT = Path(__file__).parents[2]
COMMAND = "from opro_local.cli import main; main()"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the wheel, is not installed beside pytest")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *offline, str(CHECKOUT)], check=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def python(unpacked: Path, home: Path, *arguments: str) -> Done:
    """Run Python in an empty folder; the unpacked wheel goes before whatever is installed."""
    empty = home / "empty"
    empty.mkdir()
    variables = environment(home) | {"PYTHONPATH": str(unpacked)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=empty, env=variables, capture_output=True, text=True, check=False
    )


def test_it_is_the_unpacked_package_that_runs(unpacked: Path, tmp_path: Path) -> None:
    done = python(unpacked, tmp_path, "-c", "import opro_local; print(opro_local.__file__)")
    assert done.stdout.startswith(str(unpacked) + os.sep)


def test_the_models_of_the_catalogue_are_found(unpacked: Path, tmp_path: Path) -> None:
    done = python(unpacked, tmp_path, "-c", COMMAND, "model", "list", "--json")
    names = {json.loads(line)["name"] for line in done.stdout.splitlines()}
    assert names == {path.stem for path in (CHECKOUT / "models").glob("*.toml")}
    assert {"smollm2-135m", "mistral-7b"} <= names


def test_the_example_table_is_found(unpacked: Path, tmp_path: Path) -> None:
    report = result(python(unpacked, tmp_path, "-c", COMMAND, "data", "check", "--json"))
    assert report["rows"] >= 300
    assert len(report["labels"]) >= 6


def test_the_manual_is_found(unpacked: Path, tmp_path: Path) -> None:
    done = python(unpacked, tmp_path, "-c", COMMAND, "guide", "--path")
    folder = Path(done.stdout.strip())
    assert folder == unpacked / "opro_local" / "guide"
    written = CHECKOUT / "opro_local" / "guide"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in written.iterdir()
    }
