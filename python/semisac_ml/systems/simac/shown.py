# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures 4 and 5: what goes in and comes out, and pictures of targets sent and received at several SNRs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from semisac_ml.results import Result
from semisac_ml.results.drawing import picture, show_image
from semisac_ml.signal import metrics
from semisac_ml.signal.lfm_simo_echo import BELOW_ZERO, LfmSimoRadar
from semisac_ml.signal.radar_bounds import velocity_from_doppler

from .comparison import IN_UNITS, SNR_AXIS, SYSTEM, KeptScenes, Measured, only, outcome_of
from .samples import STATES
from .scoring import UNITS, Outcome

EXAMPLES = 2
"""Targets of a scene in figure 5."""
AT_ONCE = 2
"""Targets in the frame of figure 4, where the scene has such a frame."""
FADINGS = ("awgn", "rayleigh")
PROCESS_SNR_DB = 15.0
PICTURE_SNR_DB = (5.0, 15.0, 25.0)
SIGNS = {"distance": ("m", 1), "angle": ("°", 1), "velocity": ("m/s", 1)}
LEAST_SIDE_PX = 24.0
"""Of a box that is shown, where the scene has such."""


def chosen(scenes: KeptScenes, count: int) -> dict[str, list[int]]:
    """Samples of each scene's test part, evenly spaced over it, of boxes that are not small; by scene."""
    test = scenes.test
    found = {}
    for scene, places in test.by_scene(np.arange(len(test))).items():
        side = test.box_px[places, 2:].max(axis=1)
        large = places[side >= min(LEAST_SIDE_PX, np.median(side))]
        spread = np.linspace(0, len(large) - 1, count + 2).round().astype(int)[1:-1]
        found[scene] = large[spread].tolist()
    return found


def of_one_frame(scenes: KeptScenes, most: int) -> dict[str, list[int]]:
    """Samples of one frame of each scene's test part: many targets, and large ones; by scene."""
    test, found = scenes.test, {}
    for scene, places in test.by_scene(np.arange(len(test))).items():
        frames: dict[int, list[int]] = {}
        for row in places.tolist():
            frames.setdefault(int(test.frame[row]), []).append(row)

        def rank(rows: list[int]) -> tuple[int, float]:
            side = np.sort(test.box_px[rows, 2:].max(axis=1))[::-1][:most]
            return min(len(rows), most), float(side.min())

        best = max(frames.values(), key=rank)
        found[scene] = sorted(best, key=lambda row: -test.box_px[row, 2:].max())[:most]
    return found


def outcomes(one: Measured, rows: list[int], snr_db: float, fading: str) -> Outcome:
    """What a system says of a few test samples."""
    few = np.array(rows)
    tensors = _Few(one.tensors, few)
    return outcome_of(replace(one, tensors=tensors), snr_db, fading)


class _Few:
    """Some samples of tensors, which are asked for by their places among these."""

    def __init__(self, whole: object, rows: np.ndarray) -> None:
        self.samples, self.limits = only(whole.samples, rows), whole.limits
        self._whole, self._rows = whole, rows

    def batch(self, rows: np.ndarray, rng: np.random.Generator) -> object:
        return self._whole.batch(self._rows[rows], rng)


def said(values: dict[str, float]) -> str:
    """Distance, angle and velocity as text."""
    return ", ".join(f"{values[task]:.1f} {SIGNS[task][0]}" for task in STATES)


def echo_power_db(echo: np.ndarray, radar: LfmSimoRadar) -> np.ndarray:
    """Range-Doppler map of an echo, mean over antennas over the noise; float64 [pulses, range_bins].

    echo: float32 [antennas, range_bins x pulses, 2], as networks hear it. Rows from the fastest that goes
    away to the fastest that comes.
    """
    pairs = echo[..., 0] + 1j * echo[..., 1]
    by_pulse = pairs.reshape(radar.antennas, radar.range_bins, radar.pulses)
    spectrum = np.fft.fftshift(np.fft.fft(by_pulse, axis=2), axes=2) / math.sqrt(radar.pulses)
    return 10.0 * np.log10((np.abs(spectrum) ** 2).mean(axis=0).T + 1e-3)


def process_rows(systems: list[Measured]) -> Iterator[Result]:
    """Truth and estimates of the targets of figure 4."""
    for one in systems:
        for scene, rows in of_one_frame(one.scenes, AT_ONCE).items():
            outcome = outcomes(one, rows, PROCESS_SNR_DB, "awgn")
            for place, row in enumerate(rows):
                for k, task in enumerate(STATES):
                    said = {one.name: outcome.states[task][place]}
                    if one is systems[0]:
                        said = {"truth": one.scenes.test.states[row, k], **said}
                    for name, value in said.items():
                        yield Result(
                            system=SYSTEM,
                            figure="figure4",
                            variant=name,
                            conditions={"x": SNR_AXIS, "scene": scene, "fading": "awgn", "sample": str(row)},
                            x=PROCESS_SNR_DB,
                            metric=f"{task}_{UNITS[task]}",
                            value=float(IN_UNITS[task] * value),
                            unit=UNITS[task],
                        )


def draw_process(file: Path, systems: list[Measured]) -> None:
    """A row for each target: its frame with the target's box, its echo, the cut-out, what each received."""
    scenes, radar = systems[0].scenes, LfmSimoRadar()
    examples = of_one_frame(scenes, AT_ONCE)
    lines = [(scene, rows, place) for scene, rows in examples.items() for place in range(len(rows))]
    received = {
        (one.name, scene): outcomes(one, rows, PROCESS_SNR_DB, "awgn")
        for one in systems
        for scene, rows in examples.items()
    }
    with picture(file, 3.0 * (3 + len(systems)), 3.1 * len(lines), grid=False) as figure:
        axes = figure.subplots(len(lines), 3 + len(systems), squeeze=False)
        for line, (scene, rows, place) in zip(axes, lines, strict=True):
            row, test = rows[place], scenes.test
            frame = test.read_frame(int(test.frame[row]))
            show_image(line[0], frame)
            left, top, width, height = test.box_px[row]
            line[0].add_patch(_rectangle(left, top, width, height))
            line[0].set_title(f"{scene}: camera, target {place + 1} of {len(rows)}", fontsize=9)
            heard = systems[0].tensors.batch(np.array([row]), np.random.default_rng(0)).echoes[0].numpy()
            if heard.shape[1] == radar.pulses * radar.range_bins:
                _draw_echo(line[1], echo_power_db(heard, radar), radar)
            line[1].set_title("radar: echo over noise (dB)", fontsize=9)
            truth = {task: IN_UNITS[task] * test.states[row, k] for k, task in enumerate(STATES)}
            show_image(line[2], received[systems[-1].name, scene].sent[place])
            line[2].set_title("target\n" + said(truth), fontsize=9)
            for axis, one in zip(line[3:], systems, strict=True):
                outcome = received[one.name, scene]
                show_image(axis, outcome.pictures[place])
                found = {task: IN_UNITS[task] * outcome.states[task][place] for task in STATES}
                axis.set_title(f"{one.name}, AWGN, {PROCESS_SNR_DB:g} dB\n{said(found)}", fontsize=9)


def _rectangle(left: float, top: float, width: float, height: float) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle((left, top), width, height, fill=False, edgecolor="yellow", linewidth=1.5)


def _draw_echo(axis: object, power_db: np.ndarray, radar: LfmSimoRadar) -> None:
    fastest = velocity_from_doppler(0.5 / radar.pulse_interval_s, radar.carrier_hz)
    ends = (-(BELOW_ZERO + 0.5), radar.range_bins - BELOW_ZERO - 0.5)
    extent = (ends[0] * radar.range_bin_m, ends[1] * radar.range_bin_m, -fastest, fastest)
    shown = axis.imshow(power_db, origin="lower", aspect="auto", extent=extent, cmap="magma")
    axis.figure.colorbar(shown, ax=axis, shrink=0.8)
    axis.set_xlabel("distance (m)")
    axis.set_ylabel("closing speed (m/s)")


Shown = dict[tuple[str, str, str, float], Outcome]
"""Outcomes by channel, system, scene and SNR in dB."""


def pictures_of(systems: list[Measured]) -> Shown:
    """Figure 5: what is received of some targets of each scene."""
    return {
        (fading, one.name, scene, snr_db): outcomes(one, rows, snr_db, fading)
        for fading in FADINGS
        for one in systems
        for scene, rows in chosen(one.scenes, EXAMPLES).items()
        for snr_db in PICTURE_SNR_DB
    }


def picture_figure_rows(found: Shown) -> Iterator[Result]:
    """PSNR and SSIM of the pictures that are shown."""
    for (fading, name, scene, snr_db), outcome in found.items():
        scores = {
            "psnr_db": metrics.psnr_db(outcome.sent, outcome.pictures),
            "ssim": metrics.ssim(outcome.sent, outcome.pictures),
        }
        for metric, values in scores.items():
            for place, value in enumerate(values.tolist()):
                yield Result(
                    system=SYSTEM,
                    figure="figure5",
                    variant=name,
                    conditions={"x": SNR_AXIS, "scene": scene, "fading": fading, "target": str(place)},
                    x=snr_db,
                    metric=metric,
                    value=value,
                )


def draw_pictures(file: Path, found: Shown) -> None:
    """A row for each target and channel; of each system the picture as it was to be sent, and received."""
    names = list(dict.fromkeys(name for _, name, *_ in found))
    scenes = list(dict.fromkeys(scene for _, _, scene, _ in found))
    columns = [(name, snr_db) for name in names for snr_db in (None, *PICTURE_SNR_DB)]
    lines = [(fading, scene, place) for scene in scenes for place in range(EXAMPLES) for fading in FADINGS]
    with picture(file, 1.35 * len(columns), 1.45 * len(lines) + 0.4, grid=False) as figure:
        axes = figure.subplots(len(lines), len(columns), squeeze=False)
        for line, (fading, scene, place) in zip(axes, lines, strict=True):
            for axis, (name, snr_db) in zip(line, columns, strict=True):
                outcome = found[fading, name, scene, snr_db or PICTURE_SNR_DB[-1]]
                shown = outcome.sent[place] if snr_db is None else outcome.pictures[place]
                show_image(axis, shown)
                if (fading, scene, place) == lines[0]:
                    head = "sent" if snr_db is None else f"{snr_db:g} dB"
                    axis.set_title(f"{name}\n{head}", fontsize=8)
                if snr_db is not None:
                    psnr = metrics.psnr_db(outcome.sent, outcome.pictures)[place]
                    axis.set_xlabel(f"{psnr:.1f} dB", fontsize=7)
            line[0].set_ylabel(f"{scene}\n{fading}", fontsize=7)
        figure.suptitle("pictures of targets over both channels, PSNR below each", fontsize=9)
