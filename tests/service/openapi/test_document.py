"""/openapi.json describes every route, request and response of the service, and /docs renders it as a page."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, ValidationError

from nn import Artifact, Boolean, Category, Date, Features, Golden, Model, Number
from service.app import create_app
from service.protocols import ROUTES
from service.settings import Settings
from store import publish
from tests.helpers.models import MakeRng, make_artifact, make_constant, make_network
from tests.helpers.server import Server

JSON = "application/json"
SCRIPT = '"><script>alert(1)</script>'


def _people(rng: np.random.Generator) -> Artifact:
    columns = [
        Number("age"),
        Category("work", missing=True, categories=("private", SCRIPT)),
        Boolean("member"),
        Date("since", missing=True),
    ]
    features = Features(columns, dropped=["id"])
    model = Model(features, make_network(rng, (features.width, 8, 2)), "classification", (True, "no"))
    return Artifact(model, Golden.measure(model, [[39, "private", True, "2024-05-31"]]))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, make_rng: MakeRng) -> Path:
    """Return a store with every kind of model: two versions of iris, mixed columns, two regressions, arrays."""
    models, rng = tmp_path_factory.mktemp("document") / "models", make_rng()
    publish(models, "iris", make_artifact(rng), {"test": {"accuracy": 0.9, "rows": 100}}, {})
    publish(models, "iris", make_artifact(rng, labels=("setosa", "versicolor", "another")), {}, {}, force=True)
    publish(models, "people", _people(rng), {}, {})
    publish(models, "price", make_artifact(rng, (4, 8, 1), labels=()), {}, {})
    publish(models, "prices.2", make_artifact(rng, (4, 8, 2), labels=()), {}, {})
    publish(models, "arrays", make_constant(1, labels=(0, 1.5)), {}, {})
    return models


@pytest.fixture(scope="module")
def app(store: Path) -> Iterator[Flask]:
    app = create_app(Settings(models=store, default_model="people", max_rows=50))
    yield app
    app.extensions["npserve"].reloader.stop()


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    return _document(app.test_client())


def _document(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert (response.status_code, response.content_type) == (200, JSON)
    document: dict[str, Any] = response.get_json()
    return document


def _check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Raise ValidationError if the value does not match the schema of the document."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def _routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method.lower(), rule.rule.replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    import schemathesis  # not at the top: the import takes half a second in every test process

    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    broken = deepcopy(document)
    broken["paths"]["/predict"]["post"]["responses"] = "none"
    with pytest.raises(Exception, match="none"):
        schemathesis.openapi.from_dict(broken).validate()


def test_the_document_has_every_route(app: Flask, document: dict[str, Any]) -> None:
    described = {(method, path) for path, item in document["paths"].items() for method in item}
    assert described == _routes(app)
    assert len(described) > len(ROUTES) > 0


def test_the_document_is_valid_without_models(models: Path) -> None:
    import schemathesis  # not at the top: the import takes half a second in every test process

    app = create_app(Settings(models=models))
    document = _document(app.test_client())
    schemathesis.openapi.from_dict(document).validate()
    assert {(method, path) for path, item in document["paths"].items() for method in item} == _routes(app)
    assert app.test_client().get("/docs").status_code == 200


def test_every_example_returns_the_described_response(client: FlaskClient, document: dict[str, Any]) -> None:
    tried = 0
    for path, item in document["paths"].items():
        if "requestBody" not in item.get("post", {}):
            continue
        content = item["post"]["requestBody"]["content"][JSON]
        described = item["post"]["responses"]["200"]["content"][JSON]["schema"]
        for label, reference in content["examples"].items():
            body = document["components"]["examples"][reference["$ref"].rpartition("/")[2]]["value"]
            _check(document, content["schema"], body)
            words = label.split(" ") if "{" in path else []
            response = client.post(re.sub(r"{\w+}", "{}", path).format(*words), json=body)
            assert response.status_code == 200, (path, label, response.text)
            _check(document, described, response.get_json())
            if path.endswith("/predict") and not label.startswith("price"):
                _check(document, described, client.post(response.request.path, json={**body, "top": 2}).get_json())
            tried += 1
    # Two routes of the default model; each stable version and each version in three protocols, each alias in two.
    assert tried == 2 + 3 * (5 + 6) + 2 * 6


def test_every_get_returns_the_described_response(client: FlaskClient, document: dict[str, Any]) -> None:
    words = {"name": "iris", "version": "1", "alias": "previous"}
    for path, item in document["paths"].items():
        if "get" in item:
            response = client.get(path.format(**words))
            assert response.status_code == 200, path
            content = item["get"]["responses"]["200"]["content"]
            assert response.mimetype in content
            if response.is_json:
                _check(document, content[JSON]["schema"], response.get_json())


def test_every_error_matches_its_description(client: FlaskClient, document: dict[str, Any]) -> None:
    bodies: list[tuple[bytes, str]] = [
        (b"{", JSON),
        (b'{"instances": 5}', JSON),
        (b"{}", "text/plain"),
        (b" " * 5_000_000, JSON),
    ]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            paths = (
                [path.format(name=name, version="7", alias="nope") for name in ("iris", "rose")] if "{" in path else []
            )
            paths += [path.format(name="iris", version="1", alias="stable")]
            for address in paths:
                for body, kind in bodies if method == "post" else [(b"", JSON)]:
                    response = client.open(address, method=method.upper(), data=body, content_type=kind)
                    described = operation["responses"][str(response.status_code)]
                    if response.status_code != 200:
                        _check(document, described["content"][JSON]["schema"], response.get_json())


GOOD = {"age": 39, "work": "private", "member": True, "since": "2024-05-31"}


@pytest.mark.parametrize(
    ("row", "accepted"),
    [
        (GOOD, True),
        ({**GOOD, "id": ["anything"]}, True),
        ({**GOOD, "work": "never seen"}, True),
        ({**GOOD, "work": 5}, True),
        ({"age": 1.5, "member": False}, True),
        ({"age": 1.5, "member": False, "work": None, "since": None}, True),
        ([39, "private", True, "2024-05-31"], True),
        ([39, None, True, None], True),
        ({**GOOD, "age": None}, False),
        ({**GOOD, "age": "39"}, False),
        ({**GOOD, "age": True}, False),
        ({**GOOD, "member": 1}, False),
        ({**GOOD, "member": None}, False),
        ({**GOOD, "work": []}, False),
        ({**GOOD, "since": 5}, False),
        ({**GOOD, "Age": 39}, False),
        ({"age": 39}, False),
        ([39, "private", True], False),
        ([39, "private", True, None, None], False),
        (["39", "private", True, None], False),
        (39, False),
    ],
)
def test_the_schema_accepts_the_rows_that_the_service_accepts(
    row: Any, accepted: bool, client: FlaskClient, document: dict[str, Any]
) -> None:
    """The schema has the type of each column and whether it may be missing, but no enum of categories."""
    for protocol, path in (("native", "/models/people/predict"), ("tensorflow", "/v1/models/people:predict")):
        assert (client.post(path, json={"instances": [row]}).status_code == 200) == accepted
        schema = {"$ref": f"#/components/schemas/{protocol}.people.1.request"}
        if accepted:
            _check(document, schema, {"instances": [row]})
        else:
            with pytest.raises(ValidationError):
                _check(document, schema, {"instances": [row]})


@pytest.mark.parametrize(
    ("name", "body", "accepted"),
    [
        ("iris", {"inputs": [[1, 2, 3, 4]]}, True),
        ("iris", {"inputs": {"input": [[1, 2, 3, 4]]}}, True),
        ("iris", {"inputs": [[1, 2, 3]]}, False),
        ("iris", {"inputs": [[1, 2, 3, 4]], "instances": [[1, 2, 3, 4]]}, False),
        ("iris", {}, False),
        ("iris", {"inputs": [[1, 2, 3, 4]], "signature_name": "other"}, False),
        ("people", {"inputs": {"age": [1, 2], "member": [True, False]}}, True),
        ("people", {"inputs": {"age": [1, 2], "member": ["yes", "no"]}}, False),
        ("people", {"inputs": [[39, "private", True, None]]}, False),
    ],
)
def test_the_schema_accepts_the_inputs_that_the_service_accepts(
    name: str, body: Any, accepted: bool, client: FlaskClient, document: dict[str, Any]
) -> None:
    assert (client.post(f"/v1/models/{name}:predict", json=body).status_code == 200) == accepted
    schema = {"$ref": f"#/components/schemas/tensorflow.{name}.1.request"}
    if accepted:
        _check(document, schema, body)
    else:
        with pytest.raises(ValidationError):
            _check(document, schema, body)


def _age(**changes: Any) -> dict[str, Any]:
    return {"name": "age", "shape": [2], "datatype": "FP32", "data": [39, 40.5], **changes}


MEMBER = {"name": "member", "shape": [2, 1], "datatype": "BOOL", "data": [[True], [False]]}
WORK = {"name": "work", "shape": [2], "datatype": "BYTES", "data": ["private", None]}


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"inputs": [_age(), MEMBER]}, True),
        ({"inputs": [WORK, MEMBER, _age(datatype="INT8", data=[3, 4], extra=1), {**WORK, "name": "id"}]}, True),
        ({"inputs": [_age(), MEMBER, {**WORK, "datatype": "INT64", "data": [3, 4]}], "id": "7", "more": []}, True),
        ({"inputs": [_age(), MEMBER], "outputs": [], "parameters": {"timeout": 10**8}}, True),
        ({"inputs": [_age(), MEMBER], "outputs": [{"name": "predictions", "parameters": {"mine": 1}}]}, True),
        ({"inputs": [_age(), MEMBER], "id": 7}, False),
        ({"inputs": [_age(), MEMBER], "parameters": {"binary_data_output": 1}}, False),
        ({"inputs": [_age(), MEMBER], "outputs": [{"name": "x"}]}, False),
        (
            {"inputs": [_age(), MEMBER], "outputs": [{"name": "predictions", "parameters": {"classification": 1}}]},
            False,
        ),
        (
            {"inputs": [_age(), MEMBER], "outputs": [{"name": "probabilities", "parameters": {"classification": 0}}]},
            False,
        ),
        ({"inputs": [_age(datatype="BYTES"), MEMBER]}, False),
        ({"inputs": [_age(data=[39, "40"]), MEMBER]}, False),
        ({"inputs": [_age(data=[39, None]), MEMBER]}, False),
        ({"inputs": [_age(shape=[2, 2]), MEMBER]}, False),
        ({"inputs": [_age(shape=[]), MEMBER]}, False),
        ({"inputs": [_age(name="Age"), MEMBER]}, False),
        ({"inputs": []}, False),
        ({}, False),
    ],
)
def test_the_schema_accepts_the_tensors_that_the_service_accepts(
    body: Any, accepted: bool, client: FlaskClient, document: dict[str, Any]
) -> None:
    response = client.post("/v2/models/people/infer", json=body)
    assert (response.status_code == 200) == accepted, response.text
    schema = {"$ref": "#/components/schemas/inference.people.1.request"}
    if accepted:
        _check(document, schema, body)
        _check(document, {"$ref": "#/components/schemas/inference.people.1.answer"}, response.get_json())
    else:
        with pytest.raises(ValidationError):
            _check(document, schema, body)


@pytest.mark.parametrize("word", ["none", "0", "a:b", ":", "%C2%85", "a%2Fb", "%00", "é%F2%8B%B3%8C"])
def test_the_status_of_every_path_is_described(word: str, client: FlaskClient, document: dict[str, Any]) -> None:
    tried = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "{" not in path:
                continue
            response = client.open(re.sub(r"{\w+}", word, path), method=method, data=b"", content_type=JSON)
            assert str(response.status_code) in operation["responses"], (method, path)
            assert response.get_json()["error"]
            tried += 1
    assert tried > 20


def test_the_document_follows_the_catalogue(store: Path, tmp_path: Path, artifact: Artifact) -> None:
    models = shutil.copytree(store, tmp_path / "models")
    app = create_app(Settings(models=models, default_model="people"))
    client = app.test_client()
    publish(models, "later", artifact, {}, {})
    assert "native.later.1.request" not in _document(client)["components"]["schemas"]
    app.extensions["npserve"].reloader.poll()
    document = _document(client)
    assert "native.later.1.request" in document["components"]["schemas"]
    (name,) = document["paths"]["/models/{name}/predict"]["post"]["parameters"]
    assert name["schema"]["enum"] == ["arrays", "iris", "later", "people", "price", "prices.2"]


def test_the_page_has_every_route_and_is_self_contained(app: Flask, client: FlaskClient) -> None:
    response = client.get("/docs")
    assert response.content_type.startswith("text/html")
    for method, path in _routes(app):
        route = path.replace("{", "&lt;").replace("}", "&gt;")
        assert f'<details id="{method.upper()}-{route}"' in response.text
    assert re.findall(r"https?://|//\w|<link|<img|@import|url\(|src=", response.text) == []
    assert "<script>alert" not in response.text


def test_the_index_page_links_to_the_reference(client: FlaskClient) -> None:
    assert '<a href="/docs">' in client.get("/", headers={"Accept": "text/html"}).text


@pytest.mark.parametrize(
    ("phases", "examples"),
    [("examples,fuzzing", 5), pytest.param("examples,coverage,fuzzing", 50, marks=pytest.mark.slow)],
)
def test_schemathesis_finds_no_failures(phases: str, examples: int, store: Path, tmp_path: Path) -> None:
    checks = (
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
        "unsupported_method"
    )
    with Server(store, NPSERVE_DEFAULT_MODEL="people", NPSERVE_MAX_ROWS="20") as server:
        server.wait_until_ready()
        schemathesis = str(Path(sys.executable).with_name("schemathesis"))
        options = ["--phases", phases, "--max-examples", str(examples), "--checks", checks]
        run = subprocess.run(
            [schemathesis, "run", f"{server.url}/openapi.json", *options, "--generation-database", "none"],
            cwd=tmp_path,  # schemathesis creates files in the working directory
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-5000:]
        assert re.search(r"[0-9]{3,} passed", run.stdout)
