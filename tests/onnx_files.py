# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small ONNX files without a manifest, each of another kind."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tiny_bundle import NetworkBuilder

TYPES = {
    "float64": TensorProto.DOUBLE,
    "float16": TensorProto.FLOAT16,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "int16": TensorProto.INT16,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}


def mixer(symbols: int = 12) -> bytes:
    """symbols [batch, symbols, 2], weight [batch, 3] -> mixed, power, strongest.

    mixed: symbols times 1j. power [batch, 3]: weight times the symbols' power. strongest [batch], int64: the
    place of its maximum.
    """
    net = NetworkBuilder()
    net("MatMul", "symbols", net.constant([[0.0, 1.0], [-1.0, 0.0]]), output="mixed")
    power = net("ReduceSumSquare", "symbols", axes=[1, 2], keepdims=0)
    net("Mul", "weight", net("Unsqueeze", power, net.constant([1], "int64")), output="power")
    net("ArgMax", "power", axis=1, keepdims=0, output="strongest")
    return net.build(
        "mixer",
        {"symbols": ["batch", symbols, 2], "weight": ["batch", 3]},
        {"mixed": ["batch", symbols, 2], "power": ["batch", 3], "strongest": ["batch", "int64"]},
    )


def smoother(length: int) -> bytes:
    """audio [N, length] -> level, smooth.

    level [N, 2]: sum and sum of squares. smooth [N, length]: mean of three, zeros beside the frame. The
    batch axis has no name of its own in the outputs.
    """
    net = NetworkBuilder()
    total = net("ReduceSum", "audio", net.constant([1], "int64"), keepdims=1)
    net("Concat", total, net("ReduceSumSquare", "audio", axes=[1], keepdims=1), axis=1, output="level")
    line = net("Unsqueeze", "audio", net.constant([1], "int64"))
    mean = net("Conv", line, net.constant(np.full((1, 1, 3), 1 / 3)), pads=[1, 1])
    net("Squeeze", mean, net.constant([1], "int64"), output="smooth")
    return net.build(
        "smoother", {"audio": ["N", length]}, {"level": ["unk__1", 2], "smooth": ["unk__2", length]}
    )


def copy(length: int) -> bytes:
    """iq [batch, length, 2] -> the same."""
    net = NetworkBuilder()
    net("Identity", "iq", output="copied")
    return net.build("copy", {"iq": ["batch", length, 2]}, {"copied": ["batch", length, 2]})


def pictures() -> bytes:
    """picture [batch, 3, height, width], gain [3] -> brightness [batch, 3]."""
    net = NetworkBuilder()
    mean = net("ReduceMean", "picture", axes=[2, 3], keepdims=0)
    net("Mul", mean, "gain", output="brightness")
    shape = ["batch", 3, "height", "width"]
    return net.build("pictures", {"picture": shape, "gain": [3]}, {"brightness": ["batch", 3]})


def rows(length: int, axis: str = "items") -> bytes:
    """values [axis, length] -> sums [axis, length]; says it takes any number of items, and takes one."""
    net = NetworkBuilder()
    line = net("Reshape", "values", net.constant([length], "int64"))
    sums = net("CumSum", line, net.constant(0, "int64"))
    net("Reshape", sums, net.constant([1, length], "int64"), output="sums")
    return net.build("rows", {"values": [axis, length]}, {"sums": [axis, length]})


def found() -> bytes:
    """values [batch, 4] -> where [2, any]: as long as there are values above zero."""
    net = NetworkBuilder()
    net("NonZero", net("Greater", "values", net.constant(0.0)), output="where")
    return net.build("found", {"values": ["batch", 4]}, {"where": [2, "any", "int64"]})


def model(nodes, inputs, outputs, initializers=(), **how) -> bytes:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))
    opsets = how.pop("opset_imports", [helper.make_opsetid("", 17)])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **how).SerializeToString()


def _ends(kind: int = TensorProto.FLOAT, length: int = 3) -> tuple[list, list]:
    made = [helper.make_tensor_value_info(name, kind, ["batch", length]) for name in "ab"]
    return made[:1], made[1:]


def as_it_is(dtype: str) -> bytes:
    """a [batch, 3] -> b, the same."""
    return model([helper.make_node("Identity", ["a"], ["b"])], *_ends(TYPES[dtype]))


def custom() -> bytes:
    """An operator that nobody knows."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    node = helper.make_node("Foo", ["a"], ["b"], domain="com.example")
    return model([node], *_ends(), opset_imports=opsets)


def broken(value: float) -> bytes:
    """Weights that hold a value."""
    weights = numpy_helper.from_array(np.array([1.0, value, 3.0], np.float32), "w")
    return model([helper.make_node("Add", ["a", "w"], ["b"])], *_ends(), [weights])


def external() -> bytes:
    """Weights in another file."""
    weights = numpy_helper.from_array(np.ones(3, np.float32), "w")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    return model([helper.make_node("Add", ["a", "w"], ["b"])], *_ends(), [weights])
