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
from semisac_ml.signal.targets import PointTarget


@dataclass(frozen=True)
class Target:
    """A point target; the first of a run is the one whose presence is decided. It turns at half and at one
    and a half times its range, or where echoes come too late.

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


FALSE_ALARMS_PER = ("map", "cell")
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


def check_false_alarms(rate: float, per: str) -> None:
    """Raise ValueError unless the detector takes these."""
    if not 1e-15 <= rate <= 0.5:
        raise ValueError(f"--false-alarm-rate is {rate:g}, expected 1e-15 to 0.5")
    if per not in FALSE_ALARMS_PER:
        raise ValueError(f"--false-alarms-per is {per!r}, expected one of {', '.join(FALSE_ALARMS_PER)}")


@dataclass(frozen=True)
class WaveformSettings:
    """What turns symbols into samples and what the samples meet.

    frame: layout of the frames. carrier_hz: turns Doppler into speed.
    impairments: settings of the channel, by the names of ChannelSettings, without model and snr_db.
    antennas: of the radar receiver. frames_per_map: frames that one range-Doppler map is made of.
    targets: around the transmitter. leakage_db: gain from transmitter to radar receiver; None: no leakage.
    false_alarm_rate, false_alarms_per: of the detector in the maps.
    """

    frame: FrameParameters
    carrier_hz: float = 2.45e9
    impairments: dict[str, object] = field(default_factory=dict)
    antennas: int = 4
    frames_per_map: int = 1
    targets: tuple[Target, ...] = DEFAULT_TARGETS
    leakage_db: float | None = None
    false_alarm_rate: float = 0.01
    false_alarms_per: str = "map"

    def __post_init__(self) -> None:
        ChannelSettings(**self.impairments)  # raises ValueError
        check_false_alarms(self.false_alarm_rate, self.false_alarms_per)
        radar = self.radar
        for target in self.targets:
            if target.range_m > self.farthest_m:
                raise ValueError(
                    f"--target at {target.range_m:g} m, expected {self.farthest_m:.0f} m or less: its echo "
                    f"must come within the cyclic prefix of {self.frame.prefix_samples} samples; lower "
                    "--sample-rate-hz"
                )
            fastest = radar.geometry.velocity_bin_mps * radar.doppler_bins / 2.0
            if abs(target.velocity_mps) > fastest and radar.slow_times > 1:
                remedy = "--frames-per-map" if self.frames_per_map > 1 else "--fft-size or --carrier-hz"
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
            antennas=self.antennas,
            frames_per_interval=self.frames_per_map,
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
            "antennas": self.antennas,
            "frames_per_map": self.frames_per_map,
            "leakage_db": self.leakage_db,
        }
        for number, target in enumerate(self.targets):
            named[f"target {number}"] = (
                f"{target.range_m:g} m, {target.velocity_mps:g} m/s, {target.azimuth_deg:g} degrees"
            )
        return named | {name: value for name, value in self.impairments.items() if value not in (0, "", ())}
