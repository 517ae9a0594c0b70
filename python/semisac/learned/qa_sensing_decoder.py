#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sensing decoder: the optimal decision of its network, paired by frame_id when a branch loses frames."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle
from semisac_ml.signal import channel

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402


def sense(block, symbols, symbol_tags, echo, echo_tags, hypotheses: int = 2, lost=((), ())):
    """Probabilities [items, hypotheses] and the sink with their tags; `lost`: ids lost in each branch."""
    top = gr.top_block()
    lossy = [
        bt.lose_frames(np.complex64, items.shape[1], ids)
        for items, ids in zip((symbols, echo), lost, strict=True)
    ]
    sink = bt.sink(np.float32, hypotheses)
    top.connect(bt.source(symbols, symbol_tags), lossy[0], (block, 0))
    top.connect(bt.source(echo, echo_tags), lossy[1], (block, 1))
    top.connect(block, sink)
    top.run()
    return bt.contents(sink, np.float32, hypotheses), sink


def network_probability(symbols, echo, range_snr_db, delays, prior) -> np.ndarray:
    """Probabilities that the network itself gives."""
    return (
        Bundle.load(bt.tiny_bundle())
        .session("sensing")
        .run(
            symbols=np.stack([symbols.real, symbols.imag], axis=-1),
            echo=np.stack([echo.real, echo.imag], axis=-1),
            range_snr_db=np.asarray(range_snr_db, np.float32),
            range_delay=np.asarray(delays, np.int64),
            prior=np.asarray(prior, np.float32),
        )["probability"]
    )


class qa_sensing_decoder(gr_unittest.TestCase):
    def setUp(self):
        self.symbols = bt.frames(50)
        self.symbols /= np.sqrt(np.mean(np.abs(self.symbols) ** 2, axis=1, keepdims=True))
        self.snr_db = np.linspace(-10, 5, 50)
        self.ids = list(range(50))
        self.symbol_tags = bt.frame_tags(frame_id=self.ids)

    def echo_of(self, ranges=1, delay=0):
        echo, truth = channel.echo_channel(
            self.symbols, sensing_snr_db=0.0, ranges=ranges, delay_symbols_per_range=delay, seed=4
        )
        tags = bt.frame_tags(
            frame_id=self.ids, sensing_snr_db=self.snr_db.tolist(), target_hypothesis=truth.tolist()
        )
        return echo, truth, tags

    def test_equals_the_network_for_every_batch(self):
        echo, truth, tags = self.echo_of()
        expected = network_probability(self.symbols, echo, self.snr_db[:, None], [0], [0.3, 0.7])
        for batch in (1, 7, 64):
            with self.subTest(batch=batch):
                block = semisac.sensing_decoder(bt.tiny_bundle(), target_probability=0.7, batch=batch)
                probability, sink = sense(block, self.symbols, self.symbol_tags, echo, tags)
                np.testing.assert_allclose(probability, expected, rtol=1e-3, atol=1e-6)
                self.assertEqual(bt.tag_values(sink, "frame_id"), self.ids)
                self.assertEqual(bt.tag_values(sink, "target_hypothesis"), truth.tolist())
                self.assertEqual(block.frames_dropped(), 0)

    def test_ranges_with_delay(self):
        echo, _, tags = self.echo_of(ranges=3, delay=4)
        steps = self.snr_db[:, None] - 2.0 * np.arange(3)
        expected = network_probability(self.symbols, echo, steps, [0, 4, 8], [0.5] + [0.5 / 3] * 3)
        block = semisac.sensing_decoder(
            bt.tiny_bundle(), ranges=3, range_step_db=2.0, delay_symbols_per_range=4
        )
        probability, _ = sense(block, self.symbols, self.symbol_tags, echo, tags, hypotheses=4)
        np.testing.assert_allclose(probability, expected, rtol=1e-3, atol=1e-6)

    def test_lost_frames_are_counted_and_shift_nothing(self):
        echo, truth, tags = self.echo_of()
        expected = network_probability(self.symbols, echo, self.snr_db[:, None], [0], [0.5, 0.5])
        lost = ([0, 7, 8, 30], [3, 8, 20, 21, 22])
        kept = [i for i in self.ids if i not in lost[0] and i not in lost[1]]
        for batch in (1, 5, 64):
            with self.subTest(batch=batch):
                block = semisac.sensing_decoder(bt.tiny_bundle(), batch=batch)
                probability, sink = sense(block, self.symbols, self.symbol_tags, echo, tags, lost=lost)
                np.testing.assert_allclose(probability, expected[kept], rtol=1e-3, atol=1e-6)
                self.assertEqual(bt.tag_values(sink, "frame_id"), kept)
                self.assertEqual(bt.tag_values(sink, "target_hypothesis"), truth[kept].tolist())
                self.assertEqual(block.frames_dropped(), 7)  # of 9, frame 8 is missing in both branches

    def test_ids_that_begin_anew_pair_frames_of_the_same_turn(self):
        echo, _, tags = self.echo_of()
        count = len(self.ids)
        expected = network_probability(self.symbols, echo, self.snr_db[:, None], [0], [0.5, 0.5])
        again = np.array(self.ids) % (count // 3)  # 0, 1, ... three times
        lost = ([], [3, 4])  # of every turn
        kept = [i for i in range(count) if again[i] not in lost[1]]
        ids = [bt.tag(item, "frame_id", int(number)) for item, number in enumerate(again)]
        others = [tag for tag in tags if str(tag.key) != "frame_id"]
        for batch in (1, 5, 64):
            with self.subTest(batch=batch):
                block = semisac.sensing_decoder(bt.tiny_bundle(), batch=batch)
                probability, sink = sense(block, self.symbols, ids, echo, ids + others, lost=lost)
                np.testing.assert_allclose(probability, expected[kept], rtol=1e-3, atol=1e-6)
                self.assertEqual(bt.tag_values(sink, "frame_id"), again[kept].tolist())
                self.assertEqual(block.frames_dropped(), count - len(kept))

    def test_damaged_frames_are_passed_over_and_counted(self):
        echo, _, tags = self.echo_of()
        expected = network_probability(self.symbols, echo, self.snr_db[:, None], [0], [0.5, 0.5])
        symbols = self.symbols.copy()
        symbols[2, 3], echo[5, 0], echo[9, 1] = np.nan, np.inf, 1e20
        kept = [i for i in self.ids if i not in (2, 5, 9)]
        block = semisac.sensing_decoder(bt.tiny_bundle())
        probability, sink = sense(block, symbols, self.symbol_tags, echo, tags)
        np.testing.assert_allclose(probability, expected[kept], rtol=1e-3, atol=1e-6)
        self.assertEqual(bt.tag_values(sink, "frame_id"), kept)
        self.assertEqual(block.counts["damaged"], 3)

    def test_echo_alone_carries_the_prior_over(self):
        echo, _, tags = self.echo_of()
        even = (
            Bundle.load(bt.tiny_bundle())
            .session("sensing_echo")
            .run(
                echo=np.stack([echo.real, echo.imag], axis=-1), sensing_snr_db=self.snr_db.astype(np.float32)
            )["probability"]
        )
        odds = even[:, 1] / even[:, 0] * 0.2 / 0.8
        block = semisac.sensing_decoder(bt.tiny_bundle(), target_probability=0.2, knowledge="echo")
        probability, _ = sense(block, self.symbols, self.symbol_tags, echo, tags)
        np.testing.assert_allclose(probability[:, 1], odds / (1 + odds), rtol=1e-3, atol=1e-6)

    def test_a_live_prior_reaches_the_network(self):
        echo, _, tags = self.echo_of()
        block = semisac.sensing_decoder(bt.tiny_bundle(), ranges=1)
        block.set_target_probability(0.25)
        block._session = recorder = bt.RecordingSession(block._session)
        sense(block, self.symbols, self.symbol_tags, echo, tags)
        np.testing.assert_allclose(recorder.calls[0]["prior"], [0.75, 0.25])

    def test_detections(self):
        echo, _, tags = self.echo_of(ranges=2)
        block = semisac.sensing_decoder(bt.tiny_bundle(), ranges=2, threshold=0.9)
        top = gr.top_block()
        sink = bt.sink(np.float32, 3)
        top.connect(bt.source(self.symbols, self.symbol_tags), (block, 0))
        top.connect(bt.source(echo, tags), (block, 1))
        top.connect(block, sink)
        messages = bt.record_messages(top, block, "detections")
        top.run()
        probability = bt.contents(sink, np.float32, 3)
        self.assertEqual(len(messages), 50)
        for i in range(50):
            said = messages[i]
            presence = 1.0 - float(probability[i, 0])
            self.assertEqual(said["frame_id"], i)
            self.assertAlmostEqual(said["probability"], presence, places=6)
            self.assertEqual(said["present"], presence >= 0.9)
            self.assertEqual(said["range_bin"], int(probability[i, 1:].argmax()) if presence >= 0.9 else -1)

    def test_an_item_without_frame_id_ends_the_flow_with_a_reason(self):
        echo, _, tags = self.echo_of()
        block = semisac.sensing_decoder(bt.tiny_bundle())
        probability, _ = sense(block, self.symbols, [], echo, tags)
        self.assertEqual(len(probability), 0)
        self.assertIn("frame_id", str(block.error))

    def test_rejects_bad_parameters(self):
        for wrong, message in (
            ({"ranges": 0}, "ranges is 0"),
            ({"ranges": 99}, "ranges is 99"),
            ({"ranges": 2, "knowledge": "echo"}, "ranges is 2"),
            ({"knowledge": "all"}, "knowledge is 'all'"),
            ({"target_probability": 1.5}, "target_probability is 1.5"),
            ({"threshold": -0.1}, "threshold is -0.1"),
            ({"delay_symbols_per_range": -1}, "delay_symbols_per_range is -1"),
            ({"range_step_db": float("inf")}, "range_step_db is inf"),
        ):
            with self.subTest(**wrong), self.assertRaisesRegex(ValueError, message):
                semisac.sensing_decoder(bt.tiny_bundle(), **wrong)


if __name__ == "__main__":
    gr_unittest.run(qa_sensing_decoder)
