import numpy as np

from training.evaluation.plausibility import check_predictions
from training.evaluation.scores import EvaluationResult


def _result(predicted: np.ndarray, y: np.ndarray) -> EvaluationResult:
    return EvaluationResult(predicted[:, None].astype(np.float32), np.square(predicted - y), y)


def test_predictions_without_bias_in_the_range_give_no_notes(rng: np.random.Generator) -> None:
    y = rng.normal(size=500)
    assert check_predictions(_result(y + rng.normal(size=500), y), y, np.arange(1, len(y) + 1)) == []


def test_a_mean_error_of_more_than_four_standard_errors_is_noted(rng: np.random.Generator) -> None:
    y, noise = rng.normal(size=400) * 10, rng.normal(size=400)
    noise -= noise.mean()
    predicted = y + noise / noise.std()
    assert check_predictions(_result(predicted + 3.9 / 20, y), y, np.arange(1, len(y) + 1)) == []
    (note,) = check_predictions(_result(predicted - 4.1 / 20, y), y, np.arange(1, len(y) + 1))
    assert note.startswith(
        "predictions of rows that were not trained on are too low by 0.205 on average (4.1 standard errors)"
    )


def test_predictions_far_beyond_the_training_range_are_noted(rng: np.random.Generator) -> None:
    train, y = np.linspace(100, 200, 50), np.linspace(110, 190, 20)
    predicted = y.copy()
    predicted[3], predicted[9], predicted[10] = 1, -1000, 299
    (note,) = check_predictions(_result(predicted, y), train, np.arange(1, len(y) + 1))
    assert note.startswith("1 of 20 predictions of rows that were not trained on lie outside the range of the training")
    assert "for example -1000 in row 10" in note


def test_few_rows_with_an_error_of_chance_are_not_noted(rng: np.random.Generator) -> None:
    notes = 0
    for rows in (1, 2, 3, 5):
        for _ in range(300):
            y = rng.normal(size=rows)
            notes += len(check_predictions(_result(y + rng.normal(size=rows), y), np.array([-9, 9]), np.arange(rows)))
    assert notes <= 1
