import numpy as np

from tests.helpers.keras_models import LOSS
from training.keras import Sequential
from training.keras.engine.data_adapter import ArrayDataAdapter, Samples
from training.keras.layers import Dense, Flatten, Rescaling
from training.keras.utils import set_random_seed


def test_batches_contain_every_row_once(rng: np.random.Generator) -> None:
    weights = np.arange(100, dtype=np.float32)
    for block in (1, 50, 1000):
        adapter = ArrayDataAdapter(np.arange(100, dtype=np.uint8).reshape(100, 1))
        adapter.block = block
        samples = Samples(adapter, np.arange(100), weights)
        batches = [(b.x[:, 0].copy(), b.y, b.weights) for b in samples.batches(32, rng.permutation(100), np.float32)]
        assert [len(y) for _, y, _ in batches] == [32, 32, 32, 4]
        x, y, w = (np.concatenate(part) for part in zip(*batches, strict=True))
        assert not np.array_equal(y, np.arange(100))
        np.testing.assert_array_equal(np.sort(y), np.arange(100))
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(w, y)


def test_byte_images_train_like_scaled_floats(rng: np.random.Generator) -> None:
    images, y = rng.integers(0, 256, (200, 6, 6), dtype=np.uint8), rng.integers(0, 3, 200)
    weights = []
    for x, first in ((images, [Flatten(), Rescaling(1 / 255)]), (images.reshape(200, 36) / np.float32(255), [])):
        set_random_seed(5)
        model = Sequential([*first, Dense(8, "relu"), Dense(3, "softmax")])
        model.compile("adam", LOSS)
        model.fit(x, y, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
