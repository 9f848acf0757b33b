"""What runs under Keras's words: arrays and operations, the model made of them, and the loops that train it.

Read data_adapter, parameters, ops; layer_stack, compiled_model; arguments, running_metrics; fit_plan, loops.
The modules up to ops know nothing of layers, losses and callbacks; the others build on them.
"""
