"""The operations that training runs; a layer is one or two of them, each a forward and its backward side by side.

`forward(x, training)` maps a batch (B, I) -> (B, U) and, in training, keeps what `backward` needs. `backward(g)` takes
the gradient with respect to the output and returns the one with respect to the input; both may overwrite their
argument. Training allocates nothing: every result goes into an array that is reused from batch to batch.

Read base, dense, dropout, normalization.
"""

from training.keras.engine.ops.base import Op, Workspace
from training.keras.engine.ops.dense import ActivationOp, DenseOp
from training.keras.engine.ops.dropout import DropoutOp
from training.keras.engine.ops.normalization import BatchNormOp, ScaleOp

__all__ = ["ActivationOp", "BatchNormOp", "DenseOp", "DropoutOp", "Op", "ScaleOp", "Workspace"]
