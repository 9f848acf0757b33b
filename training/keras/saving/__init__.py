"""Models and interrupted runs as files.

Read state_file (JSON and arrays in one `.npz`), model_file (a model, its weights, and the state of its training between
two steps).
"""
