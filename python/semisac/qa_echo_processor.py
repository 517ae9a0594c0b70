#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Echo processor: the C++ block against the numpy reference, theory, broken streams and the scheduler."""

from __future__ import annotations

import unittest
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

from semisac_ml.signal import detection, echo_processing
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame
from semisac_ml.signal.radar_parameters import RadarParameters
from semisac_ml.signal.targets import PointTarget, RadarScene, motion, target_echoes

LIGHT_MPS = 299792458.0
MODELS = Path(__file__).resolve().parents[2] / "models"


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)


def sent_frames(frame: FrameParameters, count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Symbols [count, images, channel_uses] of unit mean power an image, samples [count, frame_samples]."""
    symbols = noise(np.random.default_rng(seed), count, frame.images_per_frame, frame.channel_uses)
    symbols /= np.sqrt(np.mean(np.abs(symbols) ** 2, axis=2, keepdims=True))
    ids = np.arange(count) * frame.images_per_frame
    return symbols, np.stack([modulate_frame(x, frame, int(i)) for x, i in zip(symbols, ids, strict=True)])


def echo(samples: np.ndarray, delay: float, doppler_hz: float = 0.0, rate_hz: float = 5e6) -> np.ndarray:
    """The stream delayed (a fraction of a sample too) and shifted in frequency."""
    padded = np.concatenate([np.zeros(256), samples.ravel(), np.zeros(256)])
    turn = np.exp(-2j * np.pi * np.fft.fftfreq(len(padded)) * delay)
    delayed = np.fft.ifft(np.fft.fft(padded) * turn)[256:-256]
    return delayed * np.exp(2j * np.pi * doppler_hz * np.arange(len(delayed)) / rate_hz)


def tag(offset: int, key: str, value) -> gr.tag_t:
    return gr.python_to_tag((int(offset), pmt.intern(key), value, pmt.PMT_F))


def frame_tags(frame: FrameParameters, starts, ids, images=None, length=None) -> list:
    """The modulator's tags of frames that begin at the given samples."""
    found = []
    for start, number in zip(starts, ids, strict=True):
        found.append(tag(start, "frame_id", pmt.from_uint64(int(number))))
        found.append(tag(start, "images", pmt.from_long(images or frame.images_per_frame)))
        found.append(tag(start, "packet_len", pmt.from_long(length or frame.frame_samples)))
    return found


class Run:
    """Runs a block on streams: echoes [items, channel_uses], maps, their tags by key."""

    def __init__(self, block, sent, received, tags, more_tags=(), most_items=0, maps=True):
        parameters = block.parameters()
        top = gr.top_block()
        source = blocks.vector_source_c(np.asarray(sent, np.complex64), False, 1, tags)
        top.connect(source, (block, 0))
        for antenna, samples in enumerate(np.atleast_2d(received)):
            stream = np.asarray(samples, np.complex64)
            more = list(more_tags) if antenna == 0 else []
            top.connect(blocks.vector_source_c(stream, False, 1, more), (block, 1 + antenna))
        uses = parameters.frame.channel_uses
        echoes = blocks.vector_sink_c(uses)
        top.connect((block, 0), echoes)
        if maps:
            map_sink = blocks.vector_sink_c(parameters.map_cells)
            top.connect((block, 1), map_sink)
        top.run(most_items) if most_items else top.run()
        self.echoes = np.array(echoes.data()).reshape(-1, uses)
        self.echo_tags = echoes.tags()
        if maps:
            shape = (-1, parameters.antennas, parameters.doppler_bins, parameters.range_bins)
            self.maps = np.array(map_sink.data()).reshape(shape)
            self.map_tags = map_sink.tags()


def values(tags, key: str) -> list:
    found = sorted((t for t in tags if pmt.symbol_to_string(t.key) == key), key=lambda t: t.offset)
    return [pmt.to_python(t.value) for t in found]


class qa_echo_processor(gr_unittest.TestCase):
    def check_against_reference(self, parameters, count, regularisation, removal):
        frame = parameters.frame
        rng = np.random.default_rng(3)
        _, sent = sent_frames(frame, count)
        received = noise(rng, parameters.antennas, sent.size)
        for antenna in range(parameters.antennas):
            received[antenna] += 0.7 * 1j**antenna * echo(sent, 5.3, 3e3) + 4 * sent.ravel()
        # as the block sees them: single precision
        sent, received = sent.astype(np.complex64), received.astype(np.complex64)
        starts = np.arange(count) * frame.frame_samples
        block = semisac.echo_processor(
            parameters, 5.3, 1.7, 3.0, regularisation=regularisation, leakage_removal=removal
        )
        run = Run(block, sent.ravel(), received, frame_tags(frame, starts, starts))
        split = received.reshape(parameters.antennas, count, -1).swapaxes(0, 1)
        expected = [
            echo_processing.echo_vectors(
                one[0], parameters, 5.3, 1.7, leaking=x if removal == "zero_delay" else None
            )
            for x, one in zip(sent.reshape(count, -1), split, strict=True)
        ]
        np.testing.assert_allclose(run.echoes, np.concatenate(expected), atol=2e-5)
        frames = parameters.frames_per_interval
        self.assertEqual(len(run.maps), count // frames)
        for index, rd_map in enumerate(run.maps):
            chosen = slice(index * frames, (index + 1) * frames)
            expected, before = (
                echo_processing.frames_map(
                    sent[chosen],
                    split[chosen],
                    parameters,
                    regularisation=regularisation,
                    leakage_removal=kind,
                    noise_variance=1.7,
                )
                for kind in (removal, "none")
            )
            # rounding of single precision goes with what is transformed, leakage and all
            np.testing.assert_allclose(rd_map, expected, atol=1e-6 * np.abs(before).max() + 2e-5)

    def test_equals_the_reference(self):
        ofdm = FrameParameters(images_per_frame=16, gap_samples=40)
        wide = FrameParameters(fft_size=256, images_per_frame=64, header_repetitions=1, prefix_samples=32)
        pulses = FrameParameters(
            frame_type="lfm", chirp_samples=200, images_per_frame=16, symbols_per_pulse=2
        )
        cases = {
            "symbols": (RadarParameters(ofdm), 3, 1.0, "none"),
            "antennas": (RadarParameters(ofdm, antennas=3), 2, 0.0, "zero_delay"),
            "finer": (
                RadarParameters(
                    ofdm, range_bins=128, doppler_bins=90, range_window="hamming", doppler_window="hamming"
                ),
                2,
                np.inf,
                "static",
            ),
            "frames": (RadarParameters(ofdm, frames_per_interval=4, antennas=2), 9, 0.3, "zero_delay"),
            "wide": (RadarParameters(wide), 2, 1.0, "static"),
            "pulses": (RadarParameters(pulses, mode="lfm", antennas=2), 2, 1.0, "none"),
            "pulses, leakage": (RadarParameters(pulses, mode="lfm", range_bins=400), 2, 1.0, "zero_delay"),
            "pulses of frames": (
                RadarParameters(pulses, mode="lfm", frames_per_interval=2, range_window="hamming"),
                4,
                1.0,
                "static",
            ),
            "heads of frames": (RadarParameters(ofdm, mode="lfm", frames_per_interval=3), 3, 1.0, "none"),
            "symbols between pulses": (RadarParameters(pulses), 2, 1.0, "none"),
        }
        for name, case in cases.items():
            with self.subTest(name):
                self.check_against_reference(*case)

    def test_a_target_peaks_where_physics_puts_it(self):
        # 9 samples of delay are 9 c/(2 fs); the shift 2 v fc/c of a velocity of 6 rows lies on row 6.
        parameters = RadarParameters(FrameParameters(images_per_frame=100), carrier_hz=5.8e9)
        geometry = parameters.geometry
        _, sent = sent_frames(parameters.frame, 1)
        velocity_mps = 6 * geometry.velocity_bin_mps
        received = echo(sent, 9.0, 2 * velocity_mps * 5.8e9 / LIGHT_MPS)
        block = semisac.echo_processor(parameters, noise_variance=1.0)
        run = Run(block, sent.ravel(), received, frame_tags(parameters.frame, [0], [0]))
        row, column = np.unravel_index(np.abs(run.maps[0, 0]).argmax(), run.maps.shape[2:])
        self.assertEqual((row - parameters.doppler_bins // 2, column), (6, 9))
        bins = block.parameters()
        self.assertAlmostEqual(bins.range_bin_m * column, 9 * LIGHT_MPS / (2 * 5e6), places=6)
        self.assertAlmostEqual(bins.velocity_bin_mps * 6, velocity_mps, places=6)

    def test_echo_is_the_symbol_at_the_given_snr(self):
        # y = sqrt(snr) x + w: matched-filter gain over 6400 symbols within 5 deviations, noise of 1.
        frame = FrameParameters()
        symbols, sent = sent_frames(frame, 20)
        received = np.sqrt(0.5) * echo(sent, 6.25) + 0.5 * noise(np.random.default_rng(5), sent.size)
        starts = np.arange(20) * frame.frame_samples
        block = semisac.echo_processor(RadarParameters(frame), delay_samples=6.25)
        run = Run(block, sent.ravel(), received, frame_tags(frame, starts, starts), maps=False)
        x = symbols.reshape(-1, frame.channel_uses)
        gain = np.vdot(x, run.echoes) / np.vdot(x, x)
        self.assertAlmostEqual(gain, np.sqrt(2.0), delta=5 / np.sqrt(6400) + 0.03)
        residue = run.echoes - gain * x
        self.assertAlmostEqual(np.mean(np.abs(residue) ** 2), 1.0, delta=0.07)
        self.assertAlmostEqual(block.noise_variance(), 0.25, delta=0.25 * 4 / np.sqrt(20 * 34 * 11))
        self.assertAlmostEqual(block.sensing_snr_db(), 10 * np.log10(2.0), delta=0.6)
        self.assertEqual(values(run.echo_tags, "frame_id")[:3], [0, 1, 2])
        self.assertEqual(len(values(run.echo_tags, "frame_id")), len(x))
        self.assertEqual(len(values(run.echo_tags, "sensing_snr_db")), 20)

    def test_gate_of_a_moving_target(self):
        # At 40 m/s and 2.45 GHz the echo turns by 0.85 cycles a frame: undone.
        frame = FrameParameters()
        parameters = RadarParameters(frame)
        symbols, sent = sent_frames(frame, 4)
        doppler = 2 * 40.0 * parameters.carrier_hz / LIGHT_MPS / frame.sample_rate_hz
        turning = np.exp(2j * np.pi * (doppler * np.arange(sent.size) + 0.3))
        received = echo(sent, 6.25) * turning
        starts = np.arange(4) * frame.frame_samples
        block = semisac.echo_processor(parameters, delay_samples=6.25, noise_variance=1.0)
        block.set_velocity_mps(40.0)
        tags = frame_tags(frame, starts, starts)
        run = Run(block, sent.ravel(), received, tags, maps=False)
        each = received.reshape(sent.shape)
        moved = 2 * 40.0 / LIGHT_MPS * starts
        expected = [
            echo_processing.echo_vectors(y, parameters, 6.25 - nearer, 1.0, 40.0)
            for y, nearer in zip(each, moved, strict=True)
        ]
        np.testing.assert_allclose(run.echoes, np.concatenate(expected), atol=2e-4)
        for x, y in zip(symbols, run.echoes.reshape(symbols.shape), strict=True):
            phase = np.exp(1j * np.angle(np.vdot(x, y)))  # one a frame
            np.testing.assert_allclose(y, phase * x, atol=0.05)

    def test_gate_follows_a_target_that_turns(self):
        # 500 m/s between 199 and 201 m: 0.6 m a frame, a turn every three or four of them.
        frame = FrameParameters()
        parameters = RadarParameters(frame)
        symbols, sent = sent_frames(frame, 12)
        target = PointTarget(range_m=200.0, velocity_mps=500.0, nearest_m=199.0, farthest_m=201.0, snr_db=0.0)
        scene = RadarScene(frame.sample_rate_hz, parameters.carrier_hz)
        received, _ = target_echoes(sent.ravel(), [target], scene)
        starts = np.arange(12) * frame.frame_samples
        ranges_m, speeds_mps = motion(target, starts / frame.sample_rate_hz)
        self.assertGreater(np.count_nonzero(np.diff(speeds_mps)), 2)
        told = [
            [{"range_m": float(r), "velocity_mps": float(v), "azimuth_rad": 0.0}]
            for r, v in zip(ranges_m, speeds_mps, strict=True)
        ]
        more = [tag(start, "targets", pmt.to_pmt(one)) for start, one in zip(starts, told, strict=True)]
        block = semisac.echo_processor(parameters, noise_variance=1.0)
        block.set_follow_target(True)
        self.assertTrue(block.follow_target())
        run = Run(block, sent.ravel(), received, frame_tags(frame, starts, starts), more)
        expected = [
            echo_processing.echo_vectors(
                y, parameters, 2 * range_m / LIGHT_MPS * frame.sample_rate_hz, 1.0, speed_mps
            )
            for y, range_m, speed_mps in zip(received.reshape(sent.shape), ranges_m, speeds_mps, strict=True)
        ]
        np.testing.assert_allclose(run.echoes, np.concatenate(expected), atol=2e-4)
        self.assertEqual(values(run.map_tags, "targets"), told)
        self.assertEqual(values(run.echo_tags, "targets"), [])

    def test_maps_say_what_was_taken_out(self):
        frame = FrameParameters()
        parameters = RadarParameters(frame, frames_per_interval=3)
        _, sent = sent_frames(frame, 6)
        starts = np.arange(6) * frame.frame_samples
        for removal, expected in (
            ("static", ["static"] * 2),
            ("zero_delay", ["zero_delay"] * 2),
            ("none", []),
        ):
            block = semisac.echo_processor(parameters, leakage_removal=removal)
            run = Run(block, sent.ravel(), echo(sent, 6.25), frame_tags(frame, starts, starts))
            self.assertEqual(len(run.maps), 2)
            self.assertEqual(values(run.map_tags, "leakage_removal"), expected)

    def test_leakage_is_taken_out_of_the_echoes(self):
        # 40 dB of leakage over an echo: what is left of it is what least squares leaves, far below the echo.
        frame = FrameParameters()
        parameters = RadarParameters(frame)
        symbols, sent = sent_frames(frame, 3)
        received = echo(sent, 6.25) + 100.0 * np.exp(0.7j) * sent.ravel()
        starts = np.arange(3) * frame.frame_samples
        block = semisac.echo_processor(
            parameters, delay_samples=6.25, noise_variance=1.0, leakage_removal="zero_delay"
        )
        run = Run(block, sent.ravel(), received, frame_tags(frame, starts, starts), maps=False)
        each = received.reshape(sent.shape)
        expected = [
            echo_processing.echo_vectors(y, parameters, 6.25, leaking=x)
            for x, y in zip(sent, each, strict=True)
        ]
        np.testing.assert_allclose(run.echoes, np.concatenate(expected), atol=2e-3)
        x = symbols.reshape(run.echoes.shape)
        self.assertAlmostEqual(np.vdot(x, run.echoes) / np.vdot(x, x), 1.0, delta=0.05)

    def test_measured_noise_is_the_reference_s(self):
        frame = FrameParameters(images_per_frame=8)
        _, sent = sent_frames(frame, 40)
        received = 2 * noise(np.random.default_rng(6), sent.size).reshape(sent.shape)
        starts = np.arange(40) * frame.frame_samples
        block = semisac.echo_processor(RadarParameters(frame))
        run = Run(block, sent.ravel(), received.ravel(), frame_tags(frame, starts, starts))
        parameters = RadarParameters(frame)
        each = np.array([echo_processing.guard_noise_variance(one, parameters) for one in received])
        expected = echo_processing.averaged_noise_variance(each)
        np.testing.assert_allclose(values(run.map_tags, "noise_var"), expected, rtol=1e-4)
        # noise alone gives maps of variance 1; the first of them still hold the error of their estimate
        self.assertAlmostEqual(np.mean(np.abs(run.maps[8:]) ** 2), 1.0, delta=0.05)

    def test_damaged_frame_is_forgotten(self):
        frame = FrameParameters(images_per_frame=8)
        count, damaged, length = 120, 3, frame.frame_samples
        _, sent = sent_frames(frame, count)
        starts = np.arange(count) * length
        clean = echo(sent, 6.25) + noise(np.random.default_rng(8), sent.size)
        inside = slice(damaged * length, (damaged + 1) * length)
        for value, refused in ((np.nan, 1), (np.inf, 1), (1e20, 1), (1e14, 0), (1e-40, 0), (0.0, 0)):
            for port in ("sent", "received"):
                streams = {"sent": sent.ravel().astype(np.complex64), "received": clean.astype(np.complex64)}
                if value < 1.0:
                    streams[port][inside] = value
                else:
                    streams[port][inside.start + length // 2] = value
                with self.subTest(value=value, port=port):
                    block = semisac.echo_processor(RadarParameters(frame), delay_samples=6.25)
                    run = Run(block, streams["sent"], streams["received"], frame_tags(frame, starts, starts))
                    self.assertEqual(block.frames_refused(), refused)
                    self.assertEqual(block.frames_processed(), count - refused)
                    self.assertAlmostEqual(block.noise_variance(), 1.0, delta=0.25)
                    self.assertAlmostEqual(block.sensing_snr_db(), 0.0, delta=2.0)
                    self.assertTrue(np.isfinite(run.echoes[8 * (damaged + 1) :]).all())
                    last = run.maps[-8:]
                    self.assertTrue(np.isfinite(last).all())
                    self.assertAlmostEqual(np.median(np.abs(last)) ** 2, np.log(2), delta=0.2)

    def test_frames_without_a_usable_id_are_refused(self):
        frame = FrameParameters(images_per_frame=8)
        _, sent = sent_frames(frame, 3)
        for wrong in (pmt.intern("three"), pmt.from_double(8.0), pmt.from_long(-1), pmt.PMT_NIL):
            tags = frame_tags(frame, np.arange(3) * frame.frame_samples, [0, 8, 16])
            tags[3] = tag(frame.frame_samples, "frame_id", wrong)
            tags[7] = tag(2 * frame.frame_samples, "images", pmt.intern("all"))  # as many as there can be
            block = semisac.echo_processor(RadarParameters(frame))
            run = Run(block, sent.ravel(), sent.ravel(), tags, maps=False)
            self.assertEqual(values(run.echo_tags, "frame_id"), [*range(8), *range(16, 24)])
            self.assertEqual((block.frames_processed(), block.frames_refused()), (2, 1))

    def test_does_not_depend_on_chunks(self):
        parameters = RadarParameters(FrameParameters(images_per_frame=8), antennas=2)
        frame = parameters.frame
        _, sent = sent_frames(frame, 12)
        received = noise(np.random.default_rng(1), 2, sent.size) + sent.ravel()
        starts = np.arange(12) * frame.frame_samples
        runs = [
            Run(
                semisac.echo_processor(parameters),
                sent.ravel(),
                received,
                frame_tags(frame, starts, starts),
                most_items=most,
            )
            for most in (0, 3, 700)
        ]
        for other in runs[1:]:
            np.testing.assert_array_equal(runs[0].echoes, other.echoes)
            np.testing.assert_array_equal(runs[0].maps, other.maps)

    def test_gaps_partial_frames_and_a_short_end(self):
        frame = FrameParameters(images_per_frame=8)
        length = frame.frame_samples
        symbols, sent = sent_frames(frame, 5)
        pieces = [np.zeros(321), sent[0], np.zeros(1000), sent[1][:777], sent[2], sent[3], sent[4][:-5]]
        starts = np.cumsum([0] + [len(piece) for piece in pieces])
        stream = np.concatenate(pieces)
        begins = [starts[1], starts[3], starts[4], starts[5], starts[6]]
        tags = frame_tags(frame, begins, [0, 8, 16, 24, 32])
        block = semisac.echo_processor(
            RadarParameters(frame, frames_per_interval=2), noise_variance=1.0, sensing_snr_db=0.0
        )
        run = Run(block, stream, stream, tags)
        self.assertEqual(values(run.echo_tags, "frame_id"), [*range(8), *range(16, 32)])
        np.testing.assert_allclose(
            run.echoes.reshape(3, 8, -1), symbols[[0, 2, 3]].astype(np.complex64), atol=1e-5
        )
        self.assertEqual((block.frames_processed(), block.frames_refused()), (3, 1))
        # frame 0 is alone; 2 and 3 follow each other
        self.assertEqual(block.intervals_broken(), 1)
        self.assertEqual(values(run.map_tags, "frame_id"), [16])
        self.assertEqual(values(run.map_tags, "sample_index"), [starts[4]])
        self.assertEqual(len(sent[0]), length)

    def test_lost_frames_are_left_out(self):
        frame = FrameParameters(images_per_frame=8)
        symbols, sent = sent_frames(frame, 7)
        length = frame.frame_samples
        stream = np.concatenate(sent)
        tags = frame_tags(frame, np.arange(7) * length, 8 * np.arange(7))
        tags.append(gr.python_to_tag((2 * length, pmt.intern("lost"), pmt.intern("gap"), pmt.PMT_F)))
        tags.append(gr.python_to_tag((5 * length, pmt.intern("lost"), pmt.intern("late"), pmt.PMT_F)))
        block = semisac.echo_processor(
            RadarParameters(frame, frames_per_interval=2), noise_variance=1.0, sensing_snr_db=0.0
        )
        run = Run(block, stream, stream, tags)
        kept = [0, 1, 3, 4, 6]
        self.assertEqual(values(run.echo_tags, "frame_id"), [8 * k + n for k in kept for n in range(8)])
        np.testing.assert_allclose(
            run.echoes.reshape(5, 8, -1), symbols[kept].astype(np.complex64), atol=1e-5
        )
        self.assertEqual((block.frames_processed(), block.frames_refused(), block.frames_lost()), (5, 0, 2))
        self.assertEqual(block.intervals_broken(), 0)
        self.assertEqual(values(run.map_tags, "sample_index"), [0, 3 * length])
        tags.append(gr.python_to_tag((length, pmt.intern("lost"), pmt.intern("gap"), pmt.PMT_F)))
        run = Run(block, stream, stream, tags)  # frame 0 has begun an interval
        self.assertEqual((block.frames_lost(), block.intervals_broken()), (3, 1))
        self.assertEqual(values(run.map_tags, "sample_index"), [3 * length])

    def test_few_images_and_a_frame_of_another_length(self):
        frame = FrameParameters(images_per_frame=8)
        _, sent = sent_frames(frame, 3)
        starts = np.arange(3) * frame.frame_samples
        tags = frame_tags(frame, starts[:1], [0], images=3) + frame_tags(frame, starts[1:2], [3])
        tags += frame_tags(frame, starts[2:], [11], length=77)
        truth = [tag(int(starts[1]), "target_hypothesis", pmt.from_long(1))]
        block = semisac.echo_processor(RadarParameters(frame))
        run = Run(block, sent.ravel(), sent.ravel(), tags, truth, maps=False)
        self.assertEqual(values(run.echo_tags, "frame_id"), list(range(11)))
        self.assertEqual(values(run.echo_tags, "target_hypothesis"), [1] * 8)
        self.assertEqual((block.frames_processed(), block.frames_refused()), (2, 1))

    def test_more_images_than_a_buffer_and_a_large_map(self):
        frame = FrameParameters(images_per_frame=500, channel_uses=40, fft_size=256)
        parameters = RadarParameters(frame, antennas=4, range_bins=512)
        symbols, sent = sent_frames(frame, 3)
        starts = np.arange(3) * frame.frame_samples
        received = np.repeat(sent.reshape(1, -1), 4, axis=0)
        block = semisac.echo_processor(parameters, noise_variance=1.0)
        run = Run(block, sent.ravel(), received, frame_tags(frame, starts, starts))
        np.testing.assert_allclose(run.echoes, symbols.reshape(-1, 40).astype(np.complex64), atol=2e-5)
        self.assertEqual(len(run.maps), 3)

    def test_settings(self):
        parameters = RadarParameters(FrameParameters())
        block = semisac.echo_processor(parameters)
        block.set_range_m(90.0)
        self.assertAlmostEqual(block.delay_samples(), 90.0 * 2 * 5e6 / LIGHT_MPS)
        self.assertAlmostEqual(block.range_m(), 90.0)
        block.set_leakage_removal("static")
        self.assertEqual(block.leakage_removal(), "static")
        block.set_regularisation(float("inf"))
        self.assertEqual(block.regularisation(), float("inf"))
        for arguments, message in (
            ({"delay_samples": 17.0}, "delay_samples is 17, expected 0 to 16"),
            ({"noise_variance": -1.0}, "noise_variance is -1, expected 0 to"),
            ({"sensing_snr_db": 201.0}, "sensing_snr_db is 201, expected -200 to 200"),
            ({"regularisation": float("nan")}, "regularisation is nan, expected 0 to inf"),
            ({"leakage_removal": "all"}, 'leakage_removal is "all", expected "none"'),
        ):
            with self.subTest(**arguments), self.assertRaisesRegex(ValueError, message):
                semisac.echo_processor(parameters, **arguments)

    def test_parameters_are_checked_like_the_reference(self):
        frame = FrameParameters()
        for wrong in (
            {"mode": "fmcw"},
            {"carrier_hz": 0.0},
            {"antennas": 0},
            {"element_spacing": 0.0},
            {"frames_per_interval": 0},
            {"range_bins": 60},
            {"range_bins": 66},
            {"doppler_bins": 10},
            {"doppler_bins": 65},
            {"mode": "lfm", "range_bins": 508},
            {"antennas": 64, "range_bins": 1024, "doppler_bins": 512},
            {"range_window": "hann"},
            {"doppler_window": ""},
        ):
            with self.subTest(**wrong):
                with self.assertRaises(ValueError) as reference:
                    RadarParameters(frame, **wrong)
                with self.assertRaises(ValueError) as block:
                    semisac.radar_parameters(frame, **wrong)
                self.assertEqual(str(block.exception), str(reference.exception))
        with self.assertRaises(TypeError):
            semisac.echo_processor("ofdm")


class qa_presence(gr_unittest.TestCase):
    """The learned detector behind the waveform, against the optimal one for the same energy."""

    @unittest.skipUnless((MODELS / "jssc" / "awgn" / "manifest.json").exists(), "no bundle here")
    def test_presence_is_within_a_point_of_the_optimal_detector(self):
        # 8,000 images, a target in half of the frames; near 76 % the standard error is 0.48 points. The
        # decision must be no more than one point below the optimal one, and not above it.
        from semisac_ml.runtime import Bundle

        frame = FrameParameters(images_per_frame=64)
        frames, snr_db = 125, -10.0
        rng = np.random.default_rng(12)
        symbols, sent = sent_frames(frame, frames)
        ids = np.arange(frames) * frame.images_per_frame
        present = rng.random(frames) < 0.5
        received = 10 ** (snr_db / 20) * echo(sent * present[:, None], 7.5) + noise(rng, sent.size)
        present = np.repeat(present, frame.images_per_frame)
        starts = np.arange(frames) * frame.frame_samples
        block = semisac.echo_processor(RadarParameters(frame), delay_samples=7.5, sensing_snr_db=snr_db)
        run = Run(block, sent.ravel(), received, frame_tags(frame, starts, ids), maps=False)
        count = len(present)
        x = symbols.reshape(count, -1).astype(np.complex64)
        probability = (
            Bundle.load(MODELS / "jssc" / "awgn")
            .session("sensing")
            .run(
                symbols=np.stack([x.real, x.imag], axis=-1),
                echo=np.stack([run.echoes.real, run.echoes.imag], axis=-1).astype(np.float32),
                range_snr_db=np.full((count, 1), snr_db, np.float32),
                range_delay=np.zeros(1, np.int64),
                prior=np.array([0.5, 0.5], np.float32),
                fading=np.zeros(1, np.int64),
            )["probability"]
        )
        correct = np.mean((probability[:, 1] > 0.5) == present)
        # the detector also allows for a turn that this echo does not have
        best = detection.presence_accuracy_unknown_phase(2 * frame.channel_uses, snr_db)
        self.assertGreater(correct, best - 0.015 - 3 * 0.0048)
        self.assertLess(correct, best + 3 * 0.0048)
        print(f"presence {100 * correct:.2f} %, optimal {100 * best:.2f} %")


if __name__ == "__main__":
    gr_unittest.run(qa_echo_processor)
