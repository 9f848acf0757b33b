"""What is refused in the Open Inference Protocol: each time with its form of an error, counted, and without harm."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.service.server import parse, total
from tests.service.tensors import ALL_BINARY, INFER, LENGTH, ROWS, Sent, array, error, listed, packed, post, tensor
from tests.service.test_app import ROW

FOUR = np.array([ROW], "<f4").tobytes()
SHAPE = "/inputs/0/shape: expected whole numbers from 0 on"
UNFIT = "the data of input 'input' do not fit its shape [2,4]"
NO_LENGTH = f"the header {LENGTH} is no number of bytes that the body has"


IN_JSON = "51 rows; at most 50 are answered in JSON or as classifications: ask for outputs with binary_data"
PLAIN: dict[str, Any] = {"name": "probabilities"}
BYTES: dict[str, Any] = {"parameters": {"binary_data": True}}
BEST: dict[str, Any] = {"parameters": {"binary_data": True, "classification": 1}}


def _with(change: Any, place: int, count: int = 8) -> list[Any]:
    """Numbers, and one other thing among them."""
    data: list[Any] = [0.5] * count
    data[place] = change
    return data


def _bytes(raw: bytes = FOUR, size: Any = 16, length: Any = None, **more: Any) -> Sent:
    """A request with bytes; of four numbers, if nothing else is said."""
    return packed(raw, tensor(**{"shape": [1, 4], "size": size, **more}), length=length)


def _asking(**parameters: Any) -> Sent:
    """A request for one output."""
    name = parameters.pop("name", "probabilities")
    return listed(tensor(ROWS), outputs=[{"name": name, "parameters": parameters}])


# As data of shape (2, 4).
UNFITTING: list[Any] = [{}, 5, "12345678", [], [0.5] * 7, [0.5] * 9]
UNFITTING += [[ROWS], [[0.5] * 8], [[0.5] * 2] * 4, [[0.5] * 3, [0.5] * 5], [ROW, 0.5]]
# What is JSON, but no request; and a part of the sentence that says so.
INVALID: list[tuple[Sent, str]] = [
    (({}, b"[]"), "the body: expected an object"),
    (({}, b"{}"), "/inputs: expected a list, got nothing"),
    (({}, b'{"inputs": null}'), "/inputs: expected a list, got null"),
    (({}, b'{"inputs": {}}'), "/inputs: expected a list, got an object"),
    (({}, b'{"inputs": [[]]}'), "/inputs/0: expected an object, got a list"),
    (listed(), "expected more inputs for model 'iris': there is no 'input'"),
    (listed(tensor(ROWS), id=7), "/id: expected a string"),
    (listed(tensor(ROWS), parameters=[]), "/parameters: expected an object"),
    (
        listed(tensor(ROWS), parameters={"binary_data_output": "true"}),
        "/parameters/binary_data_output: expected true or false, got a string",
    ),
    (listed(tensor(ROWS, parameters=[])), "/inputs/0/parameters: expected an object, got a list"),
    # Names and datatypes.
    (listed({"shape": [1, 4]}), "/inputs/0/name: expected a string, got null"),
    (listed(tensor(ROWS, name=["x"])), "/inputs/0/name: expected a string, got a list"),
    (listed(tensor(ROWS, name="x")), "unexpected inference input 'x' for model 'iris'"),
    (listed(tensor(ROWS, name="x" * 5000)), f"input '{'x' * 100}' for model"),
    (listed(tensor(ROWS), tensor(ROWS)), "input 'input' already exists in request"),
    (
        listed(tensor(ROWS, datatype="BYTES")),
        "inference input 'input' data-type is 'BYTES', but model 'iris' expects 'FP32'",
    ),
    (listed(tensor(ROWS, datatype="FP8")), "data-type is 'FP8'"),
    (listed(tensor(ROWS, datatype="BOOL")), "data-type is 'BOOL'"),
    (listed(tensor(ROWS, datatype=None)), "/inputs/0/datatype: expected a string, got null"),
    # Shapes.
    (
        listed(tensor(ROWS, [1, 10])),
        "unexpected shape for input 'input' for model 'iris'. Expected [-1,4], got [1,10]",
    ),
    (listed(tensor(ROWS, [8])), "Expected [-1,4], got [8]"),
    (listed(tensor(ROWS, [])), "Expected [-1,4], got []"),
    (listed(tensor(ROWS, [2, 4, 1])), "Expected [-1,4], got [2,4,1]"),
    (listed(tensor(ROWS, [1] * 3000)), "got [1,1,1,"),
    (listed(tensor(ROWS, [2**62, 2**62])), "unexpected shape for input 'input'"),
    (listed(tensor(ROWS, "2,4")), "/inputs/0/shape: expected a list, got a string"),
    (listed(tensor(ROWS, None)), "/inputs/0/shape: expected a list, got null"),
    *((listed(tensor(ROWS, shape)), SHAPE) for shape in ([-2, -4], [-1, 4], [2.0, 4], [True, 4], [2**64, 4], [[2, 4]])),
    (listed(tensor([], [0, 4])), "expected at least one row"),
    # Data in JSON.
    (listed(tensor()), "input 'input' has neither data nor a binary_data_size"),
    *((listed(tensor(data)), UNFIT) for data in UNFITTING),
    (listed(tensor([[[0.5]] * 4] * 2)), "input 'input', row 0, column 0: expected a number, got a list"),
    (listed(tensor(_with([1.0], 5))), "row 1, column 1: expected a number, got a list"),
    (listed(tensor(_with(True, 199, 200), [50, 4])), "row 49, column 3: expected a number, got a boolean"),
    (listed(tensor(_with("my secret", 1))), "row 0, column 1: expected a number, got a string"),
    (listed(tensor(_with({}, 4))), "row 1, column 0: expected a number, got an object"),
    (listed(tensor(_with(None, 4))), "row 1, column 0: expected a number, got NaN or null"),
    (listed(tensor(_with(1e39, 2))), "row 0, column 2: expected a number, got a number beyond ±3.4e38 (float32)"),
    (listed(tensor(_with(1e30, 2), datatype="FP16")), "row 0, column 2: expected a number, got a number beyond ±65504"),
    (listed(tensor(_with(0.5, 4), datatype="INT8")), "row 0, column 0: expected a whole number, got a number"),
    (listed(tensor([1, 2, 3, 4, 5, 6, 256, 7], datatype="UINT8")), "row 1, column 2: expected a number from 0 to 255"),
    (listed(tensor([1, 2, 3, 4, 5, 6, 7, -1], datatype="UINT64")), "row 1, column 3: expected a number from 0 to 1844"),
    (listed(tensor([2**63] * 8, datatype="INT64")), "row 0, column 0: expected a number from -9223372036854775808"),
    (listed(tensor([3e38] * 8)), "row 0: expected numbers that the model can add up"),
    # Bytes.
    (_bytes(data=[ROW]), "input 'input' has both data and a binary_data_size"),
    (_bytes(size=-16), "input 'input' has a negative binary_data_size"),
    (_bytes(size="16"), "/inputs/0/parameters/binary_data_size: expected a whole number, got a string"),
    (_bytes(size=True), "/binary_data_size: expected a whole number, got a boolean"),
    (_bytes(size=2**64), "/binary_data_size: expected a whole number, got a number"),
    (_bytes(size=2**63), f"unexpected size for input 'input', expecting {2**63 - 16} additional bytes"),
    (_bytes(FOUR[:-1]), "unexpected size for input 'input', expecting 1 additional bytes"),
    (_bytes(FOUR + b"0"), "unexpected additional input data: 1 bytes"),
    (packed(FOUR, tensor(ROWS)), "unexpected additional input data: 16 bytes"),
    (_bytes(shape=[2, 4]), "unexpected size of input 'input': expected 32 bytes, got 16"),
    (_bytes(datatype="FP64"), "unexpected size of input 'input': expected 32 bytes, got 16"),
    (array([[1, 2, np.nan, 4]]), "input 'input', row 0, column 2: expected a number, got NaN or null"),
    (array([ROW, [np.inf, 2, 3, 4]]), "row 1, column 0: expected a number, got a number beyond ±3.4e38"),
    (array([[1, 2, 3, 1e39]], "FP64", "<f8"), "row 0, column 3: expected a number, got a number beyond ±3.4e38"),
    (array(np.full((1, 4), 3e38)), "row 0: expected numbers that the model can add up"),
    (({}, packed(b"", tensor(shape=[1, 4], size=16))[1]), "expecting 16 additional bytes"),
    (({LENGTH: "0"}, b""), "unexpected size of input 'input': expected 16 bytes, got 0"),
    (({LENGTH: "0"}, FOUR * 2), "unexpected size of input 'input': expected 16 bytes, got 32"),
    # Outputs.
    (listed(tensor(ROWS), outputs={}), "/outputs: expected a list, got an object"),
    (listed(tensor(ROWS), outputs=["x"]), "/outputs/0: expected an object, got a string"),
    (listed(tensor(ROWS), outputs=[{}]), "/outputs/0/name: expected a string, got null"),
    (_asking(name="x"), "unexpected inference output 'x' for model 'iris'"),
    (listed(tensor(ROWS), outputs=[{"name": "predictions"}] * 2), "output 'predictions' already exists in request"),
    (
        listed(tensor(ROWS), outputs=[{"name": "predictions", "parameters": 1}]),
        "/outputs/0/parameters: expected an obj",
    ),
    (_asking(binary_data=1), "/outputs/0/parameters/binary_data: expected true or false, got a number"),
    (_asking(classification=0), "/outputs/0/parameters/classification: expected a number from 1 on"),
    (_asking(classification=True), "/classification: expected a whole number, got a boolean"),
    (_asking(classification=1.5), "/classification: expected a whole number, got a number"),
    (_asking(name="predictions", classification=1), "output 'predictions' has no classification"),
]
# What else is refused: status, reason in the metrics, a part of the sentence.
OTHERS: list[tuple[Sent, int, str, str]] = [
    (({}, b""), 400, "not_json", "the body is empty; expected JSON"),
    (({}, b"hello"), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": [NaN]}'), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": [1e400]}'), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": ["\xff"]}'), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": ' + b"[" * 3000 + b"]" * 3000 + b"}"), 400, "not_json", "the body is not JSON"),
    (_bytes(length=10), 400, "not_json", "the body is not JSON"),
    (({}, _bytes()[1]), 400, "malformed", f"the header {LENGTH} says how long the JSON is"),
    *((_bytes(length=length), 400, "malformed", NO_LENGTH) for length in (9999, -1, "", "x", "1e2", "5.0", "+5")),
    *((_bytes(length=length), 400, "malformed", NO_LENGTH) for length in ("5,5", "5_0", "²", "1" * 5000)),
    (({"Content-Encoding": "gzip"}, b"hello"), 400, "malformed", "the body does not decompress"),
    (({"Content-Encoding": "br"}, b"hello"), 415, "content_type", "send it plain, gzip or deflate"),
    (({"Content-Type": "text/plain"}, listed(tensor(ROWS))[1]), 415, "content_type", "send the header Content-Type"),
    (({"Content-Type": "multipart/form-data"}, b"--x--"), 415, "content_type", "send the header Content-Type"),
    (listed(tensor([0.0] * 204, [51, 4])), 413, "too_large", "51 rows; at most 50 are taken"),
    (listed(tensor(ROWS, [2**63, 4])), 413, "too_large", f"{2**63} rows; at most 50 are taken"),
    (_bytes(b"", 0, shape=[2**63, 4]), 413, "too_large", f"{2**63} rows; at most 60 are taken"),
    (array(np.zeros((61, 4))), 413, "too_large", "61 rows; at most 60 are taken"),
    (array(np.zeros((51, 4))), 413, "too_large", IN_JSON),
    (array(np.zeros((51, 4)), outputs=[PLAIN | BYTES, PLAIN | {"name": "predictions"}]), 413, "too_large", IN_JSON),
    (array(np.zeros((51, 4)), outputs=[PLAIN | BEST]), 413, "too_large", IN_JSON),
    (listed(tensor(ROWS), padding="x" * 10_000), 413, "too_large", "the body is larger than 10000 bytes"),
    (packed(b"", tensor(ROWS), padding="x" * 10_000), 413, "too_large", "the JSON is larger than 10000 bytes"),
    (({LENGTH: "0"}, b"0" * 20_001), 413, "too_large", "the body is larger than 20000 bytes"),
    (({"Content-Encoding": "gzip"}, gzip.compress(b" " * 10**7)), 413, "too_large", "larger than 10000 bytes"),
    (({LENGTH: "0", "Content-Encoding": "gzip"}, gzip.compress(b"0" * 10**7)), 413, "too_large", "than 20000 bytes"),
]
BAD = [*((sent, 400, "invalid_input", message) for sent, message in INVALID), *OTHERS]


@pytest.fixture
def client(iris: Path) -> FlaskClient:
    limits = {"max_body_bytes": 10_000, "max_rows": 50, "max_binary_bytes": 20_000, "max_binary_rows": 60}
    return create_app(Settings(models=iris, **limits)).test_client()  # type: ignore[arg-type]


@pytest.mark.parametrize(("sent", "status", "reason", "message"), BAD)
def test_bad_input_is_refused_and_the_next_request_answered(
    sent: Sent, status: int, reason: str, message: str, client: FlaskClient
) -> None:
    answer = post(client, sent)
    assert (answer.status_code, message in (sentence := error(answer))) == (status, True), answer.text
    assert len(sentence) < 400
    assert "secret" not in sentence
    series = parse(client.get("/metrics").text)
    assert total(series, "npserve_rejected_inputs_total", model="iris", reason=reason) == 1
    assert total(series, "npserve_rejected_inputs_total") == 1
    assert total(series, "npserve_request_seconds_count", protocol="inference", outcome="invalid") == 1
    assert post(client, array(ROWS)).status_code == 200


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v2/models/rose/infer", "Request for unknown model: 'rose' is not found"),
        ("/v2/models/iris/versions/9/infer", "Request for unknown model: 'iris' version 9 is not found"),
        ("/v2/models/iris/versions/x/infer", "Request for unknown model: 'iris' version x is not found"),
        ("/v2/models/iris/infer/", "there is no such path"),
        ("/v2/models/iris/aliases/stable/infer", "there is no such path"),
    ],
)
def test_what_is_not_there_is_404(path: str, message: str, client: FlaskClient) -> None:
    answer = post(client, listed(tensor(ROWS)), path)
    assert (answer.status_code, message in error(answer)) == (404, True), answer.text


def test_other_methods_are_405(client: FlaskClient) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = client.open(INFER, method=method)
        assert (answer.status_code, error(answer)) == (405, f"{INFER} takes OPTIONS, POST")


def test_nothing_loaded_is_503(iris: Path) -> None:
    (iris / "iris/1/model.npz").unlink()
    answer = post(create_app(Settings(models=iris)).test_client(), listed(tensor(ROWS)))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "iris has no stable version that could be loaded" in error(answer)


def test_of_many_rows_the_outputs_are_bytes(client: FlaskClient) -> None:
    for more in ({"parameters": ALL_BINARY}, {"outputs": [PLAIN | BYTES]}):
        assert post(client, array(np.zeros((51, 4)), **more)).status_code == 200
    assert post(client, array(np.zeros((50, 4)))).status_code == 200


def test_a_single_true_among_thousands_of_numbers_is_found(iris: Path) -> None:
    client = create_app(Settings(models=iris)).test_client()
    body = json.dumps({"inputs": [tensor(_with(True, 31_005, 40_000), [10_000, 4])]}).encode()
    assert "row 7751, column 1: expected a number, got a boolean" in error(post(client, ({}, body)))
