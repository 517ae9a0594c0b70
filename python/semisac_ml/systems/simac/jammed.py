# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a jammer does to the tuned network that is not told of it: noise from one direction.

The same noise at all antennas but for its phase, as white as the receiver's own. Beside it stands the network
that is told that its radar is missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from semisac_ml.results import Result
from semisac_ml.results.averages import SEED_KEY
from semisac_ml.results.drawing import line_charts

from .comparison import Measured, outcome_of, row_of
from .figures import ERRORS_IN_UNITS, TUNED
from .scoring import figures
from .tensors import SampleTensors

AXIS = "jammer over noise, each antenna (dB)"
JAMMERS_DB = (-10.0, 0.0, 10.0, 20.0, 30.0, 40.0)
SNR_DB = 15.0
AZIMUTH_RAD = math.radians(20.0)
NOT_TOLD, TOLD = f"{TUNED}, not told of the jammer", f"{TUNED}, told that its radar is missing"


class Jammed(SampleTensors):
    """The same samples with a jammer in their echoes."""

    def __init__(self, tensors: SampleTensors, power_db: float) -> None:
        vars(self).update(vars(tensors))
        self._unjammed, self._amplitude = tensors, 10.0 ** (power_db / 20.0)

    def heard(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Echoes of samples, float32 [rows, antennas, length, 2]."""
        echoes = self._unjammed.heard(rows, rng)
        antennas, length = echoes.shape[1:3]
        noise = rng.standard_normal((len(rows), 1, length, 2)).view(np.complex128)[..., 0] / math.sqrt(2.0)
        phase = np.exp(1j * math.pi * math.sin(AZIMUTH_RAD) * np.arange(antennas))
        jammer = (self._amplitude * noise * phase[:, None]).astype(np.complex64)
        return echoes + jammer.view(np.float32).reshape(echoes.shape)


def jammed_rows(systems: Iterable[Measured], seed: int = 0) -> list[Result]:
    """Errors over the jammer's power, at 15 dB over AWGN, scene by scene."""
    rows: list[Result] = []
    for one in systems:
        missing = list(_scored(one, TOLD, "radar", seed))
        for power_db in JAMMERS_DB:
            jammed = replace(one, tensors=Jammed(one.tensors, power_db))
            rows += _at(_scored(jammed, NOT_TOLD, "none", seed), power_db)
            rows += _at(missing, power_db)
    return rows


def _scored(one: Measured, name: str, missing: str, seed: int) -> Iterator[Result]:
    samples, limits = one.tensors.samples, one.scenes.limits()
    outcome = outcome_of(one, SNR_DB, "awgn", missing, seed)
    for scene, places in samples.by_scene(outcome.rows).items():
        found = figures(outcome.of(places), samples, limits[scene])
        told = {"x": AXIS, "trained": one.trained, SEED_KEY: one.seed, "scene": scene}
        for metric in ERRORS_IN_UNITS:
            row = row_of(found[metric], metric, variant=name, conditions=told, seed=str(seed))
            yield replace(row, figure="jammed")


def _at(rows: Iterable[Result], power_db: float) -> Iterator[Result]:
    return (replace(row, x=power_db) for row in rows)


def draw(file: Path, rows: list[Result]) -> None:
    """A row of axes for each state, a column for each scene."""
    colours = {NOT_TOLD: "tab:red", TOLD: "tab:gray"}
    line_charts(
        file,
        [row for row in rows if not row.metric.endswith("_sd")],
        ERRORS_IN_UNITS,
        panel=lambda row: row.conditions["scene"],
        style=lambda row: {"label": row.variant, "color": colours[row.variant], "marker": "o"},
        logarithmic=True,
    )
