"""Texts with labels as annotation tools export them. A row is a text and the labels that its annotators gave.

Label Studio 1.23 with its converter 2.1, Argilla 2.8 and 1, doccano 1.8, Prodigy 1.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

Rows = Sequence[tuple[str, Sequence[str]]]


def label_studio_json(path: Path, rows: Rows) -> None:
    """Export "JSON": a list of tasks, each with its annotations."""
    tasks = [
        {
            "id": i,
            "annotations": [
                {
                    "id": 10 * i + user,
                    "completed_by": user,
                    "result": [
                        {
                            "value": {"choices": [label]},
                            "id": "gew3t9",
                            "from_name": "sentiment",
                            "to_name": "text",
                            "type": "choices",
                            "origin": "manual",
                        }
                    ],
                    "was_cancelled": False,
                    "ground_truth": False,
                    "lead_time": 4.288,
                }
                for user, label in enumerate(labels, start=1)
            ],
            "file_upload": "rows.csv",
            "drafts": [],
            "predictions": [],
            "data": {"text": text, "source": {"page": i}},
            "meta": {},
            "total_annotations": len(labels),
            "cancelled_annotations": 0,
        }
        for i, (text, labels) in enumerate(rows, start=1)
    ]
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")


def label_studio_json_min(path: Path, rows: Rows) -> None:
    """Export "JSON-MIN": an object for each annotation; several choices are {"choices": [...]}."""
    records = [
        {
            "text": text,
            "id": i,
            "sentiment": {"choices": label.split("+")} if "+" in label else label,
            "annotator": user,
            "annotation_id": 10 * i + user,
            "created_at": "2026-03-09T21:52:49.513742Z",
            "updated_at": "2026-03-09T21:52:49.513742Z",
            "lead_time": 4.288,
        }
        for i, (text, labels) in enumerate(rows, start=1)
        for user, label in enumerate(labels, start=1)
    ]
    path.write_text(json.dumps(records, indent=2, ensure_ascii=False), encoding="utf-8")


def label_studio_csv(path: Path, rows: Rows) -> None:
    """Export "CSV": a row for each annotation; several choices are JSON in a cell."""
    columns = [
        "annotation_id",
        "annotator",
        "created_at",
        "id",
        "lead_time",
        "sentiment",
        "text",
        "updated_at",
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(columns)
        for i, (text, labels) in enumerate(rows, start=1):
            for user, label in enumerate(labels, start=1):
                cell = json.dumps({"choices": label.split("+")}) if "+" in label else label
                writer.writerow([10 * i + user, user, "2026-03-09", i, 4.288, cell, text, "2026-03-09"])


def argilla(path: Path, rows: Rows) -> None:
    """records.to_json: a list of records, the responses of each question with their users."""
    records = [
        {
            "id": f"r{i}",
            "fields": {"text": text},
            "metadata": {"source": "mail"},
            "suggestions": {"label": {"value": labels[0], "score": 0.9, "agent": "m"}} if labels else {},
            "responses": {"label": [{"value": label, "user_id": f"u{u}"} for u, label in enumerate(labels)]},
            "vectors": {"v": [0.1, 0.2]},
            "status": "completed",
            "_server_id": None,
        }
        for i, (text, labels) in enumerate(rows)
    ]
    path.write_text(json.dumps(records), encoding="utf-8")


def argilla_flat(path: Path, rows: Rows, *, states: Sequence[str] = ()) -> None:
    """records.to_list(flatten=True), written as lines: keys with dots, a list for the responses."""
    records = [
        {
            "id": f"r{i}",
            "status": "completed",
            "text": text,
            "label.responses": list(labels),
            "label.responses.users": [f"u{u}" for u, _ in enumerate(labels)],
            "label.responses.status": [*states, *["submitted"] * len(labels)][: len(labels)],
            "label.suggestion": None,
        }
        for i, (text, labels) in enumerate(rows)
    ]
    write_lines(path, records)


def argilla_1(path: Path, rows: Rows) -> None:
    """A text classification of Argilla 1, one annotator."""
    records = [
        {
            "text": text,
            "prediction": [{"label": "x", "score": 0.5}],
            "annotation": labels[0] if labels else None,
            "metadata": {"lang": "de"},
            "vectors": None,
            "status": "Validated",
        }
        for text, labels in rows
    ]
    write_lines(path, records)


def doccano(path: Path, rows: Rows) -> None:
    """JSONL of a text classification."""
    records = [
        {"id": i, "text": text, "label": list(labels), "Comments": []}
        for i, (text, labels) in enumerate(rows)
    ]
    write_lines(path, records)


def prodigy(path: Path, rows: Rows) -> None:
    """db-out of textcat.manual with exclusive labels: an object for each annotation; "-x" is a rejected x."""
    records = [
        {
            "text": text,
            "meta": {"source": "mail"},
            "_input_hash": 7919 * i,
            "_task_hash": 7 * i,
            "options": [{"id": name, "text": name} for name in ("pos", "neg")],
            "accept": [label.removeprefix("-")],
            "answer": "reject" if label.startswith("-") else "accept",
            "_timestamp": 1700000000,
            "_annotator_id": f"set-{user}",
            "_session_id": f"set-{user}",
            "_view_id": "choice",
        }
        for i, (text, labels) in enumerate(rows, start=1)
        for user, label in enumerate(labels)
    ]
    write_lines(path, records)


def write_lines(path: Path, records: Sequence[object]) -> None:
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
