# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a prediction costs with each set of sensors: operations, weights, time."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from semisac_ml.beams.bundles import NETWORK
from semisac_ml.beams.sensors import networks
from semisac_ml.beams.sensors.sets import SensorSet
from semisac_ml.beams.sensors.tensors import SensorInputs
from semisac_ml.beams.sensors.training import CalibratedNetwork

LATENCY_CALLS = 40


@dataclass(frozen=True)
class Cost:
    """Cost of one prediction.

    flops: floating-point operations, two a multiplication with addition, of the encoders of one new frame of
    each sensor and of the fusion. weights_mb: of these, 4 bytes each. latency_ms: median processor time of
    the exported networks on one thread.
    """

    flops: float
    weights_mb: float
    latency_ms: float


class Costs:
    """Costs of a network, which is exported once."""

    def __init__(self, network: CalibratedNetwork, frames: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._network, self._frames = network, frames
        self._sessions = {
            name: onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            for name, content in networks.as_onnx(network, frames).items()
        }

    def of(self, one: SensorSet) -> Cost:
        """Cost of predictions with a set of sensors."""
        network = self._network
        given = given_to(network, self._frames, one)
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # the counter does not know the fused kernel
        try:
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                for kind in one.sensors:
                    network.encoders[kind](networks.example_frames(kind, 1).float())
                network(*given)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
        unused = [part for kind, part in network.encoders.items() if kind not in one.sensors]
        count = _weights(network) - sum(_weights(part) for part in unused)
        return Cost(float(counter.get_total_flops()), 4e-6 * count, self._latency_ms(one, given))

    def _latency_ms(self, one: SensorSet, given: SensorInputs) -> float:
        feeds: dict[str, dict[str, Tensor]] = {
            kind: {kind: networks.example_frames(kind, 1)} for kind in one.sensors
        }
        feeds[NETWORK] = given._asdict()
        times = []
        for _ in range(LATENCY_CALLS):
            begin = time.process_time()
            for name, values in feeds.items():
                session = self._sessions[name]
                taken = {node.name for node in session.get_inputs()}
                session.run(None, {key: value.numpy() for key, value in values.items() if key in taken})
            times.append(time.process_time() - begin)
        return 1e3 * float(np.median(times))


def given_to(network: CalibratedNetwork, frames: int, one: SensorSet) -> SensorInputs:
    """Example inputs of one prediction where all but a set of sensors is absent."""
    given = networks.example_inputs(network, frames, 1)._asdict()
    there = {**dict.fromkeys(one.sensors, True), "position": one.gps, "measured": one.beams > 0}
    for mark, of in (("measured", ["power_db"]), ("position_known", ["position_m"])):
        if not there[mark.partition("_")[0]]:
            given |= {name: torch.zeros_like(given[name]) for name in (mark, *of)}
    for kind in network.encoders:
        if kind not in one.sensors:
            given |= {name: torch.zeros_like(given[name]) for name in (kind, f"{kind}_known")}
    return SensorInputs(**given)


def _weights(part: nn.Module) -> int:
    return sum(one.numel() for one in part.parameters())
