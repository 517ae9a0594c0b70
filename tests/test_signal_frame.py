# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Layout of frames: counts that must add up for every combination of parameters, and errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from frame_testing import random_parameters

from semisac_ml.signal.frame import CODED_HEADER_BITS, FrameParameters

COMBINATIONS = [random_parameters(seed) for seed in range(60)]


def test_default_frame_is_that_of_the_specification():
    # 26 subcarriers on either side, as in IEEE 802.11a; 236 coded bits 6 times in 39 cells a symbol.
    parameters = FrameParameters()
    assert parameters.guard_subcarriers == 6 and parameters.chirp_bandwidth_hz == 4e6
    np.testing.assert_array_equal(np.abs(parameters.used_subcarriers[[0, 25, 26, 51]]), [26, 1, 1, 26])
    assert parameters.header_symbols == 37 and parameters.body_symbols == 9 and parameters.body_cells == 351
    assert parameters.frame_samples == 2 * 512 + 46 * 80
    assert parameters.chirp_rate_hz_per_s == pytest.approx(4e6 / 102.4e-6)
    assert FrameParameters(fft_size=2048).guard_subcarriers == 192


@pytest.mark.parametrize("parameters", COMBINATIONS)
def test_cells_add_up(parameters: FrameParameters):
    used = parameters.used_subcarriers
    assert 0 not in used and len(used) == parameters.fft_size - 2 * parameters.guard_subcarriers
    symbols = parameters.header_symbols + parameters.body_symbols
    spacing = parameters.pilot_spacing
    for symbol in {0, 1, symbols // 2, symbols - 1}:
        pilots, data = parameters.pilot_subcarriers(symbol), parameters.data_subcarriers(symbol)
        np.testing.assert_array_equal(np.sort(np.concatenate([pilots, data])), used)
        assert parameters.data_cells(symbol, 1) == len(data)
        for first in range(symbol, symbol + 3):
            counted = sum(
                len(parameters.data_subcarriers(one)) for one in range(first, first + 2 * spacing - 1)
            )
            assert parameters.data_cells(first, 2 * spacing - 1) == counted
    visited = np.concatenate([parameters.pilot_subcarriers(symbol) for symbol in range(spacing)])
    np.testing.assert_array_equal(np.sort(visited), used)  # each subcarrier once in a round


@pytest.mark.parametrize("parameters", COMBINATIONS)
def test_symbols_are_as_many_as_needed(parameters: FrameParameters):
    header_bits = CODED_HEADER_BITS * parameters.header_repetitions
    assert parameters.data_cells(0, parameters.header_symbols) >= header_bits
    assert (
        parameters.header_symbols == 1
        or parameters.data_cells(0, parameters.header_symbols - 1) < header_bits
    )
    wanted = parameters.images_per_frame * parameters.channel_uses
    assert parameters.body_data_symbols == wanted and parameters.body_cells >= wanted
    step = parameters.symbols_per_pulse if parameters.frame_type == "lfm" else 1
    fewer = parameters.body_symbols - step
    assert parameters.body_symbols % step == 0
    assert fewer == 0 or parameters.data_cells(parameters.header_symbols, fewer) < wanted


@pytest.mark.parametrize("parameters", COMBINATIONS)
def test_pieces_fill_the_frame_without_overlap(parameters: FrameParameters):
    occupied = np.zeros(parameters.frame_samples, np.int64)
    occupied[: 2 * parameters.chirp_samples] += 1
    for symbol in range(parameters.header_symbols + parameters.body_symbols):
        start = parameters.symbol_start(symbol)
        occupied[start : start + parameters.symbol_samples] += 1
    for pulse in range(parameters.pulses):
        start = parameters.pulse_start(pulse)
        occupied[start : start + parameters.chirp_samples] += 1
    assert (occupied[: parameters.occupied_samples] == 1).all()
    assert (occupied[parameters.occupied_samples :] == 0).all()
    assert len(occupied) == parameters.occupied_samples + parameters.gap_samples


MISTAKES = [
    (dict(sample_rate_hz=float("nan")), "sample_rate_hz is nan, expected 1000 to 1e+10"),
    (dict(sample_rate_hz=0.0), "sample_rate_hz is 0, expected 1000 to 1e+10"),
    (dict(fft_size=60), "fft_size is 60, expected a power of two from 64 to 2048"),
    (dict(fft_size=4096), "fft_size is 4096, expected a power of two from 64 to 2048"),
    (dict(prefix_samples=3), "prefix_samples is 3, expected 4 to 32"),
    (dict(guard_subcarriers=17), "guard_subcarriers is 17, expected 1 to 16"),
    (dict(pilot_spacing=1), "pilot_spacing is 1, expected 2 to 16"),
    (dict(images_per_frame=0), "images_per_frame is 0, expected 1 to 4095"),
    (dict(channel_uses=0), "channel_uses is 0, expected 1 to 1048576"),
    (dict(chirp_samples=63), "chirp_samples is 63, expected 64 to 65536"),
    (
        dict(fft_size=2048, prefix_samples=512),
        "chirp_samples is 512, expected twice prefix_samples, 1024, or more",
    ),
    (dict(chirp_bandwidth_hz=6e6), "chirp_bandwidth_hz is 6e+06, expected 1.25e+06 to 5e+06"),
    (dict(header_repetitions=0), "header_repetitions is 0, expected 1 to 64"),
    (dict(gap_samples=-1), "gap_samples is -1, expected 0 to 16777216"),
    (dict(frame_type="fmcw"), 'frame_type is "fmcw", expected "ofdm" or "lfm"'),
    (dict(symbols_per_pulse=0), "symbols_per_pulse is 0, expected 1 to 4096"),
    (dict(images_per_frame=4095, channel_uses=1 << 20), "samples, expected 16777216 or less"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_errors_say_what_is_expected_in_both_languages(arguments: dict, message: str):
    with pytest.raises(ValueError) as reference:
        FrameParameters(**arguments)
    assert message in str(reference.value)
    semisac = pytest.importorskip("gnuradio.semisac", reason="compares with the C++ struct")
    with pytest.raises(ValueError) as compiled:
        semisac.frame_parameters(**arguments)
    assert str(compiled.value) == str(reference.value)


def test_whole_numbers_only():
    with pytest.raises(TypeError):
        FrameParameters(fft_size=64.0)


@pytest.mark.parametrize("parameters", COMBINATIONS)
def test_compiled_parameters_are_the_same(parameters: FrameParameters):
    semisac = pytest.importorskip("gnuradio.semisac", reason="compares with the C++ struct")
    compiled = semisac.frame_parameters(**dataclasses.asdict(parameters))
    for name, value in dataclasses.asdict(parameters).items():
        assert getattr(compiled, name) == value
    for name in ("symbol_samples", "header_symbols", "body_symbols", "body_data_symbols", "body_cells"):
        assert getattr(compiled, name) == getattr(parameters, name)
    for name in ("pulses", "pulse_samples", "header_start", "body_start", "occupied_samples"):
        assert getattr(compiled, name) == getattr(parameters, name)
    assert compiled.frame_samples == parameters.frame_samples
    assert compiled.canonical_text() == parameters.canonical_text()
    assert semisac.frame_parameters(parameters).canonical_text() == parameters.canonical_text()
    np.testing.assert_array_equal(compiled.used_subcarriers, parameters.used_subcarriers)
    for symbol in (0, 5, parameters.header_symbols + parameters.body_symbols - 1):
        np.testing.assert_array_equal(
            compiled.pilot_subcarriers(symbol), parameters.pilot_subcarriers(symbol)
        )
        np.testing.assert_array_equal(compiled.data_subcarriers(symbol), parameters.data_subcarriers(symbol))
        assert compiled.symbol_start(symbol) == parameters.symbol_start(symbol)
