"""FastAPI with pydantic: the most common way to serve a model over HTTP."""

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
    """Predict in the event loop: for calls this short, a thread costs more than it gains."""
    return network.answer(request.instances)
