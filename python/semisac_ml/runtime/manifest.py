# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a bundle: what its networks take and give, what they were trained for, how well they do.

Format version 1. Reading is strict: unknown, missing or repeated fields are errors that name the field.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
_LARGEST_MANIFEST_BYTES = 1 << 20


class BundleError(ValueError):
    """A bundle that cannot be trusted or run; the message names file and field, and says what to do."""


Axis = Annotated[int, Field(ge=1, strict=True)] | Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Tensor(_Strict):
    """One input or output of a network; a named axis is dynamic, and equal names mean equal lengths."""

    name: str
    shape: list[Axis]
    dtype: Literal["float32", "float64", "int64", "int32", "uint8", "bool"] = "float32"
    unit: str = ""
    range: Interval | None = None
    description: str = ""

    @field_validator("range")
    @classmethod
    def _ordered(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError(f"is {value}, expected [low, high] with low <= high")
        return value


class Network(_Strict):
    """One ONNX file and its interface."""

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    inputs: Annotated[list[Tensor], Field(min_length=1)]
    outputs: Annotated[list[Tensor], Field(min_length=1)]

    @field_validator("file")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.onnx", value):
            raise ValueError(
                f"is {value!r}, expected a plain file name inside the bundle's folder, such as encoder.onnx"
            )
        return value

    @model_validator(mode="after")
    def _distinct_names(self) -> Network:
        for kind in ("inputs", "outputs"):
            names = [tensor.name for tensor in getattr(self, kind)]
            if len(set(names)) != len(names):
                raise ValueError(f"{kind} repeat a name: {', '.join(names)}")
        return self


class Code(_Strict):
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


class Symbols(_Strict):
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


class Channel(_Strict):
    """Communication channel that the bundle was trained for; SNR as Es/N0 in dB, [lowest, highest]."""

    model: Literal["awgn", "rayleigh"]
    snr_db: Interval
    reference_snr_db: float
    gain_known_at_receiver: bool


class Sensing(_Strict):
    """Echo that the bundle was trained for; SNR of the nearest range in dB, [lowest, highest]."""

    fading: Literal["none", "rayleigh", "two_hop_rayleigh"]
    snr_db: Interval
    reference_snr_db: float
    range_step_db: float
    max_ranges: Annotated[int, Field(ge=1)]
    random_phase: bool
    max_frequency_offset: float


class Beams(_Strict):
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


class Data(BaseModel):
    """Data set and split."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)
    name: str
    split: str
    classes: list[str] = []
    animal_classes: list[int] = []


class Training(BaseModel):
    """How to train the same bundle again."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)
    command: str
    seed: int
    commit: str
    date: str
    versions: dict[str, str]


class Metric(_Strict):
    """A measured figure with its 95 % interval, sample size and conditions."""

    value: float
    low: float
    high: float
    n: Annotated[int, Field(ge=1)]
    conditions: str | dict[str, Any] = ""

    @model_validator(mode="after")
    def _inside(self) -> Metric:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} is outside its interval [{self.low}, {self.high}]")
        return self


class Manifest(_Strict):
    """Everything a bundle states about itself: of a link symbols, channel and sensing, else its beams."""

    format_version: Literal[1]
    system: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    description: str
    licence: str
    networks: Annotated[dict[str, Network], Field(min_length=1)]
    symbols: Symbols | None = None
    channel: Channel | None = None
    sensing: Sensing | None = None
    beams: Beams | None = None
    data: Data
    training: Training
    metrics: dict[str, Metric]

    @model_validator(mode="after")
    def _distinct_files(self) -> Manifest:
        files = [network.file for network in self.networks.values()]
        if len(set(files)) != len(files):
            raise ValueError(f"networks share a file: {', '.join(files)}")
        return self

    @model_validator(mode="after")
    def _link_or_beams(self) -> Manifest:
        link = ("symbols", "channel", "sensing")
        for name in link:
            there = getattr(self, name) is not None
            if there and self.beams is not None:
                raise ValueError(f"{name}: is stated beside beams, expected beams alone: export it again")
            if not there and self.beams is None:
                raise ValueError(
                    f"{name}: is missing, expected {', '.join(link)}, or beams alone: get the bundle again"
                )
        return self

    def _plain(self) -> dict[str, Any]:
        plain = {name: value for name, value in self.model_dump(mode="json").items() if value is not None}
        if self.symbols is not None and self.symbols.code is None:
            del plain["symbols"]["code"]
        return plain

    def as_json(self) -> str:
        """Text of manifest.json."""
        return json.dumps(self._plain(), indent=2, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> tuple[Manifest, bytes]:
    """Read and check the manifest of a folder.

    Returns
    -------
    manifest : Manifest
    content : bytes
        The file as read, for the fingerprint.

    Raises
    ------
    BundleError
        If the file is missing, a link, not JSON, repeats a key, has another format version, or a field is
        missing, unknown or wrong.
    """
    path = folder / MANIFEST_FILE
    if path.is_symlink():
        raise BundleError(f"{path}: is a link, expected a file inside the folder: copy it instead")
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_MANIFEST_BYTES + 1)
    except OSError as error:
        raise BundleError(
            f"{path}: cannot be read ({error.strerror}): expected a bundle's folder with its manifest"
        ) from error
    if len(content) > _LARGEST_MANIFEST_BYTES:
        raise BundleError(f"{path}: is larger than {_LARGEST_MANIFEST_BYTES} bytes: this is no manifest")
    try:
        fields = json.loads(
            content.decode("utf-8"), object_pairs_hook=_distinct_keys, parse_constant=_no_constant
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BundleError(f"{path}: is not JSON ({error}): get the bundle again") from error
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None
    return check_manifest(fields, path), content


def check_manifest(fields: Any, path: Path) -> Manifest:
    """Check the fields of a manifest; path only names the file in errors. Raises BundleError."""
    if not isinstance(fields, dict):
        raise BundleError(
            f"{path}: holds a {type(fields).__name__}, expected a JSON object: get the bundle again"
        )
    version = fields.get("format_version")
    if version is None:
        raise BundleError(
            f"{path}: format_version: is missing, expected {FORMAT_VERSION}: this is no manifest of a bundle"
        )
    if version != FORMAT_VERSION or not isinstance(version, int) or isinstance(version, bool):
        raise BundleError(
            f"{path}: format_version: is {version!r}, expected {FORMAT_VERSION}: "
            "update semisac (newer bundle) or export the bundle again"
        )
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        raise BundleError(f"{path}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"]) or "manifest"
    message = {
        "missing": "is missing: get the bundle again or export it again",
        "extra_forbidden": "is not a field of format 1",
    }.get(first["type"], first["msg"].removeprefix("Value error, "))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{field}: {message}{more}"


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise BundleError(f"{key}: appears twice in one object, expected once: get the bundle again")
        fields[key] = value
    return fields


def _no_constant(text: str) -> float:
    raise BundleError(f"holds the number {text}, expected finite numbers only: export the bundle again")
