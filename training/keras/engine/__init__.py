"""What runs under Keras's words: operations on batches, parameters, and the loop that trains them."""
