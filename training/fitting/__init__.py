"""Trains a model on a data set: the networks, a linear model beside them, and one network that mixes them.

In reading order: `fit` (the entry point, and what was tried), `recipe` (the settings that depend on the data),
`network` (trains one network), `mixture` (the weight of each), `combine` (several networks as one).
"""
