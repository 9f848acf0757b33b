"""Bytes -> requests -> responses: the event-loop server that answers predictions itself.

In reading order: `worker` (the gunicorn worker that starts it), `connection` (one client), `request_head` and
`response_bytes` (what HTTP/1.1 looks like), `exchanges` (pipelining), `flow_control`, `timeouts`, `memory_budget` (the
bytes held for clients), `batcher` (predictions that share a forward pass), `wsgi` (every other request, by the Flask
app).
"""
