# SPDX-License-Identifier: GPL-3.0-or-later
"""What figures are made of: measured values, and the axes that several figures share."""

from __future__ import annotations

from dataclasses import dataclass

from semisac_ml.signal.metrics import Metric

CHANNELS = ("awgn", "rayleigh")
SNR_DB = (-6.0, 0.0, 3.0, 9.0)
RANGES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Row:
    """One measured or computed value; a figure's CSV holds nothing else."""

    figure: str
    panel: str
    channel: str
    system: str
    x: float
    metric: str
    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, figure: str, panel: str, channel: str, system: str, x: float, metric: str, m: Metric) -> Row:
        return cls(figure, panel, channel, system, float(x), metric, m.value, m.low, m.high, m.n)

    @classmethod
    def bound(
        cls, figure: str, panel: str, channel: str, system: str, x: float, metric: str, value: float
    ) -> Row:
        """An exact value: its interval is a point, and n is 0."""
        return cls(figure, panel, channel, system, float(x), metric, value, value, value, 0)
