"""From what a file holds to a data set: codes and targets, split to train, validate and test."""
