"""FastAPI with pydantic: the usual way to put a network on the web today."""

from typing import Any

from fastapi import FastAPI
from onnx_network import Network
from pydantic import BaseModel


class Request(BaseModel):
    """Rows of numbers."""

    instances: list[list[float]]


class Answer(BaseModel):
    """The class and the probabilities of each row."""

    predictions: list[int]
    probabilities: list[list[float]]


app = FastAPI()
network = Network()


@app.post("/predict", response_model=Answer)
async def predict(request: Request) -> Any:
    """`async def`: a thread for each of such short calls costs more than it gains."""
    return network.answer(request.instances)
