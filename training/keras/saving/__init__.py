"""Models and interrupted runs as files (`model_file`), and objects as JSON (`serialization`)."""
