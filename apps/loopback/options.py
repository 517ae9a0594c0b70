# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of run_loopback.py: of every link, and of the physical layer that links may share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.options import BundleName, FrameShape, InferenceOptions, MapOptions, ResultOptions
from cyclopts import Group, Parameter
from pydantic import Field, field_validator, model_validator

from semisac_ml.command_line import Options
from semisac_ml.signal.sample_channel import ChannelSettings


class LinkOptions(InferenceOptions):
    """What every link is told."""

    bundle: BundleName = "jssc/awgn"
    data: str = "sample"
    images: int | None = Field(
        None, ge=1, description="Images to send; a smaller set is repeated. Without it: each once."
    )
    snr_db: float | None = Field(
        None, description="Mean Es/N0 of the link in dB. [default: the bundle's reference]"
    )
    images_per_s: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Pace; 0 sends as fast as possible."
    )
    seed: int = Field(
        0,
        description="Seed of all random draws; the same seed gives the same figures. [0 to 2^64 - 1]",
    )
    batch: int = Field(64, ge=1, description="Most frames in one inference.")

    @field_validator("seed")
    @classmethod
    def _of_64_bits(cls, seed: int) -> int:
        if not 0 <= seed < 2**64:
            raise ValueError(f"--seed is {seed}, expected 0 to 2^64 - 1")
        return seed


class ReportOptions(ResultOptions):
    """Where the figures go."""

    report: Path = Field(Path("report.html"), description="Report to write.")
    no_report: bool = Field(False, description="Write no report.")


class ChannelOptions(Options):
    """What symbols cross; None: what the bundle was trained for."""

    phy: Literal["ofdm", "lfm", "symbols"] = Field(
        "ofdm",
        description="Physical layer: **ofdm** or **lfm** frames of samples, or bare **symbols**, one a "
        "channel use.",
    )
    channel: Literal["awgn", "rayleigh"] | None = Field(
        None, description="**awgn** or **rayleigh**. Without it: the bundle's."
    )


class SensingOptions(Options):
    """A target in some of the frames, and the learned detector that looks for it; None: what the bundle was
    trained for.
    """

    sensing_snr_db: float | None = Field(
        None, description="Echo SNR of the nearest range in dB. [default: the bundle's reference]"
    )
    ranges: int = Field(1, ge=1, description="Ranges in which a target may be.")
    range_step_db: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Loss from one range to the next in dB. [default: the bundle's]",
    )
    delay_symbols_per_range: int = Field(
        0, ge=0, description="Delay from one range to the next in symbols; 0: ranges differ in SNR only."
    )
    target_probability: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of frames, or of maps of several frames, with a target, each range equally; the "
        "detector knows it.",
    )
    sensing_knowledge: Literal["symbols", "echo"] = Field(
        "symbols", description="**symbols**: the detector knows what was sent; **echo**: it does not."
    )


@Parameter(group=Group("Waveform (ofdm, lfm)", sort_key=2))
class WaveformOptions(FrameShape):
    """Samples of the frames."""

    sample_rate_hz: float = Field(5e6, description="Complex samples a second.")
    carrier_hz: float = Field(2.45e9, description="Carrier; turns Doppler into speed.")


@Parameter(group=Group("On the way (ofdm, lfm)", sort_key=3))
class WayOptions(Options):
    """What becomes of the samples on the way to the receiver."""

    carrier_offset_hz: float = Field(0.0, description="Carrier offset of the receiver.")
    clock_offset_ppm: float = Field(0.0, description="Offset of the receiver's sampling clock.")
    delay_samples: float = Field(0.0, ge=0, description="Delay of the link, also fractional.")
    taps: str = Field("", description="Paths of the link as NS:DB,NS:DB,… such as 0:0,200:-3.")
    tdl_profile: str = Field("", description="Paths of 3GPP TDL-**A** … **E** instead.")
    delay_spread_ns: float = Field(100.0, ge=0, description="Root mean square delay spread of the profile.")
    doppler_hz: float = Field(0.0, ge=0, description="Largest Doppler of the link's fading.")
    linewidth_hz: float = Field(0.0, ge=0, description="Phase noise: width of the oscillators' line.")
    gap_probability: float = Field(0.0, ge=0, le=1, description="Share of 256-sample runs that are lost.")

    @model_validator(mode="after")
    def _fit_each_other(self) -> WayOptions:
        if not self.tdl_profile:
            self.refuse(["delay_spread_ns"], "by itself, expected --tdl-profile with it")
        ChannelSettings(**self.impairments())  # raises ValueError
        return self

    def impairments(self) -> dict[str, object]:
        """Of the channel, by the names of ChannelSettings."""
        delays_s, gains_db = parse_taps(self.taps)
        return self.model_dump(exclude={"taps", "tdl_profile", "delay_spread_ns"}) | {
            "delays_s": delays_s,
            "gains_db": gains_db,
            "profile": self.tdl_profile,
            "delay_spread_s": self.delay_spread_ns * 1e-9 if self.tdl_profile else 0.0,
            "gap_length": 256,
        }


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


@Parameter(group=Group("Radar (ofdm, lfm)", sort_key=4))
class RadarOptions(MapOptions):
    """Targets around the transmitter, and the receiver that looks for them."""

    target: list[str] = Field(
        [],
        description="RANGE_M[,SPEED_MPS[,AZIMUTH_DEG[,SNR_DB]]]; repeat for several, presence of the first "
        "is decided. They turn at half and at one and a half times their range. [default: 120,15,20]",
    )
    antennas: int = Field(4, ge=1, description="Receive antennas of the radar.")
    leakage_db: float | None = Field(
        None, description="Gain from transmitter to radar receiver. Without it: none."
    )

    @field_validator("target")
    @classmethod
    def _readable(cls, texts: list[str]) -> list[str]:
        for text in texts:
            Target.parse(text)
        return texts

    @property
    def targets(self) -> tuple[Target, ...]:
        """Around the transmitter."""
        return tuple(Target.parse(text) for text in self.target or ("120,15,20",))


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
