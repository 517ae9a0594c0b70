# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames of samples, what the air does to them, and the targets in it, checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from scipy.constants import speed_of_light

from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.radar_parameters import RadarParameters
from semisac_ml.signal.sample_channel import ChannelSettings


@dataclass(frozen=True)
class Target:
    """A point target; the first of a run is the one whose presence is decided.

    velocity_mps: closing speed. azimuth_deg: from broadside. snr_db: of the echo of one symbol at one
    antenna; None: that of the run.
    """

    range_m: float
    velocity_mps: float = 0.0
    azimuth_deg: float = 0.0
    snr_db: float | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Target from "RANGE_M[,SPEED_MPS[,AZIMUTH_DEG[,SNR_DB]]]"; raises ValueError."""
        try:
            numbers = [float(part) for part in text.split(",")]
            if not 1 <= len(numbers) <= 4 or not all(math.isfinite(number) for number in numbers):
                raise ValueError
        except ValueError:
            raise ValueError(
                f"--target is {text!r}, expected RANGE_M[,SPEED_MPS[,AZIMUTH_DEG[,SNR_DB]]] such as 120,15,20"
            ) from None
        target = cls(*numbers)
        if target.range_m <= 0.0 or abs(target.azimuth_deg) > 90.0:
            raise ValueError(
                f"--target is {text!r}, expected a range above 0 m and an azimuth of -90 to 90 degrees"
            )
        return target


DEFAULT_TARGETS = (Target(120.0, 15.0, 20.0),)


def parse_taps(text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Delays in seconds and gains in dB from "NS:DB,NS:DB,..."; raises ValueError."""
    if not text:
        return (), ()
    try:
        taps = [tuple(float(number) for number in tap.split(":")) for tap in text.split(",")]
        if not all(len(tap) == 2 and tap[0] >= 0 and math.isfinite(sum(tap)) for tap in taps):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"--taps is {text!r}, expected delays in ns, 0 or more, and gains in dB such as 0:0,200:-3,500:-8"
        ) from None
    return tuple(tap[0] * 1e-9 for tap in taps), tuple(tap[1] for tap in taps)


@dataclass(frozen=True)
class WaveformSettings:
    """What turns symbols into samples and what the samples meet.

    frame: layout of the frames. carrier_hz: turns Doppler into speed.
    impairments: settings of the channel, by the names of ChannelSettings, without model and snr_db.
    antennas: of the radar receiver. frames_per_map: frames that one range-Doppler map is made of.
    targets: around the transmitter. leakage_db: gain from transmitter to radar receiver; None: no leakage.
    """

    frame: FrameParameters
    carrier_hz: float = 2.45e9
    impairments: dict[str, object] = field(default_factory=dict)
    antennas: int = 4
    frames_per_map: int = 1
    targets: tuple[Target, ...] = DEFAULT_TARGETS
    leakage_db: float | None = None

    def __post_init__(self) -> None:
        ChannelSettings(**self.impairments)  # raises ValueError
        radar = self.radar
        farthest = speed_of_light * self.frame.prefix_samples / (2.0 * self.frame.sample_rate_hz)
        for target in self.targets:
            if target.range_m > farthest:
                raise ValueError(
                    f"--target at {target.range_m:g} m, expected {farthest:.0f} m or less: its echo must "
                    f"come within the cyclic prefix of {self.frame.prefix_samples} samples; lower "
                    "--sample-rate-hz"
                )
            fastest = radar.geometry.velocity_bin_mps * radar.doppler_bins / 2.0
            if abs(target.velocity_mps) > fastest and radar.slow_times > 1:
                raise ValueError(
                    f"--target at {target.velocity_mps:g} m/s, expected {fastest:.0f} m/s or less: faster "
                    "ones are ambiguous in these maps; lower --frames-per-map"
                )

    @property
    def radar(self) -> RadarParameters:
        """Of the range-Doppler maps."""
        return RadarParameters(
            self.frame,
            mode=self.frame.frame_type,
            carrier_hz=self.carrier_hz,
            antennas=self.antennas,
            frames_per_interval=self.frames_per_map,
            range_window="rectangular",
            doppler_window="rectangular",
        )

    def delay_samples(self, target: Target) -> float:
        """Delay of a target's echo at the start."""
        return 2.0 * target.range_m / speed_of_light * self.frame.sample_rate_hz

    def plain(self) -> dict[str, object]:
        """Settings by name, for people and JSON."""
        frame = self.frame
        named = {
            "sample_rate_hz": frame.sample_rate_hz,
            "carrier_hz": self.carrier_hz,
            "fft_size": frame.fft_size,
            "images_per_frame": frame.images_per_frame,
            "frame_samples": frame.frame_samples,
            "antennas": self.antennas,
            "frames_per_map": self.frames_per_map,
            "leakage_db": self.leakage_db,
        }
        for number, target in enumerate(self.targets):
            named[f"target {number}"] = (
                f"{target.range_m:g} m, {target.velocity_mps:g} m/s, {target.azimuth_deg:g} degrees"
            )
        return named | {name: value for name, value in self.impairments.items() if value not in (0, "", ())}
