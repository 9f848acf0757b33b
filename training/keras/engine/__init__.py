"""The implementation of the Keras-compatible API: arrays and operations, the compiled model, and the training loops.

Read data_adapter, parameters, ops; layer_stack, compiled_model; arguments, running_metrics; fit_plan, loops. The
modules up to ops do not depend on layers, losses and callbacks; the others build on them. In this package, `model` is
always a `CompiledModel`. The state of training has three parts: the `FitState` of a run (epoch, callbacks, remaining
rows), the checkpoint of a compiled model (weights, optimizer variables, random generators), and the state of each
callback.
"""
