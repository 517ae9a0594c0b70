# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the options of the programs on the air amount to: frames, source, run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loopback.pictures import DEFAULT_RATIO, DEFAULT_SIZE, MOST_PACKETS_PER_FRAME, PictureSettings

from semisac_ml.outputs import check_outputs
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.frame import FrameParameters

FRAME_TYPES = ("ofdm", "lfm")
IMAGES_PER_FRAME = 8


@dataclass(frozen=True)
class FrameSettings:
    """What transmitter and receiver must agree upon: the bundle and the layout of frames.

    images_per_frame: packets of a frame, for a bundle for pictures; None: the bundle's default. picture_size:
        as on the command line, None: the default; only for a bundle for pictures.
    """

    bundle: str
    phy: str
    fft_size: int
    images_per_frame: int | None
    gap_samples: int
    picture_size: str | None

    def __post_init__(self) -> None:
        if self.phy not in FRAME_TYPES:
            raise ValueError(f"--phy is {self.phy!r}, expected one of {', '.join(FRAME_TYPES)}")

    def layout(self, bundle: Bundle, sample_rate_hz: float) -> FrameParameters:
        """Layout for the symbols of a bundle. Raises ValueError."""
        return FrameParameters(
            sample_rate_hz=sample_rate_hz,
            fft_size=self.fft_size,
            prefix_samples=self.fft_size // 4,
            chirp_samples=max(FrameParameters.chirp_samples, self.fft_size // 2),
            images_per_frame=self._images_per_frame(bundle),
            channel_uses=bundle.interface(ImageLink).symbols.channel_uses,
            gap_samples=self.gap_samples,
            frame_type=self.phy,
            symbols_per_pulse=1,
        )

    def pictures(
        self, bundle: Bundle, bandwidth_ratio: str | None = None, fit: str | None = None
    ) -> PictureSettings | None:
        """How pictures are sent, None for a bundle whose images have one size. Raises ValueError.

        bandwidth_ratio, fit: of the transmitter, None: the default.
        """
        given = {
            "--picture-size": self.picture_size,
            "--bandwidth-ratio": bandwidth_ratio,
            "--fit": fit,
        }
        if bundle.interface(ImageLink).symbols.code is None:
            for option, value in given.items():
                if value is not None:
                    raise ValueError(
                        f"{option} is {value}, but the images of bundle {bundle.name} have one size: leave "
                        "it out, or choose a bundle for pictures, such as jssc/hifi"
                    )
            return None
        return PictureSettings.parse(
            bundle,
            self.picture_size or DEFAULT_SIZE,
            bandwidth_ratio or DEFAULT_RATIO,
            fit or "crop",
            self._images_per_frame(bundle),
        )

    def _images_per_frame(self, bundle: Bundle) -> int:
        if self.images_per_frame is not None:
            return self.images_per_frame
        code = bundle.interface(ImageLink).symbols.code
        return IMAGES_PER_FRAME if code is None else MOST_PACKETS_PER_FRAME


@dataclass(frozen=True)
class SourceSettings:
    """Images that are sent, and how.

    data: where they come from. images: how many, 0: no number given. images_per_s: 0: as fast as the radio
    takes them. snr_db: for which they are encoded, None: the bundle's reference. bandwidth_ratio, fit: of
    pictures, None: the default.
    """

    data: str
    images: int
    images_per_s: float
    snr_db: float | None
    bandwidth_ratio: str | None
    fit: str | None

    def __post_init__(self) -> None:
        check_not_negative("--images", self.images)
        check_not_negative("--images-per-s", self.images_per_s)


@dataclass(frozen=True)
class RunSettings:
    """How long to run and where the results go.

    duration_s: 0: no limit. json: file, "-" for standard output, "" for none.
    """

    duration_s: float
    json: str
    window: bool
    quiet: bool

    def __post_init__(self) -> None:
        check_not_negative("--duration-s", self.duration_s)
        check_outputs({"--json": self.json or None})


def check_gate(
    gate_m: float | None, gate_mps: float, gate_snr_db: float | None, target_probability: float
) -> None:
    """Raise ValueError for what is said of a gate that is none, or nothing of a gate's echo."""
    if gate_snr_db is not None and not math.isfinite(gate_snr_db):
        raise ValueError(f"--gate-snr-db is {gate_snr_db:g}, expected a number of dB")
    if gate_m is not None:
        return
    for option, is_given in (
        ("--gate-mps", gate_mps != 0.0),
        ("--gate-snr-db", gate_snr_db is not None),
        ("--target-probability", target_probability != 0.5),
    ):
        if is_given:
            raise ValueError(f"{option} does nothing by itself, expected --gate-m with it")


def check_not_negative(option: str, value: float) -> None:
    """Raise ValueError unless a number is 0 or more."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{option} is {value:g}, expected 0 or more")
