import re

import pytest

from tests.helpers.keras_runs import X, Y, one_layer


def test_progress_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    one_layer().fit(X, Y, epochs=3, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"Epoch 3/3 - \d+\.\ds - accuracy: 0\.\d{4} - loss: \d\.\d{4}", lines[2])
    one_layer().fit(X, Y, epochs=50)
    assert len(capsys.readouterr().out.splitlines()) < 10
    one_layer().fit(X, Y, epochs=3, verbose=0)
    assert capsys.readouterr().out == ""
