#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CFAR detector: the C++ block against the numpy reference, false alarms, and the chain from samples on."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

from semisac_ml.signal import cfar, peak_refinement, radar_detection, radar_trials
from semisac_ml.signal.cfar import CfarWindow
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame
from semisac_ml.signal.radar_detection import DetectionSettings
from semisac_ml.signal.radar_parameters import RadarParameters
from semisac_ml.signal.range_doppler import range_doppler_map

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
import block_testing as bt  # noqa: E402
from patience import until  # noqa: E402

FIELDS = (
    "range_m",
    "velocity_mps",
    "azimuth_rad",
    "snr_db",
    "range_deviation_m",
    "velocity_deviation_mps",
    "azimuth_deviation_rad",
)
LIGHT_MPS = 299792458.0


def detected(block, maps: np.ndarray, tags=()) -> list[dict]:
    """Messages of a block for maps [items, antennas, doppler_bins, range_bins]."""
    top = gr.top_block()
    length = block.parameters().map_cells
    top.connect(blocks.vector_source_c(maps.astype(np.complex64).ravel(), True, length, list(tags)), block)
    return first_messages(top, block, len(maps))


def first_messages(top, block, count: int) -> list[dict]:
    """So many first messages of a flowgraph that runs on: one that ends may lose its last messages."""
    store = blocks.message_debug()
    top.msg_connect((block, "detections"), (store, "store"))
    top.start()
    try:
        until(lambda: store.num_messages() >= count)
    finally:
        top.stop()
        top.wait()
    return [pmt.to_python(store.get_message(i)) for i in range(count)]


def made_maps(geometry, count: int, most_targets: int, seed: int, weakest_db=14.0) -> np.ndarray:
    """Maps of noise and up to so many targets of random place, weakest_db to 45 dB."""
    rng = np.random.default_rng(seed)
    maps = []
    for _ in range(count):
        number = int(rng.integers(0, most_targets + 1))
        places = np.array([radar_trials.random_frequency(geometry, rng) for _ in range(number)])
        levels = rng.uniform(weakest_db, 45.0, number)
        cells = radar_trials.observed_cells(geometry, places, levels, rng)
        maps.append(range_doppler_map(peak_refinement.without_leakage(cells, geometry), geometry))
    return np.stack(maps)


def removal_tags(maps: np.ndarray, removal: str) -> list:
    """Tags of maps without their leakage."""
    name, value = pmt.intern("leakage_removal"), pmt.intern(removal)
    return [gr.python_to_tag((item, name, value, pmt.PMT_F)) for item in range(len(maps))]


class qa_cfar_detector(gr_unittest.TestCase):
    def check_against_reference(
        self, parameters, most_targets, method="ca", reference=None, rank=0, removal="none"
    ):
        geometry = parameters.geometry
        if removal != "none":
            geometry = replace(geometry, **{f"{removal}_removed": True})
        maps = made_maps(geometry, 8, most_targets, seed=most_targets)
        settings = DetectionSettings(
            method=method,
            window=reference and CfarWindow((2, 2), reference, radar_detection.natural_stride(geometry)),
            rank=rank,
            most_targets=6,
        )
        block = semisac.cfar_detector(
            parameters,
            method,
            reference_range=reference[0] if reference else -1,
            reference_doppler=reference[1] if reference else -1,
            rank=rank,
            most_targets=6,
        )
        threshold = radar_detection.Threshold(geometry, settings)
        self.assertAlmostEqual(block.threshold_factor() / threshold.factor, 1.0, delta=1e-6)
        self.assertAlmostEqual(block.cell_false_alarm_rate() / threshold.cell_rate, 1.0, delta=1e-6)
        messages = detected(block, maps, removal_tags(maps, removal))
        self.assertEqual([said["frame_id"] for said in messages], list(range(len(maps))))
        self.assertGreaterEqual(block.maps_searched(), len(maps))
        total = 0
        for said, rd_map in zip(messages, maps, strict=True):
            expected = radar_detection.detect(rd_map.astype(np.complex64), geometry, settings)
            self.assertEqual(len(said["detections"]), len(expected))
            for one, other in zip(said["detections"], expected, strict=True):
                self.assertEqual(set(one), set(FIELDS))
                # Single precision moves a peak by far less than its deviation.
                for name, scale in (
                    ("range_m", other.range_deviation_m),
                    ("velocity_mps", other.velocity_deviation_mps),
                    ("azimuth_rad", other.azimuth_deviation_rad),
                    ("snr_db", 1.0),
                ):
                    if math.isnan(getattr(other, name)):
                        self.assertTrue(math.isnan(one[name]))
                    else:
                        self.assertAlmostEqual(one[name], getattr(other, name), delta=5e-3 * scale)
                for name in FIELDS[4:]:
                    if not math.isnan(getattr(other, name)):
                        self.assertAlmostEqual(one[name] / getattr(other, name), 1.0, delta=2e-3)
                total += 1
        self.assertGreater(total, 4)
        self.assertGreaterEqual(block.targets_found(), total)

    def test_equals_the_reference(self):
        ofdm = FrameParameters(images_per_frame=64)
        pulses = FrameParameters(
            frame_type="lfm", chirp_samples=128, images_per_frame=64, symbols_per_pulse=1
        )
        fine = dict(range_bins=128, doppler_bins=96, range_window="hamming", doppler_window="hamming")
        for name, arguments in {
            "one antenna": (RadarParameters(ofdm), 4),
            "three antennas": (RadarParameters(ofdm, antennas=3), 3),
            "fine": (RadarParameters(ofdm, **fine), 3),
            "ordered": (RadarParameters(ofdm), 3, "os"),
            "ordered, antennas": (RadarParameters(ofdm, antennas=2), 3, "os", (6, 6), 20),
            "pulses": (RadarParameters(pulses, mode="lfm", antennas=2), 3, "ca", (12, 4)),
            "one pulse": (RadarParameters(ofdm, mode="lfm"), 2),
            "few frames": (RadarParameters(ofdm, antennas=2, frames_per_interval=8), 2),
            "static": (RadarParameters(ofdm, antennas=2, frames_per_interval=16), 2, "ca", None, 0, "static"),
            "fine, static": (RadarParameters(ofdm, **fine), 3, "ca", None, 0, "static"),
            "zero delay": (RadarParameters(ofdm, antennas=2), 3, "ca", None, 0, "zero_delay"),
            "fine, zero delay": (RadarParameters(ofdm, **fine), 3, "ca", None, 0, "zero_delay"),
        }.items():
            with self.subTest(name):
                self.check_against_reference(*arguments)

    def test_false_alarms(self):
        # 2.5e6 cells at 1e-4: 246 +- 16 above their threshold; neighbours that exceed it together count once.
        parameters = RadarParameters(FrameParameters(images_per_frame=150, header_repetitions=4))
        geometry = parameters.geometry
        self.assertEqual((geometry.slow_times, geometry.doppler_bins), (64, 64))
        rng = np.random.default_rng(3)
        block = semisac.cfar_detector(parameters, false_alarm_rate=1e-4, false_alarms_per="cell")
        top = gr.top_block()
        maps = np.stack(
            [range_doppler_map(radar_trials.noise_cells(geometry, rng), geometry) for _ in range(600)]
        )
        source = blocks.vector_source_c(maps.astype(np.complex64).ravel(), False, parameters.map_cells)
        top.connect(source, block)
        top.run()
        self.assertLess(block.targets_found(), 246 + 4 * 16)
        self.assertGreater(block.targets_found(), 150)
        self.assertEqual(block.maps_searched(), 600)

    def test_one_map_of_noise_in_a_hundred_shows_a_target(self):
        # The default; 3000 maps: 30 +- 5.4, and four deviations.
        parameters = RadarParameters(FrameParameters(images_per_frame=8), frames_per_interval=16)
        geometry = parameters.geometry
        block = semisac.cfar_detector(parameters)
        self.assertEqual(block.false_alarm_rate(), 0.01)
        rng = np.random.default_rng(9)
        maps = np.stack(
            [range_doppler_map(radar_trials.noise_cells(geometry, rng), geometry) for _ in range(3000)]
        ).astype(np.complex64)
        messages = detected(block, maps)
        shown = sum(bool(said["detections"]) for said in messages)
        self.assertGreater(shown, 30 - 4 * 5.4)
        self.assertLess(shown, 30 + 4 * 5.4)

    def test_from_samples_to_detections(self):
        # Two targets seen by four antennas, through the processor; each within four of its deviations.
        frame = FrameParameters(images_per_frame=190, header_repetitions=4)
        parameters = RadarParameters(frame, antennas=4, carrier_hz=5.8e9)
        rng = np.random.default_rng(8)
        symbols = rng.normal(size=(190, 10)) + 1j * rng.normal(size=(190, 10))
        sent = modulate_frame(symbols / np.sqrt(2), frame, 77).astype(np.complex128)
        truth = [(9.3, 7e3, 0.4, 1.0), (4.6, -11e3, -0.7, 0.5)]
        received = rng.normal(size=(4, len(sent))) + 1j * rng.normal(size=(4, len(sent)))
        time_s = np.arange(len(sent)) / frame.sample_rate_hz
        for delay, doppler_hz, azimuth_rad, amplitude in truth:
            turn = np.exp(-2j * np.pi * np.fft.fftfreq(len(sent)) * delay)
            back = np.fft.ifft(np.fft.fft(sent) * turn) * np.exp(2j * np.pi * doppler_hz * time_s)
            phases = np.exp(1j * np.pi * np.arange(4) * np.sin(azimuth_rad))
            received += amplitude * phases[:, None] * back
        top = gr.top_block()
        processor = semisac.echo_processor(parameters)
        detector = semisac.cfar_detector(parameters)
        tags = [
            gr.python_to_tag((0, pmt.intern(name), value, pmt.PMT_F))
            for name, value in (("frame_id", pmt.from_uint64(77)), ("images", pmt.from_long(190)))
        ]
        source = blocks.vector_source_c(sent.astype(np.complex64), True, 1, tags)
        top.connect(source, (processor, 0))
        for antenna in range(4):
            stream = blocks.vector_source_c(received[antenna].astype(np.complex64), True)
            top.connect(stream, (processor, 1 + antenna))
        top.connect((processor, 0), blocks.null_sink(8 * frame.channel_uses))
        top.connect((processor, 1), detector)
        (said,) = first_messages(top, detector, 1)
        self.assertEqual(said["frame_id"], 77)
        found = said["detections"]
        self.assertEqual(len(found), 2)
        for one, (delay, doppler_hz, azimuth_rad, _) in zip(found, truth, strict=True):
            range_m = delay * LIGHT_MPS / (2 * frame.sample_rate_hz)
            velocity_mps = doppler_hz * LIGHT_MPS / (2 * parameters.carrier_hz)
            self.assertAlmostEqual(one["range_m"], range_m, delta=5 * one["range_deviation_m"])
            self.assertAlmostEqual(one["velocity_mps"], velocity_mps, delta=5 * one["velocity_deviation_mps"])
            self.assertAlmostEqual(one["azimuth_rad"], azimuth_rad, delta=5 * one["azimuth_deviation_rad"])

    def test_behind_modulator_and_emulator(self):
        # Three moving targets and leakage 30 dB above them, 64 frames a map: the positions in the middle of
        # the interval within five deviations, or what range moves within a symbol (0.05 m).
        frame = FrameParameters(images_per_frame=32)
        parameters = RadarParameters(frame, antennas=4, frames_per_interval=64)
        truth = [
            {"range_m": 130.0, "velocity_mps": 14.0, "azimuth_rad": 0.3, "snr_db": 0.0},
            {"range_m": 210.0, "velocity_mps": -9.0, "azimuth_rad": -0.6, "snr_db": -3.0},
            {"range_m": 330.0, "velocity_mps": 22.0, "azimuth_rad": 0.1, "snr_db": -6.0},
        ]
        rng = np.random.default_rng(4)
        symbols = rng.normal(size=(64 * 32, 10)) + 1j * rng.normal(size=(64 * 32, 10))
        symbols /= np.sqrt((np.abs(symbols) ** 2).mean(axis=1, keepdims=True))
        top = gr.top_block()
        source = blocks.vector_source_c(symbols.astype(np.complex64).ravel(), True, 10)
        modulator = semisac.frame_modulator(frame)
        emulator = semisac.target_emulator(
            frame.sample_rate_hz,
            parameters.carrier_hz,
            4,
            targets=truth,
            noise_variance=1.0,
            leakage_gain_db=30.0,
        )
        processor = semisac.echo_processor(parameters, leakage_removal="zero_delay")
        detector = semisac.cfar_detector(parameters)
        top.connect(source, modulator, (processor, 0))
        top.connect(modulator, emulator)
        for antenna in range(4):
            top.connect((emulator, antenna), (processor, 1 + antenna))
        top.connect((processor, 0), blocks.null_sink(8 * frame.channel_uses))
        top.connect((processor, 1), detector)
        (said,) = first_messages(top, detector, 1)
        found = sorted(said["detections"], key=lambda one: one["range_m"])
        self.assertEqual(len(found), 3)
        middle_s = 32 * frame.frame_samples / frame.sample_rate_hz
        for one, target in zip(found, truth, strict=True):
            range_m = target["range_m"] - target["velocity_mps"] * middle_s
            self.assertAlmostEqual(one["range_m"], range_m, delta=5 * one["range_deviation_m"] + 0.05)
            deviation = one["velocity_deviation_mps"]
            self.assertAlmostEqual(one["velocity_mps"], target["velocity_mps"], delta=5 * deviation)
            deviation = one["azimuth_deviation_rad"]
            self.assertAlmostEqual(one["azimuth_rad"], target["azimuth_rad"], delta=5 * deviation)
            # 64 frames, 52 subcarriers of each symbol, 4 antennas; some of it lost to the division
            symbols_a_frame = frame.header_symbols + frame.body_symbols
            gain_db = 10 * np.log10(64 * 52 * symbols_a_frame * 4)
            self.assertAlmostEqual(one["snr_db"], target["snr_db"] + gain_db, delta=3.0)

    def test_slow_targets_where_all_that_stands_still_is_removed(self):
        # 600 m away, at 1 MS/s, behind leakage: 3 m/s are 1.9 and 3.7 resolution cells from speed zero,
        # 0.3 m/s a fifth and two fifths. Ten maps each: the target once, nowhere else anything but one false
        # alarm in a hundred maps (3 in 10: 0.01 %), its speed within five deviations.
        for frames, speed_mps in ((8, 3.0), (16, 3.0), (8, 0.3), (16, -0.3)):
            self.check_slow_target(frames, speed_mps, "static")

    def test_removal_of_leakage_leaves_no_hole_of_a_strong_target(self):
        # A 48 dB echo at 600 m, 3.2 resolution cells from the leakage: a twentieth of its amplitude went away
        # with it, and would come back as a target of 22 dB at zero.
        for frames, speed_mps in ((1, 8.0), (8, 0.2)):
            self.check_slow_target(frames, speed_mps, "zero_delay")

    def check_slow_target(self, frames, speed_mps, removal):
        with self.subTest(frames=frames, speed_mps=speed_mps):
            frame = FrameParameters(sample_rate_hz=1e6)
            parameters = RadarParameters(frame, frames_per_interval=frames)
            rng = np.random.default_rng(frames)
            symbols = rng.normal(size=(4096, 10)) + 1j * rng.normal(size=(4096, 10))
            top = gr.top_block()
            source = blocks.vector_source_c((symbols / np.sqrt(2)).astype(np.complex64).ravel(), True, 10)
            modulator = semisac.frame_modulator(frame)
            emulator = semisac.target_emulator(
                frame.sample_rate_hz,
                parameters.carrier_hz,
                targets=[{"range_m": 600.0, "velocity_mps": speed_mps, "snr_db": 10.0}],
                noise_variance=1.0,
                leakage_gain_db=40.0,
            )
            processor = semisac.echo_processor(parameters, leakage_removal=removal)
            detector = semisac.cfar_detector(parameters)
            top.connect(source, modulator, emulator, (processor, 1))
            top.connect(modulator, (processor, 0))
            top.connect((processor, 0), blocks.null_sink(8 * frame.channel_uses))
            top.connect((processor, 1), detector)
            others = 0
            for said in first_messages(top, detector, 10):
                near = [one for one in said["detections"] if abs(one["range_m"] - 600.0) < 60.0]
                self.assertEqual(len(near), 1)
                deviation = near[0]["velocity_deviation_mps"]
                self.assertAlmostEqual(near[0]["velocity_mps"], speed_mps, delta=5 * deviation)
                self.assertLess(deviation, 0.2 if frames > 1 else 2.0)
                others += len(said["detections"]) - 1
            self.assertLess(others, 3)

    def test_frame_id_and_rate_while_running(self):
        parameters = RadarParameters(FrameParameters(images_per_frame=64))
        maps = made_maps(parameters.geometry, 4, 1, seed=2, weakest_db=30.0)
        tags = bt.frame_tags(frame_id=[5, 70, 71, 2**40])
        block = semisac.cfar_detector(parameters)
        self.assertEqual([said["frame_id"] for said in detected(block, maps, tags)], [5, 70, 71, 2**40])
        tags[1].value = pmt.intern("none")  # no number: it has that of its place
        self.assertEqual([said["frame_id"] for said in detected(block, maps, tags)], [5, 1, 71, 2**40])
        before = block.threshold_factor()
        block.set_false_alarm_rate(0.1)
        self.assertEqual(block.false_alarm_rate(), 0.1)
        self.assertLess(block.threshold_factor(), before)
        block = semisac.cfar_detector(parameters, false_alarms_per="cell")
        block.set_false_alarm_rate(1e-3)
        self.assertEqual(block.cell_false_alarm_rate(), 1e-3)
        self.assertAlmostEqual(block.threshold_factor() / cfar.ca_factor(1e-3, 30.0), 1.0, delta=0.1)

    def test_bad_parameters(self):
        parameters = RadarParameters(FrameParameters())
        for arguments, message in (
            ({"method": "go"}, 'method is "go", expected "ca" or "os"'),
            ({"false_alarm_rate": 0.0}, "false_alarm_rate is 0, expected 1e-15 to 0.5"),
            ({"false_alarms_per": "hour"}, 'false_alarms_per is "hour", expected "map" or "cell"'),
            ({"reference_doppler": -2}, "reference_doppler is -2, expected -1 to 1024"),
            ({"guard_range": -1}, "guard_range is -1, expected 0 to 1024"),
            ({"reference_range": 31}, "reach over 67 bins in range, expected at most 64"),
            ({"reference_range": 0, "reference_doppler": 0}, "reference cells are 0 on both axes"),
            ({"method": "os", "rank": 33}, "rank is 33, expected 1 to 32"),
            ({"most_targets": 0}, "most_targets is 0, expected 1 to 1024"),
        ):
            with self.subTest(**arguments), self.assertRaisesRegex(ValueError, message):
                semisac.cfar_detector(parameters, **arguments)


if __name__ == "__main__":
    gr_unittest.run(qa_cfar_detector)
