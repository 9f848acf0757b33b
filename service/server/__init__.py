"""Bytes -> requests -> responses: the event-loop server that answers predictions itself.

In the order in which to read it: `worker` (the gunicorn worker that starts it), `connection` (one client),
`request_head` (the request line and the headers), `flow_control` (pausing, timeouts), `memory_budget` (the bytes held
for clients), `batcher` (predictions that share a forward pass), `wsgi` (every other request, by the Flask app).
"""
