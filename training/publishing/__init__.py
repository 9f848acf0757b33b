"""From a trained model to a published version, and on to a running service that has it."""
