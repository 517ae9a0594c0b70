#!/usr/bin/env python3
# Copyright 2026 gr-semisac contributors
#
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo aligner: latencies given and found, losses, flags, restarts."""

from __future__ import annotations

import math
import sys
import threading
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, semisac

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from patience import until  # noqa: E402
from radio_testing import (  # noqa: E402
    noise,
    tag,
    tags_of_frames,
    values_by_offset,
    wait_until,
    waiting_source,
)

from semisac_ml.signal.frame import FrameParameters  # noqa: E402
from semisac_ml.signal.frame_modulation import modulate_frame  # noqa: E402

FRAME = FrameParameters(sample_rate_hz=1e6, images_per_frame=8, channel_uses=64, gap_samples=200)
OCCUPIED, LENGTH = FRAME.occupied_samples, FRAME.frame_samples


def modulated(count: int, seed: int = 1) -> np.ndarray:
    """Frames with random symbols, complex64 [count, LENGTH]."""
    symbols = noise(count * 8 * 64, seed).reshape(count, 8, 64)
    return np.array([modulate_frame(one, FRAME, 8 * n) for n, one in enumerate(symbols)], np.complex64)


def dense(frames: np.ndarray, starts, samples: int) -> np.ndarray:
    """Frames at their places in silence, complex64 [samples]."""
    sent = np.zeros(samples + LENGTH, np.complex64)
    for start, one in zip(starts, frames, strict=True):
        sent[start : start + LENGTH] = one
    return sent[:samples]


def delayed(samples: np.ndarray, delay: float, length: int) -> np.ndarray:
    """A stream later by `delay` samples (band-limited), complex128 [length]."""
    size = 2 * (len(samples) + length)
    spectrum = np.fft.fft(samples, size) * np.exp(-2j * np.pi * np.fft.fftfreq(size) * delay)
    return np.fft.ifft(spectrum)[:length]


def burst_tags(starts) -> list:
    """Tags of bursts of OCCUPIED samples that are sent at `starts`."""
    tags = tags_of_frames([OCCUPIED * k for k in range(len(starts))], LENGTH, images=8)
    for number, start in enumerate(starts):
        tags.append(tag(OCCUPIED * number, "tx_sob", True))
        tags.append(tag(OCCUPIED * number, "start_sample", int(start)))
        tags.append(tag(OCCUPIED * (number + 1) - 1, "tx_eob", True))
    return tags


def align(block, sent, sent_tags, received, received_tags=()):
    """Outputs of an aligner, complex64 [1 + antennas, samples], and their tags."""
    top = gr.top_block()
    sinks = [blocks.vector_sink_c() for _ in range(1 + len(received))]
    count = np.size(sent)
    first = blocks.vector_source_c(np.ravel(sent).tolist(), False, 1, list(sent_tags))
    first.set_min_output_buffer(2 * count)
    top.connect(first, (block, 0))
    sources = [  # sent, then heard
        waiting_source([(samples, received_tags)], [lambda: first.nitems_written(0) == count])
        for samples in received
    ]
    for port, source in enumerate(sources, 1):
        top.connect(source, (block, port))
    for port, sink in enumerate(sinks):
        top.connect((block, port), sink)
    top.run()
    return np.array([sink.data() for sink in sinks], np.complex64), [sink.tags() for sink in sinks]


def align_bursts(block, frames, starts, received, received_tags=()):
    return align(block, frames[:, :OCCUPIED], burst_tags(starts), received, received_tags)


STARTS = np.array([500, 500 + LENGTH, 500 + 2 * LENGTH, 500 + 7 * LENGTH, 500 + 8 * LENGTH, 500 + 9 * LENGTH])
SAMPLES = 500 + 11 * LENGTH


class qa_echo_aligner(gr_unittest.TestCase):
    def test_known_latency(self):
        frames = modulated(len(STARTS))
        sent = dense(frames, STARTS, SAMPLES)
        for latency in (0, 37, 2500, -300, 37.25, 100.9):
            with self.subTest(latency=latency):
                received = [delayed(sent, latency, SAMPLES), 0.5j * delayed(sent, latency, SAMPLES)]
                block = semisac.echo_aligner(FRAME, 2, hold_samples=100)
                block.set_latency_samples(latency)
                out, tags = align_bursts(block, frames, STARTS, received)
                count = out.shape[1]
                self.assertEqual(count, SAMPLES - math.floor(latency))
                np.testing.assert_array_equal(out[0], dense(frames, STARTS, count))
                inner = slice(max(-math.floor(latency), 0) + 40, min(count, SAMPLES) - 40)
                exact = latency == int(latency)
                for antenna, gain in ((1, 1.0), (2, 0.5j)):
                    expected = gain * sent[inner]
                    error = np.abs(out[antenna, inner] - expected)
                    # edges of the band beyond 0.43, where symbols begin abruptly
                    self.assertLess(
                        np.mean(error**2) / np.mean(np.abs(expected) ** 2), 1e-10 if exact else 3e-4
                    )
                starts = values_by_offset(tags[0], "start_sample")
                self.assertEqual(list(starts), list(STARTS))
                self.assertEqual(list(starts.values()), list(STARTS))
                self.assertEqual(list(values_by_offset(tags[0], "packet_len").values()), [LENGTH] * 6)
                self.assertEqual(values_by_offset(tags[0], "tx_sob"), {})
                for key in ("lost", "realigned"):
                    self.assertEqual(values_by_offset(tags[0], key), {})
                self.assertEqual((block.frames_aligned(), block.frames_flagged()), (6, 0))
                self.assertAlmostEqual(block.leakage_db(), 0.0, delta=0.05)
                self.assertTrue(block.aligned())
                self.assertEqual(block.alignment_problem(), "")

    def test_streams_are_aligned_as_bursts_are(self):
        frames = modulated(5)
        starts = np.arange(5) * LENGTH
        sent = dense(frames, starts, 6 * LENGTH)
        received = [delayed(sent, 41, 6 * LENGTH)]
        block = semisac.echo_aligner(FRAME)
        block.set_latency_samples(41)
        out, tags = align(block, sent, tags_of_frames(starts, LENGTH, images=8), received)
        np.testing.assert_array_equal(out[0], sent[: out.shape[1]])
        np.testing.assert_allclose(out[1], sent[: out.shape[1]], atol=1e-5)
        self.assertEqual(list(values_by_offset(tags[0], "frame_id")), list(starts))

    def test_finds_the_leakage(self):
        frames = modulated(12)
        starts = 300 + np.arange(12) * LENGTH
        length = 18 * LENGTH
        sent = dense(frames, starts, length)
        rng = np.random.default_rng(4)
        for trial in range(8):
            latency = [0, 37, 512.25, 3333.6, 777.5, -120.3, 5000.05, 2 * LENGTH + 0.8][trial]
            leakage = 0.1 * np.exp(2j * np.pi * rng.random())
            received = leakage * delayed(sent, latency, length)
            for _ in range(4):  # echoes, 20 dB and more below
                gain = 0.1 * leakage * rng.random() * np.exp(2j * np.pi * rng.random())
                received = received + gain * delayed(sent, latency + 3 + 60 * rng.random(), length)
            received = received + 0.1 * 10 ** (-25 / 20) * noise(length, trial) + 0.002
            block = semisac.echo_aligner(FRAME, 1, "leakage", 8000)
            out, tags = align_bursts(block, frames, starts, [received])
            self.assertTrue(block.aligned())
            self.assertAlmostEqual(block.latency_samples(), latency, delta=0.05)
            self.assertAlmostEqual(block.leakage_db(), -20.0, delta=0.5)
            self.assertEqual(block.realignments(), 0)
            offsets = values_by_offset(tags[0], "start_sample")
            shift = next(iter(offsets.values())) - next(iter(offsets))
            self.assertEqual([start - offset for offset, start in offsets.items()], [shift] * len(offsets))
            self.assertGreaterEqual(len(offsets), 11)
            first = next(iter(offsets))
            error = out[1, first : first + 4 * LENGTH] / leakage - out[0, first : first + 4 * LENGTH]
            self.assertLess(np.mean(np.abs(error) ** 2), 0.03)  # echoes and what the offset leaves

    def test_weak_leakage_in_noise(self):
        frames = modulated(12)
        starts = 300 + np.arange(12) * LENGTH
        length = 16 * LENGTH
        sent = dense(frames, starts, length)
        received = 0.1 * delayed(sent, 1234.4, length) + 0.3 * noise(length)  # -9.5 dB
        block = semisac.echo_aligner(FRAME, 1, "leakage", 8000)
        align_bursts(block, frames, starts, [received])
        energy = np.sum(np.abs(sent) ** 2) / 12 * 4
        bound = np.sqrt(3 / (2 * energy * 0.01 / 0.09)) / (np.pi * 0.8)
        self.assertAlmostEqual(block.latency_samples(), 1234.4, delta=4 * bound)

    def test_twenty_restarts(self):
        frames = modulated(8)
        starts = 300 + np.arange(8) * LENGTH
        length = 12 * LENGTH
        sent = dense(frames, starts, length)
        rng = np.random.default_rng(9)
        block = semisac.echo_aligner(FRAME, 1, "leakage", 8000)
        for trial in range(20):
            latency = float(rng.uniform(-200, 7000))
            received = 0.3 * delayed(sent, latency, length) + 0.01 * noise(length, trial)
            align_bursts(block, frames, starts, [received])
            self.assertAlmostEqual(block.latency_samples(), latency, delta=0.05)
            self.assertEqual(block.frames_flagged(), 0)

    def test_realigns_when_samples_are_lost(self):
        frames = modulated(40)
        starts = 300 + np.arange(40) * LENGTH
        length = 45 * LENGTH
        sent = dense(frames, starts, length)
        clean = 0.3 * delayed(sent, 1000.3, length) + 0.01 * noise(length)
        for lost in (3, 700, -900):  # fewer than none: held up
            with self.subTest(lost=lost):
                place = starts[14] + 1000 + OCCUPIED // 2
                hole = clean[max(place - 900, 0) : place]
                received = (
                    np.concatenate([clean[:place], clean[place + lost :]])
                    if lost > 0
                    else (np.concatenate([clean[:place], 0 * hole, clean[place:]]))
                )
                block = semisac.echo_aligner(FRAME, 1, "leakage", 6000, 0)
                out, tags = align_bursts(block, frames, starts, [received])
                self.assertEqual(block.realignments(), 1)
                self.assertAlmostEqual(block.latency_samples(), 1000.3 - lost, delta=0.05)
                flagged = values_by_offset(tags[0], "lost")
                self.assertEqual(set(flagged.values()), {"alignment"})
                places = list(values_by_offset(tags[0], "start_sample"))
                realigned = values_by_offset(tags[0], "realigned")
                self.assertEqual(len(realigned), 1)
                self.assertAlmostEqual(next(iter(realigned.values())), 1000.3 - lost, delta=0.05)
                self.assertLess(max(flagged), next(iter(realigned)))
                hit = places.index(min(flagged))
                self.assertIn(hit, (14, 15))  # the loss itself is behind the chirps of 14
                again = places.index(next(iter(realigned)))
                self.assertEqual(again - hit, len(flagged))
                for number in (*range(3, 14), *range(again, 38)):  # all others are right
                    window = slice(places[number], places[number] + OCCUPIED)
                    error = np.mean(np.abs(out[1, window] / 0.3 - out[0, window]) ** 2)
                    self.assertLess(error, 0.005)

    def test_damaged_samples_do_not_blind_it(self):
        frames = modulated(90)
        starts = 300 + np.arange(90) * LENGTH
        length = 96 * LENGTH
        sent = dense(frames, starts, length)
        clean = 0.3 * delayed(sent, 1000.3, length) + 0.01 * noise(length)
        jump = starts[40] + 1000 + OCCUPIED // 2
        clean = np.concatenate([clean[:jump], clean[jump + 500 :]])
        for value in (np.nan, np.inf, 1e20, 1e14):
            for place in (
                starts[20] + 1000 + 20,  # its chirps
                starts[20] + 1000 + OCCUPIED - 50,  # its body
                starts[1] + 1000,  # while it is searched for
            ):
                received = clean.copy()
                received[place] = value
                with self.subTest(value=value, place=place):
                    block = semisac.echo_aligner(FRAME, 1, "leakage", 6000, 0)
                    out, tags = align_bursts(block, frames, starts, [received])
                    self.assertAlmostEqual(block.latency_samples(), 500.3, delta=0.05)
                    self.assertAlmostEqual(block.leakage_db(), 20 * np.log10(0.3), delta=0.2)
                    self.assertEqual(block.realignments(), 1)
                    self.assertLess(block.frames_flagged(), 25)  # without: 4 to 16 of the 50 behind the jump
                    again = max(values_by_offset(tags[0], "realigned"))
                    error = np.abs(out[1, again:-300] / 0.3 - out[0, again:-300]) ** 2
                    self.assertLess(np.mean(error), 0.005)

    def test_absurd_tags_are_outlived(self):
        frames = modulated(len(STARTS))
        received = delayed(dense(frames, STARTS, SAMPLES), 100, SAMPLES)
        for absurd in (2**62, 2**31, -5, 1.5, "all"):
            with self.subTest(absurd=absurd):
                gap = int(STARTS[1]) + 100 + OCCUPIED // 2
                heard = [
                    tag(gap, "gap", absurd),
                    tag(gap + 60, "gap", 40),
                    tag(int(STARTS[4]) + 150, "gap", 30),
                ]
                tags = burst_tags(STARTS)
                for key in ("frame_id", "packet_len"):
                    place = next(n for n, one in enumerate(tags) if pmt.eq(one.key, pmt.intern(key)))
                    tags.insert(place, tag(tags[place].offset, "truth", absurd))
                tags.append(tag(2 * OCCUPIED, "start_sample", absurd))  # of two, the first
                block = semisac.echo_aligner(FRAME, hold_samples=100)
                block.set_latency_samples(100)
                _, found = align_bursts(block, frames, STARTS, [received], heard)
                lost = values_by_offset(found[0], "lost")
                self.assertEqual(lost, {int(STARTS[1]): "gap", int(STARTS[4]): "gap"})
                self.assertEqual(block.frames_aligned(), len(STARTS))

    def test_receiver_that_began_later(self):
        frames = modulated(60)
        starts = 300 + np.arange(60) * LENGTH
        length = 70 * LENGTH
        sent = dense(frames, starts, length)
        received = (0.3 * delayed(sent, 100.3, length) + 0.01 * noise(length))[21 * LENGTH :]
        block = semisac.echo_aligner(FRAME, 1, "leakage", 9 * LENGTH, 0)
        align_bursts(block, frames, starts, [received])
        self.assertAlmostEqual(block.latency_samples(), 100.3 - 21 * LENGTH, delta=0.05)

    def test_flags(self):
        frames = modulated(len(STARTS))
        sent = dense(frames, STARTS, SAMPLES)
        received = delayed(sent, 100, SAMPLES)
        gap = int(STARTS[1]) + 100 + OCCUPIED - 5
        received[gap : gap + 30] = 0
        between = int(STARTS[3]) + 100 + OCCUPIED + 50  # in the silence behind frame 3
        tags = [tag(gap, "gap", 30), tag(between, "gap", 20), tag(int(STARTS[2]) + 100, "truth", 7)]
        block = semisac.echo_aligner(FRAME)
        block.set_latency_samples(100)
        top = gr.top_block()
        sinks = [blocks.vector_sink_c(), blocks.vector_sink_c()]
        source = blocks.vector_source_c(frames[:, :OCCUPIED].ravel().tolist(), False, 1, burst_tags(STARTS))
        top.connect(source, (block, 0))
        flagged = threading.Event()
        heard = waiting_source([(received, tags)], [flagged.is_set])
        top.connect(heard, (block, 1))
        for port, sink in enumerate(sinks):
            top.connect((block, port), sink)
        top.start()
        until(lambda: source.nitems_written(0) == frames[:, :OCCUPIED].size)
        block.flag_frame(8 * 5, "late")
        flagged.set()
        top.wait()
        top_tags = [sink.tags() for sink in sinks]
        lost = values_by_offset(top_tags[0], "lost")
        self.assertEqual(lost, {int(STARTS[1]): "gap", int(STARTS[5]): "late"})
        self.assertEqual(block.frames_flagged(), 2)
        self.assertEqual(values_by_offset(top_tags[1], "truth"), {int(STARTS[2]): 7})
        self.assertEqual(values_by_offset(top_tags[1], "gap"), {gap - 100: 30, between - 100: 20})

    def test_says_why_it_is_not_aligned(self):
        frames = modulated(6)
        starts = np.arange(6) * LENGTH
        block = semisac.echo_aligner(FRAME, 1, "leakage", 4000)
        self.assertFalse(block.aligned())
        self.assertIn("no frame", block.alignment_problem())
        out, _ = align_bursts(block, frames, starts, [0.1 * noise(40 * LENGTH)])
        self.assertEqual(out.shape[1], 0)
        self.assertFalse(block.aligned())
        self.assertIn("no direct leakage within 4000 samples", block.alignment_problem())

    def test_behind_a_whole_radio(self):
        """Without time stamps: restarts with other beginnings, late frames, samples lost."""
        frames = 0.25 * modulated(60)
        tags = tags_of_frames(np.arange(60) * LENGTH, LENGTH, images=8)
        receiver = semisac.simulated_receiver(1e6, 12, timestamps=False, random_start_samples=5000, seed=3)
        aligner = semisac.echo_aligner(FRAME, 1, "leakage", 20_000)
        for _ in range(3):
            source = blocks.vector_source_c(frames.ravel().tolist(), True, 1, tags)
            scheduler = semisac.frame_scheduler(1e6, "stream")
            transmitter = semisac.simulated_transmitter(1e6, 0.0)
            air = semisac.target_emulator(1e6, 2.4e9, leakage_gain_db=-6.0, leakage_delay_s=200e-6)
            sinks = [blocks.vector_sink_c(), blocks.vector_sink_c()]
            top = gr.top_block()
            top.connect(source, scheduler, transmitter, air, receiver, (aligner, 1))
            top.connect(scheduler, (aligner, 0))
            for port, sink in enumerate(sinks):
                top.connect((aligner, port), sink)
            top.start()
            self.assertTrue(wait_until(aligner.aligned))
            first = aligner.latency_samples()
            receiver.inject_loss(333)
            self.assertTrue(wait_until(lambda: aligner.realignments() >= 1))
            count = aligner.frames_aligned()
            self.assertTrue(wait_until(lambda count=count: aligner.frames_aligned() > count + 30))
            top.stop()
            top.wait()
            self.assertEqual(transmitter.underflows(), 0)
            self.assertEqual(aligner.realignments(), 1)
            self.assertAlmostEqual(aligner.latency_samples(), first - 333, delta=0.05)
            self.assertAlmostEqual(aligner.leakage_db(), -6.0, delta=0.2)
            samples = min(len(sink.data()) for sink in sinks)
            out = np.array([sink.data()[:samples] for sink in sinks], np.complex64)
            again = max(values_by_offset(sinks[0].tags(), "realigned"))
            gain = np.vdot(out[0, again:], out[1, again:]) / np.vdot(out[0, again:], out[0, again:])
            self.assertLess(np.mean(np.abs(out[1, again:] - gain * out[0, again:]) ** 2), 1e-5)

    def test_any_offset_of_a_cycle_is_good(self):
        """A transmitter that repeats four frames for ever, heard from somewhere on."""
        frames = modulated(4)
        cycle = frames.ravel()
        rng = np.random.default_rng(2)
        for _ in range(3):
            received = 0.3 * np.tile(cycle, 60)[int(rng.integers(cycle.size)) :]
            received += 0.003 * noise(received.size)
            source = blocks.vector_source_c(
                cycle.tolist(), False, 1, tags_of_frames(np.arange(4) * LENGTH, LENGTH, images=8)
            )
            scheduler = semisac.frame_scheduler(1e6, "cyclic", cycle_frames=4)
            aligner = semisac.echo_aligner(FRAME, 1, "leakage", cycle.size, 0)
            sinks = [blocks.vector_sink_c(), blocks.vector_sink_c()]
            top = gr.top_block()
            top.connect(source, scheduler, (aligner, 0))
            heard = waiting_source([(received, [])], [scheduler.cycle_samples])
            top.connect(heard, (aligner, 1))
            for port, sink in enumerate(sinks):
                top.connect((aligner, port), sink)
            top.run()
            out = np.array([sink.data() for sink in sinks], np.complex64)
            self.assertGreater(out.shape[1], 30 * cycle.size)
            self.assertEqual(aligner.frames_flagged(), 0)
            first = min(values_by_offset(sinks[0].tags(), "frame_id"))
            self.assertLess(first, LENGTH)
            # a machine that is busy elsewhere hands some frames on too late: these are missed, and counted
            self.assertGreater(aligner.frames_aligned(), 100)
            error = np.abs(out[1] - 0.3 * out[0])
            for place in values_by_offset(sinks[0].tags(), "frame_id"):
                self.assertLess(np.max(error[place : min(place + LENGTH, len(error) - 20)]), 0.02)

    def test_refuses_what_makes_no_sense(self):
        for arguments in ((FRAME, 0), (FRAME, 1, "guess"), (FRAME, 1, "fixed", -1)):
            with self.assertRaises(ValueError):
                semisac.echo_aligner(*arguments)
        with self.assertRaises(ValueError):
            semisac.echo_aligner(FRAME, 1, "leakage").set_latency_samples(3.0)
        with self.assertRaises(ValueError):
            semisac.echo_aligner(FRAME).set_latency_samples(math.nan)


if __name__ == "__main__":
    gr_unittest.run(qa_echo_aligner)
