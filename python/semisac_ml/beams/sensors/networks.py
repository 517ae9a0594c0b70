# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of a bundle: one encoder a sensor, which runs only where the sensor is there, and ``beams``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.bundles import NETWORK, OUTPUT
from semisac_ml.beams.bundles import interfaces as beam_interfaces
from semisac_ml.beams.samples import BEAMS
from semisac_ml.beams.sensors.samples import SENSORS
from semisac_ml.beams.sensors.tensors import SensorInputs
from semisac_ml.beams.sensors.training import CalibratedNetwork
from semisac_ml.runtime import Bundle
from semisac_ml.sensors import declared
from semisac_ml.training import onnx_export

FEATURES = "features"
BLOCKED = "blocked"


class _Encoder(nn.Module):
    """An encoder that takes frames as sensors give them: of the camera whole numbers."""

    def __init__(self, encoder: nn.Module, scale: float) -> None:
        super().__init__()
        self.encoder, self.scale = encoder, scale

    def forward(self, frames: Tensor) -> Tensor:
        return self.encoder(frames.float() / self.scale)


def example_frames(kind: str, batch: int = 2) -> Tensor:
    """Frames of a sensor of the right shape."""
    own = declared()[kind]
    if own.dtype == np.uint8:
        return torch.randint(0, 256, (batch, *own.shape), dtype=torch.uint8)
    return torch.randn(batch, *own.shape)


def example_inputs(network: CalibratedNetwork, frames: int, batch: int = 2) -> SensorInputs:
    """Inputs of ``beams`` of the right shapes."""
    marks = torch.ones(batch, frames)
    sensed = [
        one for kind in SENSORS for one in (torch.randn(batch, frames, network.encoders[kind].size), marks)
    ]
    power = torch.randn(batch, frames, BEAMS)
    position = torch.randn(batch, frames, 2)
    site = torch.zeros(batch, dtype=torch.int64)
    return SensorInputs(power, torch.ones_like(power), position, marks, site, *sensed)


def as_onnx(network: CalibratedNetwork, frames: int) -> dict[str, bytes]:
    """ONNX content of the encoders and of ``beams``; batches of any size."""
    found = {
        kind: onnx_export.to_onnx(
            _Encoder(network.encoders[kind], declared()[kind].scale),
            {kind: example_frames(kind)},
            FEATURES,
            {name: {0: "batch"} for name in (kind, FEATURES)},
        )
        for kind in SENSORS
    }
    given = example_inputs(network, frames)._asdict()
    outputs = [OUTPUT, BLOCKED]
    axes = {name: {0: "batch"} for name in (*given, *outputs)}
    return {**found, NETWORK: onnx_export.to_onnx(network, given, outputs, axes)}


def interfaces() -> dict[str, Any]:
    """Units and meanings of inputs and outputs."""
    mark = {"unit": "1", "range": [0.0, 1.0]}
    found = beam_interfaces()
    found[NETWORK]["outputs"].append(
        {
            "name": BLOCKED,
            **mark,
            "description": "probability that the straight way to the vehicle is blocked",
        }
    )
    for kind in SENSORS:
        found[NETWORK]["inputs"] += [
            {"name": kind, "unit": "1", "description": f"output of the network {kind}; oldest frame first"},
            {
                "name": f"{kind}_known",
                **mark,
                "description": f"1 for frames of {kind} that are there, else 0",
            },
        ]
        told = f"a frame as semisac_ml.sensors.{kind} makes it"
        scale = declared()[kind].scale
        unit = {"unit": "1", "range": [0.0, scale]} if scale != 1.0 else {"unit": "1"}
        found[kind] = {
            "inputs": [{"name": kind, **unit, "description": told}],
            "outputs": [{"name": FEATURES, "unit": "1", "description": f"input {kind} of {NETWORK}"}],
        }
    return found


class BundlePredictor:
    """A bundle in the place of a trained network, for measurements."""

    def __init__(self, bundle: Bundle) -> None:
        self._sessions = {name: bundle.session(name) for name in (*SENSORS, NETWORK)}
        self.encoders = {kind: _EncoderSession(self._sessions[kind], kind) for kind in SENSORS}

    def eval(self) -> BundlePredictor:
        """Itself: a bundle learns nothing."""
        return self

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        given = {name: value.numpy() for name, value in SensorInputs(*inputs)._asdict().items()}
        said = self._sessions[NETWORK].run(**given)
        return torch.from_numpy(said[OUTPUT]), torch.from_numpy(said[BLOCKED])


class _EncoderSession:
    def __init__(self, session: Any, kind: str) -> None:
        self._session, self._kind = session, kind
        self.size = int(session.outputs[FEATURES].shape[1])

    def __call__(self, frames: Tensor) -> Tensor:
        own = declared()[self._kind]
        values = frames.numpy()
        if own.dtype == np.uint8:
            values = np.rint(own.scale * values).astype(np.uint8)
        return torch.from_numpy(self._session.run(**{self._kind: values})[FEATURES])
