"""What is counted and timed for Prometheus (`registry`), and how several processes count together (`multiprocess`)."""
