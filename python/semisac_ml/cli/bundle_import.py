# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac bundle import``: a manifest round an ONNX file that somebody else made."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field

from semisac_ml.command_line import Options
from semisac_ml.outputs import print_json
from semisac_ml.shared_options import PrintOptions

if TYPE_CHECKING:
    from semisac_ml.runtime import Tensor
    from semisac_ml.runtime.onnx_import import Described, ForeignNetwork

File = Annotated[Path, Parameter(metavar="FILE.onnx", help="The network.")]


class ImportOptions(Options):
    """What a file does not say of itself; asked for where there is a terminal."""

    output: Path | None = Field(None, description="Folder of the bundle [default: models/imported/NAME].")
    name: str | None = Field(None, description="Name of the bundle [default: the folder's or file's].")
    description: str | None = Field(None, description="What it does, in a line.")
    licence: str | None = Field(None, description="Its licence, such as MIT or Apache-2.0.")
    source: str | None = Field(None, description="Where it is from: package and version, or an address.")
    data: str | None = Field(None, description="What it was trained with [default: unknown].")
    axis: Annotated[list[str], Parameter(metavar="AXIS=LENGTH")] = Field(
        [], description="Length of an axis that it leaves open; repeat for several."
    )
    complex: Annotated[list[str], Parameter(metavar="TENSOR")] = Field(
        [], description="Input or output whose last axis is I and Q; repeat for several."
    )
    unit: Annotated[list[str], Parameter(metavar="TENSOR=UNIT")] = Field(
        [], description="Unit of an input or output; repeat for several."
    )
    range: Annotated[list[str], Parameter(metavar="TENSOR=LOW:HIGH")] = Field(
        [], description="Between which values an input or output is; repeat for several."
    )


def import_network(
    file: File, /, *, options: ImportOptions = ImportOptions(), printing: PrintOptions = PrintOptions()
) -> None:
    """Write a bundle round an ONNX file of anybody's, for the block onnx_inference.

    Shapes are read from the file and found by running it. What it does not say is asked for, where there is a
    terminal and no --json.
    """
    from semisac_ml.runtime import check_replaceable
    from semisac_ml.runtime.onnx_import import ForeignNetwork, items

    stem = options.output.name if options.output else file.stem
    name = options.name or re.sub(r"[^a-z0-9_-]+", "_", stem.lower()).strip("_-") or "network"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise ValueError(f"--name is {name!r}, expected lower-case letters, digits, _ and -")
    folder = options.output or Path("models", "imported", name)
    check_replaceable(folder)
    network = ForeignNetwork(file)
    questions = Questions(not printing.as_json and sys.stdin.isatty() and sys.stderr.isatty())
    described = describe(network, options, questions)
    bundle = network.write(folder, name, described)
    ports = {
        kind: items(own, described.complex_tensors) for kind, own in network.tensors(described.axes).items()
    }
    if printing.as_json:
        identity = {"bundle": bundle.name, "path": str(bundle.path), "fingerprint": bundle.fingerprint}
        print_json({**identity, **ports})
        return
    print(f"{bundle.name}: fingerprint {bundle.fingerprint}, in {bundle.path}")
    listed = ", ".join(f"{kind}={own}" for kind, own in ports.items())
    print(f"onnx_inference({str(folder)!r}, {listed}); a length of 1 makes an input or output a stream")


class Questions:
    """Asks whoever sits at the terminal, if anybody does."""

    def __init__(self, anybody: bool) -> None:
        self._anybody = anybody

    def ask(self, question: str, usual: str | None = None, option: str = "") -> str:
        """The answer; `usual`, where there is none, or nobody to ask. Raises ValueError where that is None.

        option: that says the same.
        """
        while self._anybody:
            print(f"{question}{f' [{usual}]' if usual else ''}: ", end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:
                break
            if line.strip() or usual is not None:
                return line.strip() or str(usual)
        if usual is None:
            raise ValueError(
                f"{option} is missing, and the file does not say it: there is no terminal to ask at"
            )
        return usual


def describe(network: ForeignNetwork, options: ImportOptions, questions: Questions) -> Described:
    """All that is to be said of a network, from options, from the file, and from answers."""
    from semisac_ml.runtime.onnx_import import Described, pairs_in

    axes = {name: _length(name, text) for name, text in _named("--axis", options.axis, None).items()}
    while network.open_axes(axes):
        axis, tensor = next(iter(network.open_axes(axes).items()))
        axes[axis] = _length(
            axis, questions.ask(f"length of axis {axis} of {tensor}", None, f"--axis {axis}=LENGTH")
        )
    tensors = network.tensors(axes)
    names = [tensor.name for own in tensors.values() for tensor in own]
    said = network.said

    def text(option: str, question: str, usual: str | None) -> str:
        given = getattr(options, option)
        return given if given is not None else questions.ask(question, usual, f"--{option}")

    described = {
        "description": text("description", "what it does, in a line", said.get("description")),
        "licence": text("licence", "its licence", said.get("license")),
        "source": text("source", "where it is from", said.get("source")),
        "data": text("data", "what it was trained with", "unknown"),
    }
    complex_tensors = list(options.complex)
    if not complex_tensors and pairs_in(tensors):
        question = f"which of {', '.join(pairs_in(tensors))} are I and Q, names or none"
        answer = questions.ask(question, "none")
        complex_tensors = [] if answer == "none" else re.split(r"[,\s]+", answer)
    return Described(
        **described,
        complex_tensors=complex_tensors,
        axes=axes,
        units=_units(tensors, options, questions, names),
        ranges=_ranges(tensors, options, questions, names),
    )


def _units(
    tensors: Mapping, options: ImportOptions, questions: Questions, names: list[str]
) -> dict[str, str]:
    given = _named("--unit", options.unit, names)
    missing = [name for name in names if name not in given]
    return given | {name: questions.ask(f"unit of {name}", "") for name in missing}


def _ranges(
    tensors: Mapping[str, Sequence[Tensor]], options: ImportOptions, questions: Questions, names: list[str]
) -> dict[str, list[float]]:
    given = _named("--range", options.range, names)
    missing = [tensor.name for tensor in tensors["inputs"] if tensor.name not in given]
    given |= {name: questions.ask(f"range of {name}, LOW:HIGH, or nothing", "") for name in missing}
    return {name: _range(name, text) for name, text in given.items() if text}


def _named(option: str, texts: Sequence[str], names: Sequence[str] | None) -> dict[str, str]:
    """Texts NAME=VALUE by their names. names: those that there are, which may hold "=" themselves."""
    found = {}
    for text in texts:
        known = [name for name in names or () if text.startswith(f"{name}=")]
        name = max(known, key=len) if known else text.partition("=")[0]
        value = text[len(name) + 1 :]
        if not name or not value:
            raise ValueError(f"{option} is {text!r}, expected NAME=VALUE")
        if names is not None and not known:
            raise ValueError(f"{option} names {name}, the network has {', '.join(names)}")
        found[name] = value
    return found


def _length(axis: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"--axis {axis} is {text!r}, expected a length of 1 or more")
    return int(text)


def _range(name: str, text: str) -> list[float]:
    try:
        low, high = (float(end) for end in text.split(":"))
    except ValueError:
        low, high = math.inf, -math.inf
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"--range {name} is {text!r}, expected LOW:HIGH such as -1:1")
    return [low, high]
