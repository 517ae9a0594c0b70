# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference of the frame's waveform: chirps, header, mapping, modulation."""

from __future__ import annotations

import numpy as np
import pytest
from frame_testing import random_parameters

from semisac_ml.signal.frame import CODED_HEADER_BITS, HEADER_BITS, FrameParameters
from semisac_ml.signal.frame_header import (
    FrameHeader,
    bundle_fingerprint,
    coded_header,
    convolutional_code,
    crc,
    parameters_checksum,
)
from semisac_ml.signal.frame_mapping import body_cells, header_cells, pn_signs
from semisac_ml.signal.frame_modulation import frame_grid, modulate_frame
from semisac_ml.signal.lfm import carrier_variance_bound, timing_variance_bound, up_chirp

COMBINATIONS = [random_parameters(seed) for seed in range(30)]


def test_chirp_has_modulus_one_and_sweeps_its_band():
    chirp = up_chirp(512, 4e6, 5e6)
    np.testing.assert_allclose(np.abs(chirp), 1.0, rtol=1e-6)
    frequency_hz = np.diff(np.unwrap(np.angle(chirp.astype(np.complex128)))) / (2 * np.pi) * 5e6
    expected = (np.arange(511) - 255) * 4e6 / 512
    np.testing.assert_allclose(frequency_hz, expected, atol=5.0)


@pytest.mark.parametrize("offset_hz", [-49e3, -9765.625, 9765.625, 49e3])
def test_carrier_offset_moves_the_peaks_apart(offset_hz: float):
    # A chirp of slope mu answers to an offset f with a delay of -f / mu, its conjugate with f / mu.
    chirp = up_chirp(512, 4e6, 5e6).astype(np.complex128)
    turned = np.exp(2j * np.pi * offset_hz / 5e6 * np.arange(512))
    delays = np.arange(-8, 8, 0.02)
    spectrum_bins = np.fft.fftfreq(2048)
    for pulse, sign in ((chirp, -1), (chirp.conj(), 1)):
        product = np.fft.fft(pulse * turned, 2048) * np.fft.fft(pulse, 2048).conj()
        output = np.exp(2j * np.pi * np.outer(delays, spectrum_bins)) @ product
        expected = sign * offset_hz / (4e6 * 5e6 / 512) * 5e6
        assert delays[np.argmax(np.abs(output))] == pytest.approx(expected, abs=0.03)


def test_bounds_of_timing_and_carrier():
    # A flat band of width B has the mean square width B^2 / 12: 1 / (2 snr (2 pi)^2 B^2 / 12).
    assert timing_variance_bound(100.0, 4e6) == pytest.approx(12 / (2 * 100 * (2 * np.pi) ** 2 * 4e6**2))
    parameters = FrameParameters()
    length_s = 512 / 5e6
    assert carrier_variance_bound(100.0, parameters) == pytest.approx(3 / (400 * np.pi**2 * length_s**2))


def test_known_answers_of_checksums():
    # Check values of the catalogue of parametrised CRC algorithms: CRC-24/OPENPGP, CRC-16/IBM-3740.
    assert crc(b"123456789", 24, 0x864CFB, 0xB704CE) == 0x21CF02
    assert crc(b"123456789", 16, 0x1021, 0xFFFF) == 0x29B1
    assert bundle_fingerprint(b"abc") == 0xBA7816


def test_convolutional_code_answers_an_impulse_with_its_generators():
    # 171 and 133 octal; the first bit out of each generator is its highest coefficient in time.
    coded = convolutional_code(np.array([1]))
    np.testing.assert_array_equal(coded[0::2], [1, 0, 1, 1, 0, 1, 1])
    np.testing.assert_array_equal(coded[1::2], [1, 1, 1, 1, 0, 0, 1])


def test_header_fields_lie_where_they_should():
    header = FrameHeader(0x123456789, 0x2A, 0xABCDEF, 0x5678)
    assert header.to_bytes()[:11].hex() == "102a23456789abcdef5678"
    assert len(coded_header(header)) == CODED_HEADER_BITS == 2 * (HEADER_BITS + 6)


def test_same_coding_as_gnu_radio():
    gnuradio = pytest.importorskip("gnuradio", reason="compares with GNU Radio's coders")
    from gnuradio import blocks, digital, fec, gr

    assert gnuradio
    rng = np.random.default_rng(1)
    for _ in range(5):
        header = FrameHeader(int(rng.integers(2**32)), int(rng.integers(4096)), int(rng.integers(2**24)), 7)
        data = header.to_bytes()
        check = digital.crc(24, 0x864CFB, 0xB704CE, 0, False, False)
        assert check.compute(list(data[:11])) == int.from_bytes(data[11:], "big")
        encoder = fec.cc_encoder_make(HEADER_BITS, 7, 2, [109, 79], 0, fec.CC_TERMINATED)
        top, sink = gr.top_block(), blocks.vector_sink_b()
        bits = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
        top.connect(blocks.vector_source_b(bits), fec.encoder(encoder, 1, 1), sink)
        top.run()
        np.testing.assert_array_equal(sink.data(), coded_header(header))


@pytest.mark.parametrize("parameters", COMBINATIONS)
def test_every_cell_has_one_use(parameters: FrameParameters):
    used = len(parameters.used_subcarriers)
    header, bits = header_cells(parameters)
    body, unused = body_cells(parameters)
    pilots = [
        symbol * used + np.searchsorted(parameters.used_subcarriers, parameters.pilot_subcarriers(symbol))
        for symbol in range(parameters.header_symbols + parameters.body_symbols)
    ]
    cells = np.concatenate([header, body.ravel(), unused, *pilots])
    np.testing.assert_array_equal(np.sort(cells), np.arange(len(cells)))
    assert len(cells) == pn_signs(parameters).size
    assert np.bincount(bits, minlength=CODED_HEADER_BITS).min() >= parameters.header_repetitions
    assert np.ptp(np.bincount(bits)) <= 1


def test_repetitions_of_a_bit_meet_different_subcarriers():
    parameters = FrameParameters()
    cells, bits = header_cells(parameters)
    position = cells % 52
    spread = [np.ptp(position[bits == bit]) for bit in range(CODED_HEADER_BITS)]
    assert min(spread) >= 8 and np.mean(spread) > 26
    # neighbours in the code are no neighbours in frequency
    first = position[np.argsort(bits, kind="stable")[:: len(bits) // CODED_HEADER_BITS][:200]]
    assert np.median(np.abs(np.diff(first))) > 8


def test_each_image_sees_the_whole_band():
    cells, _ = body_cells(FrameParameters())
    position = np.sort(cells % 52, axis=1)
    assert (position[:, 0] <= 5).all() and (position[:, -1] >= 46).all()
    assert np.diff(position, axis=1).max() <= 7  # 52 / 10, and the pilots between


@pytest.mark.parametrize("parameters", COMBINATIONS[:12])
def test_frame_holds_what_was_put_in(parameters: FrameParameters):
    rng = np.random.default_rng(3)
    shape = (parameters.images_per_frame, parameters.channel_uses)
    symbols = rng.choice([1, 1j, -1, -1j], shape)
    frame = modulate_frame(symbols, parameters, frame_id=99)
    assert frame.dtype == np.complex64 and len(frame) == parameters.frame_samples
    grid = frame_grid(symbols, parameters, frame_id=99)
    np.testing.assert_allclose(np.abs(grid), 1.0)  # pilots, header, data and filling alike
    for symbol in range(len(grid)):
        start = parameters.symbol_start(symbol)
        prefix = frame[start : start + parameters.prefix_samples]
        end = start + parameters.symbol_samples
        np.testing.assert_array_equal(prefix, frame[end - parameters.prefix_samples : end])
        spectrum = np.fft.fft(frame[start + parameters.prefix_samples : end], norm="ortho")
        np.testing.assert_allclose(spectrum[parameters.used_subcarriers], grid[symbol], atol=1e-5)
    received = (grid * pn_signs(parameters)).ravel()[body_cells(parameters)[0]]
    np.testing.assert_allclose(received, symbols, atol=1e-12)


def test_receivers_can_tell_parameters_apart():
    base = parameters_checksum(FrameParameters())
    others = [dict(prefix_samples=15), dict(images_per_frame=31), dict(chirp_bandwidth_hz=3.9e6)]
    others += [dict(frame_type="lfm"), dict(pilot_spacing=5), dict(header_repetitions=3)]
    assert all(parameters_checksum(FrameParameters(**other)) != base for other in others)
    assert parameters_checksum(FrameParameters(gap_samples=7)) == base


def test_wrong_shape_is_refused():
    for shape in ((33, 10), (0, 10), (4, 9), (10,)):
        with pytest.raises(ValueError, match=r"expected \[1 to 32, 10\]"):
            frame_grid(np.ones(shape), FrameParameters())
