#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multi-head decoder: its network's answers to equalised symbols, and what it tells in messages."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle, BundleError

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_inputs as good  # noqa: E402
import block_testing as bt  # noqa: E402
import tiny_target_bundle as tiny  # noqa: E402

COUNT = 30
LENGTH = 3 * tiny.PICTURE**2


def network(received, gain, snr_db) -> dict[str, np.ndarray]:
    """What the network makes of symbols that are equalised by the book."""
    power = np.abs(gain) ** 2
    noise = 10.0 ** (-np.asarray(snr_db) / 10)
    estimate = (received * (np.conj(gain) / (power + noise))[:, None]).astype(np.complex64)
    worth = (power / (power + noise)).astype(np.float32)
    session = Bundle.load(good.target_bundle()).session("decoder")
    return session.run(received=estimate.view(np.float32), worth=worth)


class qa_multi_head_decoder(gr_unittest.TestCase):
    def setUp(self):
        generator = np.random.default_rng(3)
        self.received = bt.frames(COUNT, tiny.CHANNEL_USES)
        self.gain = bt.frames(COUNT, 1, seed=4)[:, 0]
        self.snr_db = generator.uniform(0.0, 25.0, COUNT)

    def decode(self, block, tags):
        """Pictures, states and the messages."""
        top = gr.top_block()
        sinks = bt.sink(np.uint8, LENGTH), bt.sink(np.float32, 6)
        messages = bt.record_messages(top, block, "targets")
        top.connect(bt.source(self.received, tags), block)
        for port, sink in enumerate(sinks):
            top.connect((block, port), sink)
        top.run()
        self.sinks = sinks
        return bt.contents(sinks[0], np.uint8, LENGTH), bt.contents(sinks[1], np.float32, 6), messages

    def test_equals_the_network_for_every_batch(self):
        expected = network(self.received, self.gain, self.snr_db)
        shown = np.rint(255 * expected["picture"].transpose(0, 2, 3, 1)).reshape(COUNT, -1)
        tags = bt.frame_tags(
            frame_id=list(range(5, 5 + COUNT)),
            channel_gain=[complex(gain) for gain in self.gain],
            snr_db=self.snr_db.tolist(),
        )
        for batch in (1, 7, 64):
            with self.subTest(batch=batch):
                block = semisac.multi_head_decoder(good.target_bundle(), batch=batch)
                pictures, states, messages = self.decode(block, tags)
                self.assertLessEqual(np.abs(pictures - shown).max(), 1)
                np.testing.assert_allclose(states[:, :3], expected["state"], rtol=1e-3, atol=1e-3)
                np.testing.assert_allclose(states[:, 3:], expected["deviation"], rtol=1e-3, atol=1e-3)
                for sink in self.sinks:
                    self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(5, 5 + COUNT)))
                self.assertEqual([told["frame_id"] for told in messages], list(range(5, 5 + COUNT)))
                for name, values in (
                    ("snr_db", self.snr_db),
                    ("angle_rad", states[:, 1]),
                    ("velocity_mps_deviation", states[:, 5]),
                ):
                    np.testing.assert_allclose([told[name] for told in messages], values, rtol=1e-5)

    def test_without_tags_it_is_the_reference(self):
        expected = network(self.received, np.ones(COUNT), np.full(COUNT, tiny.REFERENCE_DB))
        _, states, messages = self.decode(semisac.multi_head_decoder(good.target_bundle()), [])
        np.testing.assert_allclose(states[:, :3], expected["state"], rtol=1e-3, atol=1e-3)
        self.assertEqual({told["frame_id"] for told in messages}, {-1})

    def test_a_damaged_frame_harms_no_other(self):
        clean = self.decode(semisac.multi_head_decoder(good.target_bundle()), [])[1]
        self.received[4, 2] = np.inf
        block = semisac.multi_head_decoder(good.target_bundle())
        states = self.decode(block, [])[1]
        others = np.arange(COUNT) != 4
        np.testing.assert_array_equal(states[others], clean[others])
        self.assertTrue(np.isfinite(states).all())
        self.assertEqual(block.counts["damaged"], 1)

    def test_other_bundles_are_refused(self):
        with self.assertRaisesRegex(BundleError, "sends images"):
            semisac.multi_head_decoder(bt.tiny_bundle())
        with self.assertRaises(ValueError):
            semisac.multi_head_decoder(good.target_bundle(), batch=0)


if __name__ == "__main__":
    gr_unittest.run(qa_multi_head_decoder)
