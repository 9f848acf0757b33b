"""All trainable parameters of a model in one flat vector, and their gradient in another.

Theory of operation
-------------------
An optimizer updates a whole model with a few operations on two vectors, regardless of the number of layers:

    values    | kernel 0 | bias 0 | gamma 1 | beta 1 | kernel 2 | bias 2 |      (P,)
    gradient  | kernel 0 | bias 0 | gamma 1 | beta 1 | kernel 2 | bias 2 |      (P,)

The tensors are stored layer by layer, in the order in which a layer declares them, each in C order. Moving averages
(the `statistics` of a layer) are not trained, and are not part of either vector.

Ownership: `Parameters` owns the two vectors. A `Parameter` holds views of its part of both, in the shape of the tensor.
A layer and its operations share each `Parameter`, and read its `values` again in every step. An optimizer owns its
`slots`, vectors (P,) of the same layout.

States of a `Parameter`: *declared* (a name and a shape, but no arrays), then *allocated*, once a `Parameters` has been
created from the tensors of all layers. It never returns to an earlier state: a model that is built again declares new
tensors and creates new vectors, and the compiled model resets its optimizer.

One step: in the backward pass every operation writes the gradients of its tensors; then regularizers add theirs, and
the optimizer applies weight decay, clips the gradient and updates the values. Afterwards the content of `gradient` is
undefined.

Invariants:
- The vectors are written in place, and never replaced or resized: a view stays valid until its model is built again.
  Hence `parameter.values[...] = new`, not `parameter.values = new`.
- The parts of the tensors are disjoint and cover both vectors.
- A tensor belongs to exactly one operation, which overwrites its gradient in every step. Gradients need no zeroing.
- Slots are saved as flat vectors: the order of the tensors is part of the file format.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nn.activations import Array


@dataclass
class Parameter:
    """A tensor of a layer: its name, such as kernel, and its values and gradient, which are views of the vectors."""

    name: str
    shape: tuple[int, ...]
    values: Array = field(init=False)
    gradient: Array = field(init=False)


class Parameters:
    """The flat vectors `values` and `gradient`, each (P,), of the given tensors."""

    def __init__(self, tensors: list[Parameter], dtype: npt.DTypeLike = np.float32) -> None:
        self.tensors = tensors
        sizes = [int(np.prod(tensor.shape)) for tensor in tensors]
        self.values, self.gradient = (np.zeros(sum(sizes), dtype) for _ in range(2))
        for tensor, size, end in zip(tensors, sizes, np.cumsum(sizes).tolist(), strict=True):
            part = slice(end - size, end)
            tensor.values, tensor.gradient = (v[part].reshape(tensor.shape) for v in (self.values, self.gradient))
