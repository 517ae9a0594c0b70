# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time

import numpy as np
import pmt

from semisac_ml.outputs import write_output

from ..frames.frame_join import image_kinds, joined_branches
from .link_metrics import LinkMetrics

METRICS = pmt.intern("metrics")


class metrics_sink(joined_branches):
    """Measure a link: how well images, classes and targets come through, how fast, and what is lost.

    Joins its inputs by frame_id: a frame that one branch lost is counted and shifts nothing.

    Input 0: sent image, uint8[height * width * 3], tags frame_id, label, image_time.
    Input 1: received image, uint8[height * width * 3], tag frame_id.
    Input 2: class probabilities, float32[classes], tag frame_id; absent when classes is 0.
    Input 3: hypothesis probabilities, float32[hypotheses], tags frame_id, target_hypothesis; absent when
        hypotheses is 0.
    Message out ``metrics``: at most one a second, {name: {value, low, high, n}} with 95 % intervals; SSIM is
        left out.

    Figures: psnr_db (mean of each image's), ssim, mse, class_accuracy, animal_accuracy, sensing_accuracy,
    false_alarm_rate, miss_rate (target reported from P(present) >= 1/2), frames_sent, frames_lost,
    images_per_s, latency_p50_ms, latency_p95_ms and latency_p99_ms (from image_time until the last branch
    delivers the frame).

    image_shape: (height, width, colours).
    classes: length of input 2; 0 leaves the input out.
    animal_classes: classes that count as "animal"; empty leaves that figure out.
    hypotheses: length of input 3, 1 + ranges; 0 leaves the input out.
    examples: first frames kept whole for a report.
    file: JSON file written when the flowgraph stops; empty: none.
    """

    MESSAGE_INTERVAL_S = 1.0

    def __init__(
        self,
        image_shape=(32, 32, 3),
        classes=10,
        animal_classes=(2, 3, 4, 5, 6, 7),
        hypotheses=2,
        examples=0,
        file="",
    ):
        kinds = image_kinds(int(np.prod(image_shape)), int(classes), int(hypotheses))
        joined_branches.__init__(self, "metrics_sink", kinds)
        self._metrics = LinkMetrics(image_shape, animal_classes if classes else (), int(examples))
        self._file = file
        self._next_message = 0.0
        # A block without streams would never end: the port belongs to the branch of the sent images.
        self._publisher = self._collectors[0]
        self._publisher.message_port_register_out(METRICS)
        self.message_port_register_hier_out("metrics")
        self.msg_connect(self._publisher, "metrics", self, "metrics")

    def _take_frames(self, ids, frames):
        now = time.time()
        self._metrics.add(ids, frames, now)
        if now >= self._next_message and not pmt.is_null(self._publisher.message_subscribers(METRICS)):
            self._next_message = now + self.MESSAGE_INTERVAL_S
            figures = pmt.to_pmt(_as_dicts(self._summary(finished=False, ssim_s=0)))
            self._publisher.message_port_pub(METRICS, figures)

    def _flow_finished(self):
        if self._file:
            write_output(self._file, json.dumps(_as_dicts(self._summary(finished=False)), indent=2) + "\n")

    def _summary(self, finished: bool, ssim_s: float | None = None):
        lost = self._join.lost + (self._join.waiting() if finished else 0)
        return self._metrics.summary(self._join.delivered, lost, ssim_s)

    def summary(self, finished: bool = True, ssim_s: float | None = None) -> dict:
        """Figures so far, {name: Metric}; a figure that does not apply is absent.

        finished: the stream has ended by itself, so that frames still waiting for a branch are lost;
            otherwise they are on their way.
        ssim_s: seconds that SSIM may take; None sets no limit.
        """
        with self._lock:
            return self._summary(finished, ssim_s)

    def as_json(self, finished: bool = True) -> str:
        """Figures as JSON text, {name: {value, low, high, n}}."""
        return json.dumps(_as_dicts(self.summary(finished)), indent=2)

    def frames_complete(self) -> int:
        """Frames that every branch has delivered."""
        return self._metrics.complete

    def frames_lost(self) -> int:
        """Frames that a branch has gone past without delivering them."""
        return self._join.lost

    def records(self) -> np.ndarray:
        """One record a complete frame: structured array, see link_metrics.FRAME."""
        with self._lock:
            return self._metrics.records()

    def examples(self) -> list[dict]:
        """First frames, whole: see LinkMetrics.examples."""
        with self._lock:
            return self._metrics.examples()


def _as_dicts(figures: dict) -> dict:
    return {
        name: {"value": float(m.value), "low": float(m.low), "high": float(m.high), "n": int(m.n)}
        for name, m in figures.items()
    }
