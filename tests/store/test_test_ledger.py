"""The ledger of test rows: how often they have been looked at, by whom."""

from pathlib import Path

import pytest

from opro_local.records import Example
from opro_local.store.run_folder import RunFolder
from opro_local.store.test_ledger import check_ledger, note_use


def rows(*texts: str) -> list[Example]:
    return [Example(id=f"id of {text}", text=text, target="x") for text in texts]


def test_every_other_user_of_the_same_rows_counts_once(tmp_path: Path) -> None:
    ledger = RunFolder(tmp_path / "not" / "there").test_ledger
    assert note_use(ledger, "first", rows("a", "b")) == 0
    assert note_use(ledger, "second", rows("a", "b")) == 1
    assert note_use(ledger, "second", rows("a", "b")) == 1
    assert note_use(ledger, "first", rows("a", "b")) == 1
    assert note_use(ledger, "third", rows("a", "b")) == 2


def test_one_row_in_common_is_a_use_whatever_its_id_is(tmp_path: Path) -> None:
    ledger = RunFolder(tmp_path).test_ledger
    note_use(ledger, "first", rows("a", "b"))
    assert note_use(ledger, "second", [Example(id="other", text="b", target="x")]) == 1
    assert note_use(ledger, "third", rows("c")) == 0
    assert note_use(ledger, "fourth", [Example(id="other", text="a", target="y")]) == 0


def test_it_holds_no_text_and_is_private(tmp_path: Path) -> None:
    ledger = RunFolder(tmp_path).test_ledger
    note_use(ledger, "first", rows("a very private e-mail"))
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"private e-mail" not in content
    assert ledger.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"no database at all", b"", "middle", "columns"])
def test_a_damaged_one_is_put_aside_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes | str
) -> None:
    ledger = RunFolder(tmp_path).test_ledger
    note_use(ledger, "first", rows(*(f"row {i}" for i in range(200))))
    whole = ledger.read_bytes()
    found = damage if isinstance(damage, bytes) else whole[:4096] + b"\xff" * (len(whole) - 4096)
    ledger.write_bytes(whole.replace(b"user TEXT", b"usex TEXT") if damage == "columns" else found)
    damaged = ledger.read_bytes()
    check_ledger(ledger)
    aside = [path.read_bytes() for path in tmp_path.glob("test-uses.db.damaged-*")]
    assert aside == ([damaged] if damaged else []), "an empty file is a new ledger"
    assert ("kept as" in caplog.text) == bool(damaged)
    assert note_use(ledger, "second", rows("row 1")) == 0
    caplog.clear()
    check_ledger(ledger)
    assert not caplog.text
