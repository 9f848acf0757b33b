"""`manifest.json`: what it may hold. Publishing and loading check the same description."""

import math
from typing import Any

from nn.artifact import MAX_BYTES
from nn.model import JSON_INTEGERS
from nn.text import check_name, check_text

MODEL, MANIFEST = "model.npz", "manifest.json"
MAX_MANIFEST_BYTES = 2**24
MAX_FILES = 100
MAX_DEPTH = 20  # of lists and objects
# The ranges of metrics. Promotion squares an error.
FRACTIONS = ("accuracy", "auc")
NOT_NEGATIVE = (*FRACTIONS, "mae", "rmse", "rows")
MAX_METRIC = 1e100
SplitMetrics = dict[str, dict[str, float]]


def check_manifest(manifest: Any) -> None:
    """Raise ValueError unless a parsed manifest describes a version, and every encoder of JSON can carry it."""
    _check_json(manifest, "the manifest", MAX_DEPTH)
    created = manifest.get("created", "")
    if not isinstance(created, str) or not created.isprintable():
        raise ValueError(f"created: expected printable text, found {created!r}")
    files, metrics = (_record(manifest, key, "the manifest") for key in ("files", "metrics"))
    if MODEL not in files or len(files) > MAX_FILES:
        raise ValueError(f"files: expected {MODEL}, and at most {MAX_FILES}")
    for name in files:
        _check_file(name, _record(files, name, "files"))
    for split in metrics:
        for name, value in _record(metrics, split, "metrics").items():
            _check_metric(f"metrics: {split}: {name}", name, value)


def _record(parent: Any, key: str, where: str) -> dict[str, Any]:
    value = parent.get(key) if isinstance(parent, dict) else None
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected an object {key!r}")  # of a file, not of a call
    return value


def _check_file(name: str, fingerprint: dict[str, Any]) -> None:
    check_name(name, "the name of a file")
    if "/" in name or name in (".", "..", MANIFEST):
        raise ValueError(f"files: {name!r} is not the name of a file in the folder of the version")
    size, digest = fingerprint.get("size"), fingerprint.get("sha256")
    if type(size) is not int or not 0 <= size <= MAX_BYTES:
        raise ValueError(f"files: {name}: expected a size of 0 to {MAX_BYTES} bytes, found {size!r}")
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError(f"files: {name}: expected a sha256 of 64 hexadecimal digits, found {digest!r}")


def _check_metric(where: str, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: expected a number, found {value!r}")  # of a file, not of a call
    least = 0 if name in NOT_NEGATIVE else -MAX_METRIC
    most = 1 if name in FRACTIONS else MAX_METRIC
    if not least <= value <= most or (name == "rows" and type(value) is not int):
        raise ValueError(f"{where}: expected a number from {least:g} to {most:g}, found {value!r}")


def _check_json(value: Any, where: str, depth: int) -> None:
    """Check text, numbers and nesting: Python reads JSON that other programs cannot."""
    if isinstance(value, dict | list):
        if not depth:
            raise ValueError(f"{where}: nested more than {MAX_DEPTH} deep")
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str):
                check_name(key, f"{where}: a key")
            _check_json(item, f"{where}: {key}", depth - 1)
    elif isinstance(value, str):
        check_text(value, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number")
    elif isinstance(value, int) and value not in JSON_INTEGERS:
        raise ValueError(f"{where}: expected a number of at most 64 bits, found {value}")
