"""What a prediction is, whatever carried it.

In the order in which to read it: `messages` (a request and its response), `catalogue` (what is served, and by which
URL it is found), `pipeline` (decode, predict, encode, count), `forward` (the forward pass), `reloader` (how the
catalogue follows the store).
"""
