"""Allowed imports: between packages, and between the layers of a package. Imports under TYPE_CHECKING count, too."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "npserve": {"npserve"},
    "nn": {"nn", "numpy"},
    "store": {"store", "nn", "numpy"},
    "training": {"npserve", "training", "nn", "store", "numpy", "pyarrow", "scipy", "sklearn", "threadpoolctl", "tqdm"}
    | {"jinja2", "matplotlib", "requests"},
    "service": {"npserve", "service", "nn", "store", "numpy", "flask", "gunicorn", "marshmallow", "orjson"}
    | {"prometheus_client", "werkzeug", "httptools", "uvicorn", "uvicorn_worker", "simdjson"},
}
# The lowest layer first. A module belongs to the longest entry that is a prefix of its name, and imports only from that
# entry and from lower layers; entries of one layer do not import each other. "=" denotes exactly that module.
LAYERS: dict[str, list[list[str]]] = {
    "nn": [
        ["nn.activations", "nn.date_format", "nn.number_format", "nn.numbers", "nn.regular_file", "nn.text"],
        ["nn.network", "nn.columns"],
        ["nn.date_column", "nn.number_column"],
        ["nn.features"],
        ["nn.model"],
        ["nn.golden"],
        ["nn.artifact"],
        ["=nn"],
    ],
    "store": [
        ["store.layout", "store.durable", "store.interrupts", "store.manifest"],
        ["store.serving", "store.version"],
        ["store.promote", "store.watch"],
        ["store.publish"],
        ["=store"],
        ["store.__main__"],
    ],
    "service": [
        ["=service", "service.settings", "service.errors", "service.process"],
        ["service.logs"],
        [
            "service.address",
            "service.admin_address",
            "service.body_deadline",
            "service.head_checks",
            "service.metrics",
            "service.page_headers",
            "service.prediction.memory_budget",
            "service.prediction.forward",
        ],
        ["service.prediction.work"],
        ["service.prediction.messages"],
        ["service.conditional"],
        [
            "service.protocols.json_schema",
            "service.protocols.json_cost",
            "service.protocols.body",
            "service.protocols.npy",
        ],
        ["service.protocols.rows"],
        ["service.protocols.codec", "service.protocols.fast_json"],
        ["service.protocols.native", "service.protocols.tensorflow", "service.protocols.open_inference"],
        ["=service.protocols"],
        ["service.prediction.catalogue"],
        ["service.prediction"],
        ["service.views"],
        [
            "service.protocols.native.views",
            "service.protocols.tensorflow.views",
            "service.protocols.open_inference.views",
            "service.operations",
            "service.server",
        ],
        ["service.openapi"],
        ["service.app"],
        ["service.__main__", "service.gunicorn.conf"],
    ],
    "training": [
        ["training.errors"],
        ["training.config", "training.files"],
        ["training.text"],
        ["training.data"],
        ["training.evaluation"],
        ["training.report"],
        ["training.publishing", "training.scoring"],
        ["training.keras.lookup", "training.keras.checks"],
        ["training.keras.initializers", "training.keras.regularizers", "training.keras.utils"],
        ["training.keras.engine.data_adapter", "training.keras.engine.parameters"],
        ["training.keras.engine.batch_stream"],
        ["training.keras.engine.ops"],
        ["training.keras.layers", "training.keras.losses", "training.keras.metrics", "training.keras.optimizers"],
        ["training.keras.engine.layer_stack"],
        ["training.keras.engine.compiled_model"],
        [
            "training.keras.engine.arguments",
            "training.keras.engine.running_metrics",
            "training.keras.saving",
            "training.keras.summary",
        ],
        ["training.keras.callbacks", "training.keras.export"],
        ["training.keras.engine"],
        ["training.keras.sequential"],
        ["training.keras.models"],
        ["=training.keras", "training.simple"],
        ["training.interrupts"],
        ["training.fitting"],
        ["training.console"],
        ["training.training_run"],
        ["training.run"],
        ["training.interactive"],
        ["=training"],
        ["training.commands"],
        ["training.__main__"],
    ],
}


def _name(file: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _modules(package: str) -> dict[str, ast.Module]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return {_name(file): ast.parse(file.read_text(), file) for file in files}


def _imports(package: str, module: str) -> Iterator[str]:
    """Yield the imports of a module. For `from m import name`, yield m.name if that is a module, else m."""
    for node in ast.walk(_modules(package)[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: use absolute imports"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in _modules(package) else str(node.module)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_allowed_packages(package: str) -> None:
    for module in _modules(package):
        roots = {name.partition(".")[0] for name in _imports(package, module)}
        assert roots <= ALLOWED[package] | set(sys.stdlib_module_names), module


@pytest.mark.parametrize("package", ["service", "training"])
def test_packages_import_only_the_version_from_npserve(package: str) -> None:
    for module, tree in _modules(package).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "npserve":
                assert (node.module, [alias.name for alias in node.names]) == ("npserve", ["__version__"]), module


def _layer(package: str, module: str) -> tuple[int, str]:
    """Return the number of the layer of a module, and the entry of that layer that matches the module."""
    found = [
        (number, name)
        for number, layer in enumerate(LAYERS[package])
        for name in layer
        if f"={module}" == name or f"{module}.".startswith(f"{name}.")
    ]
    assert found, f"{module} belongs to no layer: add it to LAYERS"
    return max(found, key=lambda entry: len(entry[1]))


@pytest.mark.parametrize("package", LAYERS)
def test_a_module_imports_from_its_own_layer_and_lower_ones(package: str) -> None:
    for module in _modules(package):
        number, name = _layer(package, module)
        for imported in _imports(package, module):
            if imported.partition(".")[0] == package:
                other = _layer(package, imported)
                assert other[0] < number or other == (number, name), f"{module} imports {imported}"


@pytest.mark.parametrize("package", ALLOWED)
def test_there_are_no_import_cycles(package: str) -> None:
    modules = _modules(package)
    graph = {module: {name for name in _imports(package, module) if name in modules} for module in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" <- ".join(error.args[1])) from None


def test_tests_import_only_helpers_from_tests() -> None:
    for module in _modules("tests"):
        shared = {name for name in _imports("tests", module) if name.partition(".")[0] == "tests"}
        allowed = ("tests.helpers", "tests.soak") if module.startswith("tests.soak") else "tests.helpers"
        assert all(name.startswith(allowed) for name in shared), module
