import numpy as np
import pytest

from nn import Features, Model
from nn.model import Label
from tests.helpers.models import make_artifact, make_network


def test_the_best_label_is_the_first_of_the_most_probable(rng: np.random.Generator) -> None:
    model = make_artifact(rng, labels=(7, "seven", True)).model
    probabilities = np.array([[0.1, 0.2, 0.7], [0.4, 0.4, 0.2]], np.float32)
    assert model.best_labels(probabilities) == [True, 7]


def test_rows_are_scaled_before_the_network(rng: np.random.Generator) -> None:
    model = make_artifact(rng).model
    rows = rng.normal(size=(6, 4)).astype(np.float32)
    expected = model.network.predict(model.features.inputs(rows))
    np.testing.assert_array_equal(model.predict(rows), expected)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("width", "task", "labels", "last", "message"),
    [
        (5, "classification", ("a", "b", "c"), "softmax", "the features have 5 inputs, but the network expects 4"),
        (4, "classification", ("a", "b"), "softmax", "2 labels, but the network has 3 outputs"),
        (4, "classification", ("a", "b", "b"), "softmax", "labels must be unique"),
        (4, "classification", ("a", "b", "c"), "relu", "the last activation of a classifier must be softmax, not relu"),
        (4, "regression", ("a", "b", "c"), "linear", "a regression model must not have labels"),
        (4, "guessing", (), "linear", "unknown task 'guessing'"),
    ],
)
def test_parts_that_do_not_fit_are_rejected(
    width: int, task: str, labels: tuple[Label, ...], last: str, message: str, rng: np.random.Generator
) -> None:
    network = make_network(rng, (4, 3), last=last)
    with pytest.raises(ValueError, match=message):
        Model(Features.plain(width), network, task, labels)


def test_equal_labels_of_different_types_are_distinct(rng: np.random.Generator) -> None:
    network = make_network(rng, (4, 3))
    assert Model(Features.plain(4), network, "classification", (1, True, "1")).labels == (1, True, "1")
