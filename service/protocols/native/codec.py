"""The native protocol: rows in JSON, as lists or as objects by feature name, or an array in NumPy's file format."""

import io
from typing import Any

import numpy as np
import orjson

from nn.activations import Array
from nn.features import Codes
from nn.numbers import find_nonfinite, read_numbers
from service.errors import MAX_DETAILS, InvalidInput, Problem, WrongContentType
from service.prediction.forward import Predictions
from service.prediction.messages import Headers, Request, content_type
from service.protocols.body import check_json, parse_json, unpack
from service.protocols.codec import (
    BINARY_BYTES,
    LABEL_BYTES,
    NUMBER_CODE_BYTES,
    Codec,
    CodecDescription,
    DecodedRequest,
    EncodedResponse,
    example_row,
    top_classes,
)
from service.protocols.fast_json import parse_rows
from service.protocols.json_cost import reserve_parsing
from service.protocols.json_schema import NUMBER, STRING, WHOLE, JsonSchema, array, describe_rows, matrix, record
from service.protocols.npy import read_npy
from service.protocols.rows import INSTANCES_KEY, TOP_KEY, check_row_count, read_body, request_schema, row_location
from service.settings import Settings
from store import Version

NPY = "application/x-npy"
DETAILS = array(record(pointer=STRING, expected=STRING, got=STRING)) | {"maxItems": MAX_DETAILS}


class NativeCodec(Codec):
    """`{"instances": rows}` -> labels and probabilities, or the `top` labels of each row."""

    name = "native"
    title = "Native API"
    binary = NPY
    statuses = Codec.statuses | {422: "The body is valid JSON, but not a valid input for the model."}
    error = record("details", error=STRING, details=DETAILS)

    def __init__(self, version: Version, settings: Settings) -> None:
        super().__init__(version, settings)
        self._schema = request_schema(self.model.features, settings.max_rows, len(self.model.labels))

    @staticmethod
    def is_binary(headers: Headers) -> bool:
        return content_type(headers) == NPY

    def decode(self, request: Request) -> DecodedRequest:
        """Decode JSON or an array; the Accept header selects the format of the response."""
        accepted = (request.headers.get("accept") or "").strip().lower()
        if self.is_binary(request.headers):
            codes = self._read_array(request, unpack(request, self.settings.max_binary_bytes))
            if accepted in ("", "*/*", NPY):
                return DecodedRequest(codes, NPY)
            # A few kB of compressed zeros could request hundreds of MB of JSON, which is encoded in one piece.
            check_row_count(len(codes), self.settings.max_rows, f"are returned as JSON: send Accept: {NPY}")
            return DecodedRequest(codes)
        body = unpack(request, self.settings.max_body_bytes)
        check_json(request.headers)
        plain = parse_rows(body, self.model.features, self.settings.max_rows)
        if plain is not None:
            return DecodedRequest(plain, NPY if accepted == NPY else None)
        reserve_parsing(request, body)
        loaded = read_body(self._schema, parse_json(body))
        return DecodedRequest(loaded[INSTANCES_KEY], NPY if accepted == NPY else loaded.get(TOP_KEY))

    def response_bytes(self, decoded: DecodedRequest) -> int:
        if decoded.options is None:
            return super().response_bytes(decoded)
        outputs = self.model.network.outputs
        row = outputs * BINARY_BYTES if decoded.options == NPY else min(decoded.options, outputs) * LABEL_BYTES
        return len(decoded.codes) * row

    def encode(self, decoded: DecodedRequest, predictions: Predictions) -> EncodedResponse:
        """Encode an object, or only the outputs if the client requested an array."""
        outputs, model = predictions.outputs, self.model
        if decoded.options == NPY:
            stream = io.BytesIO()
            np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(outputs))
            return EncodedResponse(b"".join([stream.getvalue(), outputs.data]), {"Content-Type": NPY})
        response: dict[str, Any] = {"model": self.version.name, "version": self.version.number}
        if model.task == "regression":
            response["predictions"] = outputs[:, 0] if outputs.shape[1] == 1 else outputs
        else:
            response["predictions"] = [model.labels[index] for index in predictions.classes.tolist()]
            if decoded.options is None:
                response["probabilities"] = outputs
            else:
                response["top"] = self._top(outputs, decoded.options)
        return EncodedResponse(orjson.dumps(response, option=orjson.OPT_SERIALIZE_NUMPY))

    def describe(self) -> CodecDescription:
        top: JsonSchema = {"type": "integer", "minimum": 1} if self.model.labels else {"not": {}}
        request = record(TOP_KEY, instances=describe_rows(self.model.features, self.settings.max_rows), top=top)
        return CodecDescription(request, self._response_schema(), {INSTANCES_KEY: [example_row(self.version)]})

    @staticmethod
    def location(row: int) -> str:
        return row_location(row)

    def _response_schema(self) -> JsonSchema:
        columns = self.model.network.outputs
        model = {"model": STRING, "version": WHOLE}
        if self.model.task == "regression":
            values = array(NUMBER) if columns == 1 else matrix(columns)
            return record(**model, predictions=values)
        label: JsonSchema = {"enum": list(self.model.labels)}
        best = array(record(label=label, probability=NUMBER))
        keys = {"predictions": array(label), "probabilities": matrix(columns), "top": array(best)}
        return record("probabilities", "top", **model, **keys)

    def _top(self, outputs: Array, count: int) -> list[list[dict[str, Any]]]:
        labels = self.model.labels
        return [
            [{"label": labels[index], "probability": row[index]} for index in classes]
            for row, classes in zip(outputs, top_classes(outputs, count).tolist(), strict=True)
        ]

    def _read_array(self, request: Request, raw: bytes | bytearray) -> Codes:
        """Read rows (B, K) of numbers that are finite when rounded to float32. Raises RequestError."""
        if not self.model.features.only_numbers:
            raise WrongContentType("the model has non-numeric columns: send JSON with Content-Type: application/json")
        numbers = read_npy(raw)
        columns = len(self.model.features)
        if numbers.ndim != 2 or numbers.shape[1] != columns or not len(numbers):
            raise InvalidInput([Problem("", f"an array of shape (n, {columns})", f"one of shape {numbers.shape}")])
        check_row_count(len(numbers), self.settings.max_binary_rows)
        request.reservation.grow(numbers.size * NUMBER_CODE_BYTES)
        codes = read_numbers(numbers)
        if wrong := find_nonfinite(codes, limit=MAX_DETAILS + 1):
            expected, got = "a number within ±3.4e38 (float32)", "NaN or a larger one"
            raise InvalidInput([Problem(row_location(*cell), expected, got) for cell in wrong])
        return codes
