# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A contact sheet: a row a step, a column a modality, the truth laid over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semisac_ml.data import DataError
from semisac_ml.results.drawing import picture, show_image

from .beams import beam_azimuths_rad
from .camera import Camera
from .radar import RadarSettings
from .reader import Moment, SceneSet

CLASS_COLOURS = np.array(
    [
        (70, 130, 180),
        (90, 90, 95),
        (180, 165, 190),
        (150, 110, 90),
        (80, 140, 50),
        (200, 200, 120),
        (30, 60, 200),
        (60, 150, 220),
        (230, 150, 30),
        (140, 70, 180),
        (220, 40, 60),
        (250, 110, 150),
    ],
    np.uint8,
)
CARRIER_COLOURS = ("#e6007e", "#00a0a0")
COLUMNS = (
    "camera",
    "classes",
    "thermal",
    "depth",
    "LiDAR from above",
    "range and Doppler",
    "64 beams",
    "28 GHz paths",
)


def contact_sheet(scenes: SceneSet, steps: Sequence[int] | None, file: Path) -> Path:
    """Draw steps of a set, by default six spread over it, into a PNG file.

    Raises
    ------
    DataError
        If a step is none of the set.
    """
    if steps is None:
        steps = sorted({int(k) for k in np.linspace(0, len(scenes) - 1, 6)})
    for step in steps:
        if not 0 <= step < len(scenes):
            raise DataError(f"step is {step}, expected 0 to {len(scenes) - 1}")
    with picture(file, 3.1 * len(COLUMNS), 2.5 * len(steps), grid=False, dpi=100) as figure:
        axes = figure.subplots(len(steps), len(COLUMNS), squeeze=False)
        for row, step in zip(axes, steps, strict=True):
            moment = scenes.moments[step]
            for axis, draw in zip(row, DRAWERS, strict=True):
                draw(axis, moment)
                axis.tick_params(labelsize=6)
            drive = moment.drive
            rain = ", rain" if drive["rain"] else ""
            row[0].set_ylabel(f"{step}: {drive['layout']}, {drive['time']}{rain}", fontsize=8)
        for axis, title in zip(axes[0], COLUMNS, strict=True):
            axis.set_title(title, fontsize=9)
    return file


def camera_of(moment: Moment) -> Camera:
    """The camera of a drive."""
    stored = moment.drive["camera"]
    return Camera(
        np.array(stored["position_m"]),
        stored["heading_rad"],
        stored["pitch_rad"],
        stored["width"],
        stored["height"],
        stored["field_of_view_deg"],
    )


def _camera(axis: Any, moment: Moment) -> None:
    show_image(axis, moment.image())
    _boxes(axis, moment)


def _boxes(axis: Any, moment: Moment) -> None:
    from matplotlib.patches import Rectangle

    for target in moment.targets:
        if target["box_px"] is None or target["visible_pixels"] < 12:
            continue
        x, y, width, height = target["box_px"]
        carrier = target["carrier"]
        colour = CARRIER_COLOURS[carrier - 1] if carrier else ("#ff8c00" if target["blocked"] else "#40ff40")
        axis.add_patch(
            Rectangle((x - 0.5, y - 0.5), width, height, fill=False, ec=colour, lw=1.4 if carrier else 0.6)
        )
        if carrier:
            text = f"{target['distance_m']:.0f} m {target['radial_velocity_mps']:+.0f} m/s"
            axis.text(x, y - 2, text, color=colour, fontsize=5)


def _classes(axis: Any, moment: Moment) -> None:
    arrays = moment.arrays()
    image = CLASS_COLOURS[arrays["classes"]].astype(float)
    number = arrays["instances"].astype(int)
    edge = (number != np.roll(number, 1, 0)) | (number != np.roll(number, 1, 1))
    image[edge] = 255
    show_image(axis, image.astype(np.uint8))


def _thermal(axis: Any, moment: Moment) -> None:
    low, high = moment.record["thermal_range_k"]
    show_image(axis, moment.arrays()["thermal"], cmap="inferno")
    axis.set_xlabel(f"{low - 273.15:.0f} to {high - 273.15:.0f} °C", fontsize=6)


def _depth(axis: Any, moment: Moment) -> None:
    """Depth, and every twentieth LiDAR point in the colour of its own distance: it must vanish."""
    depth, camera = moment.depth_m(), camera_of(moment)
    show_image(
        axis,
        np.log(np.where(np.isfinite(depth), depth, 300)),
        cmap="viridis",
        vmin=np.log(4),
        vmax=np.log(200),
    )
    heading = moment.drive["boresight_rad"]
    c, s = np.cos(heading), np.sin(heading)
    points = moment.points()[::20, :3]
    world = points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]]) + moment.drive["station_m"]
    place, away = camera.project(world)
    inside = (away > 1) & (place >= 0).all(-1) & (place < [camera.width, camera.height]).all(-1)
    axis.scatter(
        *place[inside].T - 0.5,
        c=np.log(away[inside]),
        cmap="viridis",
        vmin=np.log(4),
        vmax=np.log(200),
        s=7,
        edgecolors="white",
        linewidths=0.2,
    )


def _lidar(axis: Any, moment: Moment) -> None:
    points = moment.points()
    axis.scatter(
        -points[:, 1], points[:, 0], c=points[:, 2], s=0.25, cmap="turbo", vmin=-7, vmax=6, rasterized=True
    )
    for target in moment.targets:
        angle, reach = (
            np.radians(target["azimuth_deg"]),
            target["distance_m"] * np.cos(np.radians(target["elevation_deg"])),
        )
        colour = CARRIER_COLOURS[target["carrier"] - 1] if target["carrier"] else "black"
        axis.plot(
            -reach * np.sin(angle),
            reach * np.cos(angle),
            "+",
            color=colour,
            ms=6 if target["carrier"] else 3,
            mew=0.8,
        )
    axis.set_xlim(-35, 35)
    axis.set_ylim(0, 75)


def range_doppler_db(beat: np.ndarray) -> np.ndarray:
    """Power over range and Doppler, summed over antennas, in dB over the median, [samples, chirps]."""
    samples, chirps = beat.shape[1:]
    window = np.outer(np.hanning(samples), np.hanning(chirps))
    spectrum = np.fft.fftshift(np.fft.fft2(beat * window, axes=(1, 2)), axes=2)
    power = (np.abs(spectrum) ** 2).sum(axis=0)
    return 10 * np.log10(power / np.median(power) + 1e-6)


def _radar(axis: Any, moment: Moment) -> None:
    settings, beat = RadarSettings(), moment.beat()
    fastest, farthest = settings.fastest_mps, settings.range_bin_m * beat.shape[1]
    axis.imshow(
        range_doppler_db(beat),
        origin="lower",
        aspect="auto",
        extent=(-fastest, fastest, 0, farthest),
        cmap="magma",
        vmin=0,
        vmax=45,
    )
    for target in moment.targets:
        if (
            abs(target["azimuth_deg"]) < 60
            and not target["blocked"]
            and abs(target["radial_velocity_mps"]) > 0.5
        ):
            colour = CARRIER_COLOURS[target["carrier"] - 1] if target["carrier"] else "white"
            axis.plot(
                target["radial_velocity_mps"],
                target["distance_m"],
                "o",
                mfc="none",
                color=colour,
                ms=6,
                mew=0.7,
            )
    axis.set_ylim(0, 90)
    axis.set_xlabel("m/s, m", fontsize=6)


def _beams(axis: Any, moment: Moment) -> None:
    azimuth = np.degrees(beam_azimuths_rad())
    for k, colour in enumerate(CARRIER_COLOURS):
        powers = moment.powers(k)
        axis.plot(azimuth, 10 * np.log10(powers), color=colour, lw=1)
        for target in moment.targets:
            if target["carrier"] == k + 1:
                axis.axvline(
                    target["azimuth_deg"], color=colour, lw=0.8, ls=":" if target["blocked"] else "--"
                )
    axis.set_xlim(45, -45)
    axis.set_xlabel("azimuth, degrees", fontsize=6)


def _channel(axis: Any, moment: Moment) -> None:
    """Paths of both carriers at 28 GHz: azimuth at the base station and delay; larger is stronger."""
    for k, colour in enumerate(CARRIER_COLOURS):
        paths = moment.paths(k, 28)
        level_db = 20 * np.log10(np.abs(paths.gain) + 1e-12)
        size = np.clip(level_db + 150, 1, 60)
        face = np.where(paths.line_of_sight, colour, "none")
        axis.scatter(
            np.degrees(paths.arrival_rad[:, 0]),
            1e9 * paths.delay_s,
            s=size,
            c=face,
            edgecolors=colour,
            lw=0.7,
        )
    axis.set_xlim(90, -90)
    axis.set_xlabel("azimuth in degrees, delay in ns; full: line of sight", fontsize=6)


DRAWERS = (_camera, _classes, _thermal, _depth, _lidar, _radar, _beams, _channel)
