# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames of samples, what the air does to them, and the targets in it, checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.constants import speed_of_light

from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.radar_parameters import RadarParameters
from semisac_ml.signal.targets import PointTarget

from .options import RadarOptions, Target, WayOptions


@dataclass(frozen=True)
class WaveformSettings:
    """What turns symbols into samples and what the samples meet.

    frame: layout of the frames. carrier_hz: turns Doppler into speed. way: to the receiver. echoes: to the
    radar.
    """

    frame: FrameParameters
    carrier_hz: float = 2.45e9
    way: WayOptions = WayOptions()
    echoes: RadarOptions = RadarOptions()

    def __post_init__(self) -> None:
        radar = self.radar
        for target in self.echoes.targets:
            if target.range_m > self.farthest_m:
                raise ValueError(
                    f"--target at {target.range_m:g} m, expected {self.farthest_m:.0f} m or less: its echo "
                    f"must come within the cyclic prefix of {self.frame.prefix_samples} samples; lower "
                    "--sample-rate-hz"
                )
            fastest = radar.geometry.velocity_bin_mps * radar.doppler_bins / 2.0
            if abs(target.velocity_mps) > fastest and radar.slow_times > 1:
                several = self.echoes.frames_per_map > 1
                remedy = "--frames-per-map" if several else "--fft-size or --carrier-hz"
                raise ValueError(
                    f"--target at {target.velocity_mps:g} m/s, expected {fastest:.4g} m/s or less: faster "
                    f"ones are ambiguous in these maps; lower {remedy}"
                )

    @property
    def radar(self) -> RadarParameters:
        """Of the range-Doppler maps."""
        return RadarParameters(
            self.frame,
            mode=self.frame.frame_type,
            carrier_hz=self.carrier_hz,
            antennas=self.echoes.antennas,
            frames_per_interval=self.echoes.frames_per_map,
            range_window="rectangular",
            doppler_window="rectangular",
        )

    @property
    def farthest_m(self) -> float:
        """Range from which an echo still comes within the cyclic prefix."""
        return speed_of_light * self.frame.prefix_samples / (2.0 * self.frame.sample_rate_hz)

    def moving(self, target: Target) -> PointTarget:
        """What is emulated for a target, and where it turns."""
        return PointTarget(
            target.range_m,
            target.velocity_mps,
            nearest_m=0.5 * target.range_m,
            farthest_m=min(1.5 * target.range_m, self.farthest_m),
            azimuth_rad=math.radians(target.azimuth_deg),
            snr_db=target.snr_db,
        )

    def plain(self) -> dict[str, object]:
        """Settings by name, for people and JSON."""
        frame = self.frame
        named = {
            "sample_rate_hz": frame.sample_rate_hz,
            "carrier_hz": self.carrier_hz,
            "fft_size": frame.fft_size,
            "images_per_frame": frame.images_per_frame,
            "frame_samples": frame.frame_samples,
            "antennas": self.echoes.antennas,
            "frames_per_map": self.echoes.frames_per_map,
            "leakage_db": self.echoes.leakage_db,
        }
        for number, target in enumerate(self.echoes.targets):
            named[f"target {number}"] = (
                f"{target.range_m:g} m, {target.velocity_mps:g} m/s, {target.azimuth_deg:g} degrees"
            )
        impairments = self.way.impairments()
        return named | {name: value for name, value in impairments.items() if value not in (0, "", ())}
