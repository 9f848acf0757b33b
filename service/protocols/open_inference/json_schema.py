"""The Open Inference Protocol in JSON Schema: the requests and responses of a version, and an example request."""

from typing import Any

from nn.columns import text
from service.protocols.json_schema import NUMBER, STRING, JsonSchema, array, cell_schema, record
from service.protocols.open_inference.inputs import INPUT_TENSOR, InputSpec, input_specs
from service.protocols.open_inference.outputs import PROBABILITIES, output_specs
from service.protocols.open_inference.tensor import BYTES
from store import Version

COUNT: JsonSchema = {"type": "integer", "minimum": 0}
OPTIONAL_BOOLEAN: JsonSchema = {"type": ["boolean", "null"]}


def describe_request(version: Version) -> JsonSchema:
    """Describe a request in JSON; unknown keys are ignored."""
    features, outputs = version.artifact.model.features, output_specs(version.artifact.model)
    cells = {INPUT_TENSOR: NUMBER} if features.only_numbers else {c.name: cell_schema(c) for c in features.columns}
    inputs: list[JsonSchema] = [_input(name, spec, cells[name]) for name, spec in input_specs(features).items()]
    inputs += [_object("name", name={"const": name}) for name in features.dropped if not features.only_numbers]
    return _object(
        "inputs",
        id={"type": ["string", "null"]},
        parameters=_parameters(binary_data_output=OPTIONAL_BOOLEAN),
        inputs={"type": "array", "minItems": 1, "items": {"anyOf": inputs}},
        outputs={"type": ["array", "null"], "items": {"anyOf": [*map(_output, outputs)]}},
    )


def describe_response(version: Version) -> JsonSchema:
    """Describe a response in JSON; a binary output has the number of its bytes instead of its data."""
    specs = output_specs(version.artifact.model)
    output = record(
        *("data", "parameters"),
        name={"enum": [*specs]},
        datatype={"enum": sorted({BYTES, *(spec.datatype for spec in specs.values())})},
        shape=array(COUNT),
        data={"type": "array"},
        parameters=record(binary_data_size=COUNT),
    )
    name, number = {"const": version.name}, {"const": str(version.number)}
    return record(model_name=name, model_version=number, id=STRING, outputs=array(output))


def example_request(version: Version) -> JsonSchema:
    """Return a request with a golden row."""
    features, row = version.artifact.model.features, version.artifact.golden.rows[0]
    cells = [row] if features.only_numbers else [[cell] for cell in row]
    named = zip(input_specs(features).items(), cells, strict=True)
    return {"inputs": [_tensor(name, spec, values) for (name, spec), values in named]}


def _tensor(name: str, spec: InputSpec, cells: list[Any]) -> JsonSchema:
    texts = [cell if cell is None else text(cell) for cell in cells] if spec.datatype == BYTES else cells
    return {"name": name, "shape": [1, len(cells)], "datatype": spec.datatype, "data": texts}


def _input(name: str, spec: InputSpec, cell: JsonSchema) -> JsonSchema:
    width = spec.shape[1]
    sizes = [{"type": "integer", "minimum": 1}, {"const": width}]
    return _object(
        *("name", "shape", "datatype"),
        name={"const": name},
        shape={"type": "array", "prefixItems": sizes, "minItems": 1 if width == 1 else 2, "maxItems": 2},
        datatype={"enum": sorted(spec.datatypes)},
        data={"type": ["array", "null"], "items": {"anyOf": [cell, array(cell)]}},
        parameters=_parameters(binary_data_size={"type": ["integer", "null"], "minimum": 0}),
    )


def _output(name: str) -> JsonSchema:
    best: JsonSchema = {"type": ["integer", "null"], "minimum": 1} if name == PROBABILITIES else {"type": "null"}
    parameters = _parameters(binary_data=OPTIONAL_BOOLEAN, classification=best)
    return _object("name", name={"const": name}, parameters=parameters)


def _parameters(**known: JsonSchema) -> JsonSchema:
    return {"type": ["object", "null"], "properties": known}


def _object(*required: str, **properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "required": [*required], "properties": properties}
