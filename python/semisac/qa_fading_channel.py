#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fading channel: the C++ block against the numpy reference, theory and the scheduler."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

from semisac_ml.signal import channel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import until  # noqa: E402

CHANNEL_USES = 10


def unit_power_symbols(frames: int, channel_uses: int = CHANNEL_USES, seed: int = 1) -> np.ndarray:
    """Frames of unit mean power each, complex64 [frames, channel_uses]."""
    rng = np.random.default_rng(seed)
    symbols = rng.normal(size=(frames, channel_uses)) + 1j * rng.normal(size=(frames, channel_uses))
    power = np.mean(np.abs(symbols) ** 2, axis=1, keepdims=True)
    return (symbols / np.sqrt(power)).astype(np.complex64)


def run_channel(block, symbols: np.ndarray, tags: tuple = (), most_items: int = 0):
    """Output items and tags of `block`; `most_items` bounds the items a call of work() gets."""
    top = gr.top_block()
    source = blocks.vector_source_c(symbols.ravel().tolist(), False, symbols.shape[1], list(tags))
    sink = blocks.vector_sink_c(block.output_signature().sizeof_stream_item(0) // 8)
    top.connect(source, block, sink)
    if most_items:
        top.run(most_items)
    else:
        top.run()
    items = np.array(sink.data(), dtype=np.complex64).reshape(len(symbols), -1)
    return items, sink.tags()


def tag_values(tags, key: str) -> list:
    """Values of the tags called `key`, in the order of their items."""
    found = [tag for tag in tags if pmt.symbol_to_string(tag.key) == key]
    return [pmt.to_python(tag.value) for tag in sorted(found, key=lambda tag: tag.offset)]


class qa_fading_channel(gr_unittest.TestCase):
    def test_equals_the_reference(self):
        symbols = unit_power_symbols(500)
        for model in ("awgn", "rayleigh"):
            for snr_db in (-10.0, 3.0, 20.0):
                for seed in (0, 7, 2**64 - 1):
                    with self.subTest(model=model, snr_db=snr_db, seed=seed):
                        expected, gain = channel.fading_channel(symbols, model, snr_db, seed)
                        block = semisac.fading_channel(CHANNEL_USES, model, snr_db, seed)
                        received, tags = run_channel(block, symbols)
                        scale = np.abs(expected).max()
                        np.testing.assert_allclose(received, expected, rtol=0, atol=5e-7 * scale)
                        tagged = tag_values(tags, "channel_gain")
                        expected = gain if model == "rayleigh" else gain[: len(tagged)]
                        np.testing.assert_allclose(tagged, expected, rtol=2e-7)

    def test_equals_the_reference_for_odd_sizes(self):
        for channel_uses in (2, 3, 257):  # a single one is a stream: see qa_sample_channel
            with self.subTest(channel_uses=channel_uses):
                symbols = unit_power_symbols(50, channel_uses)
                expected, _ = channel.fading_channel(symbols, "rayleigh", 3.0, 5)
                block = semisac.fading_channel(channel_uses, semisac.channel_model_t.RAYLEIGH, 3.0, 5)
                received, _ = run_channel(block, symbols)
                np.testing.assert_allclose(received, expected, rtol=0, atol=5e-6)

    def test_labelled_snr_is_measured_snr(self):
        # Standard error of a power over n = 400,000 noise draws is 4.34 / sqrt(n) = 0.007 dB: the
        # bound of 0.05 dB lies seven of them off.
        symbols = unit_power_symbols(40000)
        for snr_db in (-10.0, 0.0, 3.0, 20.0):
            with self.subTest(snr_db=snr_db):
                block = semisac.fading_channel(CHANNEL_USES, "awgn", snr_db, 11)
                received, _ = run_channel(block, symbols)
                noise = received.astype(np.complex128) - symbols
                measured = -10 * np.log10(np.mean(np.abs(noise) ** 2))
                self.assertAlmostEqual(measured, snr_db, delta=0.05)
                # and half of it in each of I and Q
                measured_i = -10 * np.log10(2 * np.mean(noise.real**2))
                self.assertAlmostEqual(measured_i, snr_db, delta=0.05)

    def test_rayleigh_gain(self):
        # Over F = 200,000 frames E|h|^2 = 1 within 4.34 / sqrt(F) = 0.0097 dB, so 0.05 dB is five
        # standard errors; |h|^2 is exponential: P(|h|^2 < ln 2) = 1/2.
        symbols = unit_power_symbols(200000, 1)
        received, tags = run_channel(semisac.fading_channel(1, "rayleigh", 3.0, 3), symbols)
        gain = np.array(tag_values(tags, "channel_gain"))
        self.assertEqual(len(gain), len(symbols))
        power = np.abs(gain) ** 2
        self.assertAlmostEqual(10 * np.log10(power.mean()), 0.0, delta=0.05)
        self.assertAlmostEqual(np.mean(power < np.log(2)), 0.5, delta=5 * 0.5 / np.sqrt(len(gain)))
        noise = received[:, 0] - gain * symbols[:, 0]
        self.assertAlmostEqual(-10 * np.log10(np.mean(np.abs(noise) ** 2)), 3.0, delta=0.05)

    def test_tags(self):
        symbols = unit_power_symbols(20)
        sent = [
            gr.python_to_tag((item, pmt.intern("frame_id"), pmt.from_uint64(100 + item), pmt.PMT_F))
            for item in range(20)
        ]
        stale = gr.python_to_tag((3, pmt.intern("snr_db"), pmt.from_double(99.0), pmt.PMT_F))
        _, tags = run_channel(semisac.fading_channel(CHANNEL_USES, "awgn", 6.0), symbols, [*sent, stale])
        self.assertEqual(tag_values(tags, "frame_id"), list(range(100, 120)))
        self.assertEqual(set(tag_values(tags, "snr_db")), {6.0})
        np.testing.assert_allclose(tag_values(tags, "noise_var"), 10**-0.6)
        self.assertEqual(set(tag_values(tags, "channel_gain")), {1.0 + 0.0j})
        self.assertIn(0, [tag.offset for tag in tags if pmt.symbol_to_string(tag.key) == "snr_db"])

    def test_does_not_depend_on_chunks(self):
        symbols = unit_power_symbols(300)
        whole, whole_tags = run_channel(semisac.fading_channel(CHANNEL_USES, "rayleigh", 3.0, 4), symbols)
        for most_items in (1, 7):
            block = semisac.fading_channel(CHANNEL_USES, "rayleigh", 3.0, 4)
            split, split_tags = run_channel(block, symbols, most_items=most_items)
            np.testing.assert_allclose(split, whole, rtol=0, atol=1e-6)
            self.assertEqual(tag_values(split_tags, "channel_gain"), tag_values(whole_tags, "channel_gain"))

    def test_same_seed_same_frames(self):
        symbols = unit_power_symbols(100)
        first, _ = run_channel(semisac.fading_channel(CHANNEL_USES, "rayleigh", 3.0, 8), symbols)
        second, _ = run_channel(semisac.fading_channel(CHANNEL_USES, "rayleigh", 3.0, 8), symbols)
        other, _ = run_channel(semisac.fading_channel(CHANNEL_USES, "rayleigh", 3.0, 9), symbols)
        np.testing.assert_array_equal(first, second)
        self.assertGreater(np.abs(first - other).min(), 0.0)

    def test_second_run_starts_over(self):
        symbols = unit_power_symbols(100)
        block = semisac.fading_channel(CHANNEL_USES, "rayleigh", 3.0, 8)
        first, _ = run_channel(block, symbols)
        second, _ = run_channel(block, symbols)
        np.testing.assert_array_equal(first, second)

    def test_settings_change_while_running(self):
        top = gr.top_block()
        source = blocks.vector_source_c([1.0] * CHANNEL_USES, True, CHANNEL_USES)
        block = semisac.fading_channel(CHANNEL_USES, "awgn", 3.0)
        probe = blocks.tag_debug(8 * CHANNEL_USES, "snr", "snr_db")
        probe.set_display(False)
        top.connect(source, block, probe)
        top.start()
        try:
            block.set_snr_db(12.5)
            block.set_model("rayleigh")
            self.assertEqual(block.snr_db(), 12.5)
            self.assertEqual(block.model(), semisac.channel_model_t.RAYLEIGH)
            until(lambda: {pmt.to_python(tag.value) for tag in probe.current_tags()} == {12.5})
        finally:
            top.stop()
            top.wait()

    def test_bad_parameters(self):
        for arguments, message in (
            ({"channel_uses": 0}, "channel_uses is 0, expected 1 to"),
            ({"model": "rice"}, 'model is "rice", expected "awgn", "rayleigh" or "rician"'),
            ({"snr_db": float("nan")}, "snr_db is nan, expected -200 to 200"),
            ({"snr_db": float("inf")}, "snr_db is inf, expected -200 to 200"),
        ):
            with self.subTest(**arguments), self.assertRaisesRegex(ValueError, message):
                semisac.fading_channel(**{"channel_uses": CHANNEL_USES, "model": "awgn", **arguments})
        block = semisac.fading_channel(CHANNEL_USES)
        with self.assertRaisesRegex(ValueError, "snr_db is 1000, expected"):
            block.set_snr_db(1000.0)
        with self.assertRaisesRegex(ValueError, 'expected "awgn"'):
            block.set_model("none")
        self.assertEqual(block.snr_db(), 3.0)


if __name__ == "__main__":
    gr_unittest.run(qa_fading_channel)
