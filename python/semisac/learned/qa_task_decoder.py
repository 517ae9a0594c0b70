#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Task decoder: equal to its network with the channel's tags."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac

from semisac_ml.runtime import Bundle, BundleError

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402


def classify(block, received: np.ndarray, tags=()):
    """Probabilities [items, 10] and the sink with their tags."""
    top = gr.top_block()
    sink = bt.sink(np.float32, 10)
    top.connect(bt.source(received, tags), block, sink)
    top.run()
    return bt.contents(sink, np.float32, 10), sink


class qa_task_decoder(gr_unittest.TestCase):
    def test_equals_the_network_with_the_tags_of_each_frame(self):
        received = bt.frames(23)
        gain = bt.frames(23, 1, seed=3)[:, 0]
        snr_db = np.linspace(-10, 20, 23)
        tags = bt.frame_tags(
            frame_id=range(100, 123), channel_gain=[complex(g) for g in gain], snr_db=snr_db.tolist()
        )
        expected = (
            Bundle.load(bt.tiny_bundle())
            .session("task")
            .run(
                received=np.stack([received.real, received.imag], axis=-1),
                channel_gain=np.stack([gain.real, gain.imag], axis=-1),
                snr_db=snr_db.astype(np.float32),
            )["probability"]
        )
        for batch in (1, 5, 64):
            with self.subTest(batch=batch):
                probability, sink = classify(semisac.task_decoder(bt.tiny_bundle(), batch), received, tags)
                np.testing.assert_allclose(probability, expected, rtol=1e-4, atol=1e-6)
                self.assertEqual(bt.tag_values(sink, "frame_id"), list(range(100, 123)))

    def test_the_probabilities_of_a_frame_sum_to_one(self):
        probability, _ = classify(semisac.task_decoder(bt.tiny_bundle("rayleigh")), bt.frames(10))
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, atol=1e-5)

    def test_names_the_missing_network(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tiny"
            shutil.copytree(bt.tiny_bundle(), path)
            manifest = json.loads((path / "manifest.json").read_text())
            del manifest["networks"]["task"]
            (path / "manifest.json").write_text(json.dumps(manifest))
            with self.assertRaisesRegex(BundleError, "no network 'task'"):
                semisac.task_decoder(str(path))


if __name__ == "__main__":
    gr_unittest.run(qa_task_decoder)
