#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Picture decoder: equal to its network, whatever is lost; pictures keep their numbers."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from gnuradio import blocks, gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle
from semisac_ml.signal import picture_packets as pp

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402
import tiny_picture_bundle as tiny  # noqa: E402
from patience import until  # noqa: E402

HEIGHT, WIDTH = 32, 48
LENGTH = HEIGHT * WIDTH * 3
SHAPE = (tiny.CHANNELS, HEIGHT // 4, WIDTH // 4)
USES = tiny.CHANNEL_USES
_folder = tempfile.TemporaryDirectory(prefix="semisac-pictures-")
BUNDLE = str(tiny.make_tiny_picture_bundle(Path(_folder.name) / "jssc" / "pictures"))


def code(sent: int, seed: int = 1) -> np.ndarray:
    """Random code of one picture."""
    values = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    values[sent:] = 0
    return values


def sent_packets(pictures, sent: int = 8, fill: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Packets of pictures (numbers) and their ids."""
    ratio = tiny.SENT_CHANNELS.index(sent)
    packets, ids = [], []
    for number in pictures:
        own = pp.packets_of(code(sent, number), sent, USES)
        count = -(-len(own) // fill) * fill
        packets.append(own[np.arange(count) % len(own)])
        ids.append(pp.packet_ids(number, ratio, count))
    return np.concatenate(packets), np.concatenate(ids)


def decode(packets, ids, snr_db=None, block=None, fill: int = 1):
    """Pictures uint8 [items, LENGTH], the sink with their tags, the decoder."""
    block = block or semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH, fill)
    tags = [bt.tag(item, "frame_id", int(number)) for item, number in enumerate(ids)]
    if snr_db is not None:
        tags += [bt.tag(item, "snr_db", float(value)) for item, value in enumerate(snr_db)]
    top = gr.top_block()
    sink = bt.sink(np.uint8, LENGTH)
    top.connect(bt.source(packets, tags), block, sink)
    top.run()
    return bt.contents(sink, np.uint8, LENGTH), sink, block


def network_picture(number: int, came: np.ndarray, snr_db: np.ndarray, sent: int = 8) -> np.ndarray:
    """Picture uint8 [LENGTH] that the network itself gives of the packets that came."""
    packets = pp.packets_of(code(sent, number), sent, USES)
    received, worth = pp.code_of(packets, came, snr_db, SHAPE, sent)
    mean_db = 10 * np.log10(np.mean(10 ** (snr_db[came] / 10)))
    image = (
        Bundle.load(BUNDLE)
        .session("reconstruction")
        .run(
            received=received[None],
            worth=worth[None],
            snr_db=np.array([np.clip(mean_db, -5, 20)], np.float32),
            sent_channels=np.array([sent], np.float32),
        )["image"]
    )
    return np.rint(image[0].transpose(1, 2, 0) * np.float32(255)).astype(np.uint8).ravel()


class qa_picture_decoder(gr_unittest.TestCase):
    def assert_same_picture(self, picture, expected):
        self.assertLessEqual(np.abs(picture.astype(int) - expected).max(), 1)

    def test_equals_the_network_with_the_snr_of_each_packet(self):
        for sent in tiny.SENT_CHANNELS:
            with self.subTest(sent=sent):
                packets, ids = sent_packets([0, 1, 2], sent)
                each = len(packets) // 3
                snr_db = np.linspace(-3.0, 15.0, len(packets))
                pictures, sink, _ = decode(packets, ids, snr_db)
                self.assertEqual(len(pictures), 3)
                for number in range(3):
                    own = snr_db[number * each : (number + 1) * each]
                    expected = network_picture(number, np.ones(each, bool), own, sent)
                    self.assert_same_picture(pictures[number], expected)
                self.assertEqual(bt.tag_values(sink, "frame_id"), [0, 1, 2])
                self.assertEqual(bt.tag_values(sink, "sent_channels"), [sent] * 3)
                self.assertEqual(bt.tag_values(sink, "packets_lost"), [0, 0, 0])

    def test_every_number_of_lost_packets(self):
        packets, ids = sent_packets([4])
        rng = np.random.default_rng(2)
        for lost in range(len(packets)):
            came = np.ones(len(packets), bool)
            came[rng.choice(len(packets), lost, replace=False)] = False
            pictures, sink, block = decode(packets[came], ids[came], np.full(came.sum(), 7.0))
            self.assertEqual(bt.tag_values(sink, "packets_lost"), [lost])
            self.assertEqual(block.packets_lost(), lost)
            self.assertEqual(block.packets_received(), len(packets) - lost)
            self.assertEqual(block.pictures_damaged(), int(lost > 0))
            expected = network_picture(4, came, np.full(len(packets), 7.0))
            self.assert_same_picture(pictures[0], expected)

    def test_says_what_pictures_show_also_of_damaged_ones(self):
        packets, ids = sent_packets([0, 1, 2])
        each = len(packets) // 3
        came = np.ones(len(packets), bool)
        came[each : 2 * each - 1 : 2] = False
        block = semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH, classes=len(tiny.CLASSES))
        tags = [bt.tag(item, "frame_id", int(number)) for item, number in enumerate(ids[came])]
        top = gr.top_block()
        pictures, said = bt.sink(np.uint8, LENGTH), bt.sink(np.float32, len(tiny.CLASSES))
        top.connect(bt.source(packets[came], [*tags, bt.tag(0, "snr_db", 12.0)]), block, pictures)
        top.connect((block, 1), said)
        top.run()
        found = bt.contents(said, np.float32, len(tiny.CLASSES))
        for number in range(3):
            own = slice(number * each, (number + 1) * each)
            received, worth = pp.code_of(packets[own], came[own], np.full(each, 12.0), SHAPE, 8)
            inputs = {"received": received[None], "worth": worth[None]}
            inputs |= {"snr_db": np.full(1, 12.0, np.float32), "sent_channels": np.full(1, 8, np.float32)}
            expected = Bundle.load(BUNDLE).session("task").run(**inputs)["probability"]
            np.testing.assert_allclose(found[number], expected[0], atol=1e-5)
        self.assertEqual(bt.tag_values(said, "frame_id"), [0, 1, 2])
        self.assertEqual(len(bt.contents(pictures, np.uint8, LENGTH)), 3)

    def test_another_number_of_classes_is_refused(self):
        with self.assertRaisesRegex(ValueError, "expected 10"):
            semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH, classes=3)

    def test_packets_that_fade_are_divided_by_their_gain(self):
        packets, ids = sent_packets([0])
        rng = np.random.default_rng(4)
        gain = (rng.standard_normal((len(ids), 2)) @ [1, 1j] * np.sqrt(0.5)).astype(np.complex64)
        tags = [bt.tag(item, "frame_id", int(number)) for item, number in enumerate(ids)]
        tags += [bt.tag(item, "channel_gain", complex(h)) for item, h in enumerate(gain)]
        tags += [bt.tag(0, "snr_db", 12.0)]
        block = semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH)
        top = gr.top_block()
        sink = bt.sink(np.uint8, LENGTH)
        top.connect(bt.source(packets * gain[:, None], tags), block, sink)
        top.run()
        snr_db = 12.0 + 20.0 * np.log10(np.abs(gain))
        expected = network_picture(0, np.ones(len(ids), bool), snr_db)
        self.assert_same_picture(bt.contents(sink, np.uint8, LENGTH)[0], expected)

    def test_lost_packets_and_pictures_shift_nothing(self):
        packets, ids = sent_packets([0, 1, 2, 3, 4, 5])
        numbers, _, places = pp.parts_of_ids(ids.astype(np.int64))
        last = places.max()
        kept = ~((numbers == 1) & (places == last)) & (numbers != 3) & (numbers != 4) & ~(places == numbers)
        pictures, sink, block = decode(packets[kept], ids[kept])
        self.assertEqual(bt.tag_values(sink, "frame_id"), [0, 1, 2, 5])
        self.assertEqual(bt.tag_values(sink, "packets_lost"), [1, 2, 1, 1])
        self.assertEqual(block.pictures_lost(), 2)
        self.assertEqual(block.pictures_received(), 4)
        full = np.full(last + 1, 10.0)  # the bundle's reference
        for row, number in enumerate((0, 1, 2, 5)):
            came = np.array([((numbers == number) & (places == p) & kept).any() for p in range(last + 1)])
            self.assert_same_picture(pictures[row], network_picture(number, came, full))

    def test_bandwidth_may_change_with_each_picture(self):
        parts = [sent_packets([number], sent) for number, sent in enumerate((4, 16, 8, 16, 4))]
        packets, ids = (np.concatenate(column) for column in zip(*parts, strict=True))
        lost_first = np.ones(len(ids), bool)
        lost_first[np.flatnonzero(pp.parts_of_ids(ids.astype(np.int64))[2] == 0)] = False
        for kept in (np.ones(len(ids), bool), lost_first):
            _, sink, _ = decode(packets[kept], ids[kept])
            self.assertEqual(bt.tag_values(sink, "sent_channels"), [4, 16, 8, 16, 4])

    def test_what_fills_a_frame_replaces_what_was_lost(self):
        packets, ids = sent_packets([0, 1], fill=16)  # 12 packets in 16 places
        kept = ~np.isin(ids % 16, (1, 6))
        pictures, sink, block = decode(packets[kept], ids[kept], fill=16)
        self.assertEqual(bt.tag_values(sink, "packets_lost"), [1, 1])
        self.assertEqual(block.packets_refused(), 0)
        came = np.arange(12) != 6
        for number in range(2):
            expected = network_picture(number, came, np.full(12, 10.0))
            self.assert_same_picture(pictures[number], expected)

    def test_a_transmitter_that_repeats_its_pictures_is_received_again_and_again(self):
        packets, ids = sent_packets([0], fill=16)
        _, sink, block = decode(np.tile(packets, (3, 1)), np.tile(ids, 3), fill=16)
        self.assertEqual(bt.tag_values(sink, "frame_id"), [0, 0, 0])
        self.assertEqual(block.pictures_damaged(), 0)

    def test_a_picture_is_given_away_with_its_last_packet(self):
        """The input goes on for ever without another packet."""
        packets, ids = sent_packets([0])
        top = gr.top_block()
        source = bt.source(packets, [bt.tag(i, "frame_id", int(number)) for i, number in enumerate(ids)])
        never = blocks.null_source(USES * gr.sizeof_gr_complex)
        closed = blocks.copy(USES * gr.sizeof_gr_complex)
        closed.set_enabled(False)
        both = blocks.stream_mux(USES * gr.sizeof_gr_complex, [len(packets), 1])
        sink = bt.sink(np.uint8, LENGTH)
        top.connect(source, (both, 0))
        top.connect(never, closed, (both, 1))
        decoder = semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH)
        top.connect(both, decoder, sink)
        top.start()
        until(sink.data)
        top.stop()
        top.wait()
        self.assertEqual(bt.tag_values(sink, "frame_id"), [0])

    def test_packets_of_another_size_are_refused(self):
        packets, ids = sent_packets([0])
        strange = np.concatenate([packets[:2], packets])
        their_ids = np.concatenate([pp.packet_ids(0, 1, 40)[38:], ids])
        pictures, _, block = decode(strange, their_ids)
        self.assertEqual(block.packets_refused(), 2)
        self.assertEqual(block.pictures_received(), 1)
        self.assertEqual(len(pictures), 1)

    def test_a_packet_without_an_id_ends_the_flow(self):
        packets, ids = sent_packets([0])
        block = semisac.picture_decoder(BUNDLE, HEIGHT, WIDTH)
        decode(packets, ids[:-1], block=block)
        self.assertIn("no frame_id tag", str(block.error))


if __name__ == "__main__":
    gr_unittest.run(qa_picture_decoder)
