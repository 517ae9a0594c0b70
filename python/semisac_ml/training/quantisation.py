# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of a bundle in int8, beside those in float32.

ONNX Runtime's own quantisation, static: the range of everything that flows in a network is found on training
data, for which the system's own measuring is run on them, and what its networks are given is kept. Weights
are of 7 bits, with a scale a channel: AVX2 adds two products of bytes in 16 bits, which those of 8 would
overflow. A network in which it saves next to nothing here stays in float32 alone.
"""

from __future__ import annotations

import copy
import logging
import math
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from rich.console import Console

from semisac_ml.processor import machine
from semisac_ml.runtime import Bundle, BundleError, Session, as_written, write_bundle

Feed = dict[str, np.ndarray]
"""Inputs of a network by name."""
Part = Literal["train", "test"]
Measure = Callable[[Bundle, Part], Mapping[str, Mapping[str, Any]]]
"""Figures of a bundle, as a manifest states them, on a part of the data; of "train" some samples do."""

CALIBRATION_CALLS = 24
"""Inferences of each network that ranges are found on, spread evenly over all that measuring makes."""
LEAST_SAVING = 0.02
"""Share of the processor time of all networks that int8 must save of one, or it is not worth its bytes."""
PAIRS = 7
_CONVOLUTIONS, _PRODUCTS = ("Conv", "ConvTranspose"), ("MatMul", "Gemm")
LEAST_PRODUCT = 1 << 14
"""Weights of a product of matrices from which int8 is worth its scales. Below, as in squeeze and excitation,
it costs time and precision."""


class _Recorder(Bundle):
    """The same bundle in float32, which keeps what its networks are given."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(
            bundle.path, bundle.manifest, bundle.fingerprint, bundle._contents, precision="float32"
        )
        self.feeds: dict[str, list[Feed]] = {}
        self.seconds: dict[str, float] = {}
        self._recording: dict[str, Session] = {}

    def session(self, network: str, **place: Any) -> Session:
        """A session that notes its inputs."""
        if network not in self._recording:
            recording = copy.copy(super().session(network))
            kept = self.feeds.setdefault(network, [])

            def infer(feed: Feed, infer: Callable = recording.infer) -> dict[str, np.ndarray]:
                kept.append(feed)
                begin = time.thread_time()
                outputs = infer(feed)
                self.seconds[network] = self.seconds.get(network, 0.0) + time.thread_time() - begin
                return outputs

            recording.infer = infer
            self._recording[network] = recording
        return self._recording[network]


def recorded(bundle: Bundle, measure: Measure) -> tuple[dict[str, list[Feed]], dict[str, float]]:
    """Some of what each network is given while a bundle is measured on training data; its share of time."""
    recorder = _Recorder(bundle)
    measure(recorder, "train")
    kept = {}
    for name, feeds in recorder.feeds.items():
        if not feeds:
            continue
        places = np.linspace(0, len(feeds) - 1, min(CALIBRATION_CALLS, len(feeds))).round().astype(int)
        kept[name] = [feeds[place] for place in places]
    whole = sum(recorder.seconds.values())
    return kept, {name: seconds / whole for name, seconds in recorder.seconds.items()}


class _Reader:
    """What ONNX Runtime's quantisation reads."""

    def __init__(self, feeds: list[Feed]) -> None:
        self._feeds: Iterator[Feed] = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def quantised(network: bytes, feeds: list[Feed]) -> bytes | None:
    """An ONNX file in int8, with ranges from what it is given; None where no layer of it is worth that."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from .stored_weights import restore_weights

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it warns of each tensor that it leaves as it is
    try:
        with tempfile.TemporaryDirectory() as folder:
            plain, prepared, made = (Path(folder) / f"{name}.onnx" for name in ("plain", "prepared", "made"))
            content = onnx.load_from_string(network)
            restore_weights(content)
            onnx.save(content, plain)
            quant_pre_process(plain, prepared, skip_symbolic_shape=True)
            content = onnx.load(prepared)
            chosen = _worth_it(content.graph)
            if not chosen:
                return None
            onnx.save(content, prepared)
            quantize_static(
                prepared,
                made,
                _Reader(feeds),
                quant_format=QuantFormat.QDQ,
                nodes_to_quantize=chosen,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            return made.read_bytes()
    finally:
        root.setLevel(level)


def _worth_it(graph: onnx.GraphProto) -> list[str]:
    """Names of convolutions, and of products with many weights; nodes without a name get one."""
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    for place, node in enumerate(graph.node):
        node.name = node.name or f"node_{place}"
    return [
        node.name
        for node in graph.node
        if node.op_type in _CONVOLUTIONS
        or (node.op_type in _PRODUCTS and sizes.get(node.input[1], 0) >= LEAST_PRODUCT)
    ]


def speedup(bundle: Bundle, name: str, int8: bytes, feed: Feed) -> float:
    """Processor time of one inference in float32 over that in int8, median of pairs taken in turn."""
    stated = bundle.manifest.networks[name]
    faster = Session(int8, stated.inputs, stated.outputs, name=f"networks.{name} in int8")
    sessions = (bundle.placed(precision="float32").session(name), faster)
    ratios = []
    for _ in range(PAIRS):
        times = []
        for session in sessions:
            begin = time.thread_time()
            session.infer(feed)
            times.append(time.thread_time() - begin)
        ratios.append(times[0] / times[1])
    return float(np.median(ratios))


def add_int8(
    bundle: Bundle, measure: Measure, calibration: str, console: Console, only: Collection[str] = ()
) -> Bundle:
    """Write a bundle again with those of its networks in int8 beside them that are faster in it.

    Parameters
    ----------
    measure : callable
        Figures of a bundle on training or test data; those in int8 and what they change go into the manifest.
    calibration : str
        What it measures on as training data, for the manifest.
    only : collection of str
        Networks that may be in int8; all if empty.

    Raises
    ------
    BundleError
        If none is faster here, or there is no such network; nothing is changed then.
    """
    for name in only:
        bundle.session(name)  # raises where there is none
    console.print("int8: finding ranges on training data …")
    feeds, shares = recorded(bundle, measure)
    networks, gains = {}, {}
    for name, own in feeds.items():
        if only and name not in only:
            continue
        content = quantised(bundle.content(name), own) if shares[name] > LEAST_SAVING else None
        gain = 1.0 if content is None else speedup(bundle, name, content, own[-1])
        saved = shares[name] * (1.0 - 1.0 / gain)
        stays = "" if saved >= LEAST_SAVING else ": stays in float32"
        console.print(
            f"int8: {name} {gain:.2f} times as fast, saves {saved:.1%} of the time of all networks{stays}"
        )
        if content is not None and not stays:
            networks[name], gains[name] = content, round(gain, 2)
    if not networks:
        raise BundleError(
            f"{bundle.path}: int8 saves less than {LEAST_SAVING:.0%} of the time of all networks on this "
            "processor, which may lack VNNI or the dot product: leave it in float32, or export where they are"
        )
    told = {"networks": networks, "speedup": gains, "machine": machine(), "calibration": calibration}
    written = as_written(bundle)
    console.print("int8: measuring what it costs …")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / bundle.path.name
        trial = write_bundle(path, **written, int8={**told, "metrics": {}, "change": {}})
        found = {
            precision: dict(measure(trial.placed(precision=precision), "test"))
            for precision in ("float32", "int8")
        }
    change = {
        name: float(f"{one['value'] - found['float32'][name]['value']:.4g}")
        for name, one in found["int8"].items()
        if name in found["float32"]
    }
    for name, by in change.items():
        console.print(f"int8: {name} {found['int8'][name]['value']:.4g}, by {by:+.2g}")
    return write_bundle(bundle.path, **written, int8={**told, "metrics": found["int8"], "change": change})
