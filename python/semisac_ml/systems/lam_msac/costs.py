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

from semisac_ml.beams.bundles import NETWORK, as_onnx, example_frames, example_inputs, feature_sizes
from semisac_ml.beams.ensemble import BeamEnsemble
from semisac_ml.beams.inputs import InputSet

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

    def __init__(self, network: BeamEnsemble, frames: int, sensors: tuple[str, ...]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._network, self._frames, self._sensors = network, frames, sensors
        self._sessions = {
            name: onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            for name, content in as_onnx(network, frames, sensors).items()
        }

    def of(self, one: InputSet) -> Cost:
        """Cost of predictions with a set of sensors."""
        network = self._network
        given = self._given(one)
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # the counter does not know the fused kernel
        try:
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                for kind in one.sensors:
                    network.encoders[kind](example_frames(kind, 1).float())
                network(*given)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
        unused = [part for kind, part in network.encoders.items() if kind not in one.sensors]
        count = _weights(network) - sum(_weights(part) for part in unused)
        return Cost(float(counter.get_total_flops()), 4e-6 * count, self._latency_ms(one, given))

    def _given(self, one: InputSet) -> tuple[Tensor, ...]:
        """Example inputs of one prediction where all but a set of sensors is absent."""
        made = example_inputs(1, self._frames, feature_sizes(self._network, self._sensors))
        absent = [] if one.beams else ["power_db", "measured"]
        absent += [] if one.gps else ["position_m", "position_known"]
        for name in set(self._sensors) - set(one.sensors):
            absent += [name, f"{name}_known"]
        return made._replace(**{name: torch.zeros_like(getattr(made, name)) for name in absent})

    def _latency_ms(self, one: InputSet, given: tuple[Tensor, ...]) -> float:
        feeds: dict[str, dict[str, Tensor]] = {kind: {kind: example_frames(kind, 1)} for kind in one.sensors}
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


def _weights(part: nn.Module) -> int:
    return sum(one.numel() for one in part.parameters())
