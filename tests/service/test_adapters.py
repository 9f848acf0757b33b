"""Both adapters give the same status, body, headers and metric changes for each request of one corpus."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nn import Artifact
from store import publish
from tests.helpers.bad_requests import BAD_NATIVE, BAD_TENSORFLOW, BAD_TENSORS
from tests.helpers.models import ROW, make_artifact
from tests.helpers.npy import NPY, write_npy
from tests.helpers.server import Series, Server
from tests.helpers.tensors import ALL_BINARY, INFER, ROWS, RawRequest, array_request, in_json, tensor
from tests.helpers.wire import JSON, Wire, WireResponse, chunked_request, http_request

BODY = json.dumps({"instances": [ROW, [6.0, 2.0, 5.0, 1.5]]}).encode()
# Headers that may differ between the adapters.
OWN = {"date", "server", "connection", "keep-alive", "x-request-id", "transfer-encoding"}
LIMITS = {"NPSERVE_MAX_BODY_BYTES": "10000", "NPSERVE_MAX_ROWS": "50"}


PREDICT = "/v1/models/iris:predict"
PATHS = (
    PREDICT,
    "/v1/models/iris/versions/1:predict",
    "/v1/models/iris/labels/stable:predict",
    "/invocations",
    *("/predict", *(f"/models/iris{path}/predict" for path in ("", "/versions/1", "/aliases/stable"))),
)
MISSING = (
    *("/v1/models/rose:predict", "/v1/models/iris/labels/x:predict", "/v1/models/iris/versions/2:predict"),
    *("/v1/models/iris:classify", "/v1/models/:predict", "/v1/nowhere"),
    *(f"/models/{name}/predict" for name in ("rose", "a:b", "%2e%2e", "iris%2f1", "%C3%A9", "%ff", "")),
    *(f"/models/iris/{name}/predict" for name in ("versions/2", "versions/01", "aliases/x", "versions/")),
    *("//predict", "/predict/", "/Predict", "/predict%00", "/nowhere"),
)


def _tensors() -> dict[str, bytes]:
    """Requests of the Open Inference Protocol. X-Request-ID is set because its responses repeat the ID in the body."""
    sent: dict[str, RawRequest] = {f"bad tensors {number}": bad for number, (bad, *_) in enumerate(BAD_TENSORS)}
    sent |= {"tensors": in_json(tensor(ROWS)), "bytes": array_request(ROWS, parameters=ALL_BINARY)}
    posts = {
        name: http_request("POST", INFER, body, **headers, X_Request_ID="1") for name, (headers, body) in sent.items()
    }
    headers, body = sent["bytes"]
    posts["chunked bytes"] = chunked_request("POST", INFER, body, 7, **headers, X_Request_ID="1")
    posts["compressed bytes"] = http_request(
        "POST", INFER, gzip.compress(body), **headers, Content_Encoding="gzip", X_Request_ID="1"
    )
    for path in (
        "",
        "/",
        "/health/live",
        "/health/ready",
        "/models",
        "/models/iris",
        "/models/rose",
        "/models/iris/ready",
    ):
        posts[f"/v2{path}"] = http_request("GET", f"/v2{path}")
    for path in ("index", "models/iris/load"):
        posts[path] = http_request("POST", f"/v2/repository/{path}", b"")
    return posts


def _corpus() -> dict[str, bytes]:
    """Requests, named by their special property."""
    posts = {
        f"bad body {number} to {path}": http_request("POST", path, body, Content_Type=JSON)
        for path, bad in (("/predict", BAD_NATIVE), (PREDICT, BAD_TENSORFLOW))
        for number, (body, *_) in enumerate(bad)
    }
    posts |= {path: http_request("POST", path, BODY, Content_Type=JSON) for path in (*PATHS, *MISSING)}
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        for path in ("/predict", "/models/iris/predict", PREDICT, "/livez", "/models/iris", "/nowhere", "/v1/nowhere"):
            posts[f"{method} {path}"] = http_request(method, path, BODY if method == "PUT" else None)
    return posts | {
        "query": http_request("POST", "/predict?a=1&b=%20", BODY, Content_Type=JSON),
        "absolute": http_request("POST", "http://x/predict", BODY, Content_Type=JSON),
        "no content type": http_request("POST", "/predict", BODY),
        "form": http_request("POST", "/predict", BODY, Content_Type="application/x-www-form-urlencoded"),
        "text": http_request("POST", "/predict", BODY, Content_Type="text/plain"),
        "chunked": chunked_request("POST", "/predict", BODY, Content_Type=JSON),
        "chunked and too large": chunked_request("POST", "/predict", b" " * 30_000, 4096, Content_Type=JSON),
        **{
            f"large body of {method} {path}": http_request(method, path, b" " * 70_000)
            for method, path in (("POST", "/nowhere"), ("GET", "/livez"), ("PUT", "/predict"), ("POST", "/v2/models"))
        },
        "chunked to an unknown path": chunked_request("POST", "/nowhere", BODY, Content_Type=JSON),
        "no body": http_request("POST", "/predict", Content_Type=JSON),
        "gzip": http_request("POST", "/predict", gzip.compress(BODY), Content_Type=JSON, Content_Encoding="gzip"),
        "x-gzip": http_request("POST", "/predict", gzip.compress(BODY), Content_Type=JSON, Content_Encoding="X-GZIP"),
        "no host": b"GET /livez HTTP/1.1\r\n\r\n",
        "no host in HTTP/1.0": b"GET /livez HTTP/1.0\r\n\r\n",
        "invalid host": b"GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "invalid gzip": http_request("POST", "/predict", BODY, Content_Type=JSON, Content_Encoding="gzip"),
        "brotli": http_request("POST", "/predict", BODY, Content_Type=JSON, Content_Encoding="br"),
        "bomb": http_request(
            "POST", "/predict", gzip.compress(b" " * 10**6), Content_Type=JSON, Content_Encoding="gzip"
        ),
        "array": http_request("POST", "/predict", write_npy([ROW]), Content_Type=NPY),
        "array with a JSON response": http_request("POST", "/predict", write_npy([ROW]), Content_Type=NPY, Accept=JSON),
        "truncated array": http_request("POST", "/predict", write_npy([ROW])[:-4], Content_Type=NPY),
        "top": http_request("POST", "/predict", BODY[:-1] + b', "top": 2}', Content_Type=JSON),
        "invalid id": http_request("POST", "/predict", BODY, Content_Type=JSON, X_Request_ID="<script>"),
        "expect": http_request("POST", "/predict", BODY, Content_Type=JSON, Expect="100-continue"),
        "index": http_request("GET", "/", Accept=JSON),
        "index for browsers": http_request("GET", "/", Accept="text/html"),
        "models": http_request("GET", "/models"),
        "ready": http_request("GET", "/readyz"),
        "status": http_request("GET", "/v1/models/iris"),
        "metadata": http_request("GET", "/v1/models/iris/metadata"),
        "metadata of an unknown model": http_request("GET", "/v1/models/rose/metadata"),
        "openapi": http_request("GET", "/openapi.json"),
        "openapi again": http_request("GET", "/openapi.json"),
        "head of openapi": http_request("HEAD", "/openapi.json"),
        "known openapi": http_request("GET", "/openapi.json", If_None_Match="*"),
        "other docs": http_request("GET", "/docs", If_None_Match='"other"'),
        "known index": http_request("GET", "/", If_None_Match="*"),
        "known index for browsers": http_request("GET", "/", If_None_Match="*", Accept="text/html"),
        "head of ready": http_request("HEAD", "/readyz"),
        "live with a query": http_request("GET", "/livez?a=1"),
        "live with a body": http_request("GET", "/livez", BODY),
        "live without a host": b"GET /livez HTTP/1.0\r\n\r\n",
        "live with an invalid host": http_request("GET", "/livez", Host="a..b"),
        "live with an escape": http_request("GET", "/live%7A"),
        "live with an ID": http_request("GET", "/livez", X_Request_ID="1"),
        "post to live": http_request("POST", "/v2/health/live", b""),
        "docs": http_request("GET", "/docs"),
        "ping": http_request("GET", "/ping"),
        "form to TensorFlow": http_request("POST", PREDICT, BODY, Content_Type="application/x-www-form-urlencoded"),
        "unknown version": http_request("GET", "/models/iris/versions/9"),
    }


CORPUS = _corpus() | _tensors()


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Both adapters on the same store, with one worker each."""
    folder = tmp_path_factory.mktemp("adapters")
    artifact: Artifact = make_artifact(np.random.default_rng(0))
    publish(folder / "models", "iris", artifact, {"test": {"accuracy": 0.9, "rows": 100}}, {})
    with (
        Server(folder / "models", workers=1, **LIMITS) as fast,
        Server(folder / "models", workers=1, worker_class="gthread", **LIMITS) as flask,
    ):
        fast.wait_until_ready()
        flask.wait_until_ready()
        yield {"fast": fast, "flask": flask}


def _counts(before: Series, after: Series) -> dict[str, float]:
    """Return the changes of counters between two scrapes, without durations and the scrapes themselves."""
    changes = {}
    for (name, labels), value in after.items():
        timed = name.endswith(("_sum", "_created", "_bucket")) or name.startswith("process_")
        if not timed and dict(labels).get("route") != "/metrics" and (gain := value - before.get((name, labels), 0)):
            changes[f"{name} {labels}"] = gain
    return changes


def _ask(server: Server, request: bytes) -> tuple[WireResponse, dict[str, float]]:
    before = server.scrape()
    with Wire(server.port) as wire:
        answer = wire.send(request).read_response(request.split()[0].decode())
    assert answer is not None
    return answer, _counts(before, server.scrape())


@pytest.mark.parametrize("name", CORPUS)
def test_both_adapters_respond_alike(name: str, adapters: dict[str, Server]) -> None:
    request = CORPUS[name]
    (fast, fast_counts), (flask, flask_counts) = (_ask(server, request) for server in adapters.values())
    assert fast.status == flask.status
    own = {str(server.port): "PORT" for server in adapters.values()}
    bodies = [answer.body.decode("latin1") for answer in (fast, flask)]
    for port, word in own.items():
        bodies = [body.replace(port, word) for body in bodies]
    assert bodies[0] == bodies[1]
    headers = [{name: value for name, value in answer.headers.items() if name not in OWN} for answer in (fast, flask)]
    assert headers[0] == headers[1]
    assert fast_counts == flask_counts
    assert sum(fast_counts.values()) > 0
    if fast.status >= 400 and not request.startswith(b"HEAD"):
        assert set(json.loads(fast.body)) <= {"error", "details"}


def test_request_ids_are_generated_or_accepted(adapters: dict[str, Server]) -> None:
    for server in adapters.values():
        for path in ("/predict", "/nowhere"):
            with Wire(server.port) as wire:
                answer = wire.send(
                    http_request("POST", path, BODY, Content_Type=JSON, X_Request_ID="mine-1")
                ).read_response()
                assert answer is not None
                assert answer.headers["x-request-id"] == "mine-1"
                answers = [
                    wire.send(http_request("POST", path, BODY, Content_Type=JSON)).read_response() for _ in range(2)
                ]
                ids = {answer.headers["x-request-id"] for answer in answers if answer}
                assert len(ids) == 2


def test_the_app_reads_a_chunked_body(adapters: dict[str, Server]) -> None:
    """The body is optional for this route, so a lost body would give a 200."""
    for server in adapters.values():
        answer, _ = _ask(server, chunked_request("POST", "/v2/repository/index", b'{"ready": 5}'))
        assert answer.status == 400
        assert "expected no body, or an object" in json.loads(answer.body)["error"]


def _contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_no_request_changes_the_store(adapters: dict[str, Server]) -> None:
    """A server only reads the store, and both adapters still respond after the whole corpus."""
    for server in adapters.values():
        before = _contents(server.models)
        for request in CORPUS.values():
            with Wire(server.port) as wire:
                assert wire.send(request).read_response(request.split()[0].decode())
        assert _contents(server.models) == before != {}
        answer, _ = _ask(server, http_request("POST", "/predict", BODY, Content_Type=JSON))
        assert answer.status == 200
