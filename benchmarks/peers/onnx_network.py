"""The network as the other servers run it: in ONNX Runtime, with one thread, from the file that MODEL names."""

import os
from typing import Any

import numpy as np
from onnxruntime import InferenceSession, SessionOptions


class Network:
    """Rows (B, I) in, probabilities (B, C) out."""

    def __init__(self) -> None:
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])

    def predict(self, rows: Any) -> Any:
        """Run rows of any numeric kind."""
        (probabilities,) = self._session.run(None, {"rows": np.asarray(rows, np.float32)})
        return probabilities

    def answer(self, rows: Any) -> dict[str, Any]:
        """Return classes and probabilities as lists, ready for JSON."""
        probabilities = self.predict(rows)
        return {"predictions": probabilities.argmax(axis=1).tolist(), "probabilities": probabilities.tolist()}
