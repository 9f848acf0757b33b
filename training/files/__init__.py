"""The content of data files, as arrays or as tables, before the target and the features are chosen.

In reading order: `read` (the readers by file suffix), `table` (`ReadOptions` and `Table`, whose columns are read block
by block), `csv`, `parquet`, `npz` (and `Arrays`), `frame` (data frames), `numeric_text` (detects text columns of
numbers), `spill` (arrays larger than memory).
"""
