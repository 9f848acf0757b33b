"""What a model gives in the Open Inference Protocol: its named tensors, in JSON or as bytes."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nn import Model
from nn.columns import text
from nn.model import Label
from service.errors import BadRequest
from service.prediction.forward import Predicted
from service.protocols.open_inference.request import Wanted
from service.protocols.open_inference.tensor import BOOL, BYTES, pack_texts, quote

PROBABILITIES, PREDICTIONS = "probabilities", "predictions"
FLOAT32 = np.dtype("<f4")
# Labels that are all of one of these types keep it; others are written as texts.
LABELS: dict[type, tuple[str, np.dtype[Any]]] = {
    int: ("INT64", np.dtype("<i8")),
    float: ("FP64", np.dtype("<f8")),
    bool: (BOOL, np.dtype("?")),
}


class Slot(NamedTuple):
    """One tensor that is given."""

    datatype: str
    shape: list[int]


def output_slots(model: Model) -> dict[str, Slot]:
    """Return what a model gives, by name."""
    values = Slot("FP32", [-1, model.network.outputs])
    if model.task == "regression":
        return {PREDICTIONS: values}
    return {PROBABILITIES: values, PREDICTIONS: Slot(_label_array(model.labels)[0], [-1])}


class OutputWriter:
    """Writes the tensors of answers of one model."""

    def __init__(self, name: str, model: Model) -> None:
        self._name, self.slots = name, output_slots(model)
        self._texts = [*map(text, model.labels)]
        self._labels = _label_array(model.labels)[1]
        self._all = {binary: [Wanted(name, binary) for name in self.slots] for binary in (False, True)}

    def choose(self, wanted: Iterable[Wanted], binary: bool) -> list[Wanted]:
        """Return what will be written: all where nothing is named; as bytes unless told otherwise, or not."""
        chosen: dict[str, Wanted] = {}
        for one in wanted:
            if one.name not in self.slots:
                raise BadRequest(f"unexpected inference output {quote(one.name)} for model '{self._name}'")
            if one.name in chosen:
                raise BadRequest(f"output {quote(one.name)} already exists in request")
            if one.best and one.name != PROBABILITIES:
                raise BadRequest(f"output {quote(one.name)} has no classification: only '{PROBABILITIES}' has")
            chosen[one.name] = one._replace(binary=binary) if one.binary is None else one
        return [*chosen.values()] or self._all[binary]

    def write(self, wanted: Wanted, predicted: Predicted) -> tuple[dict[str, Any], bytes]:
        """Return the JSON of a tensor, and its bytes if it is wanted so."""
        datatype, values = self._values(wanted, predicted)
        described = {"name": wanted.name, "datatype": datatype, "shape": values.shape}
        flat = values.ravel()
        if not wanted.binary:
            return {**described, "data": flat.tolist() if datatype == BYTES else flat}, b""
        raw = pack_texts(flat.tolist()) if datatype == BYTES else flat.tobytes()
        return {**described, "parameters": {"binary_data_size": len(raw)}}, raw

    def _values(self, wanted: Wanted, predicted: Predicted) -> tuple[str, npt.NDArray[Any]]:
        if wanted.best:
            return BYTES, self._best(predicted.outputs, wanted.best)
        slot = self.slots[wanted.name]
        if len(slot.shape) == 1:
            return slot.datatype, self._labels[predicted.classes]
        return slot.datatype, predicted.outputs.astype(FLOAT32, copy=False)

    def _best(self, outputs: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
        """The most probable labels (B, count), each as score:place:label, the best first; of equals, the first."""
        best = np.argsort(-outputs, axis=1, kind="stable")[:, :count]
        scores = np.take_along_axis(outputs, best, axis=1).astype(np.str_)  # the shortest that read back the same
        pairs = zip(scores.ravel().tolist(), best.ravel().tolist(), strict=True)
        texts = [f"{score}:{place}:{self._texts[place]}" for score, place in pairs]
        return np.array(texts, object).reshape(best.shape)


def _label_array(labels: Sequence[Label]) -> tuple[str, npt.NDArray[Any]]:
    """Return the datatype in which labels are written, and the labels (C,) in it."""
    types, texts = set(map(type, labels)), np.array([*map(text, labels)], object)
    if len(types) != 1 or not types <= LABELS.keys():
        return BYTES, texts
    datatype, dtype = LABELS[types.pop()]
    try:
        return datatype, np.array(labels, dtype)
    except OverflowError:  # a number of more than 64 bits
        return BYTES, texts
