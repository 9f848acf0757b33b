"""JSON lines: an object in each line."""

import gzip
import json
from pathlib import Path

import pytest

from tests.helpers.datasets import load_file
from training import TrainingError
from training.files import json_lines


def _lines(count: int = 60) -> str:
    rows = [
        {"a": i / 7 if i % 2 else i, "word": "xyz"[i % 3], "flag": i % 2 == 0, "day": f"2024-01-{i % 28 + 1:02}"}
        | ({"maybe": i % 5} if i % 4 else {})
        | {"price": f"{i % 50},{i % 10}5", "kind": "pq"[i % 2]}
        for i in range(count)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("name", ["data.jsonl", "data.ndjson", "data.jsonl.gz"])
def test_json_lines_are_read_with_the_types_of_json(name: str, tmp_path: Path) -> None:
    content = _lines().encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    data = load_file(tmp_path / name)
    kinds = {column.name: (column.kind, column.missing) for column in data.features.columns}
    assert kinds == {
        "a": ("number", False),
        "word": ("category", False),
        "flag": ("boolean", False),
        "day": ("date", False),
        "maybe": ("number", True),
        "price": ("number", False),
    }
    assert data.targets.labels == ("p", "q")
    assert any("column price is read as numbers with a decimal comma" in note for note in data.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": }\n', "can't be read as JSON lines: JSON parse error: Invalid value. in row 1"),
        ('{"a": 1}\n{"a": "x"}\n', r"changed from number to string in row 1 \(rows are counted from line 1\)"),
        ("[1, 2]\n", "can't be read as JSON lines"),
        ('{"a": [1], "kind": "x"}\n', "column a contains list<.*> values; expected numbers, text"),
        ("a,b\n1,2\n", "can't be read as JSON lines"),
    ],
)
def test_other_json_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(content)
    with pytest.raises(TrainingError, match=message):
        load_file(tmp_path / "data.jsonl")


def test_the_types_are_those_of_all_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "JSON_BLOCK_BYTES", 200)
    rows = [{"a": i if i < 50 else i / 7, "late": None if i < 50 else i % 5, "y": "pq"[i % 2]} for i in range(100)]
    rows = [row | ({"new": i % 3} if i > 40 else {}) for i, row in enumerate(rows)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load_file(tmp_path / "data.jsonl", "y")
    kinds = {column.name: (column.kind, column.missing) for column in data.features.columns}
    assert kinds == {"a": ("number", False), "late": ("number", True), "new": ("number", True)}
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *[{"a": "x"}] * 30]))
    with pytest.raises(TrainingError, match=r"several types: .*\ba\b|Column\(/a\) changed from number to string"):
        load_file(tmp_path / "data.jsonl", "y")
