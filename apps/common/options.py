# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of several programs, each declared once, and what they amount to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import Options
from semisac_ml.runtime import Bundle, Precision, Provider
from semisac_ml.signal.frame import FrameParameters

FARTHEST_OUTSIDE_DB = 10.0
IMAGES_PER_FRAME = 8

Chosen = TypeVar("Chosen", bound=Options)
BundleName = Annotated[
    str, Field(description="Trained networks: folder of a bundle, or system/name of one that ships.")
]
PictureSize = Annotated[
    str | None,
    Field(
        description="Pixels of a square, or WIDTHxHEIGHT, multiples of 4, with a bundle for pictures. "
        "[default: 256]"
    ),
]


class ResultOptions(Options):
    """Where the figures go."""

    json_file: Annotated[Path | None, Parameter(name="--json")] = Field(
        None, description="JSON file to write with settings and figures; - for standard output."
    )
    quiet: Annotated[bool, Parameter(alias="-q")] = Field(False, description="Neither live status nor table.")


class InferenceOptions(Options):
    """Where networks run."""

    provider: Provider = Field(
        "cpu",
        description="What runs networks, by ONNX Runtime: **cpu**, **openvino**, **cuda** or **tensorrt**.",
    )
    threads: int = Field(
        1, ge=1, description="Threads of an inference; more than one compete with the blocks."
    )
    precision: Precision = Field(
        "auto",
        description="What networks are computed in: **float32**, or **int8** where the bundle holds them so "
        "too; **auto** takes that where the processor is fast in it.",
    )

    def load(self, bundle: str) -> Bundle:
        """A bundle whose networks run there. Raises BundleError."""
        return Bundle.load(bundle, provider=self.provider, threads=self.threads, precision=self.precision)


class FrameShape(Options):
    """What frames of samples are like."""

    fft_size: int = Field(64, description="Subcarriers of an OFDM symbol, 64 to 2048.")
    images_per_frame: int | None = Field(
        None,
        description="Images in a frame on the air, or packets of pictures. "
        "[default: 8 images, of packets at most 32]",
    )

    def parameters(
        self,
        frame_type: str,
        sample_rate_hz: float,
        channel_uses: int,
        images_per_frame: int,
        gap_samples: int = 0,
    ) -> FrameParameters:
        """Layout of frames for images of so many symbols. Raises ValueError."""
        return FrameParameters(
            sample_rate_hz=sample_rate_hz,
            fft_size=self.fft_size,
            prefix_samples=self.fft_size // 4,
            chirp_samples=max(FrameParameters.chirp_samples, self.fft_size // 2),
            images_per_frame=images_per_frame,
            channel_uses=channel_uses,
            gap_samples=gap_samples,
            frame_type=frame_type,
            symbols_per_pulse=1,
        )


class PictureCode(Options):
    """How pictures of any size are sent; None: the default."""

    bandwidth_ratio: str | None = Field(
        None,
        description="Complex channel uses a value of a picture: **1/24**, **1/12** or **1/6**, with a bundle "
        "for pictures. [default: 1/12]",
    )
    fit: Literal["crop", "pad"] | None = Field(
        None, description="Pictures of other proportions: **crop** or **pad** them. [default: crop]"
    )


class MapOptions(Options):
    """Of what range-Doppler maps are made, and how often the detector in them may be wrong."""

    frames_per_map: int = Field(1, ge=1, description="Frames in a range-Doppler map.")
    false_alarm_rate: float = Field(
        0.01, ge=1e-15, le=0.5, description="Probability that a map without a target shows one."
    )
    false_alarms_per: Literal["map", "cell"] = Field(
        "map", description="What that rate counts: a **map**, or a **cell** of it."
    )


def completed(options: Chosen, **defaults: object) -> Chosen:
    """Options in which those that are None are those of the bundle."""
    missing = {name: value for name, value in defaults.items() if getattr(options, name) is None}
    return options.model_copy(update=missing)


def snr_warnings(option: str, snr_db: float, trained: list[float], bundle: str) -> list[str]:
    """What to say of an SNR for which a bundle was not trained. Raises ValueError when that is far."""
    low, high = trained
    said = f"the {low:g} to {high:g} dB for which {bundle} was trained"
    lowest, highest = low - FARTHEST_OUTSIDE_DB, high + FARTHEST_OUTSIDE_DB
    if not lowest <= snr_db <= highest:  # nor NaN
        raise ValueError(
            f"{option} is {snr_db:g} dB, expected {said}, {lowest:g} to {highest:g} dB with a warning"
        )
    return [] if low <= snr_db <= high else [f"{option} is {snr_db:g} dB, outside {said}"]
