"""The whole API through the Flask app, in this process."""

import io
import json
import logging
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse, create_environ, run_wsgi_app

from nn import Artifact, Category, Features, Golden, Model, Number
from nn.columns import Cell
from service.app import create_app
from service.settings import Settings
from store import promote, publish, read_version, set_alias
from tests.helpers.bad_requests import BAD_NATIVE
from tests.helpers.models import ROW, make_artifact, make_constant, make_network
from tests.helpers.predictions import predict
from tests.helpers.server import parse_metrics, total
from tests.helpers.wire import JSON


def _post(client: FlaskClient, path: str = "/predict", body: Any = None, **options: Any) -> TestResponse:
    body = {"instances": [ROW]} if body is None else body
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data=raw, content_type=options.pop("content_type", JSON), **options)


def _poll(app: Flask) -> None:
    app.extensions["npserve"].reloader.poll()


def _error(answer: TestResponse) -> str:
    """Check the shape of an error response, and return its message."""
    assert answer.content_type == JSON
    assert answer.headers["X-Request-ID"]
    body = answer.get_json()
    assert set(body) <= {"error", "details"}
    for detail in body.get("details", []):
        assert set(detail) == {"pointer", "expected", "got"}
    return str(body["error"])


@pytest.mark.parametrize(
    "path",
    [
        "/predict",
        "/invocations",
        "/models/iris/predict",
        "/models/iris/versions/1/predict",
        "/models/iris/aliases/stable/predict",
    ],
)
def test_predictions_equal_the_model(path: str, client: FlaskClient, iris: Path) -> None:
    rows = [ROW, [6.0, 2.0, 5.0, 1.5]]
    answer = _post(client, path, {"instances": rows})
    assert answer.status_code == 200
    model = read_version(iris, "iris", 1).artifact.model
    expected = model.predict(np.array(rows, np.float32))
    body = answer.get_json()
    assert list(body) == ["model", "version", "predictions", "probabilities"]
    assert (body["model"], body["version"]) == ("iris", 1)
    assert body["predictions"] == model.best_labels(expected)
    np.testing.assert_array_equal(np.array(body["probabilities"], np.float32), expected)


@pytest.mark.parametrize("labels", [(1, 2, 3), (0.5, 1.5, 2.5), (True, False, "maybe")])
def test_labels_keep_their_type(labels: tuple[Any, ...], models: Path, rng: np.random.Generator) -> None:
    for place, label in enumerate(labels):
        publish(models, f"m{place}", make_constant(place, labels), {}, {})
        client = create_app(Settings(models=models)).test_client()
        (prediction,) = _post(client, f"/models/m{place}/predict").get_json()["predictions"]
        assert (type(prediction), prediction) == (type(label), label)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_regression_has_only_predictions(outputs: int, models: Path, rng: np.random.Generator) -> None:
    artifact = make_artifact(rng, (4, 8, outputs), labels=())
    publish(models, "price", artifact, {}, {})
    body = _post(create_app(Settings(models=models)).test_client()).get_json()
    assert list(body) == ["model", "version", "predictions"]
    expected = artifact.model.predict(np.array([ROW], np.float32))
    np.testing.assert_array_equal(
        np.array(body["predictions"], np.float32), expected[:, 0] if outputs == 1 else expected
    )


@pytest.mark.parametrize(("body", "status", "message"), BAD_NATIVE)
def test_invalid_bodies_are_rejected(body: bytes, status: int, message: str, client: FlaskClient) -> None:
    answer = _post(client, body=body)
    assert (answer.status_code, message in _error(answer)) == (status, True), answer.text
    assert ("details" in answer.get_json()) == (status == 422)
    assert _post(client).status_code == 200


def test_a_body_of_unknown_length_is_limited(client: FlaskClient) -> None:
    endless = io.BytesIO(b" " * 100_000)
    answer = client.post(
        "/predict", input_stream=endless, content_type=JSON, environ_overrides={"wsgi.input_terminated": True}
    )
    assert answer.status_code == 413
    assert endless.tell() <= 10_001


def test_a_truncated_body_is_rejected(client: FlaskClient) -> None:
    answer = client.post("/predict", input_stream=io.BytesIO(b'{"instances"'), content_type=JSON, content_length=1000)
    assert answer.status_code == 400
    assert _error(answer)
    series = parse_metrics(client.get("/metrics").text)
    assert total(series, "npserve_http_requests_total", route="/predict", code="400") == 1


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON, 200),
        ("", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/octet-stream", 415),
        ("multipart/form-data", 415),
    ],
)
def test_content_types_are_checked(content_type: str, status: int, client: FlaskClient) -> None:
    answer = _post(client, content_type=content_type)
    assert answer.status_code == status
    if status == 415:
        assert "send the header Content-Type: application/json" in _error(answer)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/models/rose/predict", "unknown model 'rose'"),
        ("/models/iris/versions/2/predict", "version 2 of iris is not served: GET /models/iris"),
        ("/models/iris/versions/01/predict", "version 01 of iris is not served"),
        ("/models/iris/versions/stable/predict", "version stable of iris is not served"),
        ("/models/iris/versions/1e0/predict", "version 1e0 of iris is not served"),
        ("/models/iris/aliases/candidate/predict", "alias candidate of iris is not served"),
        ("/models/iris/aliases/1/predict", "alias 1 of iris is not served"),
        ("/models/../models/iris/predict", "unknown path"),
        ("/models/%2e%2e/predict", "unknown model '..'"),
        ("/models/iris%2f1/predict", "unknown path"),
        ("/models/iris%00/predict", "unknown model"),
        ("/models/\u00e9/predict", "unknown model"),
        ("//predict", "unknown path"),
        ("/predict/", "unknown path"),
        ("/nowhere", "unknown path"),
    ],
)
def test_unknown_models_versions_aliases_and_paths(path: str, message: str, client: FlaskClient) -> None:
    answer = _post(client, path)
    assert answer.status_code == 404
    assert message in _error(answer)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "POST"),
        ("PUT", "/models/iris/predict", "POST"),
        ("POST", "/livez", "GET"),
        ("DELETE", "/models/iris", "GET"),
        ("BREW", "/predict", "POST"),
    ],
)
def test_a_wrong_method_is_a_405(method: str, path: str, allowed: str, client: FlaskClient) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert allowed in answer.headers["Allow"]
    assert allowed in _error(answer)


def test_a_safe_request_id_is_repeated(client: FlaskClient) -> None:
    for path in ("/livez", "/predict", "/nowhere", "/metrics"):
        assert client.get(path, headers={"X-Request-ID": "abc-1.2_3"}).headers["X-Request-ID"] == "abc-1.2_3"
    assert _post(client, headers={"X-Request-ID": "mine"}).headers["X-Request-ID"] == "mine"
    for bad in ("a b", "x" * 129, "é", "<script>"):
        assert len(_post(client, headers={"X-Request-ID": bad}).headers["X-Request-ID"]) == 32
    assert _post(client).headers["X-Request-ID"] != _post(client).headers["X-Request-ID"]


def test_the_default_model_is_the_configured_or_the_only_one(models: Path, artifact: Artifact) -> None:
    app = create_app(Settings(models=models))
    answer = _post(app.test_client())
    assert answer.status_code == 404
    assert "no model is served: run npserve train to publish one" in _error(answer)
    for name in ("iris", "rose"):
        publish(models, name, artifact, {}, {})
    _poll(app)
    answer = _post(app.test_client())
    assert answer.status_code == 404
    assert _error(answer) == "several models are served: use one of /models/iris/predict, /models/rose/predict"
    chosen = create_app(Settings(models=models, default_model="rose")).test_client()
    assert _post(chosen).get_json()["model"] == "rose"
    missing = create_app(Settings(models=models, default_model="lily")).test_client()
    assert "unknown model 'lily'" in _error(_post(missing))


def test_publish_promote_and_roll_back(app: Flask, client: FlaskClient, iris: Path) -> None:
    metrics = {"test": {"accuracy": 0.9, "rows": 100}}
    for answer in (1, 2):
        publish(iris, "iris", make_constant(answer), metrics, {})
    _poll(app)
    assert _post(client).get_json()["version"] == 3
    assert _post(client).get_json()["predictions"] == ["c"]
    assert _post(client, "/models/iris/versions/2/predict").get_json()["predictions"] == ["b"]
    assert _post(client, "/models/iris/aliases/previous/predict").get_json()["version"] == 2
    assert _post(client, "/models/iris/versions/1/predict").status_code == 404
    set_alias(iris, "iris", "berlin", 1)
    promote(iris, "iris", 2)
    _poll(app)
    assert _post(client).get_json()["version"] == 2
    assert _post(client, "/models/iris/aliases/berlin/predict").get_json()["version"] == 1
    described = client.get("/models/iris").get_json()
    assert described["aliases"] == {"stable": 2, "previous": 3, "berlin": 1}
    assert described["versions"] == [1, 2, 3]


def test_a_version_that_fails_to_load_is_a_503(app: Flask, client: FlaskClient, iris: Path) -> None:
    publish(iris, "iris", make_constant(1), {}, {}, force=True)
    (iris / "iris/2/model.npz").write_bytes(b"damaged")
    _poll(app)
    assert _post(client).get_json()["version"] == 1
    assert client.get("/readyz").status_code == 200
    answer = _post(client, "/models/iris/versions/2/predict")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "version 2 of iris could not be loaded" in _error(answer)
    assert client.get("/models/iris/versions/2").status_code == 503
    assert "size or SHA-256 differs" in client.get("/models/iris").get_json()["missing"]["2"]
    series = parse_metrics(client.get("/metrics").text)
    assert total(series, "npserve_model_loads_total", model="iris", outcome="failed") == 1
    assert total(series, "npserve_model_loads_total", model="iris", outcome="loaded") == 1


def test_a_model_without_a_loaded_version_is_a_503(models: Path, artifact: Artifact) -> None:
    publish(models, "iris", artifact, {}, {})
    (models / "iris/1/model.npz").unlink()
    client = create_app(Settings(models=models)).test_client()
    answer = _post(client)
    assert answer.status_code == 503
    assert "stable version of iris could not be loaded" in _error(answer)
    for path in ("/readyz", "/ping"):
        ready = client.get(path)
        assert ready.status_code == 503
        assert "not ready: " in _error(ready)
        assert "No such file" in _error(ready)
    assert client.get("/livez").status_code == 200


def test_a_candidate_alone_is_not_stable(models: Path, artifact: Artifact) -> None:
    publish(models, "iris", artifact, {}, {}, promote=False)
    client = create_app(Settings(models=models)).test_client()
    assert "iris has no stable version: run npserve promote iris VERSION" in _error(_post(client))
    assert _post(client, "/models/iris/aliases/candidate/predict").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert client.get("/").get_json()["curl"] is None


@pytest.mark.parametrize("kind", ["missing", "empty", "a file", "damaged"])
def test_the_service_recovers_from_a_broken_store(kind: str, models: Path, artifact: Artifact) -> None:
    shutil.rmtree(models)
    if kind == "empty":
        models.mkdir()
    elif kind == "a file":
        models.touch()
    elif kind == "damaged":
        (models / "iris").mkdir(parents=True)
        (models / "iris/serving.json").write_text("{")
    app = create_app(Settings(models=models))
    client = app.test_client()
    assert client.get("/livez").status_code == 200
    reason = _error(client.get("/readyz"))
    assert reason.startswith("not ready: ")
    assert {
        "missing": "No such file",
        "empty": "the store has no published model",
        "a file": "Not a directory",
        "damaged": "is damaged",
    }[kind] in reason
    if kind == "a file":
        models.unlink()
    elif kind == "damaged":
        shutil.rmtree(models)
    publish(models, "iris", artifact, {}, {})
    _poll(app)
    for path in ("/readyz", "/ping"):
        assert client.get(path).get_json() == {"status": "ready"}
    assert _post(client).status_code == 200


def test_a_published_version_is_loaded_without_a_request(app: Flask, client: FlaskClient, iris: Path) -> None:
    publish(iris, "iris", make_constant(1), {}, {}, force=True)
    versions = {_post(client).get_json()["version"]}
    deadline = time.monotonic() + 20
    while 2 not in versions and time.monotonic() < deadline:
        time.sleep(0.02)
        versions.add(_post(client).get_json()["version"])
    assert versions == {1, 2}
    for _ in range(50):  # later polls do not change it back
        time.sleep(0.02)
        assert _post(client).get_json()["version"] == 2


def test_served_models_are_described(client: FlaskClient, iris: Path) -> None:
    (summary,) = client.get("/models").get_json()["models"]
    assert summary == {
        "name": "iris",
        "stable": 1,
        "aliases": {"stable": 1},
        "task": "classification",
        "metrics": {"test": {"accuracy": 0.9, "rows": 100}},
        "url": "/models/iris",
        "predict": "/models/iris/predict",
    }
    described = client.get("/models/iris/versions/1").get_json()
    expected = {"name": "feature 0", "kind": "number", "expected": "a number", "missing": False}
    assert described["features"][0] == expected
    assert described["labels"] == ["setosa", "versicolor", "virginica"]
    assert described["sha256"] == read_version(iris, "iris", 1).sha256
    assert client.get("/models/iris").get_json()["stable"] == described
    assert client.get("/models/rose").status_code == 404
    assert client.get("/models/iris/versions/9").status_code == 404


def test_browsers_get_an_html_page(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.content_type.startswith("text/html")
    assert '<a href="/models/iris">iris</a>' in page.text
    assert "curl http://localhost/models/iris/predict" in page.text
    assert client.get("/", headers={"Accept": "*/*"}).content_type == JSON
    evil = client.get("/", headers={"Host": "a;rm -rf b<script>", "Accept": "text/html"})
    assert "<script>" not in evil.text


@pytest.mark.parametrize("host", ["xn--a", "xn--a:80", "xn--bcher-kva.example", "", "[zz]"])
def test_any_host_name_is_accepted(host: str, app: Flask) -> None:
    # The test client would validate the name.
    body, status, _ = run_wsgi_app(app, create_environ("/", headers={"Host": host}))
    assert status == "200 OK"
    assert json.loads(b"".join(body))["ready"] is True


def test_the_curl_command_is_quoted(client: FlaskClient) -> None:
    line = client.get("/").get_json()["curl"]
    words = subprocess.run(
        ["sh", "-c", f'curl() {{ printf "%s\\n" "$@"; }}; {line}'], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert words[0] == "http://localhost/models/iris/predict"
    assert len(json.loads(words[-1])["instances"][0]) == 4


def test_upload_time_does_not_count_as_queue_time(app: Flask) -> None:
    body = json.dumps({"instances": [ROW]}).encode()
    uploading = 1000
    answer = predict(app, "/predict", body, began=time.perf_counter() - uploading)
    assert answer.status == 200
    series = parse_metrics(app.test_client().get("/metrics").text)
    assert total(series, "npserve_request_seconds_sum", outcome="ok") >= uploading
    assert 0 < total(series, "npserve_stage_seconds_sum", stage="queue") < uploading / 2


INVALID_VERSIONS = ["abc", "..", "1..0", "1.", "\xb2", "9" * 5000, "", "\x0b1.0.0", '"1.0.0"', "1_0.0.0"]


@pytest.mark.parametrize("media", ["application/openmetrics-text", "text/plain"])
@pytest.mark.parametrize("version", INVALID_VERSIONS)
def test_an_invalid_exposition_version_gets_the_default_format(media: str, version: str, client: FlaskClient) -> None:
    answer = client.get("/metrics", headers={"Accept": f"{media};version={version};escaping=allow-utf-8"})
    assert (answer.status_code, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "npserve_requests_in_flight" in answer.text


def test_prometheus_gets_openmetrics(client: FlaskClient) -> None:
    asked = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*"
    answer = client.get("/metrics", headers={"Accept": asked})
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


def test_metrics_count_each_request_once(client: FlaskClient) -> None:
    for _ in range(3):
        _post(client, body={"instances": [ROW] * 5})
    _post(client, body=b"no json")
    _post(client, body={"instances": [[1]]})
    _post(client, content_type="text/plain")
    _post(client, "/models/rose/predict")
    _post(client, "/nowhere")
    client.get("/livez")
    client.open("/livez", method="BREW")
    series = parse_metrics(client.get("/metrics").text)
    of_iris = {"model": "iris", "version": "1"}
    assert total(series, "npserve_request_seconds_count", **of_iris, outcome="ok", protocol="native") == 3
    assert total(series, "npserve_request_seconds_count", **of_iris, outcome="invalid") == 3
    assert total(series, "npserve_rows_total", **of_iris) == 15
    assert total(series, "npserve_predictions_total", **of_iris) == 15
    for stage in ("decode", "queue", "forward", "encode"):
        assert total(series, "npserve_stage_seconds_count", **of_iris, stage=stage) == 3
    for reason in ("not_json", "invalid_input", "content_type"):
        assert total(series, "npserve_rejected_inputs_total", model="iris", reason=reason) == 1
    assert total(series, "npserve_requests_in_flight") == 0
    count = "npserve_http_requests_total"
    assert total(series, count, method="POST", route="/predict", code="200") == 3
    assert total(series, count, method="POST", route="/predict") == 6
    assert total(series, count, route="/models/<name>/predict", code="404") == 1
    assert total(series, count, route="unmatched", code="404") == 1
    assert total(series, count, method="GET", route="/livez", code="200") == 1
    assert total(series, count, method="other", code="405") == 1
    (info,) = [dict(labels) for name, labels in series if name == "npserve_model_info"]
    assert info["alias"] == "stable"
    assert len(info["sha256"]) == 64


def test_no_text_from_a_client_becomes_a_label(client: FlaskClient) -> None:
    before = len(parse_metrics(client.get("/metrics").text))
    for i in range(50):
        _post(client, f"/models/m{i}/predict")
        _post(client, f"/models/iris/versions/{i + 2}/predict")
        client.get(f"/nowhere/{i}")
        client.open("/livez", method=f"BREW{i}")
    added = set(parse_metrics(client.get("/metrics").text))
    # One series for each new (method, route, code), regardless of the number of requests.
    assert len(added) - before <= 5


def test_an_internal_error_is_logged_and_not_disclosed(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret details")

    monkeypatch.setattr("service.protocols.native.codec.parse_rows", broken)
    monkeypatch.setattr("service.protocols.native.views.curl_command", broken)
    with caplog.at_level(logging.ERROR, logger="npserve"):
        for answer in (_post(client, headers={"X-Request-ID": "r1"}), client.get("/", headers={"X-Request-ID": "r2"})):
            assert answer.status_code == 500
            assert _error(answer) == "internal error"
    assert [record.__dict__["request_id"] for record in caplog.records] == ["r1", "r2"]
    assert "secret details" in caplog.text
    series = parse_metrics(client.get("/metrics").text)
    assert total(series, "npserve_request_seconds_count", outcome="error") == 1


def test_predictions_are_counted_for_at_most_fifty_labels(models: Path, rng: np.random.Generator) -> None:
    labels = tuple(range(60))
    for name, answer in (("low", 49), ("high", 55)):
        publish(models, name, make_constant(answer, labels), {}, {})
    client = create_app(Settings(models=models)).test_client()
    for name in ("low", "high"):
        _post(client, f"/models/{name}/predict")
    series = parse_metrics(client.get("/metrics").text)
    assert total(series, "npserve_predictions_total", model="low", label="49") == 1
    assert total(series, "npserve_predictions_total", model="high", label="other") == 1
    assert len([1 for name, labels in series if name == "npserve_predictions_total"]) == 2


def test_unseen_categories_are_counted_by_column(models: Path, rng: np.random.Generator) -> None:
    names = [f"column {number}" for number in range(60)]
    features = Features([Number("width"), *(Category(name, missing=True, categories=("red",)) for name in names)])
    model = Model(features, make_network(rng, (features.width, 2)), "classification", ("a", "b"))
    row: list[Cell] = [1.0, *["red"] * 60]
    publish(models, "colours", Artifact(model, Golden.measure(model, [row])), {}, {})
    client = create_app(Settings(models=models)).test_client()
    unseen: list[Cell] = [1.0, "blue", None, "blue", *["red"] * 49, *["blue"] * 8]
    assert client.post("/predict", json={"instances": [row, unseen, unseen]}).status_code == 200
    assert client.post("/predict", json={"instances": [unseen] * 1000}).status_code == 200
    series = parse_metrics(client.get("/metrics").text)
    counts = {dict(labels)["column"]: value for (name, labels), value in series.items() if "unseen" in name}
    assert counts == {"column 0": 1002, "column 2": 1002, "other": 8 * 1002}


def test_the_series_of_the_twenty_latest_versions_are_kept(app: Flask, client: FlaskClient, iris: Path) -> None:
    set_alias(iris, "iris", "first", 1)
    for _ in range(24):
        publish(iris, "iris", make_constant(1), {}, {}, force=True)
        _poll(app)
        _post(client)
    series = parse_metrics(client.get("/metrics").text)
    versions = {dict(labels)["version"] for name, labels in series if name == "npserve_rows_total"}
    # Version 1 is still served; of the others, the most recent are kept.
    assert versions == {"1", *(str(number) for number in range(7, 26))}
    aliases = {
        (dict(labels)["alias"], dict(labels)["version"]) for name, labels in series if name == "npserve_model_info"
    }
    assert aliases == {("stable", "25"), ("previous", "24"), ("first", "1")}


def test_create_app_reads_the_environment(iris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NPSERVE_MODELS", str(iris))
    assert create_app().test_client().get("/readyz").status_code == 200


def test_many_rows_are_shed_while_other_requests_hold_too_much(iris: Path) -> None:
    app = create_app(Settings(models=iris, max_held_bytes=2 * 500_000))
    budget, client = app.extensions["npserve"].budget, app.test_client()
    other = budget.reserve(450_000)
    refused = client.post("/predict", json={"instances": [ROW] * 5000})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.get_json() == {"error": "the server holds too many bytes of other requests: try again later"}
    assert _post(client).status_code == 200
    other.release()
    with client.post("/predict", json={"instances": [ROW] * 5000}) as answer:
        assert answer.status_code == 200
        assert 100_000 < budget.held <= 500_000
    assert budget.held == 0
