# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of merit of a link, from complete frames as they come; every figure with its 95 % interval."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from scipy import stats

from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric

FRAME = np.dtype(
    [
        ("frame_id", np.int64),
        ("mse", np.float64),
        ("label", np.int16),
        ("predicted", np.int16),
        ("animal_probability", np.float32),
        ("hypothesis", np.int16),
        ("sensed", np.int16),
        ("presence_probability", np.float32),
        ("latency_s", np.float32),
        ("done_time", np.float64),
    ]
)
UNKNOWN = -1
MOST_FRAMES = 1_000_000
SSIM_FRAMES = 10_000
SSIM_BYTES = 1 << 26  # of pictures kept for it
SSIM_CHUNK = 64
FEWEST_WINDOWS, MOST_WINDOWS = 5, 20
LEAST_MSE = 1e-12  # an exact copy counts as 120 dB, as in metrics.psnr_db


class LinkMetrics:
    """Collect what a summary needs: one small record a frame, some example frames, and pictures for SSIM.

    image_shape: (height, width, colours) of the uint8 pictures.
    animal_classes: classes that count as "animal"; empty: no such figure.
    examples: first complete frames that are kept whole.
    most_frames: records kept; of a longer run the latest count. 0: a million.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        animal_classes: Sequence[int] = (),
        examples: int = 0,
        most_frames: int = 0,
    ):
        self.image_shape = tuple(image_shape)
        self.animal_classes = np.asarray(sorted(animal_classes), np.int64)
        self.complete = 0
        self._most_frames = most_frames or MOST_FRAMES
        self._records = np.zeros(min(1024, self._most_frames), FRAME)
        self._examples_wanted = examples
        self._examples: list[dict[str, np.ndarray]] = []
        self._pictures: list[tuple[np.ndarray, np.ndarray]] = []
        self._pictures_held = 0
        self._first_image_time = np.nan

    def add(self, ids: np.ndarray, frames: dict[str, np.ndarray], done_time: float) -> None:
        """Take complete frames.

        frames: sent, received uint8 [frames, pixels]; label int [frames]; image_time float64 [frames], s;
            where there are such branches, probabilities float32 [frames, classes], and sensing float32
            [frames, hypotheses] with hypothesis int [frames].
        done_time: when the last branch delivered them, seconds since the epoch.
        """
        record = np.zeros(len(ids), FRAME)
        record["frame_id"] = ids
        record["mse"] = mean_squared_error(frames["sent"], frames["received"])
        record["label"] = frames["label"]
        record["latency_s"] = done_time - frames["image_time"]
        record["done_time"] = done_time
        record["predicted"] = record["hypothesis"] = record["sensed"] = UNKNOWN
        if "probabilities" in frames:
            record["predicted"] = _decided(frames["probabilities"])
            record["animal_probability"] = frames["probabilities"][:, self.animal_classes].sum(axis=1)
        if "sensing" in frames:
            record["hypothesis"] = frames["hypothesis"]
            record["sensed"] = _decided(frames["sensing"])
            record["presence_probability"] = 1.0 - frames["sensing"][:, 0]
        if self.complete == 0:
            self._first_image_time = float(frames["image_time"][0])
        self._store(record)
        self._keep_pictures(frames)
        self._keep_examples(ids, frames)

    def _store(self, record: np.ndarray) -> None:
        needed = min(self.complete + len(record), self._most_frames)
        if needed > len(self._records):
            grown = np.zeros(min(max(2 * len(self._records), needed), self._most_frames), FRAME)
            grown[: len(self._records)] = self._records
            self._records = grown
        places = (self.complete + np.arange(len(record))) % self._most_frames
        self._records[places] = record
        self.complete += len(record)

    def _keep_pictures(self, frames: dict[str, np.ndarray]) -> None:
        most = min(SSIM_FRAMES, SSIM_BYTES // (2 * frames["sent"].shape[1]))
        room = most - self._pictures_held
        if room > 0:
            self._pictures.append((frames["sent"][:room].copy(), frames["received"][:room].copy()))
            self._pictures_held += len(self._pictures[-1][0])

    def _keep_examples(self, ids: np.ndarray, frames: dict[str, np.ndarray]) -> None:
        for i in range(min(self._examples_wanted - len(self._examples), len(ids))):
            example = {name: np.array(values[i]) for name, values in frames.items()}
            example["frame_id"] = np.array(ids[i])
            for picture in ("sent", "received"):
                example[picture] = example[picture].reshape(self.image_shape)
            self._examples.append(example)

    def records(self) -> np.ndarray:
        """One record a complete frame, structured array of dtype FRAME, in the order of frame_id."""
        held = self._records[: min(self.complete, self._most_frames)]
        return np.sort(held, order="frame_id")

    def examples(self) -> list[dict[str, np.ndarray]]:
        """First complete frames, whole: columns of `add` (pictures [height, width, 3]) and frame_id."""
        return list(self._examples)

    def summary(self, sent: int, lost: int, ssim_s: float | None = None) -> dict[str, Metric]:
        """All figures that apply, by name.

        sent, lost: frames.
        ssim_s: seconds that SSIM may take, then it rests on the frames done so far; 0 leaves it out, None
            sets no limit.

        PSNR is the mean of each image's PSNR (data range 1), MSE in units of the full scale squared.
        """
        record = self.records()
        figures = {"frames_sent": _count(sent, sent), "frames_lost": _count(lost, sent)}
        if len(record) == 0:
            return figures
        figures["mse"] = metrics.mean(record["mse"], least=0.0)
        figures["psnr_db"] = metrics.mean(-10.0 * np.log10(np.maximum(record["mse"], LEAST_MSE)))
        ssim = self._ssim(ssim_s)
        if len(ssim):
            figures["ssim"] = metrics.mean(ssim, least=-1.0, most=1.0)
        figures.update(self._task_figures(record))
        figures.update(sensing_figures(record))
        figures.update(
            timing_figures(record, self._first_image_time if self.complete == len(record) else None)
        )
        return figures

    def _task_figures(self, record: np.ndarray) -> dict[str, Metric]:
        record = record[(record["label"] >= 0) & (record["predicted"] >= 0)]
        if len(record) == 0:
            return {}
        figures = {"class_accuracy": _share(record["predicted"] == record["label"])}
        if len(self.animal_classes):
            animal = np.isin(record["label"], self.animal_classes)
            figures["animal_accuracy"] = _share((record["animal_probability"] >= 0.5) == animal)
        return figures

    def _ssim(self, seconds: float | None) -> np.ndarray:
        if seconds == 0:
            return np.empty(0)
        deadline = None if seconds is None else time.monotonic() + seconds
        values = []
        for sent, received in self._pictures:
            for first in range(0, len(sent), SSIM_CHUNK):
                if deadline is not None and time.monotonic() > deadline:
                    return np.concatenate(values) if values else np.empty(0)
                shape = (-1, *self.image_shape)
                piece = slice(first, first + SSIM_CHUNK)
                values.append(
                    np.atleast_1d(metrics.ssim(sent[piece].reshape(shape), received[piece].reshape(shape)))
                )
        return np.concatenate(values) if values else np.empty(0)


def _decided(probabilities: np.ndarray) -> np.ndarray:
    """The most probable of each row [frames, choices]; what is not finite is a choice beyond, never right."""
    known = np.isfinite(probabilities).all(axis=1)
    return np.where(known, probabilities.argmax(axis=1), probabilities.shape[1])


def mean_squared_error(sent: np.ndarray, received: np.ndarray) -> np.ndarray:
    """Mean squared error of each uint8 picture [frames, pixels], full scale 1; float64 [frames]."""
    difference = sent.astype(np.int32) - received
    return np.einsum("ij,ij->i", difference, difference) / (255.0**2 * sent.shape[1])


def sensing_figures(record: np.ndarray) -> dict[str, Metric]:
    """Share of right hypotheses, of alarms without a target and of missed targets (presence at 1/2)."""
    record = record[(record["hypothesis"] >= 0) & (record["sensed"] >= 0)]
    if len(record) == 0:
        return {}
    figures = {"sensing_accuracy": _share(record["sensed"] == record["hypothesis"])}
    present = record["hypothesis"] > 0
    reported = record["presence_probability"] >= 0.5
    if (~present).any():
        figures["false_alarm_rate"] = _share(reported[~present])
    if present.any():
        figures["miss_rate"] = _share(~reported[present])
    return figures


def timing_figures(record: np.ndarray, first_image_time: float | None) -> dict[str, Metric]:
    """Images a second and latency percentiles of frames in the order of frame_id.

    images_per_s: complete frames over the time from the first image's departure to the last frame's
        completion; its interval is that of the mean rate over up to 20 windows (Student's t), and of no width
        below 5.
    latency: image_time to completion; the intervals are those of order statistics (binomial), free of any
        distribution.
    """
    done = np.sort(record["done_time"])
    start = first_image_time if first_image_time is not None else done[0]
    figures = {}
    if np.isfinite(start) and done[-1] > start:
        rate = len(done) / (done[-1] - start)
        low, high = _rate_interval(done, start, rate)
        figures["images_per_s"] = Metric(rate, low, high, len(done))
    latency = record["latency_s"][np.isfinite(record["latency_s"])] * 1e3
    if len(latency):
        for percent in (50, 95, 99):
            figures[f"latency_p{percent}_ms"] = metrics.percentile(latency, percent)
    return figures


def _rate_interval(done: np.ndarray, start: float, rate: float) -> tuple[float, float]:
    instants, frames = np.unique(done, return_counts=True)
    windows = min(MOST_WINDOWS, len(instants))
    if windows < FEWEST_WINDOWS:
        return rate, rate
    edges = np.linspace(0, len(instants), windows + 1).astype(int)[1:] - 1
    spans = np.diff(np.concatenate([[start], instants[edges]]))
    counts = np.diff(np.concatenate([[0], np.cumsum(frames)[edges]]))
    # Standard error of a ratio of sums (Cochran, Sampling Techniques, section 6.3).
    residual = counts - rate * spans
    error = np.sqrt(windows / (windows - 1) * np.sum(residual**2)) / spans.sum()
    half = stats.t.ppf(0.975, windows - 1) * error
    return max(rate - half, 0.0), rate + half


def _share(outcomes: np.ndarray) -> Metric:
    return metrics.proportion(int(np.count_nonzero(outcomes)), len(outcomes))


def _count(frames: int, sent: int) -> Metric:
    """A number of frames among those sent; it is exact, so its interval is a point."""
    return Metric(float(frames), float(frames), float(frames), int(sent))
