"""What is hashed at a start: every file once, and again as soon as it may have changed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_folders import write_model_folder

from opro_local.catalogue import StoredModel, add, files, ledger, open_stored, resolve, stored_names
from opro_local.errors import ModelError

Hashed = list[str]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with one stored model, whose files count as lying still."""
    monkeypatch.setattr("opro_local.catalogue.resolving.check_loads", lambda _folder, **_: None)
    monkeypatch.setattr(ledger, "SETTLED_NS", 0)
    add(write_model_folder(tmp_path / "source"), tmp_path / "models", name="tiny")
    (tmp_path / "models" / ledger.LEDGER).unlink()
    return tmp_path / "models"


@pytest.fixture
def hashed(models: Path, monkeypatch: pytest.MonkeyPatch) -> Hashed:
    """The names of files that went through the one function that hashes files."""
    names: Hashed = []
    really = files.file_sha256

    def seen(path: Path) -> str:
        names.append(path.name)
        return really(path)

    monkeypatch.setattr(files, "file_sha256", seen)
    return names


def started(
    models: Path, hashed: Hashed, *, name: str = "tiny", reread: bool = False
) -> tuple[Hashed, StoredModel]:
    """What a start hashes, and the model that it finds."""
    hashed.clear()
    found = resolve(name, models, reread=reread)
    return sorted(hashed), found


def flip(path: Path) -> None:
    """Change one bit, and put the modification time back."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_ino) == (
        before.st_mtime_ns,
        before.st_size,
        before.st_ino,
    )


ALL = ["MODEL.json", "README.md", "config.json", "model.safetensors", "tokenizer.json"]


def test_a_second_start_hashes_nothing_and_says_since_when(models: Path, hashed: Hashed) -> None:
    begun = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    read, first = started(models, hashed)
    assert (read, first.checked_before) == (ALL, None)
    read, second = started(models, hashed)
    assert (read, second) == ([], first)
    assert second.checked_before is not None
    assert begun <= second.checked_before <= time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def test_one_flipped_bit_is_found_though_the_modification_time_was_put_back(
    models: Path, hashed: Hashed
) -> None:
    started(models, hashed)
    flip(models / "tiny" / "model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors differs from SHA256SUMS"):
        started(models, hashed)
    assert hashed == ["model.safetensors"]
    with pytest.raises(ModelError, match=r"model\.safetensors differs from SHA256SUMS"):
        started(models, hashed)


def test_a_file_put_in_its_place_is_found(models: Path, hashed: Hashed) -> None:
    started(models, hashed)
    weights = models / "tiny" / "model.safetensors"
    other = weights.with_name("other")
    other.write_bytes(weights.read_bytes())
    os.utime(other, ns=(weights.stat().st_atime_ns, weights.stat().st_mtime_ns))
    other.replace(weights)
    read, found = started(models, hashed)
    assert read == ["model.safetensors"]
    assert found.checked_before is not None  # the others were not read again
    flip(weights)
    with pytest.raises(ModelError, match="differs"):
        started(models, hashed)


@pytest.mark.parametrize("field", list(ledger.Looks.model_fields))
def test_each_thing_that_differs_is_enough(models: Path, hashed: Hashed, field: str) -> None:
    started(models, hashed)
    path = models / ledger.LEDGER
    (first, *others) = ledger._CHECKS.validate_json(path.read_bytes())
    looks = first.looks.model_copy(update={field: getattr(first.looks, field) + 1})
    path.write_bytes(ledger._CHECKS.dump_json((first.model_copy(update={"looks": looks}), *others)))
    assert len(started(models, hashed)[0]) == 1


def test_a_start_that_asks_for_it_reads_everything_and_counts_for_later(models: Path, hashed: Hashed) -> None:
    for _ in range(2):
        read, found = started(models, hashed, reread=True)
        assert (read, found.checked_before) == (ALL, None)
    assert started(models, hashed)[0] == []


def test_model_verify_reads_everything_and_counts_for_later(models: Path, hashed: Hashed) -> None:
    for _ in range(2):
        hashed.clear()
        open_stored("tiny", models)
        assert sorted(hashed) == ALL
    assert started(models, hashed)[0] == []


def test_a_file_changed_just_before_it_was_read_is_read_again(
    models: Path, hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SETTLED_NS", 3_600 * 10**9)
    started(models, hashed)
    assert started(models, hashed)[0] == ALL
    monkeypatch.setattr(ledger, "SETTLED_NS", 0)
    future = time.time_ns() + 3_600 * 10**9
    os.utime(models / "tiny" / "config.json", ns=(future, future))
    started(models, hashed)
    assert started(models, hashed)[0] == ["config.json"]


def test_a_file_that_changes_while_it_is_read_is_read_again(
    models: Path, hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = files.file_sha256

    def slow(path: Path) -> str:
        found = really(path)
        if path.name == "README.md":
            flip(path)
        return found

    monkeypatch.setattr(files, "file_sha256", slow)
    resolve("tiny", models)
    monkeypatch.setattr(files, "file_sha256", really)
    with pytest.raises(ModelError, match=r"README\.md differs"):
        resolve("tiny", models)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"\xff" + content,
        lambda _: b"[" * 100_000,
        lambda content: content.replace(b'"sha256": "', b'"sha256": "x'),
        lambda _: b'{"schema": 2}',
    ],
    ids=["empty", "cut off", "no text", "deep", "no hash", "another form"],
)
def test_a_damaged_ledger_knows_nothing(
    models: Path, hashed: Hashed, damage: Callable[[bytes], bytes]
) -> None:
    started(models, hashed)
    path = models / ledger.LEDGER
    damaged = damage(path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    assert started(models, hashed)[0] == ALL
    assert started(models, hashed)[0] == []


def test_a_ledger_that_cannot_be_written_costs_time_only(models: Path, hashed: Hashed) -> None:
    (models / ledger.LEDGER).mkdir()
    for _ in range(2):
        assert started(models, hashed)[0] == ALL
    assert list((models / ledger.LEDGER).iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_models_folder_that_may_only_be_read(models: Path, hashed: Hashed) -> None:
    models.chmod(0o555)
    try:
        for _ in range(2):
            assert started(models, hashed)[0] == ALL
    finally:
        models.chmod(0o755)


def test_a_plain_folder_is_known_by_any_path_and_nothing_is_written_into_it(
    models: Path, hashed: Hashed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model_folder(tmp_path / "mine")
    (tmp_path / "link").symlink_to(folder)
    held = sorted(folder.iterdir())
    read, first = started(models, hashed, name=str(folder))
    assert (read, first.checked_before) == (["config.json", "model.safetensors", "tokenizer.json"], None)
    monkeypatch.chdir(tmp_path)
    for name in (str(folder), "./mine", "./link"):
        read, again = started(models, hashed, name=name)
        assert (read, again.digest) == ([], first.digest)
    assert sorted(folder.iterdir()) == held
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    read, changed = started(models, hashed, name=str(folder))
    assert read == ["chat_template.jinja"]
    assert changed.digest != first.digest


def test_the_ledger_is_no_model_and_keeps_one_check_a_file(models: Path, hashed: Hashed) -> None:
    for _ in range(3):
        started(models, hashed, reread=True)
        (models / "tiny" / "README.md").touch()
    assert stored_names(models) == ["tiny"]
    assert len(ledger._CHECKS.validate_json((models / ledger.LEDGER).read_bytes())) == len(ALL)


def test_processes_that_start_at_once_leave_a_whole_ledger(models: Path, hashed: Hashed) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom opro_local.catalogue import ledger, resolve\n"
        "ledger.SETTLED_NS = 0\nfor _ in range(20): resolve('tiny', Path(sys.argv[1]), reread=True)\n"
    )
    several = [subprocess.Popen([sys.executable, "-c", code, str(models)]) for _ in range(2)]
    assert [process.wait() for process in several] == [0, 0]
    assert started(models, hashed)[0] == []
    assert not list(models.glob(".*.new"))
