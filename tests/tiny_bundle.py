# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small made-up jssc bundle that needs no training: what blocks and programs are tested with.

encoder: fixed linear projection of the image, power normalised for each image.
reconstruction, task: MMSE equaliser, then fixed linear maps (clipped, or softmax).
sensing: Bayes-optimal matched filter for echoes without fading (model "awgn") or with unknown Rayleigh gain.
sensing_echo: Bayes-optimal energy detector for unstructured symbols without fading.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from semisac_ml.runtime import Bundle, write_bundle

CHANNEL_USES = 10
PIXELS = 3072
PHASES = 64  # over which the phase of an echo is averaged
OPSET = 17


class NetworkBuilder:
    """Collects nodes and constants; each call returns the name of the node's output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any, dtype: str = "float32") -> str:
        """Add a constant tensor."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def __call__(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def build(self, name: str, inputs: dict[str, list], outputs: dict[str, list]) -> bytes:
        """Serialise; shapes by tensor name, a trailing "int64" entry marks an integer tensor."""

        def infos(tensors: dict[str, list]) -> list[onnx.ValueInfoProto]:
            made = []
            for tensor, shape in tensors.items():
                integer = shape[-1] == "int64"
                kind = TensorProto.INT64 if integer else TensorProto.FLOAT
                made.append(helper.make_tensor_value_info(tensor, kind, shape[:-1] if integer else shape))
            return made

        graph = helper.make_graph(self.nodes, name, infos(inputs), infos(outputs), initializer=self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()


def projection() -> np.ndarray:
    """Orthonormal columns [3072, 20]: slow cosines of each colour, so that a sent picture is recognisable."""
    generator = np.random.default_rng(2)
    rows = np.arange(32)
    cosines = np.stack([np.cos(np.pi * (rows + 0.5) * order / 32) for order in range(3)])
    basis = [
        np.einsum("c,h,w->chw", colour, cosines[v], cosines[h]).ravel()
        for v in range(3)
        for h in range(3)
        for colour in np.eye(3)
    ]
    basis = np.stack(basis[:20]) + 1e-3 * generator.standard_normal((20, PIXELS))
    return np.linalg.qr(basis.T)[0]


def encoder() -> bytes:
    """Network image, snr_db -> symbols."""
    net = NetworkBuilder()
    flat = net("Reshape", net("Sub", "image", net.constant(0.5)), net.constant([-1, PIXELS], "int64"))
    code = net("Add", net("MatMul", flat, net.constant(projection())), net.constant(np.full(20, 1e-3)))
    energy = net("ReduceSumSquare", code, axes=[1], keepdims=1)
    scale = net("Sqrt", net("Div", net.constant(float(CHANNEL_USES)), energy))
    unit = net("Mul", code, scale)
    net("Reshape", unit, net.constant([-1, CHANNEL_USES, 2], "int64"), output="symbols")
    return net.build(
        "encoder",
        {"image": ["batch", 3, 32, 32], "snr_db": ["batch"]},
        {"symbols": ["batch", CHANNEL_USES, 2]},
    )


def _equalised(net: NetworkBuilder) -> str:
    """MMSE estimate conj(h) y / (|h|^2 + N0) of the symbols, float32 [batch, 20]."""
    noise = net("Pow", net.constant(10.0), net("Div", "snr_db", net.constant(-10.0)))
    noise = net("Unsqueeze", noise, net.constant([1], "int64"))  # [batch, 1]
    power = net("Add", net("ReduceSumSquare", "channel_gain", axes=[1], keepdims=1), noise)
    real_y, imag_y = _parts(net, "received")
    real_h, imag_h = _parts(net, "channel_gain")
    real = net("Add", net("Mul", real_y, real_h), net("Mul", imag_y, imag_h))
    imag = net("Sub", net("Mul", imag_y, real_h), net("Mul", real_y, imag_h))
    axis = net.constant([2], "int64")
    pair = net("Concat", net("Unsqueeze", real, axis), net("Unsqueeze", imag, axis), axis=2)
    return net("Div", net("Reshape", pair, net.constant([-1, 2 * CHANNEL_USES], "int64")), power)


def _parts(net: NetworkBuilder, name: str) -> tuple[str, str]:
    """I and Q of the last axis: [..., 2] to two of [...]; a gain [batch, 2] gives [batch, 1]."""
    scalar = name == "channel_gain"
    parts = []
    for index in (0, 1):
        part = net("Gather", name, net.constant([index] if scalar else index, "int64"), axis=-1)
        parts.append(part)
    return parts[0], parts[1]


_RECEIVED = {"received": ["batch", CHANNEL_USES, 2], "channel_gain": ["batch", 2], "snr_db": ["batch"]}


def reconstruction() -> bytes:
    """Network received, channel_gain, snr_db -> image."""
    net = NetworkBuilder()
    spread = 12.0 / np.sqrt(
        2 * CHANNEL_USES
    )  # typical norm of a picture's projection over the norm of its symbols
    pixels = net("MatMul", _equalised(net), net.constant(spread * projection().T))
    clipped = net("Clip", net("Add", pixels, net.constant(0.5)), net.constant(0.0), net.constant(1.0))
    net("Reshape", clipped, net.constant([-1, 3, 32, 32], "int64"), output="image")
    return net.build("reconstruction", _RECEIVED, {"image": ["batch", 3, 32, 32]})


def task() -> bytes:
    """Network received, channel_gain, snr_db -> probability of each of ten classes."""
    net = NetworkBuilder()
    weights = np.random.default_rng(3).standard_normal((2 * CHANNEL_USES, 10)) / 4
    net("Softmax", net("MatMul", _equalised(net), net.constant(weights)), axis=1, output="probability")
    return net.build("task", _RECEIVED, {"probability": ["batch", 10]})


def sensing(fading: str) -> bytes:
    """Network symbols, echo, range_snr_db, range_delay, prior -> probability of each hypothesis.

    Without fading, phase unknown, LLR_r = ln I0(a_r) - snr_r |x|^2 with a_r = 2 sqrt(snr_r) |x^H y_r|, where
    I0(a) is the mean of exp(a cos(phi)) over the circle; with unknown g ~ CN(0, 1)
    LLR_r = snr_r |x^H y_r|^2 / (1 + snr_r |x|^2) - ln(1 + snr_r |x|^2).
    y_r is the echo from the delay of range r on.
    """
    net = NetworkBuilder()
    uses = net("Gather", net("Shape", "symbols"), net.constant(1, "int64"), axis=0)
    steps = net("Range", net.constant(0, "int64"), uses, net.constant(1, "int64"))
    starts = net("Unsqueeze", "range_delay", net.constant([1], "int64"))
    windows = net("Gather", "echo", net("Add", starts, steps), axis=1)  # [batch, ranges, channel_uses, 2]
    sent = net("Unsqueeze", "symbols", net.constant([1], "int64"))
    snr = net("Pow", net.constant(10.0), net("Div", "range_snr_db", net.constant(10.0)))
    energy = net("ReduceSumSquare", "symbols", axes=[1, 2], keepdims=0)
    energy = net("Mul", snr, net("Unsqueeze", energy, net.constant([1], "int64")))  # snr_r |x|^2
    in_phase = net("ReduceSum", net("Mul", sent, windows), net.constant([2, 3], "int64"), keepdims=0)
    sent_i, sent_q = _parts(net, sent)
    echo_i, echo_q = _parts(net, windows)
    cross = net("Sub", net("Mul", sent_i, echo_q), net("Mul", sent_q, echo_i))
    quadrature = net("ReduceSum", cross, net.constant([2], "int64"), keepdims=0)
    matched = net("Add", net("Mul", in_phase, in_phase), net("Mul", quadrature, quadrature))
    if fading == "none":
        argument = net("Mul", net.constant(2.0), net("Sqrt", net("Mul", snr, matched)))
        cosines = net.constant(np.cos(2.0 * np.pi * np.arange(PHASES) / PHASES))
        turned = net("Mul", net("Unsqueeze", argument, net.constant([2], "int64")), cosines)
        bessel = net("ReduceLogSumExp", turned, axes=[2], keepdims=0)
        llr = net("Sub", bessel, net("Add", energy, net.constant(np.log(PHASES))))
    else:
        spread = net("Add", energy, net.constant(1.0))
        llr = net("Sub", net("Div", net("Mul", snr, matched), spread), net("Log", spread))
    none = net("Mul", net("Slice", llr, *(net.constant([v], "int64") for v in (0, 1, 1))), net.constant(0.0))
    logits = net("Add", net("Concat", none, llr, axis=1), net("Log", "prior"))
    net("Softmax", logits, axis=1, output="probability")
    return net.build(
        "sensing",
        {
            "symbols": ["batch", "channel_uses", 2],
            "echo": ["batch", "echo_samples", 2],
            "range_snr_db": ["batch", "ranges"],
            "range_delay": ["ranges", "int64"],
            "prior": ["hypotheses"],
        },
        {"probability": ["batch", "hypotheses"]},
    )


def sensing_echo() -> bytes:
    """Network echo, sensing_snr_db -> probability of no target and target.

    LLR = snr/(1 + snr) |y|^2 - channel uses ln(1 + snr).
    """
    net = NetworkBuilder()
    snr = net("Pow", net.constant(10.0), net("Div", "sensing_snr_db", net.constant(10.0)))
    total = net("Add", snr, net.constant(1.0))
    energy = net("ReduceSumSquare", "echo", axes=[1, 2], keepdims=0)
    bias = net("Mul", net.constant(float(CHANNEL_USES)), net("Log", total))
    llr = net("Sub", net("Mul", net("Div", snr, total), energy), bias)
    llr = net("Unsqueeze", llr, net.constant([1], "int64"))
    net(
        "Softmax",
        net("Concat", net("Mul", llr, net.constant(0.0)), llr, axis=1),
        axis=1,
        output="probability",
    )
    return net.build(
        "sensing_echo",
        {"echo": ["batch", CHANNEL_USES, 2], "sensing_snr_db": ["batch"]},
        {"probability": ["batch", 2]},
    )


def made_up(file: str) -> dict[str, object]:
    """What `write_bundle` is told of where a bundle comes from; file: that which makes it."""
    return {
        "licence": "GPL-3.0-or-later",
        "data": {"name": "none", "split": "none"},
        "training": {
            "command": f"python tests/{Path(file).name} FOLDER",
            "seed": 0,
            "commit": "none",
            "date": "2026-01-01",
            "versions": {"onnx": onnx.__version__},
        },
        "metrics": {},
    }


def make_tiny_bundle(path: str | Path, model: str = "awgn") -> Path:
    """Write the bundle and return its folder.

    Parameters
    ----------
    path : path
        Folder to make, such as <models>/jssc/tiny; its name becomes the bundle's name.
    model : "awgn" or "rayleigh"
        Channel of the manifest; "rayleigh" also makes the sensing network that of an unknown Rayleigh gain.
    """
    path = Path(path)
    fading = "none" if model == "awgn" else "rayleigh"
    snr = {"unit": "dB", "range": [-10.0, 20.0]}
    received = [
        {"name": "received", "unit": "1"},
        {"name": "channel_gain", "unit": "1"},
        {"name": "snr_db", **snr},
    ]
    write_bundle(
        path,
        networks={
            "encoder": encoder(),
            "reconstruction": reconstruction(),
            "task": task(),
            "sensing": sensing(fading),
            "sensing_echo": sensing_echo(),
        },
        tensors={
            "encoder": {"inputs": [{"name": "image", "range": [0.0, 1.0]}, {"name": "snr_db", **snr}]},
            "reconstruction": {"inputs": received, "outputs": [{"name": "image", "range": [0.0, 1.0]}]},
            "task": {"inputs": received},
            "sensing": {
                "inputs": [
                    {"name": "range_snr_db", "unit": "dB", "range": [-41.0, 20.0]},
                    {"name": "range_delay", "unit": "symbols", "range": [0, 4096]},
                    {"name": "prior", "range": [0.0, 1.0]},
                ]
            },
            "sensing_echo": {"inputs": [{"name": "sensing_snr_db", "unit": "dB", "range": [-20.0, 20.0]}]},
        },
        system="jssc",
        name=path.name,
        description="Made up for tests: linear code, optimal detectors; nothing is trained",
        interface={
            "symbols": {
                "channel_uses": CHANNEL_USES,
                "real_dimensions": 2 * CHANNEL_USES,
                "bandwidth_ratio": CHANNEL_USES / PIXELS,
                "power": "unit mean |x|^2 per channel use, each image",
                "layout": "complex64, I = even, Q = odd real",
            },
            "channel": {
                "model": model,
                "snr_db": [-10.0, 20.0],
                "reference_snr_db": 3.0,
                "gain_known_at_receiver": True,
            },
            "sensing": {
                "fading": fading,
                "snr_db": [-20.0, 20.0],
                "reference_snr_db": 3.0,
                "range_step_db": 3.0,
                "max_ranges": 8,
                "random_phase": True,
                "max_frequency_offset": 0.0,
            },
            "classes": "airplane automobile bird cat deer dog frog horse ship truck".split(),
            "animal_classes": [2, 3, 4, 5, 6, 7],
        },
        **made_up(__file__),
    )
    return path


def load_tiny_bundle(path: str | Path, model: str = "awgn") -> Bundle:
    """Write the bundle and load it."""
    return Bundle.load(make_tiny_bundle(path, model))


if __name__ == "__main__":
    print(make_tiny_bundle(sys.argv[1], *sys.argv[2:3]))
