"""What is written to stderr, one JSON object per line: messages (`json_lines`) and responses (`access_log`)."""
