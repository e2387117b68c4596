"""Writes a network as ONNX: `features` int64[n] in, `probabilities` float32[outputs] out."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def to_onnx(network, path, bias, scale, metadata):
    """`bias` and `scale` calibrate the first logit: p = sigmoid(scale * logit + bias)."""
    p = network.p
    w2, b2 = p["W2"].astype(np.float64).copy(), p["b2"].astype(np.float64).copy()
    w2[:, 0] *= scale
    b2[0] = b2[0] * scale + bias
    dims = network.dims
    init = {
        # The last column counts the features that were learnt.
        "E": np.concatenate([p["E"] * network.known[:, None], network.known[:, None]], axis=1).astype(np.float32),
        "W1": p["W1"],
        "b1": p["b1"],
        "W2": w2.astype(np.float32),
        "b2": b2.astype(np.float32),
        "zero": np.array([0], np.int64),
        "dims": np.array([dims], np.int64),
        "all": np.array([dims + 1], np.int64),
        "end": np.array([dims + 2], np.int64),
        "axis": np.array([1], np.int64),
        "one": np.array([[1]], np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Gather", ["E", "features"], ["rows"], axis=0),
        node("ReduceSum", ["rows", "zero"], ["sum"], keepdims=1),
        node("Slice", ["sum", "all", "end", "axis"], ["known"]),
        node("Max", ["known", "one"], ["count"]),
        node("Sqrt", ["count"], ["root"]),
        node("Div", ["sum", "root"], ["y"]),
        node("Slice", ["y", "zero", "dims", "axis"], ["dense"]),
        node("Slice", ["y", "dims", "all", "axis"], ["linear"]),
        node("Gemm", ["dense", "W1", "b1"], ["z"]),
        node("Relu", ["z"], ["h"]),
        node("Concat", ["h", "linear"], ["hl"], axis=1),
        node("Gemm", ["hl", "W2", "b2"], ["out"]),
        node("Sigmoid", ["out"], ["p"]),
        node("Squeeze", ["p", "zero"], ["probabilities"]),
    ]
    outputs = w2.shape[1]
    graph = helper.make_graph(
        nodes,
        "script",
        [helper.make_tensor_value_info("features", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [outputs])],
        [numpy_helper.from_array(v, k) for k, v in init.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in sorted(metadata.items()):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, path)
