"""Writes a network as ONNX: `features` int64[n] and `ends` int64[sets] in, `probabilities` float32[sets, outputs] out.
Set i has the features from ends[i - 1] to ends[i]."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .network import PRIOR, column_of


def to_onnx(network, path, bias, scale, metadata):
    """`bias` and `scale` calibrate the first logit: p = sigmoid(scale * logit + bias)."""
    p = network.p
    # Row 0 is for all features that are not known.
    row_of = np.where(network.known, column_of(network.known) + 1, 0).astype(np.int32)
    w2, b2 = p["W2"].astype(np.float64).copy(), p["b2"].astype(np.float64).copy()
    w2[:, 0] *= scale
    b2[0] = b2[0] * scale + bias
    dims, columns = network.dims, p["E"].shape[1]
    init = {
        "row_of": row_of,
        # The last column counts the features that are known.
        "E": np.pad(np.pad(p["E"], ((0, 0), (0, 1)), constant_values=1), ((1, 0), (0, 0))).astype(np.float16),
        "W1": p["W1"],
        "b1": p["b1"],
        "W2": w2.astype(np.float32),
        "b2": b2.astype(np.float32),
        "zero": np.array([0], np.int64),
        "first": np.array(0, np.int64),
        "last": np.array([-1], np.int64),
        "nothing": np.array([0], np.int32),
        "none": np.zeros((1, columns + 1), np.float32),
        "dims": np.array([dims], np.int64),
        "all": np.array([columns], np.int64),
        "end": np.array([columns + 1], np.int64),
        "axis": np.array([1], np.int64),
        "prior": np.array([[PRIOR]], np.float32),
        "step": np.array([1], np.int64),
    }
    node = helper.make_node
    nodes = [
        # For single numbers several times as fast as Gather.
        node("GatherElements", ["row_of", "features"], ["places"], axis=0),
        # Half of a script's features are not known; what is left moves together, and so do the ends.
        node("Cast", ["places"], ["mask"], to=TensorProto.BOOL),
        node("Cast", ["mask"], ["ones"], to=TensorProto.INT32),
        node("CumSum", ["ones", "first"], ["left"]),
        node("Sub", ["ends", "step"], ["lasts"]),
        node("Gather", ["left", "lasts"], ["left_ends"], axis=0),
        node("Compress", ["places", "mask"], ["compact"], axis=0),
        # Nothing comes first, so that a sum up to the end of no features is there, too.
        node("Concat", ["nothing", "compact"], ["kept"], axis=0),
        node("Gather", ["E", "kept"], ["halves"], axis=0),
        node("Cast", ["halves"], ["rows"], to=TensorProto.FLOAT),
        # The sum over a set is the sum up to its end less the sum up to the end before it.
        node("CumSum", ["rows", "first"], ["running"]),
        node("Gather", ["running", "left_ends"], ["upto"], axis=0),
        node("Concat", ["none", "upto"], ["shifted"], axis=0),
        node("Slice", ["shifted", "zero", "last", "zero"], ["before"]),
        node("Sub", ["upto", "before"], ["sum"]),
        node("Slice", ["sum", "all", "end", "axis"], ["known"]),
        node("Add", ["known", "prior"], ["count"]),
        node("Sqrt", ["count"], ["root"]),
        node("Div", ["sum", "root"], ["y"]),
        node("Slice", ["y", "zero", "dims", "axis"], ["dense"]),
        node("Slice", ["y", "dims", "all", "axis"], ["linear"]),
        node("Gemm", ["dense", "W1", "b1"], ["z"]),
        node("Relu", ["z"], ["h"]),
        node("Concat", ["h", "linear"], ["hl"], axis=1),
        node("Gemm", ["hl", "W2", "b2"], ["out"]),
        node("Sigmoid", ["out"], ["probabilities"]),
    ]
    outputs = w2.shape[1]
    graph = helper.make_graph(
        nodes,
        "script",
        [
            helper.make_tensor_value_info("features", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("ends", TensorProto.INT64, ["sets"]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["sets", outputs])],
        [numpy_helper.from_array(v, k) for k, v in init.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in sorted(metadata.items()):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, path)
