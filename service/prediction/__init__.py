"""A prediction, from a decoded HTTP request to its response, independent of the adapter.

In reading order: `memory_budget` (the bytes held for clients), `messages` (a request and its response), `catalogue`
(which versions are served, and how a request names one), `calls` (a prediction after each step), `pipeline` (the steps:
decode, compute, respond, count), `forward` (the forward pass), `counting`, `reloader` (how the catalogue follows the
store).
"""
