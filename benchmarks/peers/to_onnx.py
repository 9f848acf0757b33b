"""Convert a published network with relu and a final softmax to ONNX: `python to_onnx.py MODEL.npz NETWORK.onnx`."""

import sys
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main() -> None:
    """Write a Gemm and an activation per layer."""
    source, target = sys.argv[1:]
    with np.load(source) as file:
        layers = sum(name.endswith(".kernel") for name in file.files)
        weights = [(file[f"layer{number}.kernel"], file[f"layer{number}.bias"]) for number in range(layers)]
    nodes: list[Any] = []
    tensors: list[Any] = []
    name = "rows"
    for number, (kernel, bias) in enumerate(weights):
        tensors += [numpy_helper.from_array(kernel, f"kernel{number}"), numpy_helper.from_array(bias, f"bias{number}")]
        nodes.append(helper.make_node("Gemm", [name, f"kernel{number}", f"bias{number}"], [f"sums{number}"]))
        last = number == layers - 1
        activation, name = ("Softmax", "probabilities") if last else ("Relu", f"units{number}")
        nodes.append(helper.make_node(activation, [f"sums{number}"], [name]))
    inputs, outputs = weights[0][0].shape[0], weights[-1][0].shape[1]
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, inputs])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, outputs])
    graph = helper.make_graph(nodes, "network", [rows], [probabilities], tensors)
    # ONNX Runtime supports older format versions than onnx writes by default.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


if __name__ == "__main__":
    main()
