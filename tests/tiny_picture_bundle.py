# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up bundle for pictures of any size, with the interfaces of jssc/hifi: a linear code of 4 x 4 pixels.

encoder: slow cosines of each colour, power normalised for each picture.
reconstruction: each value times what it is worth, then the cosines again.
task: how bright, by the mean of the code's first channel.
sensing: that of the made-up bundle for images.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from tiny_bundle import NetworkBuilder, made_up, sensing

from semisac_ml.runtime import write_bundle

CHANNELS, STRIDE = 16, 4
SENT_CHANNELS = (4, 8, 16)
CHANNEL_USES = 32
CLASSES = tuple(f"brightness {level}" for level in range(10))
SPREAD = 1.3  # typical root mean square of a code's first values before they are normalised


def basis() -> np.ndarray:
    """Orthonormal rows [16, 48]: 4 x 4 cosines of grey and two colours, slow ones first."""
    steps = np.arange(STRIDE)
    cosines = [np.cos(np.pi * (steps + 0.5) * order / STRIDE) for order in range(STRIDE)]
    cosines = [cosine / np.linalg.norm(cosine) for cosine in cosines]
    colours = np.linalg.qr(np.array([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]]).T)[0].T
    orders = sorted(
        ((v, h) for v in range(STRIDE) for h in range(STRIDE)), key=lambda pair: (sum(pair), pair)
    )
    rows = [("grey", pair) for pair in orders] + [("red", (0, 0)), ("green", (0, 0))]
    chosen = [rows[0], *rows[-2:], *rows[1:14]]
    kinds = {"grey": colours[0], "red": colours[1], "green": colours[2]}
    return np.stack(
        [np.einsum("c,v,h->cvh", kinds[k], cosines[v], cosines[h]).ravel() for k, (v, h) in chosen]
    )


def sent_mask(net: NetworkBuilder) -> str:
    """1 for the channels that are sent, float32 [batch, 16, 1, 1]."""
    channels = net.constant(np.arange(CHANNELS).reshape(1, -1, 1, 1))
    sent = net("Unsqueeze", "sent_channels", net.constant([1, 2, 3], "int64"))
    return net("Cast", net("Less", channels, sent), to=1)


def encoder() -> bytes:
    """Network image, snr_db, sent_channels -> code."""
    net = NetworkBuilder()
    weights = basis().reshape(CHANNELS, 3, STRIDE, STRIDE)
    values = net(
        "Conv",
        net("Sub", "image", net.constant(0.5)),
        net.constant(weights),
        strides=[STRIDE, STRIDE],
        kernel_shape=[STRIDE, STRIDE],
    )
    mask = sent_mask(net)
    kept = net("Add", net("Mul", values, mask), net("Mul", mask, net.constant(1e-3)))
    power = net("ReduceMean", net("Mul", kept, kept), axes=[1, 2, 3], keepdims=1)
    share = net("ReduceMean", mask, axes=[1], keepdims=1)
    net("Div", kept, net("Sqrt", net("Div", power, share)), output="code")
    picture, code = ["batch", 3, "height", "width"], ["batch", CHANNELS, "rows", "columns"]
    return net.build(
        "encoder", {"image": picture, "snr_db": ["batch"], "sent_channels": ["batch"]}, {"code": code}
    )


def reconstruction() -> bytes:
    """Network received, worth, snr_db, sent_channels -> image."""
    net = NetworkBuilder()
    spread = net("Div", net.constant(SPREAD), net("Sqrt", net("Div", "sent_channels", net.constant(4.0))))
    values = net("Mul", net("Mul", "received", "worth"), sent_mask(net))
    values = net("Mul", values, net("Unsqueeze", spread, net.constant([1, 2, 3], "int64")))
    weights = basis().reshape(CHANNELS, 3, STRIDE, STRIDE)
    image = net(
        "ConvTranspose",
        values,
        net.constant(weights),
        strides=[STRIDE, STRIDE],
        kernel_shape=[STRIDE, STRIDE],
    )
    limits = net.constant(0.0), net.constant(1.0)
    net("Clip", net("Add", image, net.constant(0.5)), *limits, output="image")
    picture, code = ["batch", 3, "height", "width"], ["batch", CHANNELS, "rows", "columns"]
    inputs = {"received": code, "worth": code, "snr_db": ["batch"], "sent_channels": ["batch"]}
    return net.build("reconstruction", inputs, {"image": picture})


def task() -> bytes:
    """Network received, worth, snr_db, sent_channels -> probability of each brightness."""
    net = NetworkBuilder()
    means = net("ReduceMean", net("Mul", "received", "worth"), axes=[2, 3], keepdims=0)
    first = net.constant(np.outer(np.eye(CHANNELS)[0], np.linspace(-4.0, 4.0, len(CLASSES))))
    net("Softmax", net("MatMul", means, first), axis=1, output="probability")
    code = ["batch", CHANNELS, "rows", "columns"]
    inputs = {"received": code, "worth": code, "snr_db": ["batch"], "sent_channels": ["batch"]}
    return net.build("task", inputs, {"probability": ["batch", len(CLASSES)]})


def make_tiny_picture_bundle(path: str | Path, channel_uses: int = CHANNEL_USES) -> Path:
    """Write the bundle and return its folder, whose name becomes the bundle's."""
    path = Path(path)
    picture = {"name": "image", "range": [0.0, 1.0]}
    snr = {"name": "snr_db", "unit": "dB", "range": [-5.0, 20.0]}
    sent = {"name": "sent_channels", "unit": "1", "range": [4.0, 16.0]}
    detector = [
        {"name": "range_snr_db", "unit": "dB", "range": [-41.0, 20.0]},
        {"name": "range_delay", "unit": "symbols", "range": [0, 4096]},
        {"name": "prior", "range": [0.0, 1.0]},
    ]
    write_bundle(
        path,
        networks={
            "encoder": encoder(),
            "reconstruction": reconstruction(),
            "task": task(),
            "sensing": sensing("none"),
        },
        tensors={
            "encoder": {"inputs": [picture, snr, sent]},
            "reconstruction": {
                "inputs": [{"name": "worth", "unit": "1", "range": [0.0, 1.0]}, snr, sent],
                "outputs": [picture],
            },
            "task": {
                "inputs": [{"name": "worth", "unit": "1", "range": [0.0, 1.0]}, snr, sent],
                "outputs": [{"name": "probability", "range": [0.0, 1.0]}],
            },
            "sensing": {"inputs": detector},
        },
        system="jssc",
        name=path.name,
        description="Made up for tests: linear code of 4 x 4 pixels, optimal detector; nothing is trained",
        interface={
            "symbols": {
                "channel_uses": channel_uses,
                "real_dimensions": 2 * channel_uses,
                "bandwidth_ratio": 1 / 6,
                "power": "unit mean |x|^2 per channel use, each picture",
                "layout": "packets of the code",
                "code": {"channels": CHANNELS, "stride": STRIDE, "sent_channels": list(SENT_CHANNELS)},
            },
            "channel": {
                "model": "awgn",
                "snr_db": [-5.0, 20.0],
                "reference_snr_db": 10.0,
                "gain_known_at_receiver": True,
            },
            "sensing": {
                "fading": "none",
                "snr_db": [-20.0, 20.0],
                "reference_snr_db": 3.0,
                "range_step_db": 3.0,
                "max_ranges": 8,
                "random_phase": True,
                "max_frequency_offset": 0.0,
            },
            "classes": list(CLASSES),
        },
        **made_up(__file__),
    )
    return path


if __name__ == "__main__":
    print(make_tiny_picture_bundle(sys.argv[1]))
