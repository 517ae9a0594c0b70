# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bundles are used for: the interfaces that several systems share, and the base of any other.

A system describes the section ``interface`` of its manifests by a class ``Interface`` in
``semisac_ml/systems/<system>/manifest.py``, derived from those here that its bundles serve, with fields of
its own where it needs some. Blocks and programs ask a bundle for an interface, never for a system.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class Strict(BaseModel):
    """A part of a manifest: unknown, missing or infinite values are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Interface(Strict):
    """Base of all interfaces; a class of its own fields says in ``does`` what its bundles do."""

    does: ClassVar[str] = "serves programs of its own system"

    def axis_lengths(self) -> dict[str, int]:
        """Lengths of named axes in the made-up inputs that each network is tried with; of others it is 2."""
        return {}

    def summary(self) -> list[tuple[str, str]]:
        """Rows of ``semisac bundle show``: name and text of each field that says something."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return [(name.replace("_", " "), _text(value)) for name, value in values if value not in (None, [])]


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class Code(Strict):
    """Code of a picture of any size: real values in `channels` for each `stride` x `stride` pixels, of which
    the first are sent, as many as one of `sent_channels` says.
    """

    channels: Annotated[int, Field(ge=1)]
    stride: Annotated[int, Field(ge=1)]
    sent_channels: Annotated[list[int], Field(min_length=1)]

    @model_validator(mode="after")
    def _sent_are_there(self) -> Code:
        if not all(1 <= sent <= self.channels for sent in self.sent_channels):
            raise ValueError(f"sent_channels is {self.sent_channels}, expected 1 to {self.channels} each")
        return self


class Symbols(Strict):
    """Layout and power of the complex symbols; those of a `code` go in packets of channel_uses."""

    channel_uses: Annotated[int, Field(ge=1)]
    real_dimensions: Annotated[int, Field(ge=2)]
    bandwidth_ratio: Annotated[float, Field(gt=0)]
    power: str
    layout: str
    code: Code | None = None

    @model_validator(mode="after")
    def _two_reals_a_use(self) -> Symbols:
        if self.real_dimensions != 2 * self.channel_uses:
            raise ValueError(
                f"real_dimensions is {self.real_dimensions}, expected 2 x channel_uses = "
                f"{2 * self.channel_uses}"
            )
        return self

    def __str__(self) -> str:
        size = f"{self.channel_uses} channel uses ({self.real_dimensions} reals)"
        return f"{size}, {self.power}; {self.layout}"


class Channel(Strict):
    """Communication channel that the bundle was trained for; SNR as Es/N0 in dB, [lowest, highest]."""

    model: Literal["awgn", "rayleigh"]
    snr_db: Interval
    reference_snr_db: float
    gain_known_at_receiver: bool

    def __str__(self) -> str:
        known = "gain known" if self.gain_known_at_receiver else "gain unknown"
        return f"{self.model}, {_span(self.snr_db)} (reference {self.reference_snr_db:g} dB), {known}"


class Sensing(Strict):
    """Echo that the bundle was trained for; SNR of the nearest range in dB, [lowest, highest]."""

    fading: Literal["none", "rayleigh", "two_hop_rayleigh"]
    snr_db: Interval
    reference_snr_db: float
    range_step_db: float
    max_ranges: Annotated[int, Field(ge=1)]
    random_phase: bool
    max_frequency_offset: float

    def __str__(self) -> str:
        echo = f"fading {self.fading}, {_span(self.snr_db)} (reference {self.reference_snr_db:g} dB)"
        return f"{echo}, up to {self.max_ranges} ranges of {self.range_step_db:g} dB"


def _span(limits: list[float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g} dB"


class SymbolLink(Interface):
    """Symbols over the air, whatever they tell of."""

    does: ClassVar[str] = "sends symbols"

    symbols: Symbols
    channel: Channel


class ImageLink(SymbolLink):
    """Images in, symbols out, and from what arrives of them images, classes and targets.

    classes: that the network `task` tells apart, in the order of its output; animal_classes: which of these,
    by their number, are animals.
    """

    does: ClassVar[str] = "sends images"

    sensing: Sensing
    classes: list[str] = []
    animal_classes: list[int] = []

    def axis_lengths(self) -> dict[str, int]:
        """One echo of the symbols, and pictures of two by two strides of the code."""
        uses, code = self.symbols.channel_uses, self.symbols.code
        side = 2 * (code.stride if code else 1)
        own = {"hypotheses": 3, "channel_uses": uses, "echo_samples": uses, "height": side, "width": side}
        return super().axis_lengths() | own


class ArrayRadar(Strict):
    """Radar whose echoes the bundle was trained with: the fields of semisac_ml.signal.lfm_simo_echo."""

    carrier_hz: Annotated[float, Field(gt=0)]
    bandwidth_hz: Annotated[float, Field(gt=0)]
    pulse_interval_s: Annotated[float, Field(gt=0)]
    sample_rate_hz: Annotated[float, Field(gt=0)]
    antennas: Annotated[int, Field(ge=1)]
    pulses: Annotated[int, Field(ge=1)]
    range_bins: Annotated[int, Field(ge=1)]
    radar_cross_section_m2: Annotated[float, Field(gt=0)]
    transmit_power_w: Annotated[float, Field(gt=0)]
    noise_figure: Annotated[float, Field(gt=0)]

    def __str__(self) -> str:
        cube = f"{self.antennas} antennas, {self.pulses} pulses, {self.range_bins} range bins"
        return f"{self.carrier_hz / 1e9:g} GHz, {self.bandwidth_hz / 1e6:g} MHz, {cube}"

    @property
    def echo_length(self) -> int:
        """Samples of an echo at one antenna: in each range bin all pulses."""
        return self.pulses * self.range_bins


class TargetState(Strict):
    """One of the numbers that are told of a target, and between which values it was trained."""

    name: Literal["distance", "angle", "velocity"]
    unit: Literal["m", "rad", "m/s"]
    trained: Interval

    def __str__(self) -> str:
        return f"{self.name} {self.trained[0]:g} to {self.trained[1]:g} {self.unit}"


class TargetLink(SymbolLink):
    """A picture and an echo in, symbols out, and from what arrives of them a target's states and picture.

    frame_pixels: side of the camera's pictures, a square. picture_pixels: side of the target's. states: in
    the order of the network's outputs: distance in m, azimuth from broadside in rad, closing speed in m/s.
    """

    does: ClassVar[str] = "sends what camera and radar know of a target"

    radar: ArrayRadar
    frame_pixels: Annotated[int, Field(ge=1)]
    picture_pixels: Annotated[int, Field(ge=1)]
    states: Annotated[list[TargetState], Field(min_length=3, max_length=3)]

    @model_validator(mode="after")
    def _states_in_their_order(self) -> TargetLink:
        found = [(state.name, state.unit) for state in self.states]
        expected = [("distance", "m"), ("angle", "rad"), ("velocity", "m/s")]
        if found != expected:
            raise ValueError(f"states are {found}, expected {expected}")
        return self


class Beams(Strict):
    """What a network that predicts beams was trained with.

    count: of the codebook, in the order of the data set's tables. frames: how many it is shown, the oldest
    first. sites: base stations in the order of the input `site`. measured: beams of the partial sweeps that
    it was trained with, by their number. tempering: exponent of its probabilities when beams are ranked.
    """

    count: Annotated[int, Field(ge=2)]
    frames: Annotated[int, Field(ge=1)]
    sites: list[str]
    measured: dict[str, list[int]]
    tempering: Annotated[float, Field(gt=0.0)] = 1.0

    def __str__(self) -> str:
        return f"{self.count}, from up to {self.frames} frames; sites {', '.join(self.sites)}"


class BeamPrediction(Interface):
    """What sensors say in, the probability of each beam out."""

    does: ClassVar[str] = "predicts beams"

    beams: Beams


class AnyNetwork(Interface):
    """A network of anybody's, that is run as it is.

    source: where it is from. complex_tensors: names of those whose last axis, of length 2, is I and Q.
    """

    does: ClassVar[str] = "holds a network from elsewhere, for the block onnx_inference"

    source: str
    complex_tensors: list[str] = []
