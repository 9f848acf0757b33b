"""What runs under Keras's words: arrays and operations, the model made of them, and the loops that train it.

Read data_adapter, parameters, ops; layer_stack, compiled_model, training_state; arguments, fit_plan, running_metrics;
evaluate and fit. The modules up to ops know nothing of layers, losses and callbacks; the others build on them.
"""
