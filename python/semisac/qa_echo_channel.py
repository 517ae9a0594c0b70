#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo channel: the C++ block against the numpy reference, theory and the scheduler."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac
from qa_fading_channel import run_channel, tag_values, unit_power_symbols

from semisac_ml.signal import channel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import wait_until  # noqa: E402

CHANNEL_USES = 10


def both(symbols: np.ndarray, **parameters):
    """Echo and truth of the block, echo and truth of the reference."""
    block = semisac.echo_channel(symbols.shape[1], **parameters)
    echo, tags = run_channel(block, symbols)
    return echo, np.array(tag_values(tags, "target_hypothesis")), *channel.echo_channel(symbols, **parameters)


class qa_echo_channel(gr_unittest.TestCase):
    def test_equals_the_reference_in_all_modes(self):
        symbols = unit_power_symbols(200)
        for fading, random_phase, offset, (ranges, delay) in itertools.product(
            ("none", "rayleigh", "two_hop_rayleigh"), (False, True), (0.0, 0.05), ((1, 0), (4, 0), (4, 3))
        ):
            parameters = dict(
                ranges=ranges,
                sensing_snr_db=3.0,
                range_step_db=2.5,
                delay_symbols_per_range=delay,
                fading=fading,
                random_phase=random_phase,
                max_frequency_offset=offset,
                target_probability=0.7,
                seed=21,
            )
            with self.subTest(**parameters):
                echo, truth, expected, expected_truth = both(symbols, **parameters)
                np.testing.assert_array_equal(truth, expected_truth)
                self.assertEqual(echo.shape[1], CHANNEL_USES + (ranges - 1) * delay)
                scale = np.abs(expected).max()
                np.testing.assert_allclose(echo, expected, rtol=0, atol=5e-7 * scale)

    def test_equals_the_reference_over_snr_and_seed(self):
        symbols = unit_power_symbols(200)
        for snr_db, seed in itertools.product((-20.0, 20.0), (0, 2**64 - 1)):
            with self.subTest(snr_db=snr_db, seed=seed):
                echo, truth, expected, expected_truth = both(symbols, sensing_snr_db=snr_db, seed=seed)
                np.testing.assert_array_equal(truth, expected_truth)
                np.testing.assert_allclose(echo, expected, rtol=0, atol=5e-7 * np.abs(expected).max())

    def test_labelled_snr_is_measured_snr(self):
        # The echo is projected on the known symbols, frame by frame: the mean coefficient is
        # sqrt(snr) with standard error 1 / sqrt(2 F N), 0.00056 here, so that 0.05 dB (0.0058 at
        # 0 dB) is ten of them. The noise is measured without a target, as for the fading channel.
        frames = 160000
        symbols = unit_power_symbols(frames)
        for snr_db in (0.0, 3.0, 20.0):
            with self.subTest(snr_db=snr_db):
                block = semisac.echo_channel(CHANNEL_USES, sensing_snr_db=snr_db, seed=5)
                block.set_target(1)
                echo, _ = run_channel(block, symbols)
                amplitude = np.mean(np.sum(symbols.conj() * echo, axis=1)).real / CHANNEL_USES
                self.assertAlmostEqual(20 * np.log10(amplitude), snr_db, delta=0.05)
        block = semisac.echo_channel(CHANNEL_USES, seed=5)
        block.set_target(0)
        noise, _ = run_channel(block, symbols)
        self.assertAlmostEqual(10 * np.log10(np.mean(np.abs(noise) ** 2)), 0.0, delta=0.05)

    def test_faded_echo_keeps_the_mean_snr(self):
        # E|g|^2 = 1. |g|^2 of two hops has variance 3: over F = 400,000 frames its mean is known to
        # 4.34 sqrt(3 / F) = 0.012 dB.
        symbols = np.ones((400000, 1), dtype=np.complex64)
        for fading in ("rayleigh", "two_hop_rayleigh"):
            with self.subTest(fading=fading):
                block = semisac.echo_channel(1, sensing_snr_db=60.0, fading=fading, seed=6)
                block.set_target(1)
                echo, _ = run_channel(block, symbols)
                measured = 10 * np.log10(np.mean(np.abs(echo) ** 2))
                self.assertAlmostEqual(measured, 60.0, delta=0.05)

    def test_range_is_a_delay_and_a_loss(self):
        symbols = unit_power_symbols(5)
        for hypothesis in (1, 2, 3, 4):
            block = semisac.echo_channel(
                CHANNEL_USES, 4, 100.0, 6.0, delay_symbols_per_range=CHANNEL_USES, seed=2
            )
            block.set_target(hypothesis)
            echo, tags = run_channel(block, symbols)
            self.assertEqual(tag_values(tags, "target_hypothesis"), [hypothesis] * 5)
            start = (hypothesis - 1) * CHANNEL_USES
            amplitude = 10 ** ((100.0 - 6.0 * (hypothesis - 1)) / 20)
            inside = echo[:, start : start + CHANNEL_USES]
            # six noise standard deviations at most
            self.assertLess(np.abs(inside - amplitude * symbols).max(), 6.0)
            outside = np.delete(echo, np.arange(start, start + CHANNEL_USES), axis=1)
            self.assertLess(np.abs(outside).max(), 6.0)

    def test_frequency_shift_is_uniform_within_its_bound(self):
        # A strong echo of a constant frame is a tone: its phase step a symbol is 2 pi f.
        bound, frames = 0.05, 4000
        symbols = np.ones((frames, CHANNEL_USES), dtype=np.complex64)
        block = semisac.echo_channel(
            CHANNEL_USES, sensing_snr_db=80.0, random_phase=True, max_frequency_offset=bound, seed=3
        )
        block.set_target(1)
        echo, _ = run_channel(block, symbols)
        frequency = np.angle(np.sum(echo[:, 1:] * echo[:, :-1].conj(), axis=1)) / (2 * np.pi)
        self.assertLess(np.abs(frequency).max(), bound * 1.001)
        # uniform: mean 0, standard deviation bound / sqrt(3); five standard errors
        self.assertLess(abs(frequency.mean()), 5 * bound / np.sqrt(3 * frames))
        self.assertAlmostEqual(frequency.std(), bound / np.sqrt(3), delta=5 * bound * 0.26 / np.sqrt(frames))
        # phase uniform on the circle: the mean of exp(j phase) is CN(0, 1/F)
        phasor = echo[:, 0] / np.abs(echo[:, 0])
        self.assertLess(abs(phasor.mean()), 5 / np.sqrt(frames))

    def test_truth_statistics(self):
        # Counts of n = 100,000 Bernoulli draws, bound of five standard errors.
        frames, ranges = 100000, 4
        symbols = np.ones((frames, 1), dtype=np.complex64)
        for probability in (0.0, 0.2, 0.5, 1.0):
            with self.subTest(probability=probability):
                block = semisac.echo_channel(1, ranges, target_probability=probability, seed=12)
                _, tags = run_channel(block, symbols)
                truth = np.array(tag_values(tags, "target_hypothesis"))
                self.assertEqual(len(truth), frames)
                share = np.bincount(truth, minlength=1 + ranges) / frames
                for hypothesis, p in enumerate([1 - probability] + ranges * [probability / ranges]):
                    bound = 5 * np.sqrt(p * (1 - p) / frames)
                    self.assertLessEqual(abs(share[hypothesis] - p), bound)

    def test_tags_pass(self):
        symbols = unit_power_symbols(20)
        sent = [
            gr.python_to_tag((item, pmt.intern("frame_id"), pmt.from_uint64(100 + item), pmt.PMT_F))
            for item in range(20)
        ]
        stale = gr.python_to_tag((3, pmt.intern("target_hypothesis"), pmt.from_long(7), pmt.PMT_F))
        block = semisac.echo_channel(CHANNEL_USES, sensing_snr_db=-2.0)
        _, tags = run_channel(block, symbols, [*sent, stale])
        self.assertEqual(tag_values(tags, "frame_id"), list(range(100, 120)))
        self.assertEqual(set(tag_values(tags, "sensing_snr_db")), {-2.0})
        self.assertEqual(len(tag_values(tags, "target_hypothesis")), 20)
        self.assertNotIn(7, tag_values(tags, "target_hypothesis"))

    def test_does_not_depend_on_chunks(self):
        symbols = unit_power_symbols(300)
        parameters = dict(ranges=3, delay_symbols_per_range=2, fading="two_hop_rayleigh", seed=4)
        whole, whole_tags = run_channel(semisac.echo_channel(CHANNEL_USES, **parameters), symbols)
        for most_items in (1, 7):
            block = semisac.echo_channel(CHANNEL_USES, **parameters)
            split, split_tags = run_channel(block, symbols, most_items=most_items)
            np.testing.assert_array_equal(split, whole)
            self.assertEqual(
                tag_values(split_tags, "target_hypothesis"), tag_values(whole_tags, "target_hypothesis")
            )

    def test_seeds(self):
        symbols = unit_power_symbols(100)
        first, _ = run_channel(semisac.echo_channel(CHANNEL_USES, seed=8), symbols)
        second, _ = run_channel(semisac.echo_channel(CHANNEL_USES, seed=8), symbols)
        other, _ = run_channel(semisac.echo_channel(CHANNEL_USES, seed=9), symbols)
        np.testing.assert_array_equal(first, second)
        self.assertGreater(np.abs(first - other).min(), 0.0)

    def test_forced_target_leaves_the_noise_alone(self):
        symbols = unit_power_symbols(100)
        block = semisac.echo_channel(CHANNEL_USES, sensing_snr_db=0.0, seed=8)
        block.set_target(1)
        present, _ = run_channel(block, symbols)
        block.set_target(0)
        absent, _ = run_channel(block, symbols)
        np.testing.assert_allclose(present - absent, symbols, rtol=0, atol=1e-6)

    def test_settings_and_messages_while_running(self):
        top = gr.top_block()
        source = blocks.vector_source_c([1.0] * CHANNEL_USES, True, CHANNEL_USES)
        block = semisac.echo_channel(CHANNEL_USES, ranges=8, target_probability=0.0)
        truth = blocks.tag_debug(8 * CHANNEL_USES, "truth", "target_hypothesis")
        snr = blocks.tag_debug(8 * CHANNEL_USES, "snr", "sensing_snr_db")
        for probe in (truth, snr):
            probe.set_display(False)
            top.connect(block, probe)
        top.connect(source, block)

        def settles_at(probe, value) -> bool:
            return wait_until(lambda: {pmt.to_python(tag.value) for tag in probe.current_tags()} == {value})

        def send(message) -> None:
            block.to_basic_block()._post(pmt.intern("target"), message)

        top.start()
        try:
            self.assertTrue(settles_at(truth, 0))
            send(pmt.to_pmt({"hypothesis": 5}))
            self.assertTrue(settles_at(truth, 5))
            send(pmt.cons(pmt.intern("hypothesis"), pmt.from_long(8)))
            self.assertTrue(settles_at(truth, 8))
            for wrong in (
                pmt.to_pmt({"hypothesis": 9}),
                pmt.to_pmt({"hypothesis": "near"}),
                pmt.to_pmt({"range": 1}),
                pmt.from_long(1),
                pmt.PMT_NIL,
                pmt.list2(pmt.from_long(1), pmt.from_long(2)),
            ):
                send(wrong)  # reported in the log and ignored
            block.set_sensing_snr_db(12.5)
            self.assertTrue(settles_at(snr, 12.5))
            self.assertTrue(settles_at(truth, 8))
            self.assertEqual(block.target(), 8)
            send(pmt.to_pmt({"hypothesis": -1}))
            self.assertTrue(settles_at(truth, 0))
            block.set_target_probability(1.0)
            block.set_range_step_db(1.5)
            block.set_target(2)
            self.assertTrue(settles_at(truth, 2))
        finally:
            top.stop()
            top.wait()
        self.assertEqual(block.target_probability(), 1.0)
        self.assertEqual(block.range_step_db(), 1.5)

    def test_bad_parameters(self):
        for arguments, message in (
            ({"channel_uses": 0}, "channel_uses is 0, expected 1 to"),
            ({"ranges": 0}, "ranges is 0, expected 1 to"),
            ({"sensing_snr_db": float("nan")}, "sensing_snr_db is nan, expected -200 to 200"),
            ({"range_step_db": -1.0}, "range_step_db is -1, expected 0 to"),
            ({"delay_symbols_per_range": -1}, "delay_symbols_per_range is -1, expected 0 to"),
            ({"fading": "rician"}, 'fading is "rician", expected "none"'),
            ({"max_frequency_offset": 0.6}, "max_frequency_offset is 0.6, expected 0 to 0.5"),
            ({"target_probability": 1.5}, "target_probability is 1.5, expected 0 to 1"),
        ):
            with self.subTest(**arguments), self.assertRaisesRegex(ValueError, message):
                semisac.echo_channel(**{"channel_uses": CHANNEL_USES, **arguments})
        block = semisac.echo_channel(CHANNEL_USES, ranges=2)
        for hypothesis in (-2, 3):
            with self.assertRaisesRegex(ValueError, f"target is {hypothesis}, expected -1 to 2"):
                block.set_target(hypothesis)


if __name__ == "__main__":
    gr_unittest.run(qa_echo_channel)
