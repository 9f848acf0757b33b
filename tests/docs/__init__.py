"""The README and docs/: their examples run, their tables match the code, their links resolve.

In reading order: `test_pages`, `test_tables`, `test_deployment` (commands that need Docker or a cluster, compared with
the files), `test_examples` (every other block, run in order).
"""
