"""From the text of a table to values: one reading that fits the whole column, which the model records.

In reading order: `typed_table` (the entry point), `choices` (what the user decides), `readings` (which ones fit), and
`number_text` and `date_text` (whole columns; `nn.number_format` and `nn.date_format` read single cells);
`reading_notes` (what training says about it).
"""
