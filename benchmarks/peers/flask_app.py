"""Flask with marshmallow, with a Float field for every number: the straightforward implementation."""

from typing import Any

from flask import Flask, request
from marshmallow import Schema, ValidationError, fields
from onnx_network import Network


class Request(Schema):
    """Rows of numbers."""

    instances = fields.List(fields.List(fields.Float()), required=True)


app = Flask(__name__)
network = Network()
schema = Request()


@app.post("/predict")
def predict() -> Any:
    """Return the classes and probabilities of the rows."""
    try:
        rows = schema.load(request.get_json())["instances"]
    except ValidationError as error:
        return {"error": error.messages}, 422
    return network.answer(rows)
