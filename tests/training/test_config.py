import pytest

from training import TrainingError
from training.config import Config


def test_an_invalid_delimiter_is_refused() -> None:
    for delimiter in ("§", '"', "\n", "ab"):
        with pytest.raises(TrainingError, match="one ASCII character"):
            Config.read(None, {"data": "digits", "delimiter": delimiter})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_share": 1.0}, r"a number in the range \[0, 1\)"),
        ({"folds": 1}, "an integer of at least 2"),
        ({"class_weight": "equal"}, "one of balanced"),
        ({"folds": 3, "test_data": "june.csv"}, "remove --folds, which measure on the training data, or --test-data"),
        ({"learning_rate": 0.0}, r"a number in the range \(0, 10\)"),
        ({"seed": 0.0}, "an integer of at least 0"),
        ({"bins": 64.0}, "an integer of at least 0"),
        ({"calibrate": 1}, "true or false"),
    ],
)
def test_a_setting_of_the_wrong_type_or_range_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Config(data="digits", **settings)  # type: ignore[arg-type]
