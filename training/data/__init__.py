"""From the content of a file to a data set: codes and targets in training, validation and test splits.

In reading order: `load` (by the settings), `dataset` (`DataSet`, `Split`, and which rows are in which split), `targets`
(the task and the classes), `columns` (fits the features), `from_table` and `from_arrays` (either becomes a data set),
`quality` (warnings).
"""
