"""Benchmarks that are run by hand: the source of every published measurement of speed and accuracy."""
