#!/usr/bin/env bash
# python-calamine 0.9.1: cells of .xlsx that hold an error, and formulas whose value was never stored.
#
# Behaviour: both are read as the empty text, as a cell that nobody filled in; nothing tells them apart.
# Expected: an error value for #N/A, and a sign that a formula has no value yet.
# Seen: ['', '', '', 'legal'] for the cells #N/A, a formula as openpyxl 3.1.5 writes it, an empty cell, 'legal'.
#   openpyxl reads the same file as ['#N/A', '=A1&B1', None, 'legal'].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet python-calamine==0.9.1 openpyxl==3.1.5
venv/bin/python - <<'PYTHON'
from openpyxl import Workbook, load_workbook
from python_calamine import CalamineWorkbook

book = Workbook()
book.active.append(["#N/A", "=A1&B1", None, "legal"])
assert book.active["A1"].data_type == "e", "openpyxl writes an error cell, not a text"
book.save("labels.xlsx")

stored = [cell.value for cell in load_workbook("labels.xlsx").active[1]]
read = CalamineWorkbook.from_path("labels.xlsx").get_sheet_by_index(0).to_python()[0]
print("openpyxl:", stored)
print("calamine:", read)
assert stored == ["#N/A", "=A1&B1", None, "legal"]
assert read == ["", "", "", "legal"]
PYTHON
