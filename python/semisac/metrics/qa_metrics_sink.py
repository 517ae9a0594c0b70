#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metrics sink: every figure against its definition, with losses in each branch."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from gnuradio import gr, gr_unittest, semisac
from gnuradio.semisac.metrics.link_metrics import LinkMetrics

from semisac_ml.signal import metrics

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))
import block_testing as bt  # noqa: E402

FRAMES = 40
ANIMALS = (2, 3, 4, 5, 6, 7)


def probabilities(count: int, width: int, seed: int) -> np.ndarray:
    """Random distributions, float32 [count, width]."""
    return np.random.default_rng(seed).dirichlet(np.full(width, 0.4), count).astype(np.float32)


class qa_metrics_sink(gr_unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(6)
        self.sent = bt.pictures(FRAMES)
        self.received = np.clip(self.sent + rng.normal(0, 20, self.sent.shape), 0, 255).astype(np.uint8)
        self.label = np.arange(FRAMES) % 10
        self.probability = probabilities(FRAMES, 10, 7)
        self.sensing = probabilities(FRAMES, 3, 8)
        self.hypothesis = rng.integers(0, 3, FRAMES)

    def measure(self, lost=((), (), (), ()), **options):
        """Sink after all frames went through four branches, each of which loses some."""
        ids = list(range(FRAMES))
        sink = semisac.metrics_sink(hypotheses=3, **options)
        streams = (
            (self.sent.reshape(FRAMES, -1), {"label": self.label.tolist(), "image_time": [100.0] * FRAMES}),
            (self.received.reshape(FRAMES, -1), {}),
            (self.probability, {}),
            (self.sensing, {"target_hypothesis": self.hypothesis.tolist()}),
        )
        top = gr.top_block()
        lossy = []
        for branch, (items, tags) in enumerate(streams):
            lossy.append(bt.lose_frames(items.dtype, items.shape[1], lost[branch]))
            top.connect(bt.source(items, bt.frame_tags(frame_id=ids, **tags)), lossy[-1], (sink, branch))
        messages = bt.record_messages(top, sink, "metrics", sink._publisher)
        top.run()
        return sink, messages

    def check(self, figures, kept):
        label, truth = self.label[kept], self.hypothesis[kept]
        predicted = self.probability[kept].argmax(axis=1)
        animal = self.probability[kept][:, ANIMALS].sum(axis=1) >= 0.5
        reported = 1 - self.sensing[kept][:, 0] >= 0.5
        psnr_db = metrics.psnr_db(self.sent[kept], self.received[kept])
        expected = {
            "psnr_db": psnr_db.mean(),
            "ssim": metrics.ssim(self.sent[kept], self.received[kept]).mean(),
            "mse": metrics.mse(self.sent[kept], self.received[kept]).mean(),
            "class_accuracy": np.mean(predicted == label),
            "animal_accuracy": np.mean(animal == np.isin(label, ANIMALS)),
            "sensing_accuracy": np.mean(self.sensing[kept].argmax(axis=1) == truth),
            "false_alarm_rate": np.mean(reported[truth == 0]),
            "miss_rate": np.mean(~reported[truth > 0]),
        }
        for name, value in expected.items():
            with self.subTest(name):
                self.assertAlmostEqual(figures[name].value, value, places=6)
                self.assertLessEqual(figures[name].low, value)
                self.assertGreaterEqual(figures[name].high, value)
        self.assertEqual(figures["class_accuracy"].n, len(kept))

    def test_every_figure(self):
        sink, _ = self.measure()
        figures = sink.summary()
        self.check(figures, list(range(FRAMES)))
        self.assertEqual(figures["frames_sent"].value, FRAMES)
        self.assertEqual(figures["frames_lost"].value, 0)
        self.assertGreater(figures["latency_p99_ms"].value, 1e9)  # image_time is that of 1970
        self.assertLessEqual(figures["latency_p50_ms"].value, figures["latency_p99_ms"].value)

    def test_lost_frames_are_counted_and_shift_nothing(self):
        lost = ((), (0, 1, 17), (17, 20), (5, FRAMES - 1))
        sink, _ = self.measure(lost)
        kept = [i for i in range(FRAMES) if not any(i in branch for branch in lost)]
        figures = sink.summary()
        self.check(figures, kept)
        self.assertEqual(figures["frames_sent"].value, FRAMES)
        self.assertEqual(figures["frames_lost"].value, FRAMES - len(kept))
        self.assertEqual(sink.records()["frame_id"].tolist(), kept)

    def test_frames_on_their_way_are_not_lost(self):
        sink, _ = self.measure(((), (), (), range(30, FRAMES)))
        self.assertEqual(sink.summary(finished=False)["frames_lost"].value, 0)
        self.assertEqual(sink.summary(finished=True)["frames_lost"].value, FRAMES - 30)

    def test_examples_and_file(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "metrics.json"
            sink, messages = self.measure(examples=3, file=str(file))
            written = json.loads(file.read_text())
        self.assertEqual(written["mse"], sink.summary()["mse"].as_dict())
        self.assertEqual(json.loads(sink.as_json())["frames_sent"]["value"], FRAMES)
        examples = sink.examples()
        self.assertEqual([int(e["frame_id"]) for e in examples], [0, 1, 2])
        np.testing.assert_array_equal(examples[2]["received"], self.received[2])
        np.testing.assert_array_equal(examples[1]["sensing"], self.sensing[1])
        message = messages[0]
        self.assertLessEqual(message["class_accuracy"]["low"], message["class_accuracy"]["value"])

    def test_branches_can_be_left_out(self):
        sink = semisac.metrics_sink(classes=0, hypotheses=0)
        items, tags = self.sent.reshape(FRAMES, -1), bt.frame_tags(frame_id=range(FRAMES))
        top = gr.top_block()
        top.connect(bt.source(items, tags), (sink, 0))
        top.connect(bt.source(items, tags), (sink, 1))
        top.run()
        figures = sink.summary()
        self.assertEqual(set(figures), {"frames_sent", "frames_lost", "mse", "psnr_db", "ssim"})
        self.assertEqual(figures["mse"].value, 0.0)
        self.assertAlmostEqual(figures["ssim"].value, 1.0, places=6)

    def test_tags_that_are_none_are_counted(self):
        sink = semisac.metrics_sink(classes=0, hypotheses=0)
        top = gr.top_block()
        for branch, items in enumerate((self.sent, self.received)):
            tags = bt.frame_tags(frame_id=list(range(FRAMES)), label=["cat"] * FRAMES)
            top.connect(bt.source(items.reshape(FRAMES, -1), tags), (sink, branch))
        top.run()
        self.assertEqual(sink.frames_complete(), FRAMES)
        self.assertEqual(sink.counts["strange tags"], FRAMES)  # of the branch that reads them

    def test_a_decoder_that_says_nothing_is_wrong(self):
        """Probabilities that are not numbers are no decision for the first class."""
        self.label[:] = 0
        self.hypothesis[:] = 0
        self.probability[:] = np.eye(10)[0]
        self.sensing[:] = np.eye(3)[0]
        self.probability[:10], self.sensing[:4] = np.nan, np.inf
        figures = self.measure()[0].summary()
        self.assertAlmostEqual(figures["class_accuracy"].value, 30 / FRAMES)
        self.assertAlmostEqual(figures["sensing_accuracy"].value, 36 / FRAMES)

    def test_records_of_a_long_run_are_bounded(self):
        link = LinkMetrics((2, 2, 3), most_frames=1000)
        picture = np.zeros((30, 12), np.uint8)
        for first in range(0, 3000, 30):
            frames = {"sent": picture, "received": picture, "label": np.zeros(30), "image_time": np.zeros(30)}
            link.add(np.arange(first, first + 30), frames, 1.0)
        self.assertEqual(link.complete, 3000)
        self.assertEqual(link.records()["frame_id"].tolist(), list(range(2000, 3000)))

    def test_rate_is_frames_over_time(self):
        link = LinkMetrics((2, 2, 3))
        picture = np.zeros((10, 12), np.uint8)
        for step in range(20):
            frames = {
                "sent": picture,
                "received": picture,
                "label": np.zeros(10),
                "image_time": np.full(10, 5.0),
            }
            link.add(np.arange(10 * step, 10 * step + 10), frames, 5.0 + 0.5 * (step + 1))
        figures = link.summary(200, 0, ssim_s=0)
        self.assertAlmostEqual(figures["images_per_s"].value, 20.0)
        self.assertAlmostEqual(figures["images_per_s"].high, 20.0)  # every window ran at the same rate
        self.assertAlmostEqual(figures["latency_p50_ms"].value, 5250.0)
        self.assertNotIn("ssim", figures)


if __name__ == "__main__":
    gr_unittest.run(qa_metrics_sink)
