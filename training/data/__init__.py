"""From the content of a file to a data set: codes and targets, split into training, validation and test sets.

In reading order: `load` (the entry point), `dataset` (`DataSet`, `Split`, and the assignment of rows to splits),
`targets` (the task and the classes), `columns` (fits the features), `from_table` and `from_arrays` (make a data set of
a table or of arrays), `text_codes`, `blocks` and `labelled_rows` (the rows of a file as codes of given features),
`quality` (data quality warnings).
"""
