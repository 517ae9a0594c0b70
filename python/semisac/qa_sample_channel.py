#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fading channel on a stream of samples: reference, labels, seeds, cuts, tags, settings."""

from __future__ import annotations

import os
import resource
import sys
import unittest
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac
from qa_fading_channel import run_channel, tag_values

from semisac_ml.signal.sample_channel import ChannelSettings, sample_channel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import wait_until  # noqa: E402

RATE_HZ = 5e6
SAMPLES = 5000

# What is on, alone and together; names are those of the settings.
CASES = {
    "plain": {},
    "no noise": {"snr_db": 200.0},
    "rayleigh": {"model": "rayleigh", "block_length": 100},
    "rician": {"model": "rician", "rician_k_db": 3.0, "block_length": 333},
    "doppler": {"model": "rayleigh", "doppler_hz": 5e3, "fading_paths": 8},
    "rician doppler": {"model": "rician", "doppler_hz": 5e4, "fading_paths": 13},
    "static taps": {"delays_s": (0.0, 1.3e-6, 2.5e-6), "gains_db": (0.0, -3.0, -6.0)},
    "fading taps": {"delays_s": (0.0, 1e-6), "gains_db": (0.0, -3.0), "model": "rayleigh", "block_length": 7},
    "TDL-C": {"profile": "C", "delay_spread_s": 3e-7, "model": "rayleigh", "doppler_hz": 300.0},
    "TDL-D": {"profile": "D", "delay_spread_s": 1e-7, "model": "rician", "doppler_hz": 300.0},
    "TDL-E blocks": {"profile": "E", "delay_spread_s": 1e-7, "model": "rayleigh", "block_length": 50},
    "whole delay": {"delay_samples": 12.0},
    "fractional delay": {"delay_samples": 0.37},
    "long delay": {"delay_samples": 1234.56},
    "fast clock": {"clock_offset_ppm": -20.0},
    "slow clock": {"clock_offset_ppm": 950.0},
    "carrier": {"carrier_offset_hz": -49e3},
    "phase noise": {"linewidth_hz": 500.0},
    "front ends": {
        "tx_iq_gain_db": 1.0, "tx_iq_phase_deg": 3.0, "tx_dc_offset": 0.1 - 0.05j,
        "rx_iq_gain_db": -0.5, "rx_iq_phase_deg": -2.0, "rx_dc_offset": -0.02j,
    },
    "amplifier": {"pa_saturation": 1.2, "pa_smoothness": 3.0},
    "gaps": {"gap_probability": 0.1, "gap_length": 37},
}  # fmt: skip
CASES["all"] = {k: v for name in (
    "rician doppler", "static taps", "fractional delay", "slow clock", "carrier", "phase noise", "front ends",
    "amplifier", "gaps",
) for k, v in CASES[name].items()}  # fmt: skip


def band_limited(samples: int = SAMPLES, seed: int = 1) -> np.ndarray:
    """Noise of unit power within 0.4 of the sample rate, complex64 [samples, 1]: one item a sample."""
    rng = np.random.default_rng(seed)
    spectrum = rng.normal(size=samples) + 1j * rng.normal(size=samples)
    spectrum[np.abs(np.fft.fftfreq(samples)) > 0.4] = 0.0
    signal = np.fft.ifft(spectrum)
    return (signal / np.sqrt(np.mean(np.abs(signal) ** 2))).astype(np.complex64)[:, None]


def make(settings: dict, seed: int = 7, channel_uses: int = 1):
    values = {"model": "awgn", "snr_db": 20.0, **settings}
    return semisac.fading_channel(channel_uses, seed=seed, sample_rate_hz=RATE_HZ, **values)


def run_stream(block, samples: np.ndarray, tags: tuple = (), most_items: int = 0):
    """Output samples, whose number may differ from that of the input, and tags."""
    top = gr.top_block()
    source = blocks.vector_source_c(samples.ravel().tolist(), False, 1, list(tags))
    sink = blocks.vector_sink_c(1)
    top.connect(source, block, sink)
    top.run(*([most_items] if most_items else []))
    return np.array(sink.data(), dtype=np.complex64), sink.tags()


def growth_of_memory(block, samples: int = 4_000_000) -> float:
    """Growth of the process in MB while so many samples go through, after a warm-up of a quarter."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        raise unittest.SkipTest("the address sanitizer keeps what is freed for a while")

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    top = gr.top_block()
    tags = [
        gr.python_to_tag((at, pmt.intern("frame_id"), pmt.from_uint64(at), pmt.PMT_F))
        for at in range(0, 8000, 500)
    ]
    source = blocks.vector_source_c(band_limited(8000)[:, 0].tolist(), True, 1, tags)
    sinks = [blocks.null_sink(8) for _ in range(block.output_signature().min_streams())]
    top.connect(source, block)
    for port, sink in enumerate(sinks):
        top.connect((block, port), sink)
    top.start()
    try:
        sizes = []
        for count in (samples // 4, samples):
            wait_until(lambda count=count: sinks[0].nitems_read(0) >= count)
            sizes.append(resident())
    finally:
        top.stop()
        top.wait()
    return sizes[1] - sizes[0]


class qa_sample_channel(gr_unittest.TestCase):
    def test_equals_the_reference(self):
        samples = band_limited()
        for name, case in CASES.items():
            with self.subTest(name):
                settings = ChannelSettings(**{"snr_db": 20.0, **case})
                expected = sample_channel(samples[:, 0], settings, sample_rate_hz=RATE_HZ, seed=7)
                received, _ = run_stream(make(case), samples)
                self.assertEqual(len(received), len(expected))
                # single precision: sums of up to 32 x 24 products; moving places within 2e-6
                np.testing.assert_allclose(received, expected, rtol=0, atol=1e-5)

    def test_frames_equal_the_reference(self):
        samples = band_limited(600 * 8)
        stream_only = {
            "profile",
            "delay_spread_s",
            "delays_s",
            "gains_db",
            "delay_samples",
            "clock_offset_ppm",
        }
        for name, case in CASES.items():
            case = {key: value for key, value in case.items() if key not in stream_only}
            with self.subTest(name):
                settings = ChannelSettings(**{"snr_db": 20.0, **case})
                expected = sample_channel(
                    samples[:, 0], settings, sample_rate_hz=RATE_HZ, seed=7, channel_uses=8
                )
                received, _ = run_channel(make(case, channel_uses=8), samples.reshape(600, 8))
                np.testing.assert_allclose(received.ravel(), expected, rtol=0, atol=1e-5)

    def test_labelled_snr_is_measured_snr(self):
        # 200,000 noise draws: standard error 4.34 / sqrt(n) = 0.01 dB, the bound is five of them
        samples = band_limited(200_000)
        modes = (
            "plain",
            "static taps",
            "fractional delay",
            "fast clock",
            "carrier",
            "phase noise",
            "rician doppler",
        )
        for name in modes:
            for snr_db in (-10.0, 5.0, 25.0):
                with self.subTest(name, snr_db=snr_db):
                    clean, _ = run_stream(make({**CASES[name], "snr_db": 200.0}), samples)
                    received, _ = run_stream(make({**CASES[name], "snr_db": snr_db}), samples)
                    noise = received.astype(np.complex128) - clean
                    self.assertAlmostEqual(-10 * np.log10(np.mean(np.abs(noise) ** 2)), snr_db, delta=0.05)
                    in_phase = -10 * np.log10(2 * np.mean(noise.real**2))
                    self.assertAlmostEqual(in_phase, snr_db, delta=0.07)
                    if not {"doppler_hz", "delays_s"} & CASES[name].keys():  # E|h x|^2 = 1 then
                        power = 10 * np.log10(np.mean(np.abs(clean) ** 2))
                        self.assertAlmostEqual(power, 0.0, delta=0.05)

    def test_bytes_do_not_depend_on_the_cuts(self):
        samples = band_limited(3000)
        for name, case in CASES.items():
            with self.subTest(name):
                whole, _ = run_stream(make(case), samples)
                for most_items in (1, 13, 300):
                    split, _ = run_stream(make(case), samples, most_items=most_items)
                    self.assertEqual(split.tobytes(), whole.tobytes())

    def test_seeds(self):
        samples = band_limited(2000)
        case = {**CASES["all"], "gap_probability": 0.0}
        first, second, other = (run_stream(make(case, seed), samples)[0] for seed in (8, 8, 9))
        self.assertEqual(first.tobytes(), second.tobytes())
        self.assertGreater(np.abs(first - other).min(), 0.0)

    def test_second_run_starts_over(self):
        samples = band_limited(2000)
        block = make(CASES["all"])
        first, _ = run_stream(block, samples)
        second, _ = run_stream(block, samples)
        self.assertEqual(first.tobytes(), second.tobytes())

    def test_the_end_of_a_stream_arrives_by_the_longest_way(self):
        samples = band_limited(3000)
        for delay in (0.0, 0.4, 65536.0):
            received, _ = run_stream(make({"delay_samples": delay, "snr_db": 200.0}), samples)
            self.assertEqual(len(received), 3000 + int(np.ceil(delay)))
        np.testing.assert_array_equal(received, np.r_[np.zeros(65536), samples[:, 0]])

    def test_tags_arrive_with_their_samples(self):
        samples = band_limited(4000)
        offsets = (0, 1, 100, 3000)
        sent = [
            gr.python_to_tag((at, pmt.intern("frame_id"), pmt.from_uint64(at), pmt.PMT_F)) for at in offsets
        ]
        stale = gr.python_to_tag((5, pmt.intern("gap"), pmt.from_long(9), pmt.PMT_F))
        for case, expected in (
            ({}, (0, 1, 100, 3000)),
            ({"delay_samples": 20.4}, (20, 21, 120, 3020)),
            ({"delay_samples": 0.3}, (0, 1, 100, 3000)),
            ({"clock_offset_ppm": 1000.0}, (0, 1, 100, 2997)),
            ({"clock_offset_ppm": -1000.0}, (0, 1, 100, 3003)),
        ):
            for most_items in (0, 7):
                with self.subTest(most_items=most_items, **case):
                    _, tags = run_stream(make(case), samples, [*sent, stale], most_items)
                    found = [tag for tag in tags if pmt.symbol_to_string(tag.key) == "frame_id"]
                    self.assertEqual(tuple(tag.offset for tag in found), expected)
                    self.assertEqual(tuple(pmt.to_uint64(tag.value) for tag in found), offsets)
                    self.assertEqual(tag_values(tags, "gap"), [])

    def test_a_gain_is_tagged_at_the_start_of_its_block(self):
        samples = band_limited(1000)
        block = make({"model": "rayleigh", "block_length": 100, "snr_db": 200.0})
        received, tags = run_stream(block, samples, most_items=64)
        gains = [tag for tag in tags if pmt.symbol_to_string(tag.key) == "channel_gain"]
        self.assertEqual([tag.offset for tag in gains], list(range(0, 1000, 100)))
        values = np.repeat([pmt.to_complex(tag.value) for tag in gains], 100)
        np.testing.assert_allclose(received, values * samples[:, 0], atol=1e-6)

    def test_gains_are_tagged_where_the_receivers_clock_has_them(self):
        case = {"model": "rayleigh", "block_length": 500, "clock_offset_ppm": 1000.0}
        _, tags = run_stream(make(case), band_limited(10_000), most_items=64)
        gains = [tag.offset for tag in tags if pmt.symbol_to_string(tag.key) == "channel_gain"]
        expected = np.rint(np.arange(0, 10_000, 500) / 1.001)
        np.testing.assert_allclose(gains, expected[: len(gains)], atol=1)
        self.assertGreaterEqual(len(gains), 19)

    def test_memory_is_flat(self):
        self.assertLess(growth_of_memory(make(CASES["all"])), 4.0)

    def test_gaps_are_zero_and_tagged(self):
        samples = band_limited(20_000)
        received, tags = run_stream(make({"gap_probability": 0.2, "gap_length": 50}), samples, most_items=64)
        starts = [tag.offset for tag in tags if pmt.symbol_to_string(tag.key) == "gap"]
        self.assertEqual(set(tag_values(tags, "gap")), {50})
        lost = np.zeros(len(received), dtype=bool)
        for start in starts:
            self.assertEqual(start % 50, 0)
            lost[start : start + 50] = True
        np.testing.assert_array_equal(received == 0, lost)
        # 400 runs: standard deviation of the share lost is 0.02
        self.assertAlmostEqual(lost.mean(), 0.2, delta=0.08)

    def test_settings_change_while_running(self):
        top = gr.top_block()
        source = blocks.vector_source_c([1.0], True, 1)
        block = semisac.fading_channel(1, "awgn", 200.0, sample_rate_hz=RATE_HZ)
        probe = blocks.probe_signal_c()
        top.connect(source, block, probe)

        def settles(holds) -> bool:
            return wait_until(lambda: holds(probe.level()))

        top.start()
        try:
            self.assertTrue(settles(lambda level: level == 1.0))
            block.set_rx_dc_offset(1j)
            self.assertTrue(settles(lambda level: level == 1.0 + 1.0j))
            block.update(rx_dc_offset=0.0, pa_saturation=0.5, pa_smoothness=1.0)
            self.assertTrue(settles(lambda level: abs(level - 1 / np.sqrt(5)) < 1e-6))
            block.set_pa_saturation(0.0)
            block.set_gap_probability(1.0)
            self.assertTrue(settles(lambda level: level == 0.0))
            block.set_gap_probability(0.0)
            for name, case in CASES.items():
                with self.subTest(name):
                    block.update(**case)
                    written = block.nitems_written(0)
                    self.assertTrue(
                        settles(lambda _, written=written: block.nitems_written(0) > written + 10000)
                    )
            block.set_taps([0.0, 1e-6], [0.0, -3.0])
        finally:
            top.stop()
            top.wait()
        self.assertEqual(block.delays_s(), [0.0, 1e-6])
        self.assertEqual(block.carrier_offset_hz(), -49e3)

    def test_bad_settings(self):
        for settings, message in (
            ({"block_length": 0}, "block_length is 0, expected 1 to"),
            ({"doppler_hz": 3e6}, r"doppler_hz is 3e\+06, expected 0 to 2.5e\+06"),
            ({"fading_paths": 7}, "fading_paths is 7, expected 8 to 32"),
            ({"delays_s": [0.0]}, "delays_s has 1 taps and gains_db 0, expected as many"),
            ({"delays_s": [0.0] * 33, "gains_db": [0.0] * 33}, "number of taps is 33, expected 0 to 32"),
            ({"delays_s": [-1e-9], "gains_db": [0.0]}, "delay in delays_s is -1e-09, expected 0 to"),
            ({"profile": "F"}, 'profile is "F", expected "A", "B", "C", "D", "E"'),
            ({"delay_samples": 7e4}, "delay_samples is 70000, expected 0 to 65536"),
            ({"clock_offset_ppm": float("nan")}, "clock_offset_ppm is nan, expected -1000 to 1000"),
            ({"gap_probability": 1.5}, "gap_probability is 1.5, expected 0 to 1"),
            ({"pa_smoothness": 0.0}, "pa_smoothness is 0, expected 0.5 to 20"),
        ):
            with self.subTest(**settings), self.assertRaisesRegex(ValueError, message):
                make(settings)
        with self.assertRaisesRegex(TypeError, "speed is no setting"):
            make({"speed": 3.0})
        with self.assertRaisesRegex(TypeError, "doppler_hz is 'fast'"):
            make({"doppler_hz": "fast"})

    def test_what_needs_a_stream_is_refused_for_frames(self):
        for settings in (
            {"delay_samples": 0.5},
            {"clock_offset_ppm": 1.0},
            {"profile": "A"},
            {"delays_s": [0.0], "gains_db": [0.0]},
        ):
            name = next(iter(settings))
            with (
                self.subTest(name),
                self.assertRaisesRegex(ValueError, f"{name} is set for items of 10 .*= 1"),
            ):
                make(settings, channel_uses=10)


if __name__ == "__main__":
    gr_unittest.run(qa_sample_channel)
