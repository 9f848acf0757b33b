"""Rejected requests by protocol, for a model of four numbers: the request, the status, and a part of the message."""

import gzip
import json
from typing import Any

import numpy as np

from tests.helpers.models import ROW
from tests.helpers.tensors import LENGTH, ROWS, RawRequest, array_request, in_binary, in_json, tensor

BAD_NATIVE: list[tuple[bytes, int, str]] = [
    (b"", 400, "the body is empty; expected JSON"),
    (b"hello", 400, "the body is not JSON"),
    (b'{"instances": [[1, 2, 3, NaN]]}', 400, "the body is not JSON"),
    (b'{"instances": [[1, 2, 3, Infinity]]}', 400, "the body is not JSON"),
    (b'{"instances": [[1, 2, 3, 1e400]]}', 400, "the body is not JSON"),
    (b'{"instances": [[1, 2, 3, "\xff"]]}', 400, "the body is not JSON"),
    ('{"instances": [[1, 2, 3, 4]]}'.encode("utf-16"), 400, "the body is not JSON"),
    (b"[" * 4000, 400, "the body is not JSON"),
    (b'{"instances": ' + b"[" * 3000 + b"]" * 3000 + b"}", 400, "the body is not JSON"),
    (b"[1]", 422, "the body: expected an object with the key instances, got a list"),
    (b"{}", 422, "/instances: expected a list of rows, got nothing"),
    (b'{"instances": []}', 422, "/instances: expected a list of at least one row, got an empty list"),
    (b'{"instances": [[1, 2, 3, 4]], "rows": 1}', 422, "/rows: expected only the keys instances and top"),
    (b'{"instances": [[1, 2, 3], [1, 2, 3, 4, 5]]}', 422, "/instances/0: expected 4 values, got 3 values (and 1 more)"),
    (b'{"instances": [[1, 2, 3]]}', 422, "expected 4 values, got 3 values"),
    (b'{"instances": [[1, 2, 3, "2.5"]]}', 422, "/instances/0/3: expected a number, got a string"),
    (b'{"instances": [[1, 2, 3, null]]}', 422, "/instances/0/3: expected a number, got null"),
    (b'{"instances": [[1, 2, 3, true]]}', 422, "/instances/0/3: expected a number, got a boolean"),
    (b'{"instances": [[1, 2, 3, 1e39]]}', 422, "/instances/0/3: expected a number within"),
    (b'{"instances": [[1e38, -1e38, 3e38, 3e38]]}', 422, "/instances/0: expected numbers whose sums fit in float32"),
    (b'{"instances": [' + b",".join([b"[1,2,3,4]"] * 51) + b"]}", 413, "51 rows; at most 50"),
    (b'{"instances": [[1, 2, 3, 4]]' + b" " * 10_000 + b"}", 413, "the body is larger than 10000 bytes"),
]

ONE_OF = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
BAD_TENSORFLOW: list[tuple[bytes, int, str]] = [
    (b"", 400, "JSON Parse error: The document is empty"),
    (b"  ", 400, "JSON Parse error: The document is empty"),
    (b"instances = [1]", 400, "JSON Parse error: unexpected character, expected a JSON value at offset: 0"),
    (b'{"instances": [[1, 2, 3, NaN]]}', 400, "at offset: 25"),
    (b'{"instances": [[1, 2, 3, -Infinity]]}', 400, "JSON Parse error: "),
    (b'{"instances": [[1, 2, 3, 1e400]]}', 400, "JSON Parse error: "),
    (b'{"instances": [[1, 2, 3, "\xff"]]}', 400, "JSON Parse error: str is not valid UTF-8"),
    (b'{"instances": ' + b"[" * 3000 + b"]" * 3000 + b"}", 400, "JSON Parse error: depth limit exceeded"),
    (b'{"instances": ' + b"[" * 500 + b"]" * 500 + b"}", 400, "/instances/0: expected 4 values, got 1 value"),
    (b'{"inputs": ' + b'{"input":' * 500 + b"1" + b"}" * 501, 400, "/inputs/input: expected the name of a feature"),
    (b"[1]", 400, "the body: expected an object with the key instances, got a list"),
    (b"{}", 400, "Missing 'inputs' or 'instances' key"),
    (b'{"rows": [[1, 2, 3, 4]]}', 400, "Missing 'inputs' or 'instances' key"),
    (b'{"instances": [[1, 2, 3, 4]], "inputs": [[1, 2, 3, 4]]}', 400, ONE_OF),
    (b'{"instances": [[1, 2, 3, 4]], "signature_name": "predict"}', 400, 'Serving signature name: "predict" not found'),
    (b'{"instances": [[1, 2, 3, 4]], "signature_name": null}', 400, "'signature_name' key must be a string value"),
    (b'{"instances": [[1, 2, 3, 4]], "signature_name": 1}', 400, "'signature_name' key must be a string value"),
    (b'{"instances": null}', 400, "/instances: expected a list of rows, got null"),
    (b'{"instances": []}', 400, "/instances: expected a list of at least one row, got an empty list"),
    (b'{"instances": {"feature 0": [1]}}', 400, "/instances: expected a list of at least one row, got an object"),
    (b'{"instances": [1, 2, 3, 4]}', 400, "/instances/0: expected a list of 4 values, got a number"),
    (b'{"instances": [[1, 2, 3], [1, 2, 3, 4, 5]]}', 400, "/instances/0: expected 4 values, got 3 values (and 1 more)"),
    (b'{"instances": [[1, 2, 3, "2.5"]]}', 400, "/instances/0/3: expected a number, got a string"),
    (b'{"instances": [[1, 2, 3, null]]}', 400, "/instances/0/3: expected a number, got null"),
    (b'{"instances": [[1, 2, 3, 1e39]]}', 400, "/instances/0/3: expected a number within"),
    (b'{"instances": [[1, 2, 3, [4]]]}', 400, "/instances/0/3: expected a number, got a list"),
    (b'{"instances": [{"input": [1, 2, 3]}]}', 400, "/instances/0: expected 4 values, got 3 values"),
    (b'{"instances": [{"inputs": [1, 2, 3, 4]}]}', 400, "/instances/0/inputs: expected the name of a feature"),
    (b'{"instances": [{"input": [1, 2, 3, 4]}, 5]}', 400, "/instances/1: expected a list of 4 values, got a number"),
    (b'{"instances": [{"feature 0": 1}]}', 400, "/instances/0/feature 1: expected a number, got nothing (and 2 more)"),
    (b'{"instances": [[1e38, -1e38, 3e38, 3e38]]}', 400, "row 0: expected numbers whose sums fit in float32"),
    (b'{"inputs": null}', 400, "/inputs: expected a list of rows, got null"),
    (b'{"inputs": 5}', 400, "/inputs: expected a list of at least one row, got a number"),
    (b'{"inputs": []}', 400, "/inputs: expected a list of at least one row, got an empty list"),
    (b'{"inputs": [[1, 2, 3], [1, 2, 3, 4, 5]]}', 400, "/inputs/0: expected 4 values, got 3 values (and 1 more)"),
    (b'{"inputs": [[1, 2, 3, true]]}', 400, "/inputs/0/3: expected a number, got a boolean"),
    (b'{"inputs": {}}', 400, "/inputs/feature 0: expected a list of values, got nothing (and 3 more)"),
    (b'{"inputs": {"input": 5}}', 400, "/inputs/input: expected the name of a feature, got an unknown key"),
    (b'{"instances": [' + b",".join([b"[1,2,3,4]"] * 51) + b"]}", 413, "51 rows; at most 50"),
    (b'{"inputs": [' + b",".join([b"[1,2,3,4]"] * 51) + b"]}", 413, "51 rows; at most 50"),
    (
        json.dumps({"inputs": {name: [1] * 51 for name in (f"feature {j}" for j in range(4))}}).encode(),
        413,
        "51 rows; at most 50",
    ),
    (b'{"instances": [[1, 2, 3, 4]]' + b" " * 10_000 + b"}", 413, "the body is larger than 10000 bytes"),
]

ROW_BYTES = np.array([ROW], "<f4").tobytes()
BAD_SHAPE = "/inputs/0/shape: expected non-negative integers"
DATA_MISMATCH = "the data of input 'input' do not match its shape [2,4]"
NO_LENGTH = f"the header {LENGTH} must be an integer from 0 to "


TOO_MANY_ROWS = "51 rows; at most 50 are returned as JSON or classifications: request binary outputs with binary_data"
PROBABILITIES: dict[str, Any] = {"name": "probabilities"}
AS_BINARY: dict[str, Any] = {"parameters": {"binary_data": True}}
TOP_LABEL: dict[str, Any] = {"parameters": {"binary_data": True, "classification": 1}}


def with_element(value: Any, index: int, count: int = 8) -> list[Any]:
    """Return `count` numbers, with `value` at this index."""
    data: list[Any] = [0.5] * count
    data[index] = value
    return data


def _binary_row(raw: bytes = ROW_BYTES, size: Any = 16, length: Any = None, **more: Any) -> RawRequest:
    """Return a request with binary data, by default of four numbers."""
    return in_binary(raw, tensor(**{"shape": [1, 4], "size": size, **more}), length=length)


def _one_output(**parameters: Any) -> RawRequest:
    """Return a request for one output."""
    name = parameters.pop("name", "probabilities")
    return in_json(tensor(ROWS), outputs=[{"name": name, "parameters": parameters}])


# Invalid data for the shape (2, 4).
MISMATCHED_DATA: list[Any] = [{}, 5, "12345678", [], [0.5] * 7, [0.5] * 9]
MISMATCHED_DATA += [[ROWS], [[0.5] * 8], [[0.5] * 2] * 4, [[0.5] * 3, [0.5] * 5], [ROW, 0.5]]
# Valid JSON that is not a valid request, with a part of the message.
INVALID: list[tuple[RawRequest, str]] = [
    (({}, b"[]"), "the body: expected an object"),
    (({}, b"{}"), "/inputs: expected a list, got nothing"),
    (({}, b'{"inputs": null}'), "/inputs: expected a list, got null"),
    (({}, b'{"inputs": {}}'), "/inputs: expected a list, got an object"),
    (({}, b'{"inputs": [[]]}'), "/inputs/0: expected an object, got a list"),
    (in_json(), "missing inputs for model 'iris': 'input'"),
    (in_json(tensor(ROWS), id=7), "/id: expected a string"),
    (in_json(tensor(ROWS), parameters=[]), "/parameters: expected an object"),
    (in_json(tensor(ROWS), parameters={"timeout": "1"}), "/parameters/timeout: expected an integer, got a string"),
    (
        in_json(tensor(ROWS), parameters={"timeout": -1}),
        "/parameters/timeout: expected a non-negative integer of micro",
    ),
    (
        in_json(tensor(ROWS), parameters={"binary_data_output": "true"}),
        "/parameters/binary_data_output: expected true or false, got a string",
    ),
    (in_json(tensor(ROWS, parameters=[])), "/inputs/0/parameters: expected an object, got a list"),
    # Names and datatypes.
    (in_json({"shape": [1, 4]}), "/inputs/0/name: expected a string, got null"),
    (in_json(tensor(ROWS, name=["x"])), "/inputs/0/name: expected a string, got a list"),
    (in_json(tensor(ROWS, name="x")), "unexpected inference input 'x' for model 'iris'"),
    (in_json(tensor(ROWS, name="x" * 5000)), f"input '{'x' * 100}' for model"),
    (in_json(tensor(ROWS), tensor(ROWS)), "input 'input' already exists in request"),
    (
        in_json(tensor(ROWS, datatype="BYTES")),
        "inference input 'input' data-type is 'BYTES', but model 'iris' expects 'FP32'",
    ),
    (in_json(tensor(ROWS, datatype="FP8")), "data-type is 'FP8'"),
    (in_json(tensor(ROWS, datatype="BOOL")), "data-type is 'BOOL'"),
    (in_json(tensor(ROWS, datatype=None)), "/inputs/0/datatype: expected a string, got null"),
    # Shapes.
    (
        in_json(tensor(ROWS, [1, 10])),
        "unexpected shape for input 'input' for model 'iris'. Expected [-1,4], got [1,10]",
    ),
    (in_json(tensor(ROWS, [8])), "Expected [-1,4], got [8]"),
    (in_json(tensor(ROWS, [])), "Expected [-1,4], got []"),
    (in_json(tensor(ROWS, [2, 4, 1])), "Expected [-1,4], got [2,4,1]"),
    (in_json(tensor(ROWS, [1] * 3000)), "got [1,1,1,"),
    (in_json(tensor(ROWS, [2**62, 2**62])), "unexpected shape for input 'input'"),
    (in_json(tensor(ROWS, "2,4")), "/inputs/0/shape: expected a list, got a string"),
    (in_json(tensor(ROWS, None)), "/inputs/0/shape: expected a list, got null"),
    *(
        (in_json(tensor(ROWS, shape)), BAD_SHAPE)
        for shape in ([-2, -4], [-1, 4], [2.0, 4], [True, 4], [2**64, 4], [[2, 4]])
    ),
    (in_json(tensor([], [0, 4])), "expected at least one row"),
    # Data in JSON.
    (in_json(tensor()), "input 'input' has neither data nor binary_data_size"),
    *((in_json(tensor(data)), DATA_MISMATCH) for data in MISMATCHED_DATA),
    (in_json(tensor([[[0.5]] * 4] * 2)), "input 'input', row 0, column 0: expected a number, got a list"),
    (in_json(tensor(with_element([1.0], 5))), "row 1, column 1: expected a number, got a list"),
    (in_json(tensor(with_element(True, 199, 200), [50, 4])), "row 49, column 3: expected a number, got a boolean"),
    (in_json(tensor(with_element("my secret", 1))), "row 0, column 1: expected a number, got a string"),
    (in_json(tensor(with_element({}, 4))), "row 1, column 0: expected a number, got an object"),
    (in_json(tensor(with_element(None, 4))), "row 1, column 0: expected a number, got NaN or null"),
    (
        in_json(tensor(with_element(1e39, 2))),
        "row 0, column 2: expected a number, got a number beyond ±3.4e38 (float32)",
    ),
    (
        in_json(tensor(with_element(1e30, 2), datatype="FP16")),
        "row 0, column 2: expected a number, got a number beyond ±65504",
    ),
    (in_json(tensor(with_element(0.5, 4), datatype="INT8")), "row 0, column 0: expected an integer, got a number"),
    (in_json(tensor([1, 2, 3, 4, 5, 6, 256, 7], datatype="UINT8")), "row 1, column 2: expected a number from 0 to 255"),
    (
        in_json(tensor([1, 2, 3, 4, 5, 6, 7, -1], datatype="UINT64")),
        "row 1, column 3: expected a number from 0 to 1844",
    ),
    (in_json(tensor([2**63] * 8, datatype="INT64")), "row 0, column 0: expected a number from -9223372036854775808"),
    (in_json(tensor([3e38] * 8)), "row 0: expected numbers whose sums fit in float32"),
    # Binary data.
    (_binary_row(data=[ROW]), "input 'input' has both data and binary_data_size"),
    (_binary_row(size=-16), "input 'input' has a negative binary_data_size"),
    (_binary_row(size="16"), "/inputs/0/parameters/binary_data_size: expected an integer, got a string"),
    (_binary_row(size=True), "/binary_data_size: expected an integer, got a boolean"),
    (_binary_row(size=2**64), "/binary_data_size: expected an integer, got a number"),
    (_binary_row(size=2**63), f"unexpected size for input 'input', expecting {2**63 - 16} additional bytes"),
    (_binary_row(ROW_BYTES[:-1]), "unexpected size for input 'input', expecting 1 additional bytes"),
    (_binary_row(ROW_BYTES + b"0"), "unexpected additional input data: 1 bytes"),
    (in_binary(ROW_BYTES, tensor(ROWS)), "unexpected additional input data: 16 bytes"),
    (_binary_row(shape=[2, 4]), "unexpected size of input 'input': expected 32 bytes, got 16"),
    (_binary_row(datatype="FP64"), "unexpected size of input 'input': expected 32 bytes, got 16"),
    (array_request([[1, 2, np.nan, 4]]), "input 'input', row 0, column 2: expected a number, got NaN or null"),
    (array_request([ROW, [np.inf, 2, 3, 4]]), "row 1, column 0: expected a number, got a number beyond ±3.4e38"),
    (
        array_request([[1, 2, 3, 1e39]], "FP64", "<f8"),
        "row 0, column 3: expected a number, got a number beyond ±3.4e38",
    ),
    (array_request(np.full((1, 4), 3e38)), "row 0: expected numbers whose sums fit in float32"),
    (({}, in_binary(b"", tensor(shape=[1, 4], size=16))[1]), "expecting 16 additional bytes"),
    (({LENGTH: "0"}, b""), "unexpected size of input 'input': expected 16 bytes, got 0"),
    (({LENGTH: "0"}, ROW_BYTES * 2), "unexpected size of input 'input': expected 16 bytes, got 32"),
    # Outputs.
    (in_json(tensor(ROWS), outputs={}), "/outputs: expected a list, got an object"),
    (in_json(tensor(ROWS), outputs=["x"]), "/outputs/0: expected an object, got a string"),
    (in_json(tensor(ROWS), outputs=[{}]), "/outputs/0/name: expected a string, got null"),
    (_one_output(name="x"), "unexpected inference output 'x' for model 'iris'"),
    (in_json(tensor(ROWS), outputs=[{"name": "predictions"}] * 2), "output 'predictions' already exists in request"),
    (
        in_json(tensor(ROWS), outputs=[{"name": "predictions", "parameters": 1}]),
        "/outputs/0/parameters: expected an obj",
    ),
    (_one_output(binary_data=1), "/outputs/0/parameters/binary_data: expected true or false, got a number"),
    (_one_output(classification=0), "/outputs/0/parameters/classification: expected a positive integer"),
    (_one_output(classification=True), "/classification: expected an integer, got a boolean"),
    (_one_output(classification=1.5), "/classification: expected an integer, got a number"),
    (_one_output(name="predictions", classification=1), "output 'predictions' does not support classification"),
]
# Other rejected requests: status, reason in the metrics, a part of the message.
OTHER_ERRORS: list[tuple[RawRequest, int, str, str]] = [
    (({}, b""), 400, "not_json", "the body is empty; expected JSON"),
    (({}, b"hello"), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": [NaN]}'), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": [1e400]}'), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": ["\xff"]}'), 400, "not_json", "the body is not JSON"),
    (({}, b'{"inputs": ' + b"[" * 3000 + b"]" * 3000 + b"}"), 400, "not_json", "the body is not JSON"),
    (_binary_row(length=10), 400, "not_json", "the body is not JSON"),
    (({}, _binary_row()[1]), 400, "malformed", f"send its length in the header {LENGTH}"),
    *((_binary_row(length=length), 400, "malformed", NO_LENGTH) for length in (9999, -1, "", "x", "1e2", "5.0", "+5")),
    *((_binary_row(length=length), 400, "malformed", NO_LENGTH) for length in ("5,5", "5_0", "²", "1" * 5000)),
    (({"Content-Encoding": "gzip"}, b"hello"), 400, "malformed", "the body cannot be decompressed"),
    (
        ({"Content-Encoding": "br"}, b"hello"),
        415,
        "content_type",
        "unsupported Content-Encoding br: use gzip, deflate or none",
    ),
    (({"Content-Type": "text/plain"}, in_json(tensor(ROWS))[1]), 415, "content_type", "send the header Content-Type"),
    (({"Content-Type": "multipart/form-data"}, b"--x--"), 415, "content_type", "send the header Content-Type"),
    (in_json(tensor([0.0] * 204, [51, 4])), 413, "too_large", "51 rows; at most 50 are accepted"),
    (in_json(tensor(ROWS, [2**63, 4])), 413, "too_large", f"{2**63} rows; at most 50 are accepted"),
    (_binary_row(b"", 0, shape=[2**63, 4]), 413, "too_large", f"{2**63} rows; at most 60 are accepted"),
    (array_request(np.zeros((61, 4))), 413, "too_large", "61 rows; at most 60 are accepted"),
    (array_request(np.zeros((51, 4))), 413, "too_large", TOO_MANY_ROWS),
    (
        array_request(np.zeros((51, 4)), outputs=[PROBABILITIES | AS_BINARY, PROBABILITIES | {"name": "predictions"}]),
        413,
        "too_large",
        TOO_MANY_ROWS,
    ),
    (array_request(np.zeros((51, 4)), outputs=[PROBABILITIES | TOP_LABEL]), 413, "too_large", TOO_MANY_ROWS),
    (in_json(tensor(ROWS), padding="x" * 10_000), 413, "too_large", "the body is larger than 10000 bytes"),
    (in_binary(b"", tensor(ROWS), padding="x" * 10_000), 413, "too_large", "the JSON part is larger than 10000 bytes"),
    (({LENGTH: "0"}, b"0" * 20_001), 413, "too_large", "the body is larger than 20000 bytes"),
    (({"Content-Encoding": "gzip"}, gzip.compress(b" " * 10**7)), 413, "too_large", "larger than 10000 bytes"),
    (({LENGTH: "0", "Content-Encoding": "gzip"}, gzip.compress(b"0" * 10**7)), 413, "too_large", "than 20000 bytes"),
]
BAD_TENSORS = [*((sent, 400, "invalid_input", message) for sent, message in INVALID), *OTHER_ERRORS]
