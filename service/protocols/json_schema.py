"""JSON Schema: building blocks for responses, and the schemas of the rows that a model accepts."""

from typing import Any

from nn import Boolean, Category, Features, Number
from nn.columns import Column

JsonSchema = dict[str, Any]

TYPES = {"number": ["number"], "category": ["string", "number", "boolean"], "boolean": ["boolean"], "date": ["string"]}
MAX_CATEGORIES = 10  # listed in the description of a column
STRING: JsonSchema = {"type": "string"}
WHOLE: JsonSchema = {"type": "integer"}
TRUTH: JsonSchema = {"type": "boolean"}
NUMBER: JsonSchema = {"type": "number"}
OBJECT: JsonSchema = {"type": "object"}


def record(*optional: str, **properties: JsonSchema) -> JsonSchema:
    """Describe an object with these keys and no others; all keys are required, except the optional ones."""
    required = [key for key in properties if key not in optional]
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def array(items: JsonSchema, length: int | None = None) -> JsonSchema:
    """Describe a list, of any length by default."""
    return {"type": "array", "items": items} | _exactly(length)


def mapping(values: JsonSchema) -> JsonSchema:
    """Describe an object with arbitrary keys."""
    return {"type": "object", "additionalProperties": values}


def nullable(schema: JsonSchema) -> JsonSchema:
    """Describe a value that may also be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def matrix(columns: int) -> JsonSchema:
    """Describe an array (B, columns) of numbers."""
    return array(array(NUMBER, columns))


def describe_rows(features: Features, max_rows: int) -> JsonSchema:
    """Describe the rows of a request: either all lists, or all objects by feature name."""
    kinds = [{"items": row(features)} for row in (list_row, object_row)]
    return {"type": "array", "minItems": 1, "maxItems": max_rows, "anyOf": kinds}


def list_row(features: Features) -> JsonSchema:
    """Describe a row as a list of its cells, in the order of the columns."""
    if features.only_numbers and not features.accept_text:
        return array(NUMBER, len(features))
    return {"type": "array", "prefixItems": [*map(cell_schema, features.columns)], **_exactly(len(features))}


def object_row(features: Features) -> JsonSchema:
    """Describe a row as an object; columns that training dropped are accepted and ignored."""
    cells = {column.name: cell_schema(column) for column in features.columns}
    dropped: dict[str, JsonSchema] = {name: {"description": "ignored"} for name in features.dropped}
    return record(*dropped, *(column.name for column in features.columns if column.missing), **(cells | dropped))


def cell_schema(column: Column) -> JsonSchema:
    """Describe the values that a column accepts. Categories are not an enum, because unseen values are accepted."""
    also_numbers = isinstance(column, Boolean) and column.numbers
    also_text = isinstance(column, Number) and column.decimal
    more = [*(["number"] if also_numbers else []), *(["string"] if also_text else [])]
    types = [*TYPES[column.kind], *more, *(["null"] if column.missing else [])]
    schema: JsonSchema = {"type": types if len(types) > 1 else types[0]}
    if isinstance(column, Category):
        others = ", …" if len(column.categories) > MAX_CATEGORIES else ""
        schema["description"] = (
            f"{', '.join(column.categories[:MAX_CATEGORIES])}{others}; any other value is treated as unseen"
        )
    elif column.kind == "date" or more:
        schema["description"] = column.expected
    return schema


def _exactly(length: int | None) -> JsonSchema:
    return {} if length is None else {"minItems": length, "maxItems": length}
