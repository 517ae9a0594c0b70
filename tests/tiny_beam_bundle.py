# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small made-up bundle that predicts beams without training, and takes a camera besides.

Logits are the weighted sum of power in dB over a -20 dB floor where it was measured, newest frame most; a
lobe at beam 31.5 + north, where a position is known; and the camera's 64 features as they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from tiny_bundle import NetworkBuilder, made_up

from semisac_ml.runtime import write_bundle

BEAMS, FRAMES = 64, 5
AGE_WEIGHTS = np.array([0.05, 0.1, 0.2, 0.4, 1.0], dtype=np.float32)


def beams(camera: bool) -> bytes:
    """The network."""
    net = NetworkBuilder()
    weights = net.constant(AGE_WEIGHTS[:, None])
    over_floor = net("Mul", net("Add", "power_db", net.constant(20.0)), "measured")
    logits = net("ReduceSum", net("Mul", over_floor, weights), net.constant([1], "int64"), keepdims=0)
    north = net("Gather", "position_m", net.constant(1, "int64"), axis=2)  # [batch, frames]
    peak = net("Unsqueeze", net("Add", north, net.constant(31.5)), net.constant([2], "int64"))
    apart = net("Sub", net.constant(np.arange(BEAMS)), peak)
    lobe = net("Mul", net("Mul", apart, apart), net.constant(-0.05))
    known = net("Unsqueeze", "position_known", net.constant([2], "int64"))
    lobe = net("Mul", net("Mul", lobe, known), weights)
    logits = net("Add", logits, net("ReduceSum", lobe, net.constant([1], "int64"), keepdims=0))
    inputs = {
        "power_db": ["batch", FRAMES, BEAMS],
        "measured": ["batch", FRAMES, BEAMS],
        "position_m": ["batch", FRAMES, 2],
        "position_known": ["batch", FRAMES],
    }
    if camera:
        seen = net("Unsqueeze", "camera_known", net.constant([1], "int64"))
        logits = net("Add", logits, net("Mul", "camera_features", seen))
        inputs |= {"camera_features": ["batch", BEAMS], "camera_known": ["batch"]}
    site = net("Unsqueeze", net("Cast", "site", to=1), net.constant([1], "int64"))
    logits = net("Add", logits, net("Mul", site, net.constant(np.linspace(0, 0.1, BEAMS))))
    net("Softmax", logits, axis=1, output="probability")
    inputs["site"] = ["batch", "int64"]
    return net.build("beams", inputs, {"probability": ["batch", BEAMS]})


def picture_encoder(shape: tuple[int, ...]) -> bytes:
    """Features of a picture, uint8 [..., 64, ...] 64 second: sums of the others over 100."""
    net = NetworkBuilder()
    others = [axis for axis in range(1, 1 + len(shape)) if axis != 2]
    bright = net("ReduceSum", net("Cast", "camera", to=1), net.constant(others, "int64"), keepdims=0)
    net("Div", bright, net.constant(100.0), output="features")
    picture = onnx.helper.make_tensor_value_info("camera", onnx.TensorProto.UINT8, ["batch", *shape])
    made = onnx.load_from_string(
        net.build("camera", {"camera": ["batch", *shape]}, {"features": ["batch", BEAMS]})
    )
    made.graph.input[0].CopyFrom(picture)
    return made.SerializeToString()


def make_tiny_beam_bundle(path: str | Path, camera: bool = False, picture: tuple[int, ...] = ()) -> Path:
    """Write the bundle and return its folder.

    camera: whether it takes that sensor as well; picture: shape, where it goes through a network of its own.
    """
    path = Path(path)
    known = [{"name": name, "range": [0.0, 1.0]} for name in ("measured", "position_known")]
    if camera:
        known.append({"name": "camera_known", "range": [0.0, 1.0]})
    write_bundle(
        path,
        networks={"beams": beams(camera)} | ({"camera": picture_encoder(picture)} if picture else {}),
        tensors={
            "beams": {
                "inputs": [{"name": "power_db", "unit": "dB"}, {"name": "position_m", "unit": "m"}, *known],
                "outputs": [{"name": "probability", "range": [0.0, 1.0]}],
            }
        },
        system="vi_beam",
        name=path.name,
        description="Made up for tests: nothing is trained",
        interface={
            "beams": {
                "count": BEAMS,
                "frames": FRAMES,
                "sites": ["scenario1", "scenario2"],
                "measured": {},
                "tempering": 0.5,
            }
        },
        **made_up(__file__),
    )
    return path
