"""Bytes -> requests -> responses: the event-loop server, which computes predictions itself.

In reading order: `worker` (the gunicorn worker that starts it), `acceptor` and `siblings` (connections are spread over
the workers), `connection_state` (the states of a connection), `connection` and its parts: `request_parser` with
`request_head`, `exchanges` (pipelining), `connection_limit`, `flow_control`, `timeouts`, `response_bytes`; then the two
request handlers: `batching` (predictions that share a forward pass) and `view_dispatcher` (health in the loop; metrics
and pages through the Flask app, `wsgi`).
"""
