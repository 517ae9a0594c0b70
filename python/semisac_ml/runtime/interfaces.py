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


class ArrayCell(Strict):
    """Base station, users and the paths between them that the bundle was trained for: the fields of
    semisac_ml.signal.mimo_ofdm.MimoOfdm.
    """

    station_antennas: Annotated[int, Field(ge=1)]
    user_antennas: Annotated[int, Field(ge=1)]
    station_chains: Annotated[int, Field(ge=1)]
    user_chains: Annotated[int, Field(ge=1)]
    users: Annotated[int, Field(ge=1)]
    subcarriers: Annotated[int, Field(ge=1)]
    subcarrier_spacing_hz: Annotated[float, Field(gt=0)]
    symbol_interval_s: Annotated[float, Field(gt=0)]
    carrier_hz: Annotated[float, Field(gt=0)]
    paths: Annotated[int, Field(ge=1)]
    delay_s: Annotated[float, Field(ge=0)]
    speed_mps: Annotated[float, Field(ge=0)]
    doppler: Literal["speed", "paths"]

    def __str__(self) -> str:
        ends = f"{self.station_antennas} antennas, {self.users} users of {self.user_antennas}"
        return f"{ends}, {self.subcarriers} subcarriers, {self.carrier_hz / 1e9:g} GHz"


class ArrayFrame(Strict):
    """What a frame has: pilots down, feedback up, OFDM symbols of data up.

    pilots, feedback_bits, symbols: the most of each if `flexible`, else so many. number_bits: of a number
    that is fed back. gap_symbols: between the last pilot and the data. pilot_power_db: of the station, over
    that of a user.
    """

    pilots: Annotated[int, Field(ge=1)]
    feedback_bits: Annotated[int, Field(ge=1)]
    number_bits: Annotated[int, Field(ge=1, le=16)]
    symbols: Annotated[int, Field(ge=1)]
    gap_symbols: Annotated[int, Field(ge=0)]
    flexible: bool
    pilot_power_db: float

    @model_validator(mode="after")
    def _whole_numbers(self) -> ArrayFrame:
        if self.feedback_bits % self.number_bits:
            raise ValueError(
                f"feedback_bits is {self.feedback_bits}, expected a multiple of {self.number_bits}"
            )
        return self

    def __str__(self) -> str:
        most = "up to " if self.flexible else ""
        sizes = f"{self.pilots} pilots, {self.feedback_bits} bits of feedback, {self.symbols} symbols"
        return most + sizes

    def checked(self, pilots: int, feedback_bits: int, symbols: int) -> tuple[int, int, int]:
        """Sizes of a frame. Raises ValueError for those that the networks were not made for."""
        asked = {"pilots": pilots, "feedback_bits": feedback_bits, "symbols": symbols}
        for name, value in asked.items():
            most = getattr(self, name)
            least, step = (1, 1) if name != "feedback_bits" else (self.number_bits, self.number_bits)
            if not (least <= value <= most if self.flexible else value == most) or value % step:
                span = f"{least} to {most}" if self.flexible else f"{most}"
                in_steps = f" in steps of {step}" if step > 1 and self.flexible else ""
                raise ValueError(f"{name} is {value}, expected {span}{in_steps}")
        return int(pilots), int(feedback_bits), int(symbols)


class FusionUser(Strict):
    """A user: what its pictures are, how many channels they have, and its networks.

    channel_network: from pilots to beams and feedback. picture_network: from a picture to symbols.
    """

    modality: str
    channels: Annotated[int, Field(ge=1)]
    channel_network: str
    picture_network: str

    def __str__(self) -> str:
        return self.modality


class FusionLink(Interface):
    """Pictures of several users in, sent at once over one array's beams, and one segmentation out.

    Networks ``pilots``, ``station`` and ``segmentation``, and those of each user. They are told the numbers
    LINK of a frame: SNR, pilots, bits of feedback and symbols that it has, largest Doppler shift of who asks;
    of the station, of all users. access: whether users share subcarriers. snr_db: power of a user over the
    noise of an antenna of the station, [lowest, highest]. height, width: of pictures in pixels. classes: by
    their number.
    """

    does: ClassVar[str] = "sends pictures of several users, fused into one segmentation"
    LINK: ClassVar[tuple[str, ...]] = ("snr_db", "pilots", "feedback_bits", "symbols", "doppler_hz")

    cell: ArrayCell
    frame: ArrayFrame
    users: Annotated[list[FusionUser], Field(min_length=1)]
    access: Literal["superposed", "orthogonal"]
    snr_db: Interval
    reference_snr_db: float
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    classes: Annotated[list[str], Field(min_length=2, max_length=256)]

    @model_validator(mode="after")
    def _as_many_users(self) -> FusionLink:
        if len(self.users) != self.cell.users:
            raise ValueError(f"users are {len(self.users)}, expected {self.cell.users}, those of the cell")
        return self
