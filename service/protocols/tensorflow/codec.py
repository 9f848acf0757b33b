"""The REST API of TensorFlow Serving, also KServe's V1 protocol: rows as `instances`, or columns as `inputs`."""

from typing import Any

import orjson

from service.errors import BadRequest, InvalidInput, NotFound, NotJSON, RequestError
from service.prediction.forward import Predictions
from service.prediction.messages import Request
from service.protocols.body import check_json, parse_json, unpack
from service.protocols.codec import Codec, CodecDescription, DecodedRequest, EncodedResponse, example_row
from service.protocols.fast_json import parse_rows
from service.protocols.json_cost import reserve_parsing
from service.protocols.json_schema import JsonSchema, describe_rows, matrix, record
from service.protocols.rows import INSTANCES_KEY, read_body
from service.protocols.tensorflow.body import INPUTS_KEY, SIGNATURE_KEY, describe_inputs, predict_schema
from service.settings import Settings
from store import Version

RESPONSE_KEYS = {INSTANCES_KEY: "predictions", INPUTS_KEY: "outputs"}
SERVING_DEFAULT = "serving_default"  # the only signature
FORM = "application/x-www-form-urlencoded"


class TensorFlowCodec(Codec):
    """`{"instances": rows}` or `{"inputs": columns}` -> probabilities or values (B, C)."""

    name = "tensorflow"
    title = "TensorFlow Serving REST API (KServe V1)"
    statuses = Codec.statuses | {
        400: "The body is not valid JSON or not a valid input for the model, or the label is unknown."
    }

    def __init__(self, version: Version, settings: Settings) -> None:
        super().__init__(version, settings)
        self._schema = predict_schema(self.model.features, settings.max_rows)

    def decode(self, request: Request) -> DecodedRequest:
        """Decode JSON, which may have curl's default content type; of duplicate keys, the last is used."""
        body = unpack(request, self.settings.max_body_bytes)
        check_json(request.headers, FORM)
        codes = parse_rows(body, self.model.features, self.settings.max_rows)
        if codes is not None:
            return DecodedRequest(codes, RESPONSE_KEYS[INSTANCES_KEY])
        reserve_parsing(request, body)
        loaded = read_body(self._schema, parse_json(body))
        _check_signature(loaded[SIGNATURE_KEY])
        given = [key for key in RESPONSE_KEYS if key in loaded]
        if not given:
            raise BadRequest("Missing 'inputs' or 'instances' key")
        if len(given) > 1:
            raise BadRequest("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
        return DecodedRequest(loaded[given[0]], RESPONSE_KEYS[given[0]])

    def encode(self, decoded: DecodedRequest, predictions: Predictions) -> EncodedResponse:
        """Encode the outputs under the key that corresponds to the one in the request."""
        return EncodedResponse(orjson.dumps({decoded.options: predictions.outputs}, option=orjson.OPT_SERIALIZE_NUMPY))

    def describe(self) -> CodecDescription:
        one_of = [{"required": [key]} for key in RESPONSE_KEYS]
        properties = {
            INSTANCES_KEY: describe_rows(self.model.features, self.settings.max_rows),
            INPUTS_KEY: describe_inputs(self.model.features),
            SIGNATURE_KEY: {"default": "", "enum": ["", SERVING_DEFAULT]},
        }
        request: JsonSchema = {"type": "object", "properties": properties, "oneOf": one_of}
        outputs = matrix(self.model.network.outputs)
        response = {"anyOf": [record(**{key: outputs}) for key in RESPONSE_KEYS.values()]}
        return CodecDescription(request, response, {INSTANCES_KEY: [example_row(self.version)]})

    @staticmethod
    def encode_error(error: RequestError) -> tuple[int, bytes]:
        """Return the status and the JSON body of an error, with TensorFlow Serving's message where it has one."""
        status, message = _translate(error)
        return status, orjson.dumps({"error": message})


def _check_signature(name: Any) -> None:
    if type(name) is not str:
        raise BadRequest("'signature_name' key must be a string value")
    if name not in ("", SERVING_DEFAULT):
        raise BadRequest(f'Serving signature name: "{name[:100]}" not found in signature def')


def _translate(error: RequestError) -> tuple[int, str]:
    match error:
        case NotJSON(__cause__=orjson.JSONDecodeError() as cause):
            found = "The document is empty" if "empty" in cause.msg else f"{cause.msg} at offset: {cause.pos}"
            return 400, f"JSON Parse error: {found}"
        case InvalidInput():
            return 400, str(error)
        case NotFound(alias=str() as label):
            return 400, f"Unrecognized servable version label: {label}"
        case NotFound(name=str() as name, version=str() as version):
            return 404, f"Servable not found for request: Specific({name}, {version})"
        case NotFound(name=str() as name):
            return 404, f"Servable not found for request: Latest({name})"
        case _:
            return error.status, str(error)
