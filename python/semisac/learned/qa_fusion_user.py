#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pilots, users and station: the protocol of numpy, lost frames, silence, missing feedback."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle, BundleError
from semisac_ml.systems.csc_sa_net.bundled import BundledLink

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
import block_testing as bt  # noqa: E402
import tiny_fusion_bundle as tiny  # noqa: E402

COUNT, SNR_DB, SEED = 30, 3.0, 7
PIXELS = tiny.HEIGHT * tiny.WIDTH
AT_ANTENNAS = asdict(tiny.CELL) | {"user_chains": tiny.CELL.user_antennas}
ITEM = tiny.CELL.subcarriers * tiny.CELL.user_chains


@cache
def pictures() -> list[np.ndarray]:
    """Of each user, uint8 [frames, height, width, channels]."""
    generator = np.random.default_rng(3)
    shapes = [(COUNT, tiny.HEIGHT, tiny.WIDTH, channels) for channels in tiny.MODALITIES.values()]
    return [generator.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]


def reference(bundle=0, **how):
    link = BundledLink(Bundle.load(good.fusion_bundle(bundle)))
    return link.run(pictures(), **({"snr_db": SNR_DB, "seed": SEED} | how))


class Protocol:
    """The whole of it. lost: ids of pictures that each user loses. users: whose feedback is heard."""

    def __init__(self, bundle=None, lost=((), ()), patience_s=20.0, batch=4, users=(0, 1), **sizes):
        bundle = bundle or good.fusion_bundle()
        self.top = top = gr.top_block()
        self.pilots = semisac.pilot_source(bundle, count=COUNT, **sizes)
        length = sizes.get("pilots") or tiny.PILOTS
        ears = np.eye(tiny.CELL.user_antennas)
        how = dict(snr_db=SNR_DB, seed=SEED)
        self.down = semisac.mimo_ofdm_channel("down", length, ears, **how, **AT_ANTENNAS)
        self.up = semisac.mimo_ofdm_channel(
            "up", tiny.SYMBOLS, first_symbol=length + 1, **how, **asdict(tiny.CELL)
        )
        self.station = semisac.fusion_station(bundle, patience_s, batch)
        self.users = [semisac.fusion_user(bundle, name, batch=batch) for name in tiny.MODALITIES]
        self.classes = bt.sink(np.uint8, PIXELS)
        self.scores = bt.sink(np.float32, PIXELS * tiny.CLASSES)
        self.lossy = [  # GNU Radio does not keep blocks of Python
            bt.lose_frames(np.uint8, shown[0].size, own) for shown, own in zip(pictures(), lost, strict=True)
        ]
        self.symbols = [bt.sink(np.complex64, ITEM) for _ in self.users]
        top.connect(self.pilots, self.down)
        tags = bt.frame_tags(frame_id=list(range(COUNT)))
        for number, (user, shown) in enumerate(zip(self.users, pictures(), strict=True)):
            flat = shown.reshape(COUNT, -1)
            top.connect((self.down, number), (user, 0))
            top.connect(bt.source(flat, tags), self.lossy[number], (user, 1))
            top.connect(user, (self.up, number))
            top.connect(user, self.symbols[number])
            if number in users:
                top.msg_connect(user, "feedback", self.station, "feedback")
        top.msg_connect(self.station, "combiner", self.up, "combiner")
        top.connect(self.up, self.station, self.classes)
        top.connect((self.station, 1), self.scores)
        self.feedback = [bt.record_messages(top, user, "feedback") for user in self.users]
        self.combiners = bt.record_messages(top, self.station, "combiner")

    def run(self) -> np.ndarray:
        """Classes, uint8 [frames, height, width]."""
        self.top.run()
        found = bt.contents(self.classes, np.uint8, PIXELS)
        scores = bt.contents(self.scores, np.float32, PIXELS * tiny.CLASSES)
        assert (scores.reshape(len(found), tiny.CLASSES, -1).argmax(axis=1) == found).all()
        return found.reshape(-1, tiny.HEIGHT, tiny.WIDTH)

    def ids(self) -> list[int]:
        return bt.tag_values(self.classes, "frame_id")


class qa_fusion_user(gr_unittest.TestCase):
    def assert_classes(self, found, expected):
        """But for two frames in which a number that is fed back is on the edge of a cell."""
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.count_nonzero((found != expected).mean(axis=(1, 2)) > 1e-2), 2)

    def test_equals_the_protocol_in_numpy(self):
        expected = reference()
        for batch in (1, 4):
            with self.subTest(batch=batch):
                flow = Protocol(batch=batch)
                classes = flow.run()
                self.assertEqual(flow.ids(), list(range(COUNT)))
                sent = np.stack([[bits for _, bits in messages] for messages in flow.feedback], axis=1)
                same = (sent == expected.bits.reshape(sent.shape)).all(axis=(1, 2))
                self.assertGreater(np.mean(same), 0.9)  # of others a number is on the edge of a cell
                self.assert_classes(classes[same], expected.classes[same])
                self.assertEqual(bt.tag_values(flow.classes, "snr_db"), [SNR_DB] * COUNT)
                for number, sink in enumerate(flow.symbols):
                    found = bt.contents(sink, np.complex64, ITEM).reshape(COUNT, tiny.SYMBOLS, -1, 2)
                    np.testing.assert_allclose(found, expected.symbols[:, number], atol=2e-4)
                    self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(COUNT)))
                for frame, message in enumerate(flow.combiners):
                    self.assertEqual(message[0]["frame_id"], frame)
                    if same[frame]:
                        wanted = expected.combiner[frame].ravel()
                        np.testing.assert_allclose(message[1], wanted, atol=1e-3)
                self.assertEqual([user.frames_dropped() for user in flow.users], [0, 0])
                self.assertEqual((flow.station.reports_missed(), flow.up.frames_lost()), (0, 0))

    def test_fewer_pilots_bits_and_symbols(self):
        sizes = {"pilots": 2, "feedback_bits": 6, "symbols": 1}
        expected = reference(**sizes)
        flow = Protocol(**sizes)
        self.assert_classes(flow.run(), expected.classes)
        symbols = bt.contents(flow.symbols[0], np.complex64, ITEM).reshape(COUNT, tiny.SYMBOLS, -1)
        self.assertTrue(np.abs(symbols[:, 0]).max(axis=1).all() and not symbols[:, 1].any())
        self.assertEqual({len(bits) for _, bits in flow.feedback[1]}, {6})

    def test_bundles_between_which_frames_choose(self):
        both = [good.fusion_bundle(0), good.fusion_bundle(1)]
        flow = Protocol(both)
        begin = flow.pilots._begin

        def begin_by_turns(place):
            flow.pilots.set_networks(flow.pilots.frames_sent() // 2 % 2)
            begin(place)

        flow.pilots._begin = begin_by_turns
        second = np.arange(COUNT) // 2 % 2 == 1
        expected = np.where(second[:, None, None], reference(1).classes, reference(0).classes)
        self.assert_classes(flow.run(), expected)
        with self.assertRaisesRegex(ValueError, "networks is 2, expected 0 to 1"):
            flow.pilots.set_networks(2)

    def test_a_silent_user_sends_nothing(self):
        expected = reference(silent=[1])
        flow = Protocol()
        flow.users[1].set_silent(True)
        self.assert_classes(flow.run(), expected.classes)
        self.assertFalse(bt.contents(flow.symbols[1], np.complex64, ITEM).any())
        self.assertEqual({len(bits) for _, bits in flow.feedback[1]}, {0})
        self.assertEqual(flow.station.reports_missed(), 0)
        self.assertGreater(np.mean(reference().classes != expected.classes), 0.05)

    def test_lost_pictures_are_counted_and_shift_nothing(self):
        flow = Protocol(lost=((0, 7, 8), (8, 20)))
        found = flow.run()
        kept = [frame for frame in range(COUNT) if frame != 8]
        self.assertEqual(flow.ids(), kept)
        both = [place for place, frame in enumerate(kept) if frame not in (0, 7, 20)]
        self.assert_classes(found[both], reference().classes[[kept[place] for place in both]])
        self.assertEqual([user.frames_dropped() for user in flow.users], [3, 2])
        self.assertEqual(flow.up.frames_missed(), 3)

    def test_a_user_whose_feedback_never_comes_is_waited_for_once(self):
        flow = Protocol(users=(0,), patience_s=0.3)
        found = flow.run()
        self.assertEqual(flow.ids(), list(range(COUNT)))
        self.assertEqual(flow.station.reports_missed(), COUNT)
        self.assertEqual((len(flow.combiners), len(found)), (COUNT, COUNT))

    def test_wrong_bundles_and_parameters(self):
        for make in (semisac.pilot_source, semisac.fusion_user, semisac.fusion_station):
            with self.assertRaisesRegex(BundleError, "expected one that sends pictures of several users"):
                make(bt.tiny_bundle())
        bundle = good.fusion_bundle()
        for make, wrong, said in (
            (semisac.pilot_source, {"pilots": 4}, "pilots is 4, expected 1 to 3"),
            (semisac.pilot_source, {"feedback_bits": 7}, "feedback_bits is 7, expected 2 to 16 in steps"),
            (semisac.pilot_source, {"symbols": 0}, "symbols is 0, expected 1 to 2"),
            (semisac.pilot_source, {"count": -1}, "count is -1"),
            (semisac.pilot_source, {"power_db": np.nan}, "power_db is nan"),
            (semisac.fusion_user, {"user": "lidar"}, "user is 'lidar', expected one of colour, thermal"),
            (semisac.fusion_user, {"user": 2}, "user is 2, expected"),
            (semisac.fusion_user, {"batch": 0}, "batch is 0"),
            (semisac.fusion_station, {"patience_s": -1.0}, "patience_s is -1.0"),
        ):
            with self.subTest(**wrong), self.assertRaisesRegex(ValueError, said):
                make(bundle, **wrong)


if __name__ == "__main__":
    gr_unittest.run(qa_fusion_user)
