# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Large weights of ONNX networks, stored in fewer bits than they are computed with.

A network computes in float32 whatever its weights are stored in: nodes at the head of its graph make float32
of them, which ONNX Runtime does once, on loading.

16 bits: float16.
8 bits: levels -127 to 127 and a float32 scale for each channel, w = scale * level, where the axis of the
channels is the one that fits best. A weight of one axis, or one that this would change by more than
``ROUGHEST``, is stored in 16 bits.
"""

from __future__ import annotations

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from semisac_ml.runtime import Bundle, BundleError, Session, as_written, write_bundle

LARGE = 1024
"""Weights of more elements than this are stored in fewer bits."""
LEVELS = 127
ROUGHEST = 0.025
"""Largest error of a weight in levels, RMS over RMS: levels of a Gaussian with peaks at 11 deviations."""
MADE_UP = 64
"""Inputs of each network on which outputs before and after are compared."""
TOLERANCE = {16: 0.01, 8: 0.1}
"""Largest change of an output on made-up inputs, RMS over RMS, by the bits of the weights."""


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Nearest values that can be stored in so many bits, 16 or 8: float32 of the same shape.

    Small weights stay as they are. Rounding what is rounded changes nothing.
    """
    if not _is_large(values):
        return values
    if bits == 8 and (found := as_levels(values)) is not None:
        levels, scale = found
        return levels * scale
    return values.astype(np.float16).astype(np.float32)


def as_levels(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Levels, int8 of the same shape, and scale, float32 that broadcasts to it; None where too rough.

    The scale has 16 significant bits, so that scale * level is exact in float32, and found again from it.
    """
    fits = []
    for channel in range(values.ndim if values.ndim > 1 else 0):
        others = tuple(axis for axis in range(values.ndim) if axis != channel)
        mantissa, exponent = np.frexp(np.abs(values).max(axis=others, keepdims=True) / np.float32(LEVELS))
        scale = np.ldexp(np.rint(mantissa * 65536) / 65536, exponent).astype(np.float32)
        scale[scale == 0.0] = 1.0
        levels = np.rint(values / scale).astype(np.int8)
        fits.append((float(np.mean((levels * scale - values) ** 2)), levels, scale))
    if not fits:
        return None
    error, levels, scale = min(fits, key=lambda fit: fit[0])
    return (levels, scale) if error <= ROUGHEST**2 * float(np.mean(values**2)) else None


def store_weights(content: onnx.ModelProto) -> None:
    """Store each large weight in the fewest bits that keep it as it is: a smaller file, the same network."""
    graph = content.graph
    head = []
    for tensor in list(graph.initializer):
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if not _is_large(values):
            continue
        levels, scale = as_levels(values) or (None, None)
        half = values.astype(np.float16)
        if levels is not None and np.array_equal(levels * scale, values):
            tensor.CopyFrom(numpy_helper.from_array(levels, f"{name}.levels"))
            graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
            head.append(helper.make_node("Cast", [f"{name}.levels"], [f"{name}.steps"], to=TensorProto.FLOAT))
            head.append(helper.make_node("Mul", [f"{name}.steps", f"{name}.scale"], [name]))
        elif np.array_equal(half.astype(np.float32), values):
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            head.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*head, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def restore_weights(content: onnx.ModelProto) -> None:
    """Make float32 again of what `store_weights` has stored."""
    graph = content.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    made: dict[str, onnx.TensorProto] = {}  # by the name of what they take the place of
    for node in graph.node:
        name = node.output[0]
        if f"{name}.half" in stored:
            values = numpy_helper.to_array(stored[f"{name}.half"]).astype(np.float32)
            made[f"{name}.half"] = numpy_helper.from_array(values, name)
        elif f"{name}.levels" in stored:
            levels, scale = (numpy_helper.to_array(stored[f"{name}.{part}"]) for part in ("levels", "scale"))
            made[f"{name}.levels"] = numpy_helper.from_array(levels * scale, name)
    whole = {tensor.name for tensor in made.values()}
    gone = whole | {f"{name}.steps" for name in whole}
    nodes = [node for node in graph.node if node.output[0] not in gone]
    tensors = [made.get(t.name, t) for t in graph.initializer if t.name.removesuffix(".scale") not in whole]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def with_weights(network: bytes, bits: int) -> bytes:
    """An ONNX file with large weights rounded to so many bits, 16 or 8, and stored in them."""
    content = onnx.load_from_string(network)
    restore_weights(content)
    for tensor in content.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if _is_large(values):
            tensor.CopyFrom(numpy_helper.from_array(rounded(values, bits), tensor.name))
    store_weights(content)
    onnx.checker.check_model(content)
    return content.SerializeToString()


def convert_weights(path_or_name: str | os.PathLike[str], bits: int) -> tuple[Bundle, float]:
    """Write a bundle anew with the large weights of its networks in so many bits, 16 or 8.

    Its fingerprint changes with the hashes of the networks. Figures in its manifest stay: they are those of
    the weights before. Networks in int8, made of these, are gone.

    Returns
    -------
    The bundle, and the largest change of an output on made-up inputs, RMS over RMS.

    Raises
    ------
    BundleError
        If there is no valid bundle, it would not become smaller, or an output changes by more than
        ``TOLERANCE``; nothing is changed then.
    """
    before = Bundle.verify(path_or_name).placed(precision="float32")
    stated, written = before.manifest.networks, as_written(before)
    files = written["networks"]
    networks = {name: with_weights(file, bits) for name, file in files.items()}
    if sum(map(len, networks.values())) >= sum(map(len, files.values())):
        raise BundleError(
            f"{before.path}: its large weights are in {bits} bits or fewer already, which would not make it "
            "smaller: leave it as it is"
        )
    change = 0.0
    for name, network in stated.items():
        session = Session(networks[name], network.inputs, network.outputs, name=f"networks.{name}")
        axes = before.probe_axes(batch=MADE_UP)
        old, new = (one.probe(axes) for one in (before.session(name), session))
        change = max(change, *(_change(old[output], new[output]) for output in old))
    if change > TOLERANCE[bits]:
        raise BundleError(
            f"{before.path}: an output changes by {100 * change:.2g} % with weights of {bits} bits, expected "
            f"{100 * TOLERANCE[bits]:g} % at most: leave it as it is"
        )
    return write_bundle(before.path, **{**written, "networks": networks}), change


def _is_large(values: np.ndarray) -> bool:
    return values.dtype == np.float32 and values.size > LARGE


def _change(before: np.ndarray, after: np.ndarray) -> float:
    """RMS of a change over that of what changes."""
    return float(np.sqrt(np.mean((after - before) ** 2.0) / max(np.mean(before**2.0), 1e-30)))
