"""The outputs of a model in the Open Inference Protocol: named tensors, in JSON or in binary."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nn import Model
from nn.columns import text
from nn.model import Label
from service.errors import BadRequest
from service.prediction.forward import Predictions
from service.protocols.codec import BINARY_BYTES, LABEL_BYTES, NUMBER_BYTES, top_classes
from service.protocols.open_inference.request import RequestedOutput
from service.protocols.open_inference.tensor import BOOL, BYTES, FLOATS, pack_texts, quote

PROBABILITIES, PREDICTIONS = "probabilities", "predictions"
# Labels keep their type if all have the same type and it is listed here; otherwise they are encoded as strings.
LABELS: dict[type, tuple[str, np.dtype[Any]]] = {
    int: ("INT64", np.dtype("<i8")),
    float: ("FP64", np.dtype("<f8")),
    bool: (BOOL, np.dtype("?")),
}


class OutputSpec(NamedTuple):
    """One output tensor."""

    datatype: str
    shape: list[int]


def output_specs(model: Model) -> dict[str, OutputSpec]:
    """Return the outputs of a model by name."""
    values = OutputSpec("FP32", [-1, model.network.outputs])
    if model.task == "regression":
        return {PREDICTIONS: values}
    return {PROBABILITIES: values, PREDICTIONS: OutputSpec(_label_array(model.labels)[0], [-1])}


class OutputWriter:
    """Encodes the output tensors of one model."""

    def __init__(self, name: str, model: Model) -> None:
        self._name, self.specs = name, output_specs(model)
        self._texts = [*map(text, model.labels)]
        self._labels = _label_array(model.labels)[1]
        self._all = {binary: [RequestedOutput(name, binary) for name in self.specs] for binary in (False, True)}

    def choose(self, requested: Iterable[RequestedOutput], binary: bool) -> list[RequestedOutput]:
        """Return the requested outputs, or all if none is requested. Raises BadRequest.

        `binary` applies to the outputs that do not specify a format.
        """
        chosen: dict[str, RequestedOutput] = {}
        for output in requested:
            if output.name not in self.specs:
                raise BadRequest(f"unexpected inference output {quote(output.name)} for model '{self._name}'")
            if output.name in chosen:
                raise BadRequest(f"output {quote(output.name)} already exists in request")
            if output.top and output.name != PROBABILITIES:
                raise BadRequest(
                    f"output {quote(output.name)} does not support classification: only '{PROBABILITIES}' does"
                )
            chosen[output.name] = output._replace(binary=binary) if output.binary is None else output
        return [*chosen.values()] or self._all[binary]

    def row_bytes(self, output: RequestedOutput) -> int:
        """Return the estimated size of a row of an output in the response."""
        width = self.specs[output.name].shape[1:] or [1]
        if output.top:
            return min(output.top, width[0]) * LABEL_BYTES
        return width[0] * (BINARY_BYTES if output.binary else NUMBER_BYTES)

    def write(self, output: RequestedOutput, predictions: Predictions) -> tuple[dict[str, Any], bytes]:
        """Return the JSON of a tensor, and its bytes if the output is binary."""
        datatype, values = self._values(output, predictions)
        described = {"name": output.name, "datatype": datatype, "shape": values.shape}
        flat = values.ravel()
        if not output.binary:
            return {**described, "data": flat.tolist() if datatype == BYTES else flat}, b""
        raw = pack_texts(flat.tolist()) if datatype == BYTES else flat.tobytes()
        return {**described, "parameters": {"binary_data_size": len(raw)}}, raw

    def _values(self, output: RequestedOutput, predictions: Predictions) -> tuple[str, npt.NDArray[Any]]:
        if output.top:
            return BYTES, self._top(predictions.outputs, output.top)
        spec = self.specs[output.name]
        if len(spec.shape) == 1:
            return spec.datatype, self._labels[predictions.classes]
        return spec.datatype, predictions.outputs.astype(FLOATS["FP32"], copy=False)

    def _top(self, outputs: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
        """Return the top labels (B, count), each as the string score:index:label."""
        classes = top_classes(outputs, count)
        scores = np.take_along_axis(outputs, classes, axis=1).astype(np.str_)  # the shortest strings that round-trip
        pairs = zip(scores.ravel().tolist(), classes.ravel().tolist(), strict=True)
        texts = [f"{score}:{index}:{self._texts[index]}" for score, index in pairs]
        return np.array(texts, object).reshape(classes.shape)


def _label_array(labels: Sequence[Label]) -> tuple[str, npt.NDArray[Any]]:
    """Return the datatype of the labels, and the labels (C,) in that datatype."""
    types, texts = set(map(type, labels)), np.array([*map(text, labels)], object)
    if len(types) != 1 or not types <= LABELS.keys():
        return BYTES, texts
    datatype, dtype = LABELS[types.pop()]
    try:
        return datatype, np.array(labels, dtype)
    except OverflowError:  # an integer of more than 64 bits
        return BYTES, texts
