# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small made-up simac bundle that needs no training: what blocks and programs for targets are tested with.

encoder: mean colours, a projection of the echo, the channel's state and which sensors work, of unit power.
decoder: fixed linear maps; deviations that shrink with the symbols' worth.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
from tiny_bundle import NetworkBuilder, made_up

from semisac_ml.runtime import write_bundle
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar

CHANNEL_USES = 8
FRAME, PICTURE = 16, 8
RADAR = LfmSimoRadar(antennas=2, pulses=4, range_bins=32)
ECHO_LENGTH = RADAR.pulses * RADAR.range_bins
REALS = 16
"""Numbers that are sent, again and again until the symbols are full."""
TRAINED = {"distance": [5.0, 120.0], "angle": [-1.0, 1.0], "velocity": [-30.0, 30.0]}
UNITS = {"distance": "m", "angle": "rad", "velocity": "m/s"}
SNR_DB = [0.0, 25.0]
REFERENCE_DB = 15.0
HEARD = 5  # numbers that the echo becomes


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Of the tiny one; `SHIPPED`: of those that ship."""

    channel_uses: int = CHANNEL_USES
    frame: int = FRAME
    picture: int = PICTURE
    radar: LfmSimoRadar = RADAR

    @property
    def echo_length(self) -> int:
        return self.radar.pulses * self.radar.range_bins


TINY, SHIPPED = Sizes(), Sizes(3136, 256, 56, LfmSimoRadar())


def encoder(sizes: Sizes = TINY) -> bytes:
    """Network frame, echo, channel_state, present -> symbols, box."""
    net = NetworkBuilder()
    works = [
        net("Slice", "present", *(net.constant([v], "int64") for v in (sensor, sensor + 1, 1)))
        for sensor in (0, 1)
    ]
    colours = net("Mul", net("ReduceMean", "frame", axes=[2, 3], keepdims=0), works[0])
    length = sizes.radar.antennas * sizes.echo_length * 2
    flat = net("Reshape", "echo", net.constant([-1, length], "int64"))
    weights = np.random.default_rng(5).standard_normal((length, HEARD))
    heard = net("Mul", net("Tanh", net("MatMul", flat, net.constant(0.01 * weights))), works[1])
    always = net("Add", net("Mul", "channel_state", net.constant(0.0)), net.constant(1.0))
    values = net("Concat", colours, heard, "channel_state", "present", always, axis=1)
    energy = net("ReduceSumSquare", values, axes=[1], keepdims=1)
    scale = net("Sqrt", net("Div", net.constant(REALS / 2), energy))
    times = [1, 2 * sizes.channel_uses // REALS]
    net("Tile", net("Mul", values, scale), net.constant(times, "int64"), output="symbols")
    edge = net("Mul", always, net.constant(0.25))
    net("Concat", colours, net("ReduceMean", edge, axes=[1], keepdims=1), axis=1, output="box")
    return net.build(
        "encoder",
        {
            "frame": ["batch", 3, sizes.frame, sizes.frame],
            "echo": ["batch", sizes.radar.antennas, sizes.echo_length, 2],
            "channel_state": ["batch", 3],
            "present": ["batch", 2],
        },
        {"symbols": ["batch", 2 * sizes.channel_uses], "box": ["batch", 4]},
    )


def decoder(sizes: Sizes = TINY) -> bytes:
    """Network received, worth -> state, deviation, picture."""
    net = NetworkBuilder()
    generator = np.random.default_rng(6)
    low, high = (np.array([TRAINED[name][end] for name in TRAINED]) for end in (0, 1))
    times = [-1, 2 * sizes.channel_uses // REALS, REALS]
    numbers = net("Reshape", "received", net.constant(times, "int64"))
    numbers = net("ReduceMean", numbers, axes=[1], keepdims=0)
    mixed = net("MatMul", numbers, net.constant(0.1 * generator.standard_normal((REALS, 3))))
    net(
        "Add",
        net("Mul", net("Tanh", mixed), net.constant((high - low) / 2)),
        net.constant((high + low) / 2),
        output="state",
    )
    lost = net("Sub", net.constant(1.001), net("Unsqueeze", "worth", net.constant([1], "int64")))
    net("Mul", net("Sqrt", lost), net.constant(high - low), output="deviation")
    weights = 0.1 * generator.standard_normal((REALS, 3 * sizes.picture**2))
    shown = net("Add", net("MatMul", numbers, net.constant(weights)), net.constant(0.5))
    shown = net("Clip", shown, net.constant(0.0), net.constant(1.0))
    net("Reshape", shown, net.constant([-1, 3, sizes.picture, sizes.picture], "int64"), output="picture")
    return net.build(
        "decoder",
        {"received": ["batch", 2 * sizes.channel_uses], "worth": ["batch"]},
        {
            "state": ["batch", 3],
            "deviation": ["batch", 3],
            "picture": ["batch", 3, sizes.picture, sizes.picture],
        },
    )


def make_tiny_target_bundle(path: str | Path, model: str = "awgn", sizes: Sizes = TINY) -> Path:
    """Write the bundle and return its folder; model: of the channel, "awgn" or "rayleigh"."""
    path = Path(path)
    share = [0.0, 1.0]
    write_bundle(
        path,
        networks={"encoder": encoder(sizes), "decoder": decoder(sizes)},
        tensors={
            "encoder": {"inputs": [{"name": "frame", "range": share}, {"name": "present", "range": share}]},
            "decoder": {
                "inputs": [{"name": "worth", "range": share}],
                "outputs": [{"name": "picture", "range": share}],
            },
        },
        system="simac",
        name=path.name,
        description="Made up for tests: linear code; nothing is trained",
        interface={
            "symbols": {
                "channel_uses": sizes.channel_uses,
                "real_dimensions": 2 * sizes.channel_uses,
                "bandwidth_ratio": sizes.channel_uses / (3 * sizes.picture**2),
                "power": "unit mean |x|^2 per channel use, each frame",
                "layout": "complex64, I = even, Q = odd real",
            },
            "channel": {
                "model": model,
                "snr_db": SNR_DB,
                "reference_snr_db": REFERENCE_DB,
                "gain_known_at_receiver": True,
            },
            "radar": dataclasses.asdict(sizes.radar),
            "frame_pixels": sizes.frame,
            "picture_pixels": sizes.picture,
            "states": [
                {"name": name, "unit": UNITS[name], "trained": limits} for name, limits in TRAINED.items()
            ],
        },
        **made_up(__file__),
    )
    return path


if __name__ == "__main__":
    print(make_tiny_target_bundle(*sys.argv[1:3]))
