"""The content of a data file, as arrays or as a table, independent of what is learned from it.

In reading order: `read` (the table of readers by suffix), `table` (`ReadOptions`; `Table`, of which the needed columns
are read block by block), `csv`, `parquet`, `npz` (and `Arrays`), `numeric_text` (text columns that are nearly
numbers), `spill` (arrays larger than memory).
"""
