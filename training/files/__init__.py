"""What a file holds: `.npz`, CSV and Parquet, as arrays or as a table, whatever is learned from it later."""
