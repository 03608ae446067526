"""Made tables: the same for the same seed, of as many rows as are asked for."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from make_table import TABLES, main


@pytest.mark.parametrize("name", list(TABLES))
def test_a_seed_writes_one_table(tmp_path: Path, name: str) -> None:
    made = [_made(tmp_path / f"{number}", name, seed) for number, seed in enumerate("001")]
    assert made[0] == made[1] != made[2]
    rows = made[0].get("mails.csv", made[0].get(""))
    assert rows is not None
    assert len(rows.splitlines()) == 12 + (name != "orders")  # under a header


def _made(out: Path, name: str, seed: str) -> dict[str, bytes]:
    """The files by name, "" where it is one."""
    done = CliRunner().invoke(main, [name, str(out), "--rows", "12", "--seed", seed])
    assert done.exit_code == 0, done.output
    return {p.name: p.read_bytes() for p in out.iterdir()} if out.is_dir() else {"": out.read_bytes()}
