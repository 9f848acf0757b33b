"""A published version over whole files: evaluating, comparing, predicting."""
