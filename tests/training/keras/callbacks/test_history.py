import csv
from pathlib import Path

import pytest

from tests.helpers.keras_runs import X, Y, one_layer
from training import TrainingError
from training.keras.callbacks import (
    CSVLogger,
)


def test_csv_logger_overwrites_or_appends(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    one_layer().fit(X, Y, epochs=2, callbacks=[CSVLogger(path)], verbose=0)
    one_layer().fit(X, Y, epochs=1, callbacks=[CSVLogger(path, append=True)], verbose=0)
    with path.open() as file:
        lines = list(csv.DictReader(file))
    assert [line["epoch"] for line in lines] == ["0", "1", "0"]
    assert set(lines[0]) == {"epoch", "accuracy", "loss"}
    one_layer().fit(X, Y, callbacks=[CSVLogger(path, separator=";")], verbose=0)
    assert path.read_text().startswith("epoch;accuracy;loss\n")


def test_csv_logger_writes_all_columns_in_every_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for epochs in (4, 1):
        logger = CSVLogger(path, append=epochs == 1)
        one_layer().fit(X, Y, epochs=epochs, validation_data=(X, Y), validation_freq=2, callbacks=logger, verbose=0)
    with path.open() as file:
        header, *lines = csv.reader(file)
    assert header == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert [line[0] for line in lines] == ["0", "1", "2", "3", "0"]
    assert [line[3:] == ["NA", "NA"] for line in lines] == [True, False, True, False, True]
    with pytest.raises(TrainingError, match=r"log\.csv can't be written: No such file or directory"):
        one_layer().fit(X, Y, callbacks=CSVLogger(tmp_path / "no/log.csv"), verbose=0)
