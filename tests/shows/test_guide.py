"""The manual that the program prints: its pages, its list, and the two pages that follow from the code."""

import io
import re
import sys
from typing import get_args

import documents
import guide_pages
import pytest
from click.testing import CliRunner, Result

from opro_local.answers import kind_names
from opro_local.cli import main
from opro_local.cli.guide import PAGES, TOPICS, first_sentence, page
from opro_local.config import CalibrationMethod, Method, Position
from opro_local.problems.objectives import objective_names
from opro_local.studies.plan import shipped_studies

each_topic = pytest.mark.parametrize("topic", TOPICS)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def guide(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["guide", *arguments])


def test_every_page_is_a_topic() -> None:
    assert sorted(TOPICS) == [path.stem for path in documents.GUIDE]
    assert all(path.parent == PAGES for path in documents.GUIDE)


@each_topic
def test_a_page_begins_with_a_short_sentence_on_what_it_is_for(topic: str) -> None:
    sentence = first_sentence(page(topic))
    assert 20 < len(sentence) <= 130
    assert sentence.endswith(".")


def test_the_list_names_every_topic_with_its_first_sentence() -> None:
    lines = guide().output.splitlines()
    assert lines[: len(TOPICS)] == [f"{topic:<16}  {first_sentence(page(topic))}" for topic in TOPICS]


@each_topic
def test_a_page_comes_as_it_stands_where_there_is_no_terminal(topic: str) -> None:
    assert guide(topic).output == page(topic)


def test_a_page_is_laid_out_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    main(["guide", "evidence"], standalone_mode=False)
    shown = terminal.getvalue()
    assert "Headroom first" in shown
    assert "# " not in shown


def test_an_unknown_topic_is_told_which_ones_there_are() -> None:
    done = guide("weather")
    assert done.exit_code == 2
    assert all(topic in done.output for topic in TOPICS)


def test_the_folder_of_the_pages_is_printed() -> None:
    assert guide("--path").output == f"{PAGES}\n"


@pytest.mark.parametrize("topic", ["commands", "settings"])
def test_what_follows_from_the_code_is_what_it_generates(topic: str) -> None:
    assert guide_pages.generated()[topic] == page(topic), "bash scripts/guide writes the page anew"


@pytest.mark.parametrize(
    ("topic", "names"),
    [
        ("answers", (*kind_names(), *get_args(CalibrationMethod))),
        ("searching", get_args(Method)),
        ("your-table", get_args(Position)),
        ("studies", tuple(shipped_studies())),
        ("solve", tuple(objective_names())),
    ],
)
def test_a_page_leaves_out_no_choice(topic: str, names: tuple[str, ...]) -> None:
    text = page(topic)
    assert [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)] == []
