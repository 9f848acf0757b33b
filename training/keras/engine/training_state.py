"""Where a run of `fit` is: given to the loop, to callbacks and to backups."""

from dataclasses import dataclass, field

import numpy as np

from training.keras.engine.data_adapter import Indices


@dataclass
class TrainingState:
    """Together with weights, optimizer and random generators, all that the next epoch depends on.

    `stop` ends the run after the current batch, and its epoch counts; `interrupted` ends it after the current batch,
    and its epoch does not count.
    """

    epoch: int = 0  # the number of the current one, from 0; once it is complete, of the next one
    remaining_rows: Indices = field(default_factory=lambda: np.empty(0, np.intp))  # of this pass over the data
    stop: bool = False
    interrupted: bool = False
