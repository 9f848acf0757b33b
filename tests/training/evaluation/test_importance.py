from pathlib import Path

import numpy as np

from training.config import Config
from training.data.load import load_dataset
from training.evaluation.importance import importance
from training.fitting.fit import fit_model


def test_informative_columns_have_the_highest_importance(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "t.csv"
    rows = rng.normal(size=(600, 3))
    lines = [f"{a},{b},{c},{'yes' if 2 * a + b > 0 else 'no'}" for a, b, c in rows]
    path.write_text("\n".join(["most,less,nothing,answer", *lines]))
    data = load_dataset(config := Config(data=str(path), target="answer"))
    found = importance(fit_model(config, data).model, data.test, data.image)
    assert found.names == ["most", "less", "nothing"]
    most, less, nothing = found.rise
    assert most > less > nothing
    assert abs(nothing) < most / 10


def test_patches_of_a_large_image_are_shuffled_together(tmp_path: Path, rng: np.random.Generator) -> None:
    x = rng.integers(0, 256, (400, 28, 20), dtype=np.uint8)
    y = rng.integers(0, 2, 400)
    x[:, 4:6, 6:8] = 255 * y[:, None, None]
    np.savez(tmp_path / "x.npz", X=x, y=y)
    data = load_dataset(config := Config(data=str(tmp_path / "x.npz"), epochs=30, layers=(16,)))
    found = importance(fit_model(config, data).model, data.test, data.image)
    assert found.image == (14, 10)
    assert found.rise.argmax() == 2 * 10 + 3
