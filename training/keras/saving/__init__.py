"""Models and interrupted runs as files.

Read serialization (objects as JSON), state_file (JSON and arrays in one `.npz`), training_state (the state between two
steps of a run), model_file (a model and its weights).
"""
