# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a prediction costs with each set of sensors: operations, weights, time."""

from __future__ import annotations

import json
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from semisac_ml.beams.bundles import NETWORK, as_onnx, example_frames, example_inputs, feature_sizes
from semisac_ml.beams.ensemble import BeamEnsemble
from semisac_ml.beams.inputs import InputSet

LATENCY_CALLS = 40
COUNTED = ("MatMul", "Gemm", "Conv")


@dataclass(frozen=True)
class Cost:
    """Cost of one prediction.

    flops: floating-point operations, two a multiplication with addition, that the exported networks ran: the
    encoders of one new frame of each sensor, the fusion and, of the experts, those that were chosen.
    weights_mb: of these, 4 bytes each. latency_ms: median processor time of the exported networks on one
    thread.
    """

    flops: float
    weights_mb: float
    latency_ms: float


class Costs:
    """Costs of a network, which is exported once."""

    def __init__(self, network: BeamEnsemble, frames: int, sensors: tuple[str, ...]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._network, self._frames, self._sensors = network, frames, sensors
        self._content = as_onnx(network, frames, sensors)
        self._sessions = {
            name: onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            for name, content in self._content.items()
        }

    def of(self, one: InputSet) -> Cost:
        """Cost of predictions with a set of sensors."""
        network, feeds = self._network, self._feeds(one)
        unused = [part for kind, part in network.encoders.items() if kind not in one.sensors]
        count = _weights(network) - sum(_weights(part) for part in unused)
        flops = sum(executed_flops(self._content[name], own) for name, own in feeds.items())
        return Cost(flops, 4e-6 * count, self._latency_ms(feeds))

    def _feeds(self, one: InputSet) -> dict[str, dict[str, np.ndarray]]:
        """Example inputs of the networks that run for one prediction with a set of sensors."""
        feeds: dict[str, dict[str, Tensor]] = {kind: {kind: example_frames(kind, 1)} for kind in one.sensors}
        feeds[NETWORK] = self._given(one)._asdict()
        taken = {name: {node.name for node in own.get_inputs()} for name, own in self._sessions.items()}
        return {
            name: {key: value.numpy() for key, value in own.items() if key in taken[name]}
            for name, own in feeds.items()
        }

    def _given(self, one: InputSet) -> Any:
        """Example inputs of one prediction where all but a set of sensors is absent."""
        made = example_inputs(1, self._frames, feature_sizes(self._network, self._sensors))
        absent = [] if one.beams else ["power_db", "measured"]
        absent += [] if one.gps else ["position_m", "position_known"]
        for name in set(self._sensors) - set(one.sensors):
            absent += [name, f"{name}_known"]
        return made._replace(**{name: torch.zeros_like(getattr(made, name)) for name in absent})

    def _latency_ms(self, feeds: dict[str, dict[str, np.ndarray]]) -> float:
        times = []
        for _ in range(LATENCY_CALLS):
            begin = time.process_time()
            for name, own in feeds.items():
                self._sessions[name].run(None, own)
            times.append(time.process_time() - begin)
        return 1e3 * float(np.median(times))


def executed_flops(content: bytes, feeds: dict[str, np.ndarray]) -> float:
    """Operations of the products and convolutions that an ONNX network ran, in whichever branches."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_profiling = True
    # else products and convolutions are fused with what follows, under other names
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")  # else weights have no shape
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "ran")
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return float(sum(_flops(one["args"]) for one in events if one["args"].get("op_name") in COUNTED))


def _flops(ran: dict[str, Any]) -> int:
    """Operations of one node, by the shapes of what it was given and of what it told."""
    if "output_type_shape" not in ran:  # another event of the same node
        return 0
    first, second = (next(iter(one.values())) for one in ran["input_type_shape"][:2])
    (told,) = (next(iter(one.values())) for one in ran["output_type_shape"][:1])
    if ran["op_name"] == "Conv":
        summed = math.prod(second[1:])  # channels and places of the kernel
    elif ran["op_name"] == "Gemm":
        summed = math.prod(first) // told[0]
    else:
        summed = first[-1]
    return 2 * summed * math.prod(told)


def _weights(part: nn.Module) -> int:
    return sum(one.numel() for one in part.parameters())
