"""A run's report in every form, also when people and models wrote what would break it."""

import base64
import csv
import hashlib
import html
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import python_calamine
from click.testing import CliRunner
from mail_searches import HOSTILE, START, finished
from matplotlib.figure import Figure
from results import task_result

from opro_local.cli import main
from opro_local.errors import Interrupted
from opro_local.report import forms
from opro_local.report.candidates import candidate_rows, candidates_csv
from opro_local.report.chart import Chart
from opro_local.report.section import word_diff
from opro_local.report.sections import sections
from opro_local.report.table import Table
from opro_local.report.terminal import terminal_lines
from opro_local.results.result import read_result
from opro_local.results.steps import best_start
from opro_local.results.verdicts import run_verdict


def in_form(document: dict[str, Any], form: str) -> bytes:
    return forms.in_form(task_result(document), form)


def charts(document: dict[str, Any]) -> list[Chart]:
    return [chart for section in sections(task_result(document)) for chart in section.charts]


def tables(document: dict[str, Any]) -> dict[str, Table]:
    return {t.title: t for section in sections(task_result(document)) for t in section.all_tables()}


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of its styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.code: dict[str, str] = {}
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag = self.elements[-1][0] if self.elements else ""
        if tag in ("style", "script") and tag not in self.code:
            self.code[tag] = data
        else:
            self.words.append(data)


def page(document: dict[str, Any]) -> Page:
    return Page(in_form(document, "html").decode())


def test_a_page_answers_first_and_holds_everything(document: dict[str, Any]) -> None:
    text = " ".join(" ".join(page(document).words).split())
    assert text.index("Read twice.") < text.index("Search progress")
    assert (
        "accuracy on test (n=8): 0.125 with the start that validation prefers, "
        "1.000 with the best prompt: better by 0.875" in text
    )
    for part in (
        *("Fixed", "7 fixed, 0 broken", "Confusion matrix", "Sensitivity to wording", "Meta-prompts"),
        *("rejected: refusal", "rejected: duplicate", "versions"),
    ):
        assert part in text, part
    assert document["models"][0]["digest"] in text


@pytest.mark.parametrize("name", ["hostile", "everywhere"])
def test_nothing_that_people_or_models_wrote_is_markup(name: str, request: pytest.FixtureRequest) -> None:
    found = page(request.getfixturevalue(name))
    assert [tag for tag, _ in found.elements].count("script") == 1
    assert not [
        attributes for _, attributes in found.elements if any(name.startswith("on") for name in attributes)
    ]
    assert "img" not in {tag for tag, _ in found.elements}
    shown = HOSTILE.replace("\u202e", "\\u202e")
    assert any(shown in words for words in found.words), "it is shown as text"


def test_a_page_asks_for_nothing_and_allows_only_its_own_code(document: dict[str, Any]) -> None:
    found = page(document)
    policy = next(a["content"] for t, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy and policy.startswith("default-src 'none'")
    for code in found.code.values():
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    for _, attributes in found.elements:
        assert "style" not in attributes, "the policy forbids it"
        assert not {"src", "srcset"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")


def test_ids_are_unique_and_what_refers_to_them_finds_them(document: dict[str, Any]) -> None:
    found = page(document)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in found.elements:
        for name in ("aria-labelledby", "href", "clip-path"):
            for target in re.findall(r"#?([\w.-]+)", attributes.get(name) or ""):
                if target != "url":
                    assert target in ids, (name, target)


def test_every_chart_is_a_picture_with_words_and_figures(document: dict[str, Any]) -> None:
    found = charts(document)
    assert [chart.title for chart in found] == [
        "Search progress",
        "Score by prompt length",
        "Calibration of confidence",
    ]
    for chart in found:
        root = ElementTree.fromstring(chart.svg)
        names = [child.tag.rpartition("}")[2] for child in root[:2]]
        assert names == ["title", "desc"]
        assert root[0].text == chart.title and root[1].text == chart.description
        assert chart.table is not None
        assert chart.table.rows and all(len(row) == len(chart.table.columns) for row in chart.table.rows)
        assert "#000000" not in chart.svg, "black would not be seen in the dark"
    assert charts(document)[0].svg == found[0].svg, "the same run gives the same picture"


@pytest.mark.parametrize("measure", ["mae", "weighted_kappa"])
def test_a_legend_covers_no_point_and_a_label_is_no_longer_than_its_axis(
    document: dict[str, Any], measure: str
) -> None:
    document["measure"] = measure
    for chart in charts(document):
        figure = Figure(figsize=chart.size, layout="constrained")
        axes = figure.subplots()
        chart.draw(axes)
        figure.draw_without_rendering()
        legend, label = axes.get_legend(), axes.yaxis.label.get_window_extent()
        assert legend is None or legend.get_window_extent().y0 >= axes.bbox.y1
        assert (label.y0 >= 0, label.y1 <= figure.bbox.y1) == (True, True)


def test_what_was_not_optimised_is_told_beside_it(document: dict[str, Any]) -> None:
    start = best_start(task_result(document))
    assert start is not None
    rows = tables(document)["Other metrics"].rows
    assert rows == [(m, v, start.metrics[m]) for m, v in document["test"]["metrics"].items()]
    assert {row[0] for row in rows} >= {"macro_f1", "log_loss"}


def test_of_many_shots_the_first_are_named(document: dict[str, Any]) -> None:
    shown = [{"id": f"m{i}", "text": "t", "target": "seed"} for i in range(5)]
    document["best"]["shots"] = shown
    told = sections(task_result(document))[0].lines
    assert "with 5 shots: m0, m1, m2 and 2 more" in told


def test_the_search_is_drawn_as_it_went(document: dict[str, Any]) -> None:
    rows = tables(document)["Search progress"].rows
    assert [row[0] for row in rows] == [0, 1, 2]
    assert rows[-1][3] == document["train"]["value"]
    assert rows[1][4] == document["validation"]["value"], "the best finalist of its step"


def test_what_left_its_race_is_a_point_of_its_own_and_never_the_best(document: dict[str, Any]) -> None:
    dropped = next(p for p in document["steps"][2]["proposals"] if p["score"])
    dropped["dropped"], dropped["score"]["value"] = True, 2.0
    found = charts(document)[0]
    assert "dropped by racing" in found.svg and found.description.startswith("5 candidates")
    assert [row[3] for row in tables(document)["Search progress"].rows] == [0.375, 1.0]


def test_flips_are_the_rows_that_only_one_answers(document: dict[str, Any]) -> None:
    start = best_start(task_result(document))
    assert start is not None and start.instruction == "", "the first of equals on validation"
    (flipped,) = [f for f in document["flips"] if f["instruction"] == START]
    test_rows = {int(row[1:]) for row in document["task"]["row_ids"]["test"]}
    assert {int(row["id"][1:]) for row in flipped["fixed"]} == {n for n in test_rows if 9 <= n < 20}
    assert flipped["broken"] == []
    for row in flipped["fixed"]:
        assert row["winner"] == row["target"] != row["baseline"]
        assert row["winner_margin"] == pytest.approx(-row["baseline_margin"]) and row["winner_margin"] > 0


def test_reliability_is_worked_out_by_hand(document: dict[str, Any]) -> None:
    """The scripted model is always sure to 0.8."""
    (only,) = document["reliability"]
    assert only["confidence"] == pytest.approx(0.8)
    assert only["accuracy"] == pytest.approx(document["test"]["value"])
    assert only["n"] == document["test"]["n"]


def test_candidates_stand_in_the_order_of_their_scores(document: dict[str, Any]) -> None:
    table = tables(document)["All candidates"]
    text, train, fate = (table.columns.index(name) for name in ("proposal", "train", "status"))
    assert (table.rows[0][fate], table.rows[0][text]) == ("winner", "Read twice.")
    trained = [row[train] for row in table.rows if row[train] is not None]
    assert trained == [1.0, 0.5, 0.375, 0.375, 0.375]
    assert all(row[train] is None for row in table.rows[len(trained) :])
    assert {row[fate] for row in table.rows} >= {
        "rejected: refusal",
        "rejected: empty",
        "rejected: duplicate",
    }


def test_what_was_validated_during_the_search_is_in_the_table_of_the_page_and_in_the_csv(
    document: dict[str, Any],
) -> None:
    """It stood in the one and was missing in the other: each had counted for itself what was measured."""
    step, proposal = 1, document["steps"][1]["proposals"][0]
    assert proposal["solution"]["instruction"] == "Sort it."
    document["periodic"] = [
        {**document["finalists"][0], "key": proposal["key"], "value": 0.25, "step": step, "train": 0.5}
    ]
    document["finalists"] = []
    table = tables(document)["All candidates"]
    text, validation = (table.columns.index(name) for name in ("proposal", "validation"))
    assert {row[text]: row[validation] for row in table.rows}["Sort it."] == 0.25
    written = csv.DictReader(io.StringIO(candidates_csv(task_result(document))))
    assert {row["instruction"]: row["validation"] for row in written}["Sort it."] == "0.25"


def test_a_word_diff_can_be_read_both_ways() -> None:
    words = list(word_diff("a b c d", "a x c d e"))
    assert " ".join(w.text for w in words if w.change != "added") == "a b c d"
    assert " ".join(w.text for w in words if w.change != "removed") == "a x c d e"
    assert [w.change for w in words] == ["same", "removed", "added", "same", "added"]


@pytest.mark.parametrize("name", ["hostile", "everywhere"])
def test_hostile_text_stays_in_its_cell(name: str, request: pytest.FixtureRequest) -> None:
    hostile = request.getfixturevalue(name)
    heads = {len(next(table.in_numbers())) for table in tables(hostile).values()}
    for line in in_form(hostile, "md").decode().splitlines():
        assert "<script>" not in line and "<img" not in line
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            assert len(cells) in heads, line


def _sheets(document: dict[str, Any]) -> Iterator[tuple[str, list[list[Any]]]]:
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(in_form(document, "xlsx")))
    for name in book.sheet_names:
        yield name, book.get_sheet_by_name(name).to_python()


def test_a_workbook_holds_numbers_as_numbers_and_no_formula(hostile: dict[str, Any]) -> None:
    sheets = dict(_sheets(hostile))
    head, *rows = sheets["All candidates"]
    best = next(row for row in rows if row[head.index("status")] == "winner")
    assert best[head.index("train")] == pytest.approx(hostile["train"]["value"])
    assert any(HOSTILE in str(cell) for row in sheets["In words"] for cell in row)


def test_figures_are_numbers_in_tables_and_texts_are_texts(document: dict[str, Any]) -> None:
    """p-values were text, and figures below zero had the apostrophe that formulas get."""
    document["baselines"][0]["value"] = document["test"]["value"] = document["test"]["interval"][0] = -0.25
    for verdict in document["verdicts"]:
        verdict["comparison"]["difference"] = -0.25
    sheets = dict(_sheets(document))
    written = {
        cell for row in csv.reader(io.StringIO(in_form(document, "csv").decode())) for cell in row if cell
    }
    figures = 0
    for table in tables(document).values():
        for row, shown in zip(list(table.in_numbers())[1:], sheets[table.title][1:], strict=True):
            for cell, value in zip(row, shown, strict=False):  # a last empty cell is no cell of a workbook
                if isinstance(cell, int | float):
                    figures += 1
                    assert isinstance(value, float) and value == pytest.approx(cell), (table.title, row)
                    assert str(cell + 0) in written
                else:
                    assert isinstance(value, str), (table.title, row)
    scores = tables(document)["Scores"]
    assert figures > 100 and next(scores.in_numbers())[10] == "one-sided p"
    assert sheets["Scores"][2][10] == document["verdicts"][0]["adjusted_p"]


def test_a_setting_is_written_alike_in_every_form(document: dict[str, Any]) -> None:
    """What is off was 0 on the page and False in Markdown."""
    document["settings"] = {"x": {"off": False, "on": True, "open": None, "number": 0, "list": ["a"]}}
    shown = {"x.off": "false", "x.on": "true", "x.open": "null", "x.number": "0", "x.list": '["a"]'}
    words = html.unescape(in_form(document, "html").decode())
    lines = in_form(document, "md").decode().replace("\\", "").splitlines()
    rows = [row[:2] for row in csv.reader(io.StringIO(in_form(document, "csv").decode()))]
    for name, value in shown.items():
        assert re.search(rf">{re.escape(name)}</th><td[^>]*>{re.escape(value)}</td>", words), name
        assert f"| {name} | {value} |" in lines
        assert [name, value] in rows


def test_no_title_stands_twice_in_a_csv_file(document: dict[str, Any]) -> None:
    rows = list(csv.reader(io.StringIO(in_form(document, "csv").decode())))
    for section in sections(task_result(document)):
        assert [row[0] for row in rows if row].count(section.title) == 1, section.title


def test_a_table_of_candidates_says_which_won(document: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(candidates_csv(task_result(document)))))
    assert [row["instruction"] for row in rows if row["status"] == "winner"] == ["Read twice."]
    assert {row["proposer"] for row in rows} == {"start", "opro"}


@pytest.mark.parametrize("is_baseline", [True, False])
def test_the_verdict_is_one_sentence_in_every_form(document: dict[str, Any], is_baseline: bool) -> None:
    """The winner that is a baseline was told in one way on the terminal and in another in the files."""
    if is_baseline:
        document["best"] |= {name: document["baselines"][1][name] for name in ("instruction", "key")}
        document["verdicts"].pop(1)
    sentence = run_verdict(task_result(document))
    assert ("the winner is itself one of the baselines" in sentence) == is_baseline
    assert f"  {sentence}" in terminal_lines(sections(task_result(document)))
    for form in ("html", "md", "csv"):
        assert sentence in html.unescape(in_form(document, form).decode()).replace("\\", ""), form
    assert ["Result", sentence] in [row[:2] for row in dict(_sheets(document))["In words"]]
    prompts = [row[0] for row in tables(document)["Scores"].rows]
    assert prompts[0] == "winner"
    assert (START in prompts) != is_baseline, "one prompt stood there under two names"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1"])
def test_a_formula_is_neutralised_in_tables(document: dict[str, Any], text: str) -> None:
    document["best"]["instruction"] = text
    for step in document["steps"]:
        for proposal in step["proposals"]:
            if proposal["solution"]:
                proposal["solution"]["instruction"] = text
    table = csv.DictReader(io.StringIO(candidates_csv(task_result(document))))
    assert {row["instruction"] for row in table} == {f"'{text}"}
    for row in csv.reader(io.StringIO(in_form(document, "csv").decode())):
        assert not [cell for cell in row if cell.strip()[:1] in ("=", "@") or cell in ("+1", "-1")]
    head, *rows = dict(_sheets(document))["All candidates"]
    assert {row[head.index("proposal")] for row in rows if row[head.index("train")] != ""} == {f"'{text}"}


def test_every_form_holds_what_the_page_holds(document: dict[str, Any]) -> None:
    """Titles of the page's parts, and a figure or word of each."""
    found = sections(task_result(document))
    assert [section.title for section in found] == [
        *("Result", "How answers are read", "Selection", "Search progress", "Score by prompt length"),
        *("Calibration of confidence", "Changes from the best start"),
        *("Rows fixed and broken", "Confusion matrix", "Candidates"),
        *("Sensitivity to wording", "Meta-prompts", "Cost"),
    ]
    named = tables(document)
    row = named["Fixed"].rows[0]
    assert row[1] == f"Mail {str(row[0])[1:]}." and row[5] == pytest.approx(1.386, abs=0.001)
    settings = {str(name): value for name, value in named["Settings, models and versions"].rows}
    assert settings["data"] == document["data_digest"]
    read = next(section for section in found if section.title == "Meta-prompts")
    assert read.all_blocks()[0].text == document["steps"][1]["meta_prompt"]
    for form in ("html", "md", "csv"):
        text = html.unescape(in_form(document, form).decode()).replace("\\", "")
        assert all(section.title in text for section in found), form
        assert all(line in text for section in found for line in section.lines), form
    words, *titles = (name for name, _ in _sheets(document))
    assert words == "In words" and titles == list(named)


def test_the_whole_prompt_the_gains_and_the_caution_stand_in_every_form(document: dict[str, Any]) -> None:
    document["headroom"] = {"instructions": 16, "rows": 8, "lowest": 0.25, "highest": 0.5, "spread": 0.0}
    document["headroom"] |= {"p_value": 0.5, "exists": False}
    verdict = document["verdicts"][0]
    low, high = verdict["comparison"]["interval"]
    for form in ("html", "md", "csv", "xlsx"):
        content = in_form(document, form)
        text = str(dict(_sheets(document))) if form == "xlsx" else html.unescape(content.decode())
        text = text.replace("\\", "")  # Markdown's escapes
        assert "{text}" in text, form
        assert "expect no gain" in text, form
        for end in (low, high):
            assert f"{end:.3f}" in text or repr(end) in text, form


def test_a_text_that_is_too_long_for_a_cell_is_cut_and_says_so(document: dict[str, Any]) -> None:
    document["steps"][1]["calls"][0]["meta_prompt"] = "x" * 40_000
    text = next(text for name, text in dict(_sheets(document))["In words"] if name.startswith("Step 1"))
    assert len(text) == 32_767 and text.endswith("x\u2026")


def test_json_is_the_export(document: dict[str, Any]) -> None:
    assert json.loads(in_form(document, "json"))["best"] == document["best"]


def test_the_command_writes_the_form_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = finished(tmp_path, monkeypatch, "Read twice.")
    run = CliRunner()

    def report(*arguments: str) -> Any:
        return run.invoke(main, ["--home", str(tmp_path), "report", *arguments])

    assert report().stdout == f"{path.stem}.html\n"
    assert Path(f"{path.stem}.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert report("-o", "r.md").exit_code == 0 and Path("r.md").read_bytes().startswith(b"# mails")
    assert report("-o", "r.xlsx").exit_code == 0 and Path("r.xlsx").read_bytes().startswith(b"PK")
    assert report("--format", "json", "-o", "r.txt").exit_code == 0 and json.loads(Path("r.txt").read_text())
    unknown = report("-o", "r.pdf")
    assert unknown.exit_code == 2 and "no report is made as .pdf" in unknown.output
    assert not Path("r.pdf").exists()
    failed = report("-o", "no/folder/r.html")
    assert failed.exit_code == 1 and "cannot be written" in failed.output


def test_a_long_run_makes_a_page_of_less_than_3_megabytes(document: dict[str, Any]) -> None:
    (step,) = [step for step in document["steps"] if step["number"] == 1]
    proposal = next(p for p in step["proposals"] if p["solution"])
    text = "Read the mail twice and say which kind it is. " * 3
    proposals = [{**proposal, "solution": {**proposal["solution"], "instruction": text}}] * 8
    document["steps"] = [
        {**step, "number": n, "proposals": proposals, "meta_prompt": "x" * 4000} for n in range(200)
    ]
    assert len(in_form(document, "html")) < 3_000_000


def test_there_is_no_winner_before_the_end(document: dict[str, Any]) -> None:
    document |= {"status": "unfinished", "test": None, "validation": None, "baselines": [], "verdicts": []}
    document["steps"] = document["steps"][:1]
    assert "winner" not in {row.fate for row in candidate_rows(task_result(document))}
    document["best"] |= {"key": document["steps"][0]["proposals"][0]["key"], "step": 0}
    assert [row.fate for row in candidate_rows(task_result(document))] == ["best so far", ""]
    words = " ".join(page(document).words)
    assert "best so far" in words and "verdict: not tested yet" in words
    assert not re.search(r">-?0\.[05]", charts(document)[0].svg.partition("step</text>")[0]), "whole steps"


@pytest.mark.parametrize("form", ["html", "md", "json", "csv", "xlsx"])
@pytest.mark.parametrize("moment", [1, 2, 4])
def test_a_run_that_is_not_finished_has_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int, form: str
) -> None:
    """After the starts were proposed, after they were scored, within a step."""
    count = 0

    def cut_off() -> None:
        nonlocal count
        count += 1
        if count == moment:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        finished(tmp_path, monkeypatch, "Read twice.", after_commit=cut_off)
    (path,) = [path for path in (tmp_path / "runs").glob("*.sqlite") if path.name != "cache.sqlite"]
    assert forms.in_form(read_result(path), form)
