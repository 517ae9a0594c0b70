#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame demodulator: images through a real synchroniser, SNR, paths, clocks, and bad frames."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from block_testing import frames  # noqa: E402
from frame_testing import random_parameters, receive, synchronise  # noqa: E402

from semisac_ml.signal import frame_modulation  # noqa: E402
from semisac_ml.signal import impairments as air  # noqa: E402
from semisac_ml.signal.frame import FrameParameters  # noqa: E402
from semisac_ml.signal.frame_header import FrameHeader, parameters_checksum  # noqa: E402
from semisac_ml.signal.frame_modulation import modulate_frame  # noqa: E402

SMALL = FrameParameters(images_per_frame=4, header_repetitions=2)


def modulate(parameters, symbols, first_id=0, gap=0, fingerprint=0):
    """Samples of all images, `gap` samples of silence behind each frame."""
    pieces = []
    for first in range(0, len(symbols), parameters.images_per_frame):
        images = symbols[first : first + parameters.images_per_frame]
        pieces += [modulate_frame(images, parameters, first_id + first, fingerprint), np.zeros(gap)]
    return np.concatenate(pieces)


def measured_snr_db(received, sent) -> float:
    """Es/N0 of y = x + w."""
    return -10 * np.log10(np.mean(np.abs(received - sent) ** 2))


class qa_frame_demodulator(gr_unittest.TestCase):
    def test_any_frame_comes_through_without_noise(self):
        for seed in range(24):
            parameters = random_parameters(seed)
            count = 2 * parameters.images_per_frame + 1
            symbols = frames(count, parameters.channel_uses, seed)
            got = receive(parameters, modulate(parameters, symbols))
            with self.subTest(parameters=parameters):
                np.testing.assert_array_equal(got.ids, np.arange(count))
                self.assertGreater(measured_snr_db(got.symbols, symbols), 30.0)
                self.assertEqual(got.demodulator.frames_received(), 3)
                self.assertEqual(got.demodulator.images_lost(), 0)

    def test_labelled_snr_is_measured_snr(self):
        # n = 64,000 symbols: standard error 4.34 / sqrt(n) = 0.017 dB; 0.05 dB lies three of them off.
        # Labels are those of the equalised symbols: of the channel, less what its estimate costs.
        parameters = FrameParameters()
        symbols = frames(6400)
        sent = modulate(parameters, symbols)
        for snr_db in (0.0, 10.0, 20.0):
            rng = np.random.default_rng(3)
            got = receive(parameters, 0.3j * (sent + air.noise(rng, len(sent), snr_db)))
            measured = measured_snr_db(got.symbols, symbols[got.ids])
            labelled = -10 * np.log10(np.mean(10 ** (-got.snr_db / 10)))
            with self.subTest(snr_db=snr_db):
                self.assertEqual(len(got.ids), 6400)
                self.assertAlmostEqual(labelled, measured, delta=0.06)
                self.assertAlmostEqual(measured, snr_db, delta=0.15)

    def test_three_paths_and_all_offsets(self):
        # An equaliser of least squares error in a channel of three paths: the SNR of the symbols is that of
        # the mean over the subcarriers, g = mean(|H|^2 / (|H|^2 + N0)), snr = g / (1 - g).
        parameters = FrameParameters()
        rng = np.random.default_rng(4)
        for snr_db in (0.0, 10.0, 20.0):
            received, expected, symbols, stream = [], [], frames(20 * 32), []
            for frame in range(20):
                images = symbols[32 * frame : 32 * frame + 32]
                sent = np.concatenate([modulate_frame(images, parameters, 32 * frame), np.zeros(50)])
                delays = np.array([0.0, 2.3, 5.6]) + rng.uniform()
                gains = 10 ** (np.array([0.0, -3.0, -6.0]) / 20) * np.exp(2j * np.pi * rng.uniform(size=3))
                gains /= np.linalg.norm(gains)
                late = air.resample(air.multipath(sent, delays, gains), rng.uniform(-20, 20))
                stream.append(air.turn(late, rng.uniform(-49e3, 49e3), 5e6))
                response = np.exp(-2j * np.pi * np.outer(parameters.used_subcarriers / 64, delays)) @ gains
                power = np.abs(response) ** 2
                expected.append(np.mean(power / (power + 10 ** (-snr_db / 10))))
            stream = np.concatenate(stream)
            received = receive(parameters, stream + air.noise(rng, len(stream), snr_db))
            with self.subTest(snr_db=snr_db):
                np.testing.assert_array_equal(received.ids, np.arange(len(symbols)))
                limit = 10 * np.log10(np.mean(expected) / (1 - np.mean(expected)))
                measured = measured_snr_db(received.symbols, symbols)
                self.assertGreater(measured, limit - 0.5)
                self.assertAlmostEqual(measured, np.mean(received.snr_db), delta=0.6)

    def test_channel_estimate_is_the_channel(self):
        parameters = FrameParameters()
        sent = modulate(parameters, frames(32), gap=50)
        late = air.multipath(sent, [0.0, 3.0], [1.0, 0.5j])
        got = receive(parameters, late)
        response = 1.0 + 0.5j * np.exp(-2j * np.pi * parameters.used_subcarriers * 3 / 64)
        estimate = np.array(got.demodulator.channel_estimate())
        likeness = np.abs(np.vdot(response, estimate)) / np.linalg.norm(response) / np.linalg.norm(estimate)
        self.assertLess(np.abs(np.abs(estimate) - np.abs(response)).max(), 0.03)
        self.assertGreater(likeness, 0.9)  # but for a delay that belongs to the time of the frame

    def test_clock_is_followed_over_a_long_frame(self):
        # 20 ppm of 86,000 samples are 1.7 samples: two turns at the edge of the band, if nobody followed.
        for frame_type in ("ofdm", "lfm"):
            parameters = FrameParameters(images_per_frame=800, channel_uses=50, frame_type=frame_type)
            symbols = frames(800, 50)
            sent = modulate(parameters, symbols, gap=60)
            rng = np.random.default_rng(5)
            for ppm in (-20.0, 20.0):
                late = air.resample(sent, ppm, delay=3.4)
                got = receive(parameters, late + air.noise(rng, len(late), 20.0))
                with self.subTest(ppm=ppm, frame_type=frame_type):
                    np.testing.assert_array_equal(got.ids, np.arange(800))
                    self.assertGreater(measured_snr_db(got.symbols, symbols), 19.5)

    def test_phase_noise_is_followed(self):
        # A line 100 Hz wide walks by 2 pi 100 / 5e6 rad^2 a sample, 0.1 rad in a symbol: what is common to a
        # symbol is taken off, which leaves about a third of a symbol's walk.
        parameters = FrameParameters(images_per_frame=64)
        symbols = frames(64)
        sent = modulate(parameters, symbols, gap=60)
        rng = np.random.default_rng(6)
        walk = np.cumsum(rng.standard_normal(len(sent))) * np.sqrt(2 * np.pi * 100 / 5e6)
        got = receive(parameters, sent * np.exp(1j * walk) + air.noise(rng, len(sent), 20.0))
        self.assertEqual(len(got.ids), 64)
        self.assertGreater(measured_snr_db(got.symbols, symbols), 17.0)

    def test_ids_continue_beyond_the_header_s_32_bits(self):
        first = 2**32 - 6
        symbols = frames(16)
        got = receive(SMALL, modulate(SMALL, symbols, first))
        np.testing.assert_array_equal(got.ids, np.arange(first, first + 16))
        self.assertEqual(got.demodulator.images_lost(), 0)

    def test_lost_frame_shifts_nothing(self):
        symbols = frames(20)
        stream = modulate(SMALL, symbols)
        length = SMALL.frame_samples
        stream[2 * length : 3 * length] = 0.0  # lost altogether
        stream[3 * length + 1100 : 3 * length + 2000] = 0.0  # its header is
        got = receive(SMALL, stream)
        np.testing.assert_array_equal(got.ids, [*range(8), *range(16, 20)])
        self.assertGreater(measured_snr_db(got.symbols, symbols[got.ids]), 30.0)
        self.assertEqual(got.demodulator.images_lost(), 8)
        self.assertEqual(got.demodulator.frames_with_bad_header(), 1)

    def test_packets_of_pictures_are_not_lost_between_them(self):
        # pictures of 8 packets, two frames each; sent of the 2nd is its last frame, of the 3rd its first
        firsts = [0, 4, 1 << 16, (1 << 16) + 4, (2 << 16) + 4, 3 << 16, 3 << 16 | 3 << 13, (9 << 16) + 4]
        for kept, lost in ((range(2), 0), (range(4), 0), ([0, 1, 3], 4), (range(5), 4), (range(8), 8)):
            sent = [modulate(SMALL, frames(4), firsts[frame]) for frame in kept]
            with self.subTest(kept=list(kept)):
                got = receive(SMALL, np.concatenate(sent), picture_packets=True)
                expected = np.concatenate([np.arange(firsts[n], firsts[n] + 4) for n in kept])
                np.testing.assert_array_equal(got.ids, expected)
                self.assertEqual(got.demodulator.images_lost(), lost)

    def test_transmitter_that_begins_anew_loses_nothing(self):
        stream = np.concatenate([modulate(SMALL, frames(8), 100), modulate(SMALL, frames(8), 0)])
        got = receive(SMALL, stream)
        np.testing.assert_array_equal(got.ids, [*range(100, 108), *range(8)])
        self.assertEqual(got.demodulator.images_lost(), 0)

    def test_does_not_depend_on_chunks(self):
        stream = modulate(SMALL, frames(40))
        whole = receive(SMALL, stream)
        for most_items in (1, 3):
            split = receive(SMALL, stream, most_items=most_items)
            np.testing.assert_array_equal(split.symbols, whole.symbols)
            np.testing.assert_array_equal(split.ids, whole.ids)

    def test_frames_that_are_not_for_us(self):
        stream = modulate(SMALL, frames(4), fingerprint=0x123456)
        for expected, received, wrong in ((0, 1, 0), (0x123456, 1, 0), (0x123457, 0, 1)):
            got = receive(SMALL, stream, bundle_fingerprint=expected)
            with self.subTest(expected=expected):
                self.assertEqual(got.demodulator.frames_received(), received)
                self.assertEqual(got.demodulator.frames_with_wrong_bundle(), wrong)
        other = FrameParameters(images_per_frame=4, header_repetitions=2, sample_rate_hz=10e6)
        got = receive(other, stream)
        self.assertEqual((len(got.ids), got.demodulator.frames_with_wrong_parameters()), (0, 1))

    def test_malformed_headers(self):
        checksum = parameters_checksum(SMALL)
        cases = {
            "no images": (FrameHeader(0, 0, 0, checksum), "frames_with_bad_header"),
            "too many images": (FrameHeader(0, 5, 0, checksum), "frames_with_bad_header"),
            "most images": (FrameHeader(0, 4095, 0, checksum), "frames_with_bad_header"),
            "other version": (FrameHeader(0, 4, 0, checksum, 2), "frames_with_wrong_parameters"),
            "other checksum": (FrameHeader(0, 4, 0, checksum ^ 1), "frames_with_wrong_parameters"),
        }
        original = frame_modulation.FrameHeader
        for name, (header, counter) in cases.items():
            frame_modulation.FrameHeader = lambda *_, header=header: header
            try:
                stream = modulate(SMALL, frames(4))
            finally:
                frame_modulation.FrameHeader = original
            got = receive(SMALL, stream)
            with self.subTest(name):
                self.assertEqual(len(got.ids), 0)
                self.assertEqual(getattr(got.demodulator, counter)(), 1)

    def test_garbage_is_counted(self):
        length = semisac.frame_synchronizer(SMALL).item_samples()
        rng = np.random.default_rng(8)
        items = [
            np.zeros(length),
            rng.standard_normal(length),
            np.full(length, 1e30),
            np.full(length, np.nan),
        ]
        items += [np.full(length, 1e-30), np.full(length, np.inf), np.ones(length)]
        demodulator = semisac.frame_demodulator(SMALL)
        top, sink = gr.top_block(), blocks.vector_sink_c(10)
        source = blocks.vector_source_c(np.concatenate(items).astype(np.complex64), False, length)
        top.connect(source, demodulator, sink)
        top.run()
        self.assertEqual(len(sink.data()), 0)
        self.assertEqual(demodulator.frames_with_bad_header(), len(items))

    def test_samples_that_are_no_numbers_give_no_images(self):
        for value in (np.nan, np.inf):
            stream = modulate(SMALL, frames(12), gap=3000)
            stream[SMALL.frame_samples + 3000 + SMALL.body_start + 50] = value
            got = receive(SMALL, stream)
            np.testing.assert_array_equal(got.ids, [*range(4), *range(8, 12)])
            self.assertTrue(np.isfinite(got.symbols).all())
            self.assertEqual(got.demodulator.frames_with_bad_header(), 1)

    def test_tags_that_are_no_numbers_are_as_none(self):
        sent = frames(4)
        aligned = synchronise(SMALL, modulate(SMALL, sent, gap=3000)).samples
        for wrong in (pmt.intern("high"), pmt.PMT_NIL, pmt.from_double(np.nan), pmt.from_double(np.inf)):
            tags = [gr.tag_t() for _ in range(2)]
            for one, key in zip(tags, ("snr_db", "cfo_hz"), strict=True):
                one.offset, one.key, one.value = 0, pmt.intern(key), wrong
            demodulator = semisac.frame_demodulator(SMALL)
            top, sink = gr.top_block(), blocks.vector_sink_c(SMALL.channel_uses)
            top.connect(blocks.vector_source_c(aligned.ravel(), False, aligned.size, tags), demodulator, sink)
            top.run()
            self.assertEqual(demodulator.frames_received(), 1)
            np.testing.assert_allclose(sink.data(), sent.ravel(), atol=0.02)

    def test_bad_parameters(self):
        with self.assertRaisesRegex(ValueError, "bundle_fingerprint is 16777216, expected 0 to 16777215"):
            semisac.frame_demodulator(SMALL, 1 << 24)


if __name__ == "__main__":
    gr_unittest.run(qa_frame_demodulator)
