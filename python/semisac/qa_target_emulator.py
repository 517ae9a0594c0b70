#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target emulator: reference, physics, truth, tags, messages, cuts."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac
from qa_cfar_detector import first_messages
from qa_fading_channel import tag_values
from qa_sample_channel import band_limited, growth_of_memory

from semisac_ml.signal.targets import SPEED_OF_LIGHT_MPS, PointTarget, RadarScene, target_echoes

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import wait_until  # noqa: E402

RATE_HZ = 20e6
CARRIER_HZ = 2.45e9
ONE_SAMPLE_M = SPEED_OF_LIGHT_MPS / (2 * RATE_HZ)

TARGETS = {
    "steady": [{"range_m": 100.0}],
    "snr": [{"range_m": 333.0, "snr_db": 10.0, "azimuth_rad": 0.4}],
    "close": [{"range_m": 0.5, "velocity_mps": -20.0}],
    "fast": [{"range_m": 2000.0, "velocity_mps": 3000.0, "rcs_m2": 50.0}],
    "three": [
        {"range_m": 150.0, "velocity_mps": 30.0, "azimuth_rad": -0.3, "swerling": 1, "snr_db": 20.0},
        {"range_m": 700.0, "velocity_mps": -50.0, "azimuth_rad": 0.8, "snr_db": 20.0},
        {"range_m": 8000.0, "velocity_mps": 10.0, "swerling": 1, "snr_db": 17.0},
    ],
    "turning": [
        {"range_m": 40.0, "velocity_mps": 3e4, "nearest_m": 38.0, "farthest_m": 41.0, "snr_db": 5.0},
        {"range_m": 60.0, "velocity_mps": -2e4, "nearest_m": 59.5, "farthest_m": 60.0, "azimuth_rad": 0.3},
        {"range_m": 70.0, "velocity_mps": 1e4, "nearest_m": 70.0, "farthest_m": 71.0, "swerling": 1},
    ],
    "too far": [{"range_m": 600e3, "snr_db": 0.0}],
    "none": [],
}
SCENES = {
    "plain": {},
    "noise": {"noise_variance": 0.01},
    "leakage": {"leakage_gain_db": -20.0, "leakage_delay_s": 1.3e-7},
    "clutter": {"clutter_scatterers": 5, "clutter_gain_db": -10.0, "clutter_range_m": 900.0},
    "radio": {"transmit_power_w": 20.0, "transmit_gain_db": 12.0, "receive_gain_db": 6.0},
    "seldom": {"target_probability": 0.5},
    "intervals": {"target_probability": 0.5, "frames_per_interval": 3},
}
FRAMES = ((1000, 7), (1700, 8), (2400, 2**40), (3100, 9), (3600, 11), (4300, 12))


def frame_tags(frames=FRAMES) -> list:
    return [
        gr.python_to_tag((first, pmt.intern("frame_id"), pmt.from_uint64(number), pmt.PMT_F))
        for first, number in frames
    ]


def make(targets: list, scene: dict, antennas: int = 1, seed: int = 5):
    return semisac.target_emulator(RATE_HZ, CARRIER_HZ, antennas, seed=seed, targets=targets, **scene)


def pmt_tag(tag) -> dict:
    """Name and value of a tag."""
    return {pmt.symbol_to_string(tag.key): pmt.to_python(tag.value)}


def run_emulator(block, samples: np.ndarray, tags=(), most_items: int = 0):
    """Samples of all antennas, complex64 [antennas, samples], and the tags of the first and of the last."""
    top = gr.top_block()
    source = blocks.vector_source_c(samples.ravel().tolist(), False, 1, list(tags))
    sinks = [blocks.vector_sink_c() for _ in range(block.antennas())]
    top.connect(source, block)
    for port, sink in enumerate(sinks):
        top.connect((block, port), sink)
    top.run(*([most_items] if most_items else []))
    return np.array([sink.data() for sink in sinks], dtype=np.complex64), sinks[0].tags(), sinks[-1].tags()


class qa_target_emulator(gr_unittest.TestCase):
    def test_equals_the_reference(self):
        samples = band_limited(5000)[:, 0]
        cases = [(name, "plain") for name in TARGETS] + [("three", name) for name in SCENES]
        for targets, scene in cases:
            with self.subTest(targets=targets, scene=scene):
                expected, present = target_echoes(
                    samples,
                    [PointTarget(**one) for one in TARGETS[targets]],
                    RadarScene(RATE_HZ, CARRIER_HZ, 3, **SCENES[scene]),
                    seed=5,
                    frames=FRAMES,
                )
                received, tags, _ = run_emulator(
                    make(TARGETS[targets], SCENES[scene], 3), samples, frame_tags()
                )
                # single precision, and 2e-6 of moving places
                scale = max(np.abs(expected).max(), 1e-30)
                np.testing.assert_allclose(received / scale, expected / scale, rtol=0, atol=1e-5)
                self.assertEqual(tag_values(tags, "target_hypothesis"), [int(there) for there in present])

    def test_bytes_do_not_depend_on_the_cuts(self):
        samples = band_limited(3000)
        scene = {**SCENES["noise"], **SCENES["seldom"], **SCENES["leakage"]}
        whole, _, _ = run_emulator(make(TARGETS["three"], scene, 2), samples, frame_tags())
        for most_items in (1, 13, 300):
            split, _, _ = run_emulator(make(TARGETS["three"], scene, 2), samples, frame_tags(), most_items)
            self.assertEqual(split.tobytes(), whole.tobytes())
        turning, _, _ = run_emulator(make(TARGETS["turning"], {}), samples, frame_tags())
        for most_items in (1, 13, 300):
            split, _, _ = run_emulator(make(TARGETS["turning"], {}), samples, frame_tags(), most_items)
            self.assertEqual(split.tobytes(), turning.tobytes())
        block = make(TARGETS["three"], scene, 2)
        for _ in range(2):  # a second run starts over
            again, _, _ = run_emulator(block, samples, frame_tags())
            self.assertEqual(again.tobytes(), whole.tobytes())
        other, _, _ = run_emulator(make(TARGETS["three"], scene, 2, seed=6), samples, frame_tags())
        self.assertGreater(np.abs(whole - other).min(), 0.0)

    def test_delay_is_a_sample_each_c_over_twice_the_rate(self):
        pulse = np.zeros(300, dtype=np.complex64)
        pulse[50] = 1.0
        for delay in (0.0, 1.0, 100.0):
            received, _, _ = run_emulator(
                make([{"range_m": max(delay * ONE_SAMPLE_M, 1e-3), "snr_db": 0.0}], {}), pulse
            )
            self.assertEqual(int(np.argmax(np.abs(received[0]))), 50 + int(delay))
            self.assertAlmostEqual(np.abs(received[0]).max(), 1.0, places=4)

    def test_power_falls_with_the_fourth_power_of_range(self):
        samples = np.ones(4000)
        near, far = (run_emulator(make([{"range_m": r}], {}), samples)[0][0, -1000:] for r in (200.0, 2000.0))
        ratio_db = 20 * np.log10(np.abs(near).mean() / np.abs(far).mean())
        self.assertAlmostEqual(ratio_db, 40.0, delta=0.01)
        wavelength = SPEED_OF_LIGHT_MPS / CARRIER_HZ
        expected = wavelength**2 / ((4 * math.pi) ** 3 * 200.0**4)
        self.assertAlmostEqual(np.mean(np.abs(near) ** 2) / expected, 1.0, delta=1e-3)

    def test_doppler_is_two_v_over_the_wavelength(self):
        for velocity in (-100.0, 15.0, 300.0):
            target = {"range_m": 500.0, "velocity_mps": velocity, "snr_db": 0.0}
            received, _, _ = run_emulator(make([target], {}), np.ones(40_000))
            phase = np.unwrap(np.angle(received[0, 200:]))
            frequency_hz = np.polyfit(np.arange(len(phase)), phase, 1)[0] / (2 * np.pi) * RATE_HZ
            self.assertAlmostEqual(frequency_hz, 2 * velocity * CARRIER_HZ / SPEED_OF_LIGHT_MPS, delta=0.05)

    def test_a_target_turns_and_comes_back(self):
        # 300 m/s between 100 and 103 m: a turn every 10 ms, 200,000 samples of 20 MHz; five of them.
        target = {
            "range_m": 102.0,
            "velocity_mps": 300.0,
            "nearest_m": 100.0,
            "farthest_m": 103.0,
            "snr_db": 0.0,
        }
        frames = tuple((10_000 * i, i) for i in range(100))
        received, tags, _ = run_emulator(make([target], {}), np.ones(1_000_000), frame_tags(frames))
        told = [one["targets"][0] for one in map(pmt_tag, tags) if "targets" in one]
        range_m = np.array([one["range_m"] for one in told])
        velocity_mps = np.array([one["velocity_mps"] for one in told])
        # the way of a triangle, from 2 m above its foot downwards
        way = np.mod(2.0 - 300.0 * np.arange(100) * 10_000 / RATE_HZ, 6.0)
        np.testing.assert_allclose(range_m, 100.0 + np.where(way > 3.0, 6.0 - way, way), atol=1e-9)
        # closing speed is what the range loses
        self.assertGreater(np.abs(np.sign(np.diff(velocity_mps))).sum(), 4)
        moved = np.diff(range_m)
        straight = velocity_mps[1:] == velocity_mps[:-1]
        np.testing.assert_allclose(
            moved[straight], -velocity_mps[:-1][straight] * 10_000 / RATE_HZ, atol=1e-9
        )
        # phase -2 pi fc 2 r/c at every frame, and never a step of more than the Doppler shift between samples
        expected = -2 * np.pi * CARRIER_HZ * 2 * range_m / SPEED_OF_LIGHT_MPS
        wrong = np.angle(received[0, 10_000::10_000] * np.exp(-1j * expected[1:]))
        self.assertLess(np.abs(wrong).max(), 1e-3)
        steps = np.angle(received[0, 1001:] * np.conj(received[0, 1000:-1]))
        doppler = 2 * np.pi * 2 * 300.0 * CARRIER_HZ / SPEED_OF_LIGHT_MPS / RATE_HZ
        self.assertLess(np.abs(steps).max(), doppler + 1e-4)
        signs = np.sign(velocity_mps[:-1])[straight]  # of the Doppler shift
        means = np.array([steps[max(10_000 * i - 1000, 0) :][:8000].mean() for i in range(99)])[straight]
        np.testing.assert_allclose(means[1:], signs[1:] * doppler, atol=doppler * 1e-2)

    def test_sliders_move_one_value_of_a_target_that_turns(self):
        first = {
            "range_m": 150.0,
            "velocity_mps": 60.0,
            "nearest_m": 149.0,
            "farthest_m": 151.0,
            "snr_db": 0.0,
        }
        block = make([first], {})
        top = gr.top_block()
        top.connect(blocks.vector_source_c([1.0] * 1000, True), block, blocks.null_sink(8))

        def now() -> dict:
            return block.targets()[0]

        top.start()
        try:
            self.assertTrue(wait_until(lambda: now()["velocity_mps"] == -60.0))
            block.set_targets([{**first, "snr_db": 3.0}])  # neither range nor speed
            self.assertTrue(wait_until(lambda: now()["range_m"] > 150.5))
            block.set_targets([{**first, "velocity_mps": 0.0}])  # stays where it is
            self.assertTrue(wait_until(lambda: now()["velocity_mps"] == 0.0))
            stays = now()["range_m"]
            self.assertTrue(149.0 <= stays <= 151.0 and stays != 150.0)
            block.set_targets([{**first, "velocity_mps": 0.0, "range_m": 149.5}])  # is put there
            self.assertTrue(wait_until(lambda: now()["range_m"] == 149.5))
        finally:
            top.stop()
            top.wait()

    def test_phase_across_the_array(self):
        azimuth = 0.5
        block = make([{"range_m": 100.0, "azimuth_rad": azimuth, "snr_db": 0.0}], {}, antennas=4)
        received, _, _ = run_emulator(block, np.ones(500))
        steps = np.angle(received[1:, 300] / received[:-1, 300])
        np.testing.assert_allclose(steps, np.pi * np.sin(azimuth), atol=1e-5)

    def test_labelled_snr_is_the_measured_one(self):
        # 300,000 samples: 4.34 / sqrt(n) = 0.008 dB
        samples = band_limited(300_000)
        target = {"range_m": 321.0, "velocity_mps": 12.0, "snr_db": -3.0}
        echo, _, _ = run_emulator(make([target], {}), samples)
        noisy, _, _ = run_emulator(make([{**target, "snr_db": -3.0}], {"noise_variance": 2.0}), samples)
        clean_power = np.mean(np.abs(echo[0, 1000:]) ** 2)
        self.assertAlmostEqual(10 * np.log10(clean_power), -3.0, delta=0.05)  # relative to 1
        noise = noisy[0] - np.sqrt(2.0) * echo[0]
        self.assertAlmostEqual(10 * np.log10(np.mean(np.abs(noise) ** 2)), 10 * np.log10(2.0), delta=0.05)

    def test_truth_follows_its_probability_and_absent_targets_leave_no_echo(self):
        frames = tuple((200 * i, 1000 + i) for i in range(1000))
        block = make([{"range_m": 50 * ONE_SAMPLE_M, "snr_db": 0.0}], {"target_probability": 0.3})
        received, tags, last = run_emulator(block, np.ones(200_000), frame_tags(frames))
        truth = np.array(tag_values(tags, "target_hypothesis"))
        self.assertEqual(tag_values(last, "frame_id"), [number for _, number in frames])
        self.assertAlmostEqual(truth.mean(), 0.3, delta=5 * np.sqrt(0.21 / 1000))
        power = np.abs(received[0, 150::200]) ** 2  # 100 samples into the frame's echo
        np.testing.assert_allclose(power, truth, atol=1e-3)

    def test_swerling_1_power_is_exponential(self):
        frames = tuple((100 * i, i) for i in range(3000))
        block = make([{"range_m": ONE_SAMPLE_M, "snr_db": 0.0, "swerling": 1}], {})
        received, _, _ = run_emulator(block, np.ones(300_000), frame_tags(frames))
        power = np.abs(received[0, 50::100].astype(np.complex128)) ** 2
        self.assertAlmostEqual(power.mean(), 1.0, delta=5 / np.sqrt(3000))
        self.assertAlmostEqual(np.mean(power < np.log(2)), 0.5, delta=5 * 0.5 / np.sqrt(3000))

    def test_targets_change_while_running(self):
        top = gr.top_block()
        source = blocks.vector_source_c([1.0] * 1000, True)
        block = make([{"range_m": 1000.0, "velocity_mps": 10.0, "snr_db": 0.0}], {})
        probe = blocks.probe_signal_c()
        top.connect(source, block, probe)

        def send(message) -> None:
            block.to_basic_block()._post(pmt.intern("targets"), message)

        def power() -> float:
            return abs(probe.level())

        top.start()
        try:
            self.assertTrue(wait_until(lambda: block.targets()[0]["range_m"] < 1000.0))
            block.change_target(0, velocity_mps=-1000.0)  # goes on from where it is
            turning = block.targets()[0]["range_m"]
            self.assertTrue(wait_until(lambda: block.targets()[0]["range_m"] > turning))
            self.assertLess(block.targets()[0]["range_m"], 1e5)
            send(pmt.to_pmt({"index": 0, "velocity_mps": 0.0, "snr_db": 20.0}))
            self.assertTrue(wait_until(lambda: abs(power() - 10.0) < 0.01))
            send(pmt.to_pmt([{"range_m": 60.0, "snr_db": -20.0}]))
            self.assertTrue(wait_until(lambda: abs(power() - 0.1) < 1e-3))
            for wrong in (
                pmt.to_pmt({"index": 3, "range_m": 1.0}),
                pmt.to_pmt({"index": 0, "colour": 1.0}),
                pmt.to_pmt({"index": 0, "range_m": "near"}),
                pmt.to_pmt({"range_m": 1.0}),
                pmt.to_pmt([{"velocity_mps": 1.0}]),
                pmt.to_pmt([{"range_m": -1.0}]),
                pmt.from_long(1),
                pmt.cons(pmt.from_long(1), pmt.from_long(2)),
            ):
                send(wrong)  # reported in the log and ignored
            block.set_leakage_gain_db(0.0)
            self.assertTrue(wait_until(lambda: power() > 0.5))
            self.assertEqual(len(block.targets()), 1)
            self.assertAlmostEqual(block.targets()[0]["range_m"], 60.0, places=9)
            block.set_leakage_gain_db(-200.0)
            block.set_targets([])
            self.assertTrue(wait_until(lambda: power() == 0.0))
        finally:
            top.stop()
            top.wait()

    def test_phase_goes_on_when_the_speed_changes(self):
        class changer(gr.sync_block):
            """Passes samples, and changes the target's speed once half of them are through."""

            def __init__(self, emulator):
                gr.sync_block.__init__(self, "changer", [np.complex64], [np.complex64])
                self.emulator, self.changed_at = emulator, None

            def work(self, input_items, output_items):
                output_items[0][:] = input_items[0]
                if self.changed_at is None and self.nitems_read(0) > 100_000:
                    self.emulator.change_target(0, velocity_mps=-500.0)
                    self.changed_at = self.nitems_read(0)
                return len(output_items[0])

        block = make([{"range_m": 1000.0, "velocity_mps": 500.0, "snr_db": 0.0}], {})
        through = changer(block)
        top = gr.top_block()
        source, sink = blocks.vector_source_c([1.0] * 200_000), blocks.vector_sink_c()
        top.connect(source, block, through, sink)
        top.run()
        steps = np.angle(np.array(sink.data())[1001:] / np.array(sink.data())[1000:-1])
        doppler = 2 * np.pi * 2 * 500.0 * CARRIER_HZ / SPEED_OF_LIGHT_MPS / RATE_HZ
        self.assertLess(np.abs(np.abs(steps) - doppler).max(), 1e-3)  # no jump: one step more or less
        self.assertAlmostEqual(steps[-1], -doppler, delta=1e-3)

    def test_radar_finds_targets_where_they_are(self):
        # Modulator, targets, processor and detector; each within five of the detector's deviations.
        frame = semisac.frame_parameters(images_per_frame=190)
        radar = semisac.radar_parameters(frame, antennas=4, carrier_hz=5.8e9)
        targets = [
            {"range_m": 280.0, "velocity_mps": 180.0, "azimuth_rad": 0.4, "snr_db": -10.0},
            {"range_m": 140.0, "velocity_mps": -280.0, "azimuth_rad": -0.7, "snr_db": -16.0},
        ]
        rng = np.random.default_rng(4)
        symbols = rng.normal(size=(190, frame.channel_uses)) + 1j * rng.normal(size=(190, frame.channel_uses))
        top = gr.top_block()
        source = blocks.vector_source_c((symbols / np.sqrt(2)).ravel().tolist(), True, frame.channel_uses)
        modulator = semisac.frame_modulator(frame)
        emulator = semisac.target_emulator(
            frame.sample_rate_hz, 5.8e9, 4, seed=1, targets=targets, noise_variance=1.0
        )
        processor, detector = semisac.echo_processor(radar), semisac.cfar_detector(radar)
        top.connect(source, modulator, emulator)
        top.connect(modulator, (processor, 0))
        for antenna in range(4):
            top.connect((emulator, antenna), (processor, 1 + antenna))
        top.connect((processor, 0), blocks.null_sink(8 * frame.channel_uses))
        top.connect((processor, 1), detector)
        found = first_messages(top, detector, 1)[0]["detections"]
        self.assertEqual(len(found), 2)
        half_s = 0.5 * frame.frame_samples / frame.sample_rate_hz
        for one, target in zip(found, targets, strict=True):
            middle = {**target, "range_m": target["range_m"] - target["velocity_mps"] * half_s}
            for name in ("range_m", "velocity_mps", "azimuth_rad"):
                deviation = one[name.replace("_", "_deviation_")]
                self.assertAlmostEqual(one[name], middle[name], delta=5 * deviation)

    def test_memory_is_flat(self):
        block = make(TARGETS["three"], {**SCENES["noise"], **SCENES["seldom"], **SCENES["clutter"]}, 2)
        self.assertLess(growth_of_memory(block), 4.0)

    def test_bad_parameters(self):
        for targets, scene, message in (
            ([{"range_m": 0.0}], {}, "range_m of target 0 is 0, expected 0.001 to"),
            (
                [{"range_m": 1.0}, {"range_m": 1.0, "swerling": 2}],
                {},
                "swerling of target 1 is 2, expected 0 to 1",
            ),
            ([{"range_m": 1.0, "azimuth_rad": 3.0}], {}, "azimuth_rad of target 0 is 3, expected -1.57"),
            ([{"velocity_mps": 1.0}], {}, "target 0 has no range_m"),
            ([{"range_m": 9.0, "farthest_m": 20.0}], {}, "nearest_m of target 0 is 0, expected 0.001 to"),
            (
                [{"range_m": 9.0, "nearest_m": 8.0, "farthest_m": 7.0}],
                {},
                "farthest_m of target 0 is 7, expected 8.001 to",
            ),
            (
                [{"range_m": 9.0, "nearest_m": 10.0, "farthest_m": 20.0}],
                {},
                "range_m of target 0 is 9, expected 10 to 20; put it between nearest_m and farthest_m",
            ),
            ([], {"frames_per_interval": 0}, "frames_per_interval is 0, expected 1 to 65536"),
            ([], {"target_probability": 2.0}, "target_probability is 2, expected 0 to 1"),
            ([], {"noise_variance": -1.0}, "noise_variance is -1, expected 0 to"),
        ):
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                make(targets, scene)
        with self.assertRaisesRegex(ValueError, "antennas is 0, expected 1 to 64"):
            semisac.target_emulator(RATE_HZ, CARRIER_HZ, 0)
        with self.assertRaisesRegex(ValueError, "carrier_hz is nan"):
            semisac.target_emulator(RATE_HZ, float("nan"))
        with self.assertRaisesRegex(TypeError, "colour is no parameter"):
            make([{"range_m": 1.0, "colour": 3}], {})
        with self.assertRaisesRegex(ValueError, "index of the target is 0, expected 0 to -1"):
            make([], {}).change_target(0, range_m=3.0)


if __name__ == "__main__":
    gr_unittest.run(qa_target_emulator)
