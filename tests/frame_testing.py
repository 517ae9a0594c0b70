# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of frames share."""

from __future__ import annotations

import numpy as np

from semisac_ml.signal.frame import FrameParameters


def random_parameters(seed: int) -> FrameParameters:
    """Frame parameters drawn over all that is allowed, of a frame that is not too long for a test."""
    rng = np.random.default_rng(seed)
    fft_size = int(2 ** rng.integers(6, 12))
    prefix = int(rng.integers(4, min(fft_size // 2, 256) + 1))
    sample_rate_hz = float(10 ** rng.uniform(4, 8))
    return FrameParameters(
        sample_rate_hz=sample_rate_hz,
        fft_size=fft_size,
        prefix_samples=prefix,
        guard_subcarriers=None if rng.random() < 0.3 else int(rng.integers(1, fft_size // 4 + 1)),
        pilot_spacing=int(rng.integers(2, 17)),
        images_per_frame=int(rng.integers(1, 40)),
        channel_uses=int(rng.integers(1, 130)),
        chirp_samples=int(rng.integers(max(64, 2 * prefix), 1025)),
        chirp_bandwidth_hz=None if rng.random() < 0.3 else float(sample_rate_hz * rng.uniform(0.25, 1.0)),
        header_repetitions=int(rng.integers(1, 7)),
        gap_samples=int(rng.integers(0, 3) * rng.integers(0, 300)),
        frame_type=str(rng.choice(["ofdm", "lfm"])),
        symbols_per_pulse=int(rng.integers(1, 9)),
    )
