# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the programs on the air, on the command line and in a configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from common.options import (
    IMAGES_PER_FRAME,
    BundleName,
    FrameShape,
    InferenceOptions,
    PictureCode,
    PictureSize,
    ResultOptions,
)
from common.pictures import DEFAULT_SIZE, MOST_PACKETS_PER_FRAME, PictureSettings
from cyclopts import Group, Parameter
from gnuradio.semisac.radio import RadioSettings, radios
from pydantic import Field

from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.frame import FrameParameters


@Parameter(name="*", group=Group("Radio", sort_key=2), allow_leading_hyphen=True)
@dataclass(frozen=True)
class RadioOptions(RadioSettings):
    """Settings of a radio as they are typed."""

    section: ClassVar[str] = "radio"

    radio: Literal[*radios()] = field(metadata={"help": "Kind of radio."})
    options: Annotated[list[str], Parameter(name="--radio-option", metavar="NAME=VALUE")] = field(
        default_factory=list,
        metadata={"help": "What only this kind of radio knows; repeat for several."},
    )

    def settings(self) -> RadioSettings:
        """Settings of the radio. Raises ValueError."""
        typed = {one.name: getattr(self, one.name) for one in fields(self)}
        return RadioSettings(**typed | {"options": dict(map(_named_value, self.options))})


def _named_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip()):
        raise ValueError(f"--radio-option is {text!r}, expected NAME=VALUE such as cyclic=false")
    return name.strip(), value.strip()


@Parameter(group=Group("Frames (the same at both ends)", sort_key=3))
class FrameOptions(FrameShape):
    """What transmitter and receiver must agree upon: the bundle and the layout of frames."""

    section = "frame"

    bundle: BundleName = "jssc/awgn"
    phy: Literal["ofdm", "lfm"] = Field(
        "ofdm", description="**ofdm** symbols, or **lfm** chirps with symbols between."
    )
    gap_samples: int = Field(0, description="Silence behind each frame.")
    picture_size: PictureSize = None

    def layout(self, bundle: Bundle, sample_rate_hz: float) -> FrameParameters:
        """Layout for the symbols of a bundle. Raises ValueError."""
        channel_uses = bundle.interface(ImageLink).symbols.channel_uses
        images = self._images_per_frame(bundle)
        return self.parameters(self.phy, sample_rate_hz, channel_uses, images, self.gap_samples)

    def pictures(self, bundle: Bundle, chosen: PictureCode = PictureCode()) -> PictureSettings | None:
        """How pictures are sent, None for a bundle whose images have one size. Raises ValueError.

        chosen: of the transmitter.
        """
        if bundle.interface(ImageLink).symbols.code is not None:
            size = self.picture_size or DEFAULT_SIZE
            return PictureSettings.parse(bundle, size, chosen, self._images_per_frame(bundle))
        given = {"--picture-size": self.picture_size, "--fit": chosen.fit}
        for option, value in (given | {"--bandwidth-ratio": chosen.bandwidth_ratio}).items():
            if value is not None:
                raise ValueError(
                    f"{option} is {value}, but the images of bundle {bundle.name} have one size: leave it "
                    "out, or choose a bundle for pictures, such as jssc/hifi"
                )
        return None

    def _images_per_frame(self, bundle: Bundle) -> int:
        if self.images_per_frame is not None:
            return self.images_per_frame
        code = bundle.interface(ImageLink).symbols.code
        return IMAGES_PER_FRAME if code is None else MOST_PACKETS_PER_FRAME


class SourceOptions(PictureCode):
    """Images that are sent, and how."""

    data: str = Field(
        "sample",
        description="**sample** (the 64 that ship), **cifar10** (the test set), a picture, folder or video, "
        "**camera** or **camera:1**.",
    )
    images: int = Field(0, ge=0, description="Images to send; a smaller set is repeated.")
    images_per_s: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Pace; 0: as fast as the radio takes them."
    )
    snr_db: float | None = Field(
        None,
        description="Mean Es/N0 for which images are encoded. [default: the bundle's reference]",
    )


@Parameter(group=Group("Run and results", sort_key=4))
class RunOptions(InferenceOptions, ResultOptions):
    """How long to run and where the results go."""

    config: Path | None = Field(
        None,
        description="TOML file with options, such as examples/radio.toml; the command line goes before it.",
    )
    duration_s: float = Field(0.0, ge=0, allow_inf_nan=False, description="Stop after so long; 0: no limit.")
    window: bool = Field(False, description="Open a window.")
