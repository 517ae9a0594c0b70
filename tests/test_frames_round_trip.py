# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames of any allowed layout come back: combinations of parameters sought by hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from frame_testing import receive
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from semisac_ml.signal import impairments as air
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame

pytest.importorskip("gnuradio.semisac", reason="the blocks that receive are part of the module")

LONGEST_SAMPLES = 200_000  # of a frame: what a test can afford


@st.composite
def layouts(draw) -> FrameParameters:
    """Frame parameters over all that is allowed, of frames that are not too long."""
    fft_size = draw(st.sampled_from([64, 128, 256, 512, 1024, 2048]))
    prefix = draw(st.integers(fft_size // 32 + 4, fft_size // 2))  # shorter ones: docs/frames.md, limits
    sample_rate_hz = draw(st.floats(1e4, 1e8))
    parameters = FrameParameters(
        sample_rate_hz=sample_rate_hz,
        fft_size=fft_size,
        prefix_samples=prefix,
        guard_subcarriers=draw(st.none() | st.integers(1, fft_size // 4)),
        pilot_spacing=draw(st.integers(2, 16)),
        images_per_frame=draw(st.integers(1, 60)),
        channel_uses=draw(st.integers(1, 200)),
        chirp_samples=draw(st.integers(max(64, 2 * prefix), 4096)),
        chirp_bandwidth_hz=draw(st.none() | st.floats(0.5, 1.0).map(lambda share: share * sample_rate_hz)),
        header_repetitions=draw(st.integers(1, 8)),
        gap_samples=draw(st.integers(0, 5000)),
        frame_type=draw(st.sampled_from(["ofdm", "lfm"])),
        symbols_per_pulse=draw(st.integers(1, 16)),
    )
    assume(parameters.frame_samples <= LONGEST_SAMPLES)
    return parameters


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(layouts(), st.integers(0, 2**32 - 5000), st.floats(-1.0, 1.0), st.integers(0, 300), st.data())
@pytest.mark.slow
def test_images_of_any_layout_come_back(parameters, frame_id, offset, silence, data):
    images = data.draw(st.integers(1, parameters.images_per_frame))
    rng = np.random.default_rng(1)
    shape = (images, parameters.channel_uses)
    symbols = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)
    frame = modulate_frame(symbols, parameters, frame_id)
    quiet = np.zeros(silence, np.complex64)
    cfo_hz = offset * 0.9 * min(0.02 * parameters.sample_rate_hz, 0.1 * parameters.chirp_bandwidth_hz)
    stream = air.turn(np.concatenate([quiet, frame, quiet]), cfo_hz, parameters.sample_rate_hz)
    stream = stream + air.noise(rng, len(stream), 30.0)
    received = receive(parameters, stream)
    np.testing.assert_array_equal(received.ids, frame_id + np.arange(images))
    # Noise at -30 dB, as much again for the estimates of channel and phase; mean of n exponentials. And what
    # leaks between subcarriers, (pi d)^2 / 3, of a carrier known to 1.1 % of the inverse length of a chirp.
    leaks = (np.pi * 0.011 * parameters.fft_size / parameters.chirp_samples) ** 2 / 3
    error = np.mean(np.abs(received.symbols - symbols) ** 2)
    assert error < (2e-3 + leaks) * (1.0 + 5.0 / np.sqrt(symbols.size) + 20.0 / symbols.size)
