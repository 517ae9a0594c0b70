# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of a run of any length, from running sums."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from common.results import IMAGE_ROWS, Row, decimals, described, figure_table, percent
from rich.console import Console
from scipy import stats

from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric

ROWS = IMAGE_ROWS | {
    "snr_db": Row("SNR, mean of frames", decimals(2, " dB")),
    "cfo_hz": Row("Carrier offset, mean", decimals(1, " Hz")),
    "images_per_s": Row("Images a second", decimals(0)),
    "latency_samples": Row("Delay of the direct path", decimals(4, " samples")),
    "leakage_db": Row("Direct path, received over sent", decimals(2, " dB")),
    "adc_peak": Row("ADC peak, share of full scale", decimals(3)),
    "presence": Row("Target reported in the gate", percent),
}


class RunningMean:
    """Mean of samples as they come, with the interval of `metrics.mean`."""

    def __init__(self):
        self.count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, values: np.ndarray) -> None:
        """Take samples; those that are no numbers are left out (Chan's update of mean and squares)."""
        values = np.asarray(values, np.float64)
        values = values[np.isfinite(values)]
        if len(values) == 0:
            return
        mean = float(values.mean())
        total = self.count + len(values)
        step = mean - self._mean
        self._squares += float(((values - mean) ** 2).sum()) + step**2 * self.count * len(values) / total
        self._mean += step * len(values) / total
        self.count = total

    def metric(self) -> Metric | None:
        """The mean so far; None before the first sample."""
        if self.count == 0:
            return None
        half = 0.0
        if self.count > 1:
            quantile = float(stats.t.ppf((1 + metrics.CONFIDENCE) / 2, self.count - 1))
            half = quantile * math.sqrt(self._squares / (self.count - 1) / self.count)
        return Metric(self._mean, self._mean - half, self._mean + half, self.count)


class RunningShare:
    """Share of true samples as they come, with the interval of `metrics.proportion`."""

    def __init__(self):
        self.count = 0
        self._true = 0

    def add(self, values: np.ndarray) -> None:
        """Take samples."""
        self.count += len(values)
        self._true += int(np.count_nonzero(values))

    def metric(self) -> Metric | None:
        """The share so far; None before the first sample."""
        return metrics.proportion(self._true, self.count) if self.count else None


def present(figures: dict[str, Metric | None]) -> dict[str, Metric]:
    """The figures that have samples."""
    return {name: figure for name, figure in figures.items() if figure is not None}


def print_figures(
    title: str, counters: Mapping[str, int], figures: Mapping[str, Metric], console: Console
) -> None:
    """Print counters that are not 0, and figures with their intervals."""
    table = figure_table(title)
    for name, count in counters.items():
        if count:
            table.add_row(name.replace("_", " ").capitalize(), str(count), "")
    for row in described(figures, ROWS):
        table.add_row(row["label"], row["value"], row["interval"])
    console.print(table)
