"""The network of the other servers: ONNX Runtime with one thread, from the file in the environment variable MODEL."""

import os
from typing import Any

import numpy as np
from onnxruntime import InferenceSession, SessionOptions


class Network:
    """Maps rows (B, I) to probabilities (B, C)."""

    def __init__(self) -> None:
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])

    def predict(self, rows: Any) -> Any:
        """Return the probabilities of rows of any numeric type."""
        (probabilities,) = self._session.run(None, {"rows": np.asarray(rows, np.float32)})
        return probabilities

    def answer(self, rows: Any) -> dict[str, Any]:
        """Return the classes and probabilities as lists for JSON."""
        probabilities = self.predict(rows)
        return {"predictions": probabilities.argmax(axis=1).tolist(), "probabilities": probabilities.tolist()}
