"""Who may import whom: `store -> nn`, `training -> nn, store`, `service -> nn, store`, and nn numpy alone."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "nn": {"nn", "numpy"},
    "store": {"store", "nn", "numpy"},
    "training": {"training", "nn", "store", "numpy", "pyarrow", "scipy", "sklearn", "threadpoolctl", "tqdm"}
    | {"jinja2", "matplotlib", "requests"},
    "service": {"service", "nn", "store", "numpy", "flask", "gunicorn", "marshmallow", "orjson"}
    | {"apispec", "prometheus_client", "werkzeug", "httptools", "uvicorn", "uvicorn_worker", "simdjson"},
}


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: write imports out in full"
            yield str(node.module)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        roots = {name.partition(".")[0] for name in _imports(file)}
        assert roots <= ALLOWED[package] | set(sys.stdlib_module_names), file
