"""A prediction, from a parsed HTTP request to its response, independent of the adapter.

In reading order: `memory_budget` (the bytes held for clients), `messages` (a request and its response), `catalogue`
(the served versions, found by model, alias or number), `work` (the estimated work of a request), `calls` (a prediction
after each step), `pipeline` (the steps: decode, compute, respond, count), `forward` (the forward pass), `counting`
(metrics), `reloader` (updates the catalogue from the store) with `model_queue` (in a thread that may hang).
"""
