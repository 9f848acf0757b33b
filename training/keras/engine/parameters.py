"""All trainable numbers of a model in one flat vector, and their gradient in another.

Theory of operation
-------------------
An optimizer updates a whole model with a handful of operations on two vectors, however many layers there are:

    values    | kernel 0 | bias 0 | gamma 1 | beta 1 | kernel 2 | bias 2 |      (P,)
    gradient  | kernel 0 | bias 0 | gamma 1 | beta 1 | kernel 2 | bias 2 |      (P,)

The tensors follow one another layer by layer, in the order in which a layer declares them, each in C order. Moving
averages (the `statistics` of a layer) are not trained, and are in neither vector.

Owners: `Parameters` owns the two vectors. A `Parameter` holds views of its part of both, in the shape of the tensor.
Its layer and the operations of that layer share the one `Parameter`, and read its `values` afresh in every step. An
optimizer owns its state: `slots`, vectors (P,) of the same layout.

States of a `Parameter`: *declared* (a name and a shape; there are no arrays yet), then *allocated*, once a `Parameters`
has been made of the tensors of all layers. It never goes back: a model that is built again declares new tensors, makes
new vectors, and the compiled model resets its optimizer for them.

One step: every operation writes the gradient of its own tensors on the way back, regularizers add theirs, the optimizer
clips the gradient, decays the values and moves them. Afterwards the content of `gradient` is undefined.

Invariants:
- The vectors are written in place, never replaced or resized: a view stays valid as long as its model is not built
  again. Hence `parameter.values[...] = new`, not `parameter.values = new`.
- The parts of the tensors are disjoint and cover both vectors.
- A tensor belongs to exactly one operation, which overwrites its gradient in every step; nothing has to be zeroed.
- Saved optimizers hold their slots as flat vectors: the order of the tensors is part of the file format.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nn.activations import Array


@dataclass
class Parameter:
    """A tensor of a layer: its name, such as kernel, its values and their gradient, both views of the flat vectors."""

    name: str
    shape: tuple[int, ...]
    values: Array = field(init=False)
    gradient: Array = field(init=False)


class Parameters:
    """`values` and `gradient`, each (P,), in which the tensors follow one another."""

    def __init__(self, tensors: list[Parameter], dtype: npt.DTypeLike = np.float32) -> None:
        self.tensors = tensors
        sizes = [int(np.prod(tensor.shape)) for tensor in tensors]
        self.values, self.gradient = (np.zeros(sum(sizes), dtype) for _ in range(2))
        for tensor, size, end in zip(tensors, sizes, np.cumsum(sizes).tolist(), strict=True):
            part = slice(end - size, end)
            tensor.values, tensor.gradient = (v[part].reshape(tensor.shape) for v in (self.values, self.gradient))
