"""Bytes -> requests -> responses: the event-loop server that answers predictions itself.

In reading order: `worker` (the gunicorn worker that starts it), `connection_state` (the states of one client), its
`connection`, and the parts of that: `request_parser` with `request_head`, `exchanges` (pipelining), `flow_control`,
`timeouts`, `response_bytes`; then those that answer: `batcher` (predictions that share a forward pass) and `wsgi`
(every other request, by the Flask app).
"""
