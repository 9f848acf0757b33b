"""A soak: two servers under mixed traffic for minutes or hours, while models change and processes die.

`python -m tests.soak --minutes 5`, or `make soak MINUTES=5`. Read `__main__.py` first.
"""
