"""The content of data files, as arrays or as tables, before the target and the features are chosen.

In reading order: `read` (the readers by file suffix), `table` (`ReadOptions` and `Table`, whose columns are read block
by block), `csv` and `csv_layout`, `json_lines`, `parquet`, `npz` (and `Arrays`), `frame` (data frames), `bad_rows`
(rows that can't be read), `spill` (what is larger than memory).
"""
