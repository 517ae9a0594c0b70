#!/usr/bin/env python3
# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the radar reference against theory: results/radar/*.csv and *.png, docs/images/radar_fmcw.png.

    python scripts/radar_results.py [bounds | pairs | cfar | maps | fmcw] ...

Without a name all of them, about ten minutes on one core. Each has a seed of its own.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import line_charts, picture
from semisac_ml.signal import cfar, radar_trials
from semisac_ml.signal.cfar import CfarWindow
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.metrics import proportion
from semisac_ml.signal.radar_detection import DetectionSettings
from semisac_ml.signal.radar_parameters import RadarParameters

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "radar"
TRIALS = 4000
SNR_DB = (15.0, 18.0, 21.0, 25.0, 30.0, 35.0, 40.0, 45.0)
PARAMETERS = ("range", "doppler", "angle")
SNR_NAME = "SNR behind the matched filter in dB"
MEASURED, BOUND = "measured", "Cramér-Rao bound"
CELLS = 10_000_000
NOISE_MAPS = 20_000


def bounds() -> None:
    """RMSE over the Cramér-Rao bound, one parameter alone and all three together."""
    rng = np.random.default_rng(1)
    rows = []
    for kind, make in radar_trials.ESTIMATED.items():
        geometry = make()
        for snr_db in SNR_DB:
            if snr_db < 18.0 and kind in ("doppler", "joint"):
                continue
            errors = radar_trials.estimation_errors(geometry, snr_db, TRIALS, rng)
            bound = radar_trials.bound(geometry, snr_db)
            loss_db = radar_trials.loss_to_bound_db(errors, bound)
            for axis in np.flatnonzero(np.isfinite(bound)):
                conditions = {"x": SNR_NAME, "parameter": PARAMETERS[axis], "estimated": kind}
                told = {"system": "radar", "figure": "bounds", "conditions": conditions, "x": snr_db}
                measured = partial(Result, **told, variant=MEASURED, n=TRIALS, seed="1")
                rmse = float(np.sqrt((errors[:, axis] ** 2).mean()))
                rows += [
                    measured(metric="rmse_cycles", value=rmse),
                    Result.of(bound[axis], **told, variant=BOUND, metric="rmse_cycles"),
                    measured(metric="loss_db", value=float(loss_db[axis])),
                ]
    write_results(RESULTS / "bounds.csv", rows)
    draw_bounds(rows, RESULTS / "bounds.png")


def draw_bounds(rows: list[Result], file: Path) -> None:
    """Errors over the SNR as marks, bounds as lines."""

    def style(row: Result) -> dict[str, object]:
        if row.variant == BOUND:
            return {"color": "black", "linewidth": 0.8, "zorder": 1, "label": "Cramér-Rao bound"}
        marks = {"linestyle": "", "markersize": 6}
        if row.conditions["estimated"] == "joint":
            return {**marks, "marker": "x", "color": "tab:orange", "label": "all three together"}
        return {**marks, "marker": "o", "color": "tab:blue", "label": "alone"}

    line_charts(
        file,
        rows,
        {"rmse_cycles": "RMSE in cycles a cell"},
        lambda row: row.conditions["parameter"],
        style,
        f"{max(row.n for row in rows)} trials a point",
        logarithmic=True,
    )


def pairs() -> None:
    """Share of pairs of equal targets that are both found, over their distance."""
    rng = np.random.default_rng(2)
    row = partial(Result.of, system="radar", figure="pairs", metric="both_found", seed="2")
    rows = []
    for oversampling in (1, 2):
        geometry = radar_trials.ofdm_geometry(oversampling=oversampling)
        settings = DetectionSettings()
        for axis in (0, 1):
            for separation in (1.0, 1.25, 1.5, 2.0):
                share = radar_trials.share_of_pairs_found(
                    geometry, axis, separation, 20.0, 1000, rng, settings
                )
                apart = {"x": "separation in cells", "apart_in": PARAMETERS[axis]}
                conditions = {**apart, "snr_db": 20.0, "fft_oversampling": oversampling}
                rows.append(row(proportion(round(share * 1000), 1000), conditions=conditions, x=separation))
    write_results(RESULTS / "pairs.csv", rows)


def false_alarms() -> None:
    """Measured false-alarm rates at 1e-4 and the loss of estimating the noise."""
    rng = np.random.default_rng(3)
    window = CfarWindow(guard=(1, 1))
    rows = []

    def add(maps: str, method: str, looks: int, cells: int, count: int) -> None:
        told = {"system": "radar", "figure": "false_alarms", "metric": "false_alarm_rate", "seed": "3"}
        conditions = {"maps": maps, "antennas": looks, "asked": 1e-4}
        rows.append(Result.of(proportion(count, cells), **told, variant=method, conditions=conditions))

    for method, looks in (("ca", 1), ("ca", 4), ("os", 1), ("os", 4)):
        factor = cfar.ca_factor(1e-4, 32, looks) if method == "ca" else cfar.os_factor(1e-4, 32, 24, looks)
        maps = CELLS // (128 * 128) + 1
        shape = (128, 128, looks)
        count = radar_trials.false_alarms_of_white_maps(shape, window, method, factor, 24, maps, rng)
        add("independent cells", method, looks, maps * 128 * 128, count)
    for weights in ("rectangular", "hamming"):
        geometry = radar_trials.ofdm_geometry(range_window=weights, doppler_window=weights)
        maps = CELLS // (64 * 64) + 1
        settings = DetectionSettings(false_alarm_rate=1e-4, false_alarms_per="cell")
        count = radar_trials.false_alarms(geometry, settings, maps, rng)
        add(f"OFDM, 52 of 64 subcarriers, {weights} window", "ca", 1, maps * 64 * 64, count)
    write_results(RESULTS / "false_alarms.csv", rows)
    conditions = {"x": "reference cells", "false_alarm_rate": 1e-4}
    told = {"system": "radar", "figure": "cfar_loss", "metric": "loss_db", "conditions": conditions}
    losses = [
        Result.of(cfar.ca_loss_db(1e-4, count), **told, variant="ca", x=float(count))
        for count in (8, 16, 24, 32, 64, 128)
    ]
    write_results(RESULTS / "cfar_loss.csv", losses)


def map_false_alarms() -> None:
    """Share of maps of noise that show anything, where one in a hundred should."""
    frame = FrameParameters()
    one, eight = RadarParameters(frame), RadarParameters(frame, frames_per_interval=8)
    fine = replace(one, range_bins=128, doppler_bins=128)
    hamming = replace(one, range_window="hamming", doppler_window="hamming")
    cases = {
        "one frame": (one.geometry, NOISE_MAPS),
        "one frame, four antennas": (replace(one, antennas=4).geometry, NOISE_MAPS),
        "one frame, Hamming windows": (hamming.geometry, NOISE_MAPS),
        "one frame, FFTs of twice the size": (fine.geometry, NOISE_MAPS // 2),
        "eight frames": (eight.geometry, NOISE_MAPS),
        "eight frames, all that stands still removed": (
            replace(eight.geometry, static_removed=True),
            NOISE_MAPS,
        ),
    }
    row = partial(
        Result.of, system="radar", figure="map_false_alarms", metric="maps_with_false_alarms", seed="5"
    )
    rows = []
    for name, (geometry, maps) in cases.items():
        rng = np.random.default_rng(5)
        shown = radar_trials.maps_with_false_alarms(geometry, DetectionSettings(), maps, rng)
        cells = geometry.doppler_bins * geometry.range_bins
        conditions = {"maps of": name, "cells": cells, "asked": 0.01}
        rows.append(row(proportion(shown, maps), conditions=conditions))
    write_results(RESULTS / "map_false_alarms.csv", rows)


def fmcw() -> None:
    """Maps of the recorded FMCW cubes with what is detected in them."""
    from semisac_ml.data import openradar_fmcw
    from semisac_ml.signal.radar_detection import detect
    from semisac_ml.signal.range_doppler import range_doppler_map

    settings = DetectionSettings(
        method="os", window=CfarWindow(guard=(3, 3), reference=(12, 12), stride=(2, 2)), most_targets=12
    )
    with picture(ROOT / "docs" / "images" / "radar_fmcw.png", 13, 4.2, grid=False, dpi=90) as figure:
        for axis, (name, chirp) in zip(figure.subplots(1, 3), openradar_fmcw.CUBES.items(), strict=True):
            cells, geometry = openradar_fmcw.cells_and_geometry(openradar_fmcw.load(name), chirp)
            rd_map = range_doppler_map(cells, geometry)
            power_db = 10 * np.log10((np.abs(rd_map) ** 2).mean(axis=0))
            top = power_db.max()
            extent = (0, geometry.range_bins * geometry.range_bin_m, *geometry.velocities_mps[[0, -1]])
            axis.imshow(power_db, origin="lower", aspect="auto", extent=extent, vmin=top - 60, vmax=top)
            found = detect(rd_map, geometry, settings)
            axis.plot([one.range_m for one in found], [one.velocity_mps for one in found], "r+", markersize=8)
            unit = ("m", "m/s") if chirp else ("resolution cells",) * 2
            axis.set(xlabel=f"range in {unit[0]}", ylabel=f"closing speed in {unit[1]}", title=name)
            zoom = 2.0 if chirp else 24
            axis.set(ylim=(-zoom, zoom), xlim=(0, extent[1] * (0.95 if chirp else 0.5)))


PARTS = {"bounds": bounds, "pairs": pairs, "cfar": false_alarms, "maps": map_false_alarms, "fmcw": fmcw}


def main(names: list[str]) -> int:
    """Run the parts named, all without names."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"radar_results: {unknown[0]!r} is none of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for name in names or PARTS:
        PARTS[name]()
        print(f"{name}: done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
