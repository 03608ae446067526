"""Patterns of the user's: they mean what they mean in re, and end in time."""

import re

import pytest
import regex

from opro_local import patterns
from opro_local.answers.regex import Regex
from opro_local.errors import SettingsError
from opro_local.patterns import compiled, in_time

TEXT = "The cat {sat}; a{2} cat{e<=1} on 3 bats, 10,000 of them.\nÄrger \\{x} naïve K"


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:cat){e<=1}",
        "(cat){i}",
        "{sat}",
        r"\{e<=1\}",
        r"\\{x}",
        r"[{}]",
        "a{,}t",
        "b{,1}a{1}t{1,}",
        r"\d+(?:,\d{3})*",
        r"(?P<word>\w+) (?P=word)?",
        "^.*$",
        "(?m)^.*$",
        "(?s).+",
        "(?x) c a t # {e}",
        r"\bcat\b|$",
        "",
        "x*",
        "(?i)ärger|k",
        r"(?<=cat).(?!\{)",
        r"[^\W\d_]+",
    ],
)
def test_they_find_what_re_finds(pattern: str) -> None:
    for ignored in (False, True):
        found = [m.span() for m in compiled(pattern, ignore_case=ignored).finditer(TEXT)]
        assert found == [m.span() for m in re.finditer(pattern, TEXT, re.IGNORECASE if ignored else 0)]


@pytest.mark.parametrize("pattern", ["(x", "*", "[[:alpha:]]", "[a--b]", r"\p{L}", "(?V1)x", r"\X", "(?R)"])
def test_what_re_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(SettingsError, match="is no regular expression"):
        compiled(pattern)


def test_time_that_runs_out_is_one_line_that_names_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 1e-9)
    for ask in (Regex(pattern="(a|b)+c").answers, Regex(pattern="(a|b)+c").is_answer):
        with pytest.raises(
            SettingsError, match=r"the pattern '\(a\|b\)\+c' took more than .* unban"
        ) as error:
            ask("#### " + "ab" * 5000, "")
        assert "\n" not in str(error.value)


def test_the_limit_is_given_to_the_search() -> None:
    with in_time("x") as timeout:
        assert timeout == patterns.SECONDS > 0
        assert regex.compile("x").search("ax", timeout=timeout)
