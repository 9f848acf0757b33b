"""Unique names: a public class, function or constant has a name that no other module defines."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("npserve", "nn", "store", "service", "training")
# Names defined more than once, for the same concept in several packages.
SHARED = {
    "log": "the logger of a module",
    "main": "the entry point of a command line",
    "views": "the routes of a package",
    "Dense": "the layer: plain arrays in nn, trainable in the Keras-compatible API",
    "Activation": "the function with its gradient in nn, the layer in the Keras-compatible API",
}
# Keras also defines these in several modules: the losses also as metrics, and `get` in each module.
KERAS = {"get", "MeanAbsoluteError", "MeanSquaredError"}


def _defined(file: Path) -> Iterator[str]:
    """Yield the public names that a module defines at its top level."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            targets: list[ast.expr] = [ast.Name(node.name)]
        elif isinstance(node, ast.Assign):
            targets = [name for target in node.targets for name in getattr(target, "elts", [target])]
        else:
            targets = [node.target] if isinstance(node, ast.AnnAssign) else []
        yield from (name.id for name in targets if isinstance(name, ast.Name) and not name.id.startswith("_"))


def test_public_names_are_defined_once() -> None:
    files_of = defaultdict(set)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for name in _defined(file):
                files_of[name].add(str(file.relative_to(ROOT)))
    assert len(files_of) > 500
    repeated = {name: sorted(files) for name, files in files_of.items() if len(files) > 1}
    in_keras = {name for name in repeated if all(file.startswith("training/keras/") for file in repeated[name])}
    assert in_keras == KERAS
    assert repeated.keys() - KERAS == SHARED.keys(), repeated
