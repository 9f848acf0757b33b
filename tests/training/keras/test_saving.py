"""Models and interrupted runs as files."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import TrainingError
from training.keras import Input, Sequential, models, regularizers
from training.keras.callbacks import BackupAndRestore, Callback, EarlyStopping
from training.keras.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Normalization, Rescaling
from training.keras.losses import Huber, SparseCategoricalCrossentropy
from training.keras.metrics import AUC, BinaryAccuracy
from training.keras.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop
from training.keras.optimizers.schedules import CosineDecay
from training.keras.saving.serialization import serialize

LOSS = "sparse_categorical_crossentropy"
X, Y = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32), np.arange(200) % 3


def _trained(optimizer: Any = "adam") -> Sequential:
    normal = Normalization()
    normal.adapt(X)
    layers = [
        Input((4,)),
        normal,
        Rescaling(2.0, offset=0.5),
        Dense(6, kernel_regularizer=regularizers.l2(0.01), kernel_initializer="he_normal"),
        BatchNormalization(momentum=0.9),
        Activation("elu"),
        Dropout(0.3),
        Flatten(),
        Dense(3, "softmax", use_bias=False, name="last"),
    ]
    model = Sequential(layers)
    model.compile(optimizer, LOSS, ["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize(
    "optimizer",
    ["adam", SGD(0.1, momentum=0.9, clipnorm=1.0), AdamW(CosineDecay(0.0, 90, warmup_target=0.01, warmup_steps=5))],
)
def test_a_loaded_model_goes_on_as_if_nothing_had_happened(optimizer: Any, tmp_path: Path) -> None:
    model = _trained(optimizer)
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y) == model.evaluate(X, Y)
    assert loaded.layers[-1].name == "last"
    assert type(loaded.optimizer) is type(model.optimizer)
    for trained in (model, loaded):
        trained.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(loaded.parameters.values, model.parameters.values)


def test_losses_and_metrics_are_kept(tmp_path: Path) -> None:
    model = Sequential([Dense(1)])
    model.build((None, 4))
    model.save(tmp_path / "bare.npz")
    assert not models.load_model(tmp_path / "bare.npz").compiled
    model.compile("sgd", Huber(0.3, name="own"), ["mae", AUC(num_thresholds=50), BinaryAccuracy(threshold=0.3)])
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz")
    assert isinstance(loaded.loss, Huber)
    assert (loaded.loss.delta, loaded.loss.name) == (0.3, "own")
    assert loaded.metrics[0] == "mae"
    assert loaded.metrics[1].num_thresholds == 50
    assert loaded.metrics[2].threshold == 0.3


OTHERWISE = [
    SGD(0.2, momentum=0.5, nesterov=True, clipvalue=0.5),
    RMSprop(0.02, rho=0.8, momentum=0.1, epsilon=1e-5, global_clipnorm=2.0),
    Adam(0.03, beta_1=0.8, beta_2=0.95, epsilon=1e-4, clipnorm=1.5),
    AdamW(0.04, 0.1, 0.7, 0.9, 1e-3, exclude_from_weight_decay=["bias"], clipnorm=1.5),
]


@pytest.mark.parametrize("optimizer", OTHERWISE, ids=lambda optimizer: type(optimizer).__name__)
def test_every_argument_of_an_optimizer_is_kept(optimizer: Optimizer, tmp_path: Path) -> None:
    assert {type(optimizer) for optimizer in OTHERWISE} == set(OPTIMIZERS.values())
    description = serialize(optimizer)
    default = serialize(OPTIMIZERS[type(optimizer).__name__.lower()]())
    assert all(value != default["arguments"].get(name) for name, value in description["arguments"].items())
    model = _trained(optimizer)
    model.save(tmp_path / "model.npz")
    assert serialize(models.load_model(tmp_path / "model.npz").optimizer) == description


def test_what_was_left_out_of_weight_decay_stays_out(tmp_path: Path) -> None:
    optimizer = AdamW()
    optimizer.exclude_from_weight_decay(["bias"])
    model = _trained(optimizer)
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz")
    for trained in (model, loaded):
        trained.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(loaded.parameters.values, model.parameters.values)


def test_weights_alone(tmp_path: Path) -> None:
    model = _trained()
    model.save_weights(tmp_path / "weights.npz")
    other = _trained()
    other.load_weights(tmp_path / "weights.npz")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    small = Sequential([Dense(3)])
    small.build((None, 4))
    with pytest.raises(TrainingError, match="weight list of length 7, but the layer was expecting 2"):
        small.load_weights(tmp_path / "weights.npz")


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="can't be read: No such file"):
        models.load_model(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(TrainingError, match="is damaged, or was not written by this program"):
        models.load_model(tmp_path / "text.npz")
    np.savez(tmp_path / "pickled.npz", state=np.array([None]))
    with pytest.raises(TrainingError, match="is damaged"):
        models.load_model(tmp_path / "pickled.npz")
    model = _trained()
    model.save_weights(tmp_path / "weights.npz")
    with pytest.raises(TrainingError, match="holds no layers"):
        models.load_model(tmp_path / "weights.npz")
    model.save(tmp_path / "model.npz")
    whole = (tmp_path / "model.npz").read_bytes()
    for share in (0.1, 0.5, 0.99):
        (tmp_path / "model.npz").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(TrainingError, match=r"model\.npz is damaged"):
            models.load_model(tmp_path / "model.npz")
    with pytest.raises(TrainingError, match="can't be written: No such file"):
        model.save(tmp_path / "no/such/folder.npz")


def test_what_is_not_ours_can_not_be_saved(tmp_path: Path) -> None:
    class Own(SparseCategoricalCrossentropy):
        pass

    model = Sequential([Dense(3, "softmax")])
    model.compile("adam", Own())
    model.build((None, 4))
    with pytest.raises(TrainingError, match="can't be saved: its class is none of this package's"):
        model.save(tmp_path / "model.npz")


class Crash(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise RuntimeError("the power failed")


SCRIPT = """
import sys
import numpy as np
from pathlib import Path
from training.keras import Sequential
from training.keras.callbacks import BackupAndRestore, EarlyStopping, LambdaCallback
from training.keras.layers import BatchNormalization, Dense, Dropout
from training.keras.utils import set_random_seed

folder, epochs = Path(sys.argv[1]), 60
rng = np.random.default_rng(1)
x, y = rng.normal(size=(512, 20)).astype(np.float32), rng.integers(0, 3, 512)
set_random_seed(7)
model = Sequential([Dense(32, "relu"), BatchNormalization(), Dropout(0.4), Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
log = (folder / "log.txt").open("a")
tell = LambdaCallback(on_epoch_begin=lambda epoch, logs: print(epoch, file=log, flush=True))
stopping = EarlyStopping(patience=50, restore_best_weights=True)
history = model.fit(x, y, epochs=epochs, batch_size=16, validation_split=0.2, verbose=0,
                    callbacks=[tell, stopping, BackupAndRestore(folder / "backup", delete_checkpoint=False)])
np.savez(folder / "result.npz", **{str(i): w for i, w in enumerate(model.get_weights())},
         loss=history.history["loss"], val_loss=history.history["val_loss"], epoch=history.epoch)
"""


def _run(folder: Path, kill_after: float | None = None) -> bool:
    """Run the script, kill it after some seconds; tell whether it came to its end."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)])
    try:
        process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False
    assert process.returncode == 0
    return True


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bits(tmp_path: Path, rng: np.random.Generator) -> None:
    began = time.monotonic()
    assert _run(tmp_path / "whole")
    seconds = time.monotonic() - began
    whole = np.load(tmp_path / "whole/result.npz")
    kills, runs = 0, 0
    while kills < 20:
        folder = tmp_path / f"killed{runs}"
        runs += 1
        while not _run(folder, rng.uniform(0.6, 1.0) * seconds):
            kills += 1
        result = np.load(folder / "result.npz")
        for name in whole.files:
            np.testing.assert_array_equal(result[name], whole[name], err_msg=name)
        began_epochs = (folder / "log.txt").read_text().split()
        repeated = len(began_epochs) - len(set(began_epochs))
        assert repeated <= kills
    assert kills >= 20


@pytest.mark.parametrize("steps", [None, 5])
def test_a_crashed_run_goes_on(steps: int | None, tmp_path: Path) -> None:
    def run(*extra: Callback) -> Any:
        np.random.default_rng(0)
        model = Sequential([Dense(8, "relu"), Dropout(0.5), Dense(3, "softmax")])
        model.compile("adam", LOSS, ["accuracy"])
        model.rng = np.random.Generator(np.random.SFC64(3))
        stopping = EarlyStopping("loss", patience=9, restore_best_weights=True)
        callbacks = [stopping, *extra, BackupAndRestore(tmp_path)]
        history = model.fit(X, Y, epochs=6, steps_per_epoch=steps, verbose=0, callbacks=callbacks)
        return model.get_weights(), history.history, history.epoch

    expected = run(Crash(99))
    with pytest.raises(RuntimeError, match="the power failed"):
        run(Crash(4))
    assert (tmp_path / "backup.npz").exists()
    weights, history, epochs = run(Crash(99))
    for one, other in zip(weights, expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (history, epochs) == expected[1:]
    assert not (tmp_path / "backup.npz").exists()


def test_a_run_that_had_come_to_its_end_does_not_go_on(tmp_path: Path) -> None:
    def run() -> Any:
        model = _small()
        stopping = EarlyStopping("loss", patience=1, min_delta=10, restore_best_weights=True)
        history = model.fit(
            X, Y, epochs=9, verbose=0, callbacks=[stopping, BackupAndRestore(tmp_path, delete_checkpoint=False)]
        )
        return model.parameters.values, history.epoch

    weights, epochs = run()
    assert epochs == [0, 1]
    again, same = run()
    np.testing.assert_array_equal(again, weights)
    assert same == epochs


def test_a_backup_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        _small().fit(X, Y, epochs=3, verbose=0, callbacks=[Crash(1), BackupAndRestore(tmp_path)])
    with pytest.raises(TrainingError, match="belongs to a run with other callbacks"):
        _small().fit(X, Y, epochs=3, verbose=0, callbacks=[EarlyStopping("loss"), BackupAndRestore(tmp_path)])
    with pytest.raises(TrainingError, match="Layer weight shape"):
        _small(5).fit(X, Y, epochs=3, verbose=0, callbacks=[Crash(9), BackupAndRestore(tmp_path)])
    (tmp_path / "backup.npz").write_bytes(b"PK damaged")
    with pytest.raises(TrainingError, match=r"backup\.npz is damaged"):
        _small().fit(X, Y, epochs=3, verbose=0, callbacks=[Crash(9), BackupAndRestore(tmp_path)])


def _small(units: int = 3) -> Sequential:
    model = Sequential([Dense(units, "softmax")])
    model.compile("adam", LOSS)
    return model
