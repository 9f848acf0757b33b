"""Triton's client works with a running server; by default it sends and requests binary tensors."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import Artifact, Boolean, Category, Date, Features, Golden, Model, Number
from store import publish, read_version
from tests.helpers.models import make_artifact, make_network
from tests.helpers.server import Server, total

triton = pytest.importorskip("tritonclient.http")
aio = pytest.importorskip("tritonclient.http.aio")
utils = pytest.importorskip("tritonclient.utils")

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.0, 2.0, 5.0, 1.5]], np.float32)
PEOPLE: list[list[Any]] = [[39, "private", True, "2024-05-31"], [40.5, "grün", False, "1999-12-31T23:59:59"]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with iris (numbers), people (mixed columns) and price (a regression)."""
    rng, models = np.random.default_rng(0), tmp_path_factory.mktemp("triton") / "models"
    publish(models, "iris", make_artifact(rng), {}, {})
    publish(models, "price", make_artifact(rng, (4, 8, 2), labels=()), {}, {})
    columns = [Number("age"), Category("work", categories=("private", "grün")), Boolean("member"), Date("since")]
    features = Features(columns)
    model = Model(features, make_network(rng, (features.width, 8, 2)), "classification", (0, 1))
    publish(models, "people", Artifact(model, Golden.measure(model, [list(row) for row in PEOPLE])), {}, {})
    return models


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    with Server(store, workers=1) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def _tensor(values: Any, name: str = "input", datatype: str = "FP32", module: Any = triton, **options: Any) -> Any:
    given = module.InferInput(name, list(values.shape), datatype)
    return given.set_data_from_numpy(values, **options)


def _expected(store: Path, name: str = "iris") -> np.ndarray:
    return np.asarray(read_version(store, name, 1).artifact.model.predict(ROWS))


def _text(values: np.ndarray) -> list[str]:
    """Return BYTES elements as strings; they are bytes in binary responses and strings in JSON."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values.ravel().tolist()]


@pytest.mark.parametrize("version", ["", "1"])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [None, True, False])
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_the_client_predicts(
    compression: str | None, binary_out: bool | None, binary_in: bool, version: str, client: Any, store: Path
) -> None:
    outputs = None
    if binary_out is not None:
        names = ("predictions", "probabilities")
        outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    result = client.infer(
        "iris",
        [_tensor(ROWS, binary_data=binary_in)],
        model_version=version,
        outputs=outputs,
        request_id="7",
        timeout=10_000_000,
        parameters={"mine": "yes"},
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    response = result.get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == ("iris", "1", "7")
    np.testing.assert_allclose(result.as_numpy("probabilities"), _expected(store), atol=1e-6)
    labels = read_version(store, "iris", 1).artifact.model.best_labels(_expected(store))
    assert _text(result.as_numpy("predictions")) == labels


@pytest.mark.parametrize("binary", [True, False])
def test_the_client_requests_classifications(binary: bool, client: Any, store: Path) -> None:
    wanted = triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=2)
    found = client.infer("iris", [_tensor(ROWS)], outputs=[wanted]).as_numpy("probabilities")
    assert found.shape == (2, 2)
    labels = read_version(store, "iris", 1).artifact.model.labels
    for text, row in zip(_text(found[:, 0]), _expected(store), strict=True):
        score, place, label = text.split(":")
        assert (int(place), label) == (row.argmax(), labels[row.argmax()])
        assert float(score) == pytest.approx(row.max(), abs=1e-6)


@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f8"])
def test_the_client_sends_numbers_of_other_datatypes(dtype: str, client: Any, store: Path) -> None:
    rows = np.array([[5, 3, 1, 0], [6, 2, 5, 1]], dtype)
    result = client.infer("iris", [_tensor(rows, datatype=utils.np_to_triton_dtype(rows.dtype))])
    expected = read_version(store, "iris", 1).artifact.model.predict(rows.astype(np.float32))
    np.testing.assert_allclose(result.as_numpy("probabilities"), expected, atol=1e-6)


def test_the_client_predicts_with_a_regression_model(client: Any, store: Path) -> None:
    result = client.infer("price", [_tensor(ROWS)])
    np.testing.assert_allclose(result.as_numpy("predictions"), _expected(store, "price"), rtol=1e-5)
    assert result.as_numpy("probabilities") is None


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("width", [(), (1,)])
def test_the_client_sends_columns(width: tuple[int, ...], binary: bool, client: Any, store: Path) -> None:
    datatypes = {"age": "FP64", "work": "BYTES", "member": "BOOL", "since": "BYTES"}
    tensors = []
    for (name, datatype), cells in zip(datatypes.items(), zip(*PEOPLE, strict=True), strict=True):
        values = np.array(cells, object if datatype == "BYTES" else None).reshape(2, *width)
        tensors.append(_tensor(values, name, datatype, binary_data=binary))
    result = client.infer("people", tensors)
    model = read_version(store, "people", 1).artifact.model
    codes = model.features.read(PEOPLE)
    assert codes is not None
    np.testing.assert_allclose(result.as_numpy("probabilities"), model.predict(codes), atol=1e-6)
    assert result.as_numpy("predictions").tolist() == model.best_labels(model.predict(codes))


def test_the_client_sends_a_raw_binary_request(client: Any, store: Path) -> None:
    body = ROWS[:1].tobytes()
    response = client._post("v2/models/iris/infer", body, {"Inference-Header-Content-Length": 0}, None)
    result = triton.InferResult(response, False)
    np.testing.assert_allclose(result.as_numpy("probabilities"), _expected(store)[:1], atol=1e-6)


def test_generated_request_bodies_are_accepted(client: Any, store: Path) -> None:
    body, length = triton.InferenceServerClient.generate_request_body([_tensor(ROWS)])
    response = client._post("v2/models/iris/infer", body, {"Inference-Header-Content-Length": length}, None)
    end = int(response.get("Inference-Header-Content-Length"))
    result = triton.InferenceServerClient.parse_response_body(response.read(), header_length=end)
    np.testing.assert_allclose(result.as_numpy("probabilities"), _expected(store), atol=1e-6)


def test_many_rows_are_returned_in_binary(client: Any, store: Path, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(20_000, 4)).astype(np.float32)
    expected = read_version(store, "iris", 1).artifact.model.predict(rows)
    found = client.infer("iris", [_tensor(rows)]).as_numpy("probabilities")
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_concurrent_requests_receive_their_own_responses(server: Server, store: Path, rng: np.random.Generator) -> None:
    batches = [rng.normal(size=(1 + i % 7, 4)).astype(np.float32) for i in range(40)]
    model = read_version(store, "iris", 1).artifact.model
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=8) as client:
        waiting = [client.async_infer("iris", [_tensor(batch)]) for batch in batches]
        for batch, request in zip(batches, waiting, strict=True):
            found = request.get_result().as_numpy("probabilities")
            np.testing.assert_allclose(found, model.predict(batch), atol=1e-5)


def test_the_client_reads_the_health_the_metadata_and_the_index(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("iris")
    assert client.is_model_ready("iris", "1")
    assert not client.is_model_ready("iris", "9")
    assert not client.is_model_ready("rose")
    assert client.get_server_metadata()["name"] == "npserve"
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    described = client.get_model_metadata("iris", "1")
    assert described["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]
    index = client.get_model_repository_index()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [
        (name, "1", "READY") for name in ("iris", "people", "price")
    ]


def test_the_client_receives_error_messages(client: Any, server: Server) -> None:
    def rejected(status: str, message: str, model: str = "iris", values: Any = ROWS, **options: Any) -> None:
        with pytest.raises(utils.InferenceServerException, match=message) as caught:
            client.infer(model, [_tensor(values, options.pop("name", "input"))], **options)
        assert caught.value.status() == status

    before = total(server.scrape(), "npserve_rejected_inputs_total", model="iris")
    rejected("404", "Request for unknown model: 'rose' is not found", "rose")
    rejected("404", "Request for unknown model: 'iris' version 9 is not found", model_version="9")
    rejected("400", "unexpected inference input 'x' for model 'iris'", name="x")
    rejected("400", r"Expected \[-1,4\], got \[2,3\]", values=ROWS[:, :3])
    rejected("400", "input 'input', row 0, column 0: expected a number, got NaN", values=ROWS * np.nan)
    rejected("400", "unexpected inference output 'x'", outputs=[triton.InferRequestedOutput("x")])
    rejected("413", "1100000 rows; at most 1000000", values=np.zeros((1_100_000, 4), np.float32))
    for change in (client.load_model, client.unload_model):
        with pytest.raises(utils.InferenceServerException, match="the store decides what is served"):
            change("iris")
    assert total(server.scrape(), "npserve_rejected_inputs_total", model="iris") == before + 5
    assert client.infer("iris", [_tensor(ROWS)]).as_numpy("predictions").shape == (2,)


def test_the_asyncio_client_predicts(server: Server, store: Path) -> None:
    async def session() -> None:
        async with aio.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("iris")
            assert (await client.get_model_metadata("price"))["platform"] == "npserve_numpy"
            assert len(await client.get_model_repository_index()) == 3
            inputs = [_tensor(ROWS, module=aio)]
            results = await asyncio.gather(*(client.infer("iris", inputs) for _ in range(20)))
            for result in results:
                np.testing.assert_allclose(result.as_numpy("probabilities"), _expected(store), atol=1e-6)
            with pytest.raises(utils.InferenceServerException, match="Request for unknown model: 'rose'"):
                await client.infer("rose", inputs)

    asyncio.run(session())
