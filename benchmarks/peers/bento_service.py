"""BentoML: a service with one method."""

from typing import Annotated, Any

import bentoml
import numpy as np
from bentoml.validators import DType
from onnx_network import Network


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Predictor:
    """Rows of numbers in, classes and probabilities out."""

    def __init__(self) -> None:
        self.network = Network()

    @bentoml.api
    async def predict(self, instances: Annotated[np.ndarray, DType("float32")]) -> dict[str, Any]:
        """Predict in the event loop: `async def` avoids a thread."""
        return self.network.answer(instances)
