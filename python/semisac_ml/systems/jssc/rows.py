# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the rows of the link's figures belong, and the axes that several figures share."""

from __future__ import annotations

from dataclasses import dataclass

from semisac_ml.results import Result
from semisac_ml.results.averages import SEED_KEY
from semisac_ml.signal.metrics import Metric

CHANNELS = ("awgn", "rayleigh")
SNR_DB = (-6.0, 0.0, 3.0, 9.0)
RANGES = (1, 2, 4, 8)
SENSING_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
BEST_ALONE, CODE_FRAMES = "best from the echo alone", 2000
"""Who knows the symbols of all training images, and the echoes that its decisions are counted on."""
MAX_FREQUENCY_OFFSET = 0.05
"""Of echoes, in cycles a symbol: half a cycle over the ten symbols of an image."""


@dataclass(frozen=True)
class Place:
    """A panel of a figure, and a channel.

    axis: name of the quantity that is swept. panel: what else sets the panel apart from those beside it.
    epochs: at most, of what is trained for it; 0 of other rows.
    """

    figure: str
    axis: str
    channel: str
    panel: str = ""
    epochs: int = 0

    def row(
        self, system: str, x: float, metric: str, found: Metric | float, training_seed: int | None = None
    ) -> Result:
        """Row of a system, "paper" or "optimal detector", from a measured figure or an exact value."""
        panel = {"panel": self.panel} if self.panel else {}
        trained = {} if training_seed is None else {SEED_KEY: training_seed}
        epochs = {"epochs": self.epochs} if self.epochs else {}
        conditions = {"x": self.axis, "channel": self.channel, **panel, **trained, **epochs}
        return Result.of(
            found,
            system="jssc",
            figure=self.figure,
            variant=system,
            conditions=conditions,
            x=float(x),
            metric=metric,
            seed="0" if isinstance(found, Metric) else "",
        )
