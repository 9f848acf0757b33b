"""Models and checkpoints as files.

Read archive (JSON and arrays in one `.npz`), then model_file (a model with its weights, and the checkpoint from which
its training resumes).
"""
