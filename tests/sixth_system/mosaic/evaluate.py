# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bundle of the made-up link does, without torch."""

from __future__ import annotations

import numpy as np

from semisac_ml.data import cifar10
from semisac_ml.outputs import print_json
from semisac_ml.runtime import Bundle
from semisac_ml.signal import channel, metrics
from semisac_ml.signal.complex_pairs import as_complex, as_pairs
from semisac_ml.systems.mosaic.manifest import Interface


def command(*, bundle: str = "mosaic/first", snr_db: float = 10.0, seed: int = 1) -> None:
    """Send the pictures that ship over white noise, and print the PSNR."""
    opened = Bundle.load(bundle)
    pictures = cifar10.sample()[0]
    image = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    symbols = as_complex(opened.session("encoder").run(image=image)["symbols"])
    received, _ = channel.fading_channel(symbols, "awgn", snr_db, seed)
    found = opened.session("reconstruction").run(received=as_pairs(received))["image"]
    rebuilt = np.rint(255 * found.transpose(0, 2, 3, 1)).astype(np.uint8)
    psnr_db = metrics.mean(metrics.psnr_db(pictures, rebuilt))
    print_json({"tiles": opened.interface(Interface).tiles, "psnr_db": psnr_db.as_dict()})
