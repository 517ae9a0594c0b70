# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of the made-up link as a bundle."""

from __future__ import annotations

from pathlib import Path

import torch

from semisac_ml.data import cifar10
from semisac_ml.runtime import write_bundle
from semisac_ml.systems.mosaic.model import CHANNEL_USES, SIZE, TILES, Link
from semisac_ml.systems.mosaic.train import CHECKPOINT
from semisac_ml.training import load_checkpoint
from semisac_ml.training.onnx_export import to_onnx


def command(*, run: Path = Path("runs/mosaic"), output: Path = Path("models/mosaic/first")) -> None:
    """Write the bundle."""
    link = Link()
    trained = load_checkpoint(run / CHECKPOINT, link)
    symbols = torch.randn(2, CHANNEL_USES, 2)
    parts = {
        "encoder": ({"image": torch.rand(2, 3, SIZE, SIZE)}, "symbols"),
        "reconstruction": ({"received": symbols}, "image"),
        "task": ({"received": symbols}, "probability"),
        "sensing_echo": ({"echo": symbols, "sensing_snr_db": torch.tensor([3.0, 7.0])}, "probability"),
    }
    write_bundle(
        output,
        networks={
            name: to_onnx(getattr(link, name), given, told, dict.fromkeys([*given, told], {0: "batch"}))
            for name, (given, told) in parts.items()
        },
        system="mosaic",
        name=output.name,
        description="Made up for tests: mean colours of tiles",
        licence="GPL-3.0-or-later",
        interface={
            "symbols": {
                "channel_uses": CHANNEL_USES,
                "real_dimensions": 2 * CHANNEL_USES,
                "bandwidth_ratio": CHANNEL_USES / (3 * SIZE**2),
                "power": "unit mean |x|² a complex channel use, for each picture",
                "layout": "one complex symbol a channel use",
            },
            "channel": {
                "model": "awgn",
                "snr_db": [0.0, 20.0],
                "reference_snr_db": 10.0,
                "gain_known_at_receiver": True,
            },
            "sensing": {
                "fading": "none",
                "snr_db": [-10.0, 20.0],
                "reference_snr_db": 3.0,
                "range_step_db": 3.0,
                "max_ranges": 1,
                "random_phase": False,
                "max_frequency_offset": 0.0,
            },
            "classes": list(cifar10.CLASSES),
            "tiles": TILES,
        },
        data={"name": "sample", "split": "64 images, for training and testing"},
        training={
            "command": f"semisac train mosaic --steps {trained['steps']}",
            "seed": trained["seed"],
            "commit": "none",
            "date": "2026-01-01",
            "versions": {"torch": torch.__version__},
        },
        metrics={},
    )
    print(f"{output} is written")
