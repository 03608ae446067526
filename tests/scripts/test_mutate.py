"""mutate.py changes one place at a time and tells what the tests of a project notice."""

import ast
import json
from pathlib import Path

import pytest
from mutate import Finder, all_places, main, near_tests

CHECKOUT = Path(__file__).parents[2]

SOURCE = '''"""Doc 1."""
from dataclasses import dataclass
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    LEFT_OUT = 1
SIZE: int = 3
@dataclass(frozen=True)
class Text:
    """Doc 2."""
    wide: bool = False
def f(x, y: "1 < 2" = True) -> int:
    if not (x < y and x is not None):
        return None
    print(f"{x + 1}", "a" + str(x), list(zip(x, y, strict=True)))
    return max(x, -1)
'''


def changes(source: str) -> list[tuple[int, str, str]]:
    return [(each.line, each.old, each.new) for each in sorted(Finder("m.py", source.encode()).found)]


def test_places_are_those_that_change_what_the_program_does() -> None:
    assert changes(SOURCE) == [
        (6, "3", "4"),
        (10, "False", "True"),
        (11, "True", "False"),
        (12, "not ", ""),
        (12, "<", "<="),
        (12, "and", "or"),
        (12, "is not", "is"),
        (15, "max", "min"),
        (15, "max(x, -1)", "None"),
        (15, "1", "2"),
    ]


@pytest.mark.parametrize(
    ("line", "old", "new", "changed"),
    [
        (1, "not ", "", "x = (a\u00e9) <  b or (c)\n"),
        (1, "<", "<=", "x = not (a\u00e9) <=  b or (c)\n"),
        (1, "or", "and", "x = not (a\u00e9) <  b and (c)\n"),
    ],
)
def test_only_the_place_changes(line: int, old: str, new: str, changed: str) -> None:
    source = "x = not (a\u00e9) <  b or (c)\n".encode()
    (mutant,) = [each for each in Finder("m.py", source).found if (each.old, each.new) == (old, new)]
    assert mutant.line == line
    assert mutant.applied(source).decode() == changed


def test_every_place_of_the_program_leaves_it_a_program() -> None:
    places = all_places(CHECKOUT)
    assert len(places) > 1000
    for place in places[::20]:
        ast.parse(place.applied((CHECKOUT / place.path).read_bytes()))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two modules of one place each; the tests look at one of them."""
    files = {
        "opro_local/__init__.py": "",
        "opro_local/sums/__init__.py": "",
        "opro_local/sums/watched.py": "def same(x, y):\n    answer = x == y\n    print(answer)\n",
        "opro_local/sums/forgotten.py": "LIMIT = 9\n",
        "tests/sums/test_watched.py": "from opro_local.sums import watched\n\n\n"
        "def test_same(capsys):\n    watched.same(2, 2)\n    assert capsys.readouterr().out == 'True\\n'\n",
        "pytest.ini": "[pytest]\nmarkers = slow: not here\n",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_what_tests_see_is_noticed_and_what_none_sees_survives(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(project), "--count", "9", "--jobs", "2"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    survivor = "opro_local/sums/forgotten.py:1: 9 -> 10"
    assert sorted(lines) == [f"SURVIVED {survivor}", "noticed  opro_local/sums/watched.py:2: == -> !="]
    assert json.loads(last) == {"mutants": 2, "noticed": 1, "survivors": [survivor]}
    assert "x == y" in (project / "opro_local/sums/watched.py").read_text(), "only the copy was changed"


def test_tests_that_fail_without_a_change_are_no_measure(project: Path) -> None:
    (project / "tests" / "test_wrong.py").write_text("def test_wrong():\n    assert False\n")
    with pytest.raises(SystemExit, match="the tests fail without any change"):
        main(["--root", str(project), "--count", "1"])


def test_the_nearest_tests_are_asked_first(project: Path) -> None:
    assert near_tests(project, "opro_local/sums/watched.py") == ["tests/sums/test_watched.py"]
    (project / "tests" / "test_other.py").write_text("import opro_local.sums.forgotten\n")
    near = near_tests(project, "opro_local/sums/forgotten.py")
    assert near == ["tests/test_other.py", "tests/sums/test_watched.py"]
