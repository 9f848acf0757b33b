"""From a trained model to a published version, and to a running service that serves it.

In reading order: `publish` (a model with arrays), `frame_features` (of a data frame), `golden_rows` (their selection),
`provenance` (for the manifest), `rollout` (waits until a running service serves the version).
"""
