# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of the frames on the air, and how near the radar came to the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semisac_ml.signal.targets import motion

from .options import Target
from .physical_layer import waveform_layer
from .waveform import WaveformSettings

BEGIN_MIDDLE_END = np.array([0.0, 0.5, 1.0])  # of a map
NEAR_CELLS = 1.5  # a detection within so many resolution cells of a target is taken as this target
MEASURES = ("range_m", "velocity_mps", "azimuth_rad")


@dataclass(frozen=True)
class TargetAccuracy:
    """How one target was measured over all maps in which it was there and did not turn.

    truth: text. maps: so many. found: of these with a detection near it. errors: root mean
    square error over Cramér-Rao deviation by name of MEASURES; {} when it was never found.
    """

    truth: str
    maps: int
    found: int
    errors: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class AirSummary:
    """What the report says of waveform and radar.

    waveform: as it was set. target_probability: share of frames with the targets.
    counters: frames by what became of them.
    channel: gain at the used subcarriers of the last frame, complex.
    power_db: newest map, mean of the antennas, over noise, [doppler, range]. ranges_m, velocities_mps: axes.
    detections: of that map. targets: accuracy of each.
    """

    waveform: WaveformSettings
    target_probability: float
    counters: dict[str, int]
    channel: np.ndarray
    power_db: np.ndarray | None
    ranges_m: np.ndarray
    velocities_mps: np.ndarray
    detections: list[dict]
    targets: list[TargetAccuracy]

    def plain(self) -> dict[str, object]:
        """Counters and accuracies as JSON values."""
        return {
            "counters": self.counters,
            "targets": [
                {
                    "truth": target.truth,
                    "maps": target.maps,
                    "found": target.found,
                    "errors": {
                        name: {"rmse": rmse, "cramer_rao_deviation": bound}
                        for name, (rmse, bound) in target.errors.items()
                    },
                }
                for target in self.targets
            ],
        }


def summarise(
    layer: waveform_layer, waveform: WaveformSettings, target_probability: float, present: dict[int, bool]
) -> AirSummary:
    """Summary of a run; present: whether the targets were there, by frame_id of each complete frame."""
    maps = layer.detections.maps()
    geometry = waveform.radar.geometry
    power_db = None
    if maps:
        cells = np.array(layer.map.level()).reshape(
            geometry.antennas, geometry.doppler_bins, geometry.range_bins
        )
        power_db = 10.0 * np.log10(np.mean(np.abs(cells) ** 2, axis=0) + 1e-12)
    return AirSummary(
        waveform=waveform,
        target_probability=target_probability,
        counters=layer.counters(),
        channel=np.asarray(layer.demodulator.channel_estimate()),
        power_db=power_db,
        ranges_m=geometry.ranges_m,
        velocities_mps=geometry.velocities_mps,
        detections=maps[-1]["detections"] if maps else [],
        targets=[_accuracy(maps, waveform, present, target) for target in waveform.echoes.targets],
    )


def _accuracy(
    maps: list[dict], waveform: WaveformSettings, present: dict[int, bool], target: Target
) -> TargetAccuracy:
    interval_s = waveform.echoes.frames_per_map * waveform.frame.frame_samples / waveform.frame.sample_rate_hz
    there, errors, deviations = 0, [], []
    for index, found in enumerate(maps):
        if not present.get(found["frame_id"], False):
            continue
        ranges_m, speeds_mps = motion(waveform.moving(target), (index + BEGIN_MIDDLE_END) * interval_s)
        if speeds_mps[0] != speeds_mps[2]:
            continue  # it turns, and has no one speed
        there += 1
        truth = np.array([ranges_m[1], speeds_mps[1], np.deg2rad(target.azimuth_deg)])
        nearest = _nearest(found["detections"], truth, waveform)
        if nearest is not None:
            errors.append([nearest[name] for name in MEASURES] - truth)
            names = ("range_deviation_m", "velocity_deviation_mps", "azimuth_deviation_rad")
            deviations.append([nearest[name] for name in names])
    measured = {}
    if errors:
        rmse = np.sqrt(np.mean(np.square(errors), axis=0))
        bound = np.sqrt(np.mean(np.square(deviations), axis=0))
        measured = {
            name: (float(e), float(b))
            for name, e, b in zip(MEASURES, rmse, bound, strict=True)
            if np.isfinite(e) and np.isfinite(b)
        }
    text = f"{target.range_m:g} m, {target.velocity_mps:g} m/s, {target.azimuth_deg:g}°"
    return TargetAccuracy(text, there, len(errors), measured)


def _nearest(detections: list[dict], truth: np.ndarray, waveform: WaveformSettings) -> dict | None:
    """Detection nearest to the truth in resolution cells, None when none is near."""
    geometry = waveform.radar.geometry
    range_cell = geometry.range_bin_m * geometry.range_bins / np.count_nonzero(geometry.spectrum)
    velocity_cell = geometry.velocity_bin_mps * geometry.doppler_bins / geometry.slow_times
    best, best_distance = None, NEAR_CELLS
    for detection in detections:
        distance = abs(detection["range_m"] - truth[0]) / range_cell
        if geometry.slow_times > 1:
            distance = max(distance, abs(detection["velocity_mps"] - truth[1]) / velocity_cell)
        if distance < best_distance:
            best, best_distance = detection, distance
    return best
