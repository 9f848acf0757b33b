import numpy as np
import pytest

from nn import Dense, Features, Model, Network
from training.data.dataset import Split
from training.evaluation.dependence import partial_dependence
from training.evaluation.measure import Evaluation, constant_result, simpler_models
from training.evaluation.scores import evaluate_model


def test_the_constant_models_predict_frequencies_and_the_mean() -> None:
    train, y = np.array([0, 0, 0, 1]), np.array([0, 1, 1])
    scores = constant_result(train, y, 2).scores("classification")
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["loss"] == pytest.approx(-(np.log(0.75) + 2 * np.log(0.25)) / 3)
    scores = constant_result(np.array([1.0, 3.0]), np.array([1.0, 3.0, 5.0]), 0).scores("regression")
    assert scores["mae"] == pytest.approx(5 / 3)
    assert constant_result(train, np.array([2]), 3).losses[0] > 30  # a class that training never saw


def _regression(weights: list[float]) -> Model:
    kernel = np.array(weights)[:, None]
    return Model(Features.plain(len(weights)), Network([Dense(kernel, np.zeros(1), "linear")]), "regression")


def _rows(rng: np.random.Generator, model: Model) -> Split:
    codes = rng.normal(size=(300, 2)).astype(np.float32)
    return Split(model.features, codes, model.predict(codes)[:, 0], np.arange(300))


def test_simpler_models_are_measured_on_the_same_rows(rng: np.random.Generator) -> None:
    model, linear = _regression([2.0, 1.0]), _regression([2.0, 0.0])
    rows = _rows(rng, model)
    result = evaluate_model(model, rows.chunks())
    evaluation = Evaluation.of(result, "regression", rows, "test", simpler_models(linear, rows, rows))
    assert evaluation.scores["r2"] == pytest.approx(1)
    assert evaluation.baselines["linear model"]["r2"] == pytest.approx(0.8, abs=0.05)
    assert evaluation.baselines["mean of the training set"]["r2"] == pytest.approx(0, abs=1e-6)


def test_the_dependence_on_a_number_is_the_mean_prediction(rng: np.random.Generator) -> None:
    model = _regression([2.0, 1.0])
    rows = _rows(rng, model)
    curve = partial_dependence(model, rows, 0)
    assert curve is not None
    assert curve.is_curve
    assert len(curve.codes) == 25
    np.testing.assert_allclose(curve.outputs[:, 0], 2 * curve.codes + rows.codes[:, 1].mean(), atol=1e-4)
    constant = Split(model.features, np.ones((5, 2), np.float32), np.ones(5), np.arange(5))
    assert partial_dependence(model, constant, 0) is None
