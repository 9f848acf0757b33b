"""The metrics for Prometheus (`registry`), and how several processes share them (`multiprocess`)."""
