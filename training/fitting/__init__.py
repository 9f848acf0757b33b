"""Trains a model on a data set: the networks, a linear model beside them, and one network that mixes them.

In reading order: `fit` (the entry point), `recipe` (the settings that depend on the data), `objective` (the targets in
the units of the loss), `network` (trains one network), `mixture` (the weight of each), `combine` (several as one).
"""
