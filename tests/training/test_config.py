import pytest

from training import TrainingError
from training.config import Config


def test_a_delimiter_that_none_can_be() -> None:
    for delimiter in ("§", '"', "\n", "ab"):
        with pytest.raises(TrainingError, match="one ASCII character"):
            Config.read(None, {"data": "digits", "delimiter": delimiter})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_share": 0.0}, "a number above 0 to below 1"),
        ({"learning_rate": 0.0}, "a number above 0 to below 10"),
        ({"seed": 0.0}, "a whole number from 0 on"),
        ({"bins": 64.0}, "a whole number from 0 on"),
        ({"calibrate": 1}, "true or false"),
    ],
)
def test_a_setting_is_of_its_own_type(settings: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Config(data="digits", **settings)  # type: ignore[arg-type]
