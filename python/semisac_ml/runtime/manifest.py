# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a bundle: what its networks take and give, what they were trained for, how well they do.

Format version 2: what all bundles say, and a section ``interface`` that the bundle's system describes itself
(:mod:`semisac_ml.runtime.interfaces`). Reading is strict: unknown, missing or repeated fields are errors that
name the field. Manifests of version 1 are read as ever, and are of version 2 in memory.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .interfaces import BeamPrediction, ImageLink, Interface, Interval, Strict

FORMAT_VERSION = 2
MANIFEST_FILE = "manifest.json"
_LARGEST_MANIFEST_BYTES = 1 << 20
_SYSTEM = "[a-z][a-z0-9_]*"


class BundleError(ValueError):
    """A bundle that cannot be trusted or run; the message names file and field, and says what to do."""


Axis = Annotated[int, Field(ge=1, strict=True)] | Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Tensor(Strict):
    """One input or output of a network; a named axis is dynamic, and equal names mean equal lengths."""

    name: str
    shape: list[Axis]
    dtype: Literal["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"] = (
        "float32"
    )
    unit: str = ""
    range: Interval | None = None
    description: str = ""

    @field_validator("range")
    @classmethod
    def _ordered(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError(f"is {value}, expected [low, high] with low <= high")
        return value


class NetworkFile(Strict):
    """One ONNX file."""

    file: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @field_validator("file")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.onnx", value):
            raise ValueError(
                f"is {value!r}, expected a plain file name inside the bundle's folder, such as encoder.onnx"
            )
        return value


class Network(NetworkFile):
    """One ONNX file and its interface."""

    inputs: Annotated[list[Tensor], Field(min_length=1)]
    outputs: Annotated[list[Tensor], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct_names(self) -> Network:
        for kind in ("inputs", "outputs"):
            names = [tensor.name for tensor in getattr(self, kind)]
            if len(set(names)) != len(names):
                raise ValueError(f"{kind} repeat a name: {', '.join(names)}")
        return self


class Data(BaseModel):
    """Data set and split."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)
    name: str
    split: str


class Training(BaseModel):
    """How to train the same bundle again."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, frozen=True)
    command: str
    seed: int
    commit: str
    date: str
    versions: dict[str, str]


class Metric(Strict):
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


class Quantised(Strict):
    """The networks that are faster with products of bytes, and what that costs.

    speedup: processor time of one inference in float32 over that in int8, by network, on `machine`.
    calibration: what scales were found on. metrics: of the bundle with these networks in the place of the
    others. change: of each metric, on the same data, with them.
    """

    networks: Annotated[dict[str, NetworkFile], Field(min_length=1)]
    speedup: dict[str, float]
    machine: str
    calibration: str
    metrics: dict[str, Metric]
    change: dict[str, float]


Kind = TypeVar("Kind")


class Manifest(Strict, Generic[Kind]):
    """Everything a bundle states about itself; its system's own part is ``interface``."""

    format_version: Literal[2]
    system: Annotated[str, Field(pattern=rf"^{_SYSTEM}$")]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    description: str
    licence: str
    interface: Kind
    networks: Annotated[dict[str, Network], Field(min_length=1)]
    int8: Quantised | None = None
    data: Data
    training: Training
    metrics: dict[str, Metric]

    @model_validator(mode="after")
    def _distinct_files(self) -> Manifest:
        files = self.files()
        if len(set(files)) != len(files):
            raise ValueError(f"networks share a file: {', '.join(files)}")
        unknown = sorted(set(self.int8.networks) - set(self.networks)) if self.int8 else []
        if unknown:
            raise ValueError(f"int8 holds {unknown[0]}, expected one of {', '.join(self.networks)}")
        return self

    def files(self) -> list[str]:
        """Of all networks in all precisions."""
        every = [*self.networks.values(), *(self.int8.networks.values() if self.int8 else ())]
        return [network.file for network in every]

    def as_json(self) -> str:
        """Text of manifest.json."""
        stated = self.model_dump(mode="json")
        if self.int8 is None:
            del stated["int8"]
        return json.dumps(stated, indent=2, ensure_ascii=False) + "\n"


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
    if version not in (1, FORMAT_VERSION) or type(version) is not int:
        raise BundleError(
            f"{path}: format_version: is {version!r}, expected 1 or {FORMAT_VERSION}: "
            "update semisac (newer bundle) or export the bundle again"
        )
    try:
        kind, stated = _read_format_1(fields) if version == 1 else (_interface_of(fields), fields)
        return Manifest[kind].model_validate(stated)
    except ValidationError as error:
        raise BundleError(f"{path}: {_first_problem(error, version)}") from None
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error.__cause__


def _interface_of(fields: dict[str, Any]) -> type:
    """The model of the section ``interface``: its system's; any, where the name of the system is none."""
    system = fields.get("system")
    if not isinstance(system, str) or not re.fullmatch(_SYSTEM, system):
        return dict
    module = f"semisac_ml.systems.{system}.manifest"
    try:
        found = getattr(importlib.import_module(module), "Interface", None)
    except Exception as error:  # it may be anybody's file
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise BundleError(
                f"system: is {system!r}, which is not installed: update semisac, or let SEMISAC_SYSTEMS name "
                f"the folder that holds {system}/manifest.py"
            ) from error
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BundleError(f"system: {module} cannot be imported ({said}): mend it") from error
    if not (isinstance(found, type) and issubclass(found, Interface)):
        raise BundleError(
            f"system: {module} has no class Interface, expected one that derives from "
            "semisac_ml.runtime.Interface: add it"
        )
    return found


_LINK, _BEAMS = ("symbols", "channel", "sensing"), "beams"
_CLASSES = ("classes", "animal_classes")


def _read_format_1(fields: dict[str, Any]) -> tuple[type[Interface], dict[str, Any]]:
    """Fields of a manifest of format 1, which knew links of images and beams alone, as those of today."""
    stated = {name: value for name, value in fields.items() if name not in (*_LINK, _BEAMS)}
    if "interface" in stated:
        raise BundleError("interface: is not a field of format 1")
    interface = {name: fields[name] for name in (*_LINK, _BEAMS) if fields.get(name) is not None}
    data = fields.get("data")
    classes = {name: data[name] for name in _CLASSES if name in data} if isinstance(data, dict) else {}
    if classes:
        stated["data"] = {name: value for name, value in data.items() if name not in classes}
    if _BEAMS not in interface:
        return ImageLink, {**stated, "format_version": FORMAT_VERSION, "interface": {**interface, **classes}}
    beside = [name for name in interface if name != _BEAMS]
    if beside:
        raise BundleError(f"{beside[0]}: is stated beside beams, expected beams alone: export it again")
    return BeamPrediction, {**stated, "format_version": FORMAT_VERSION, "interface": interface}


def _first_problem(error: ValidationError, version: int) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    place = [str(part) for part in first["loc"]]
    if version == 1 and place[:1] == ["interface"]:  # where the file has it
        place = ["data"] * (place[1] in _CLASSES) + place[1:]
    field = ".".join(place) or "manifest"
    message = {
        "missing": "is missing: get the bundle again or export it again",
        "extra_forbidden": f"is not a field of format {version}",
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
