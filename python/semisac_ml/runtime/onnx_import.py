# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bundle round a network from elsewhere."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import onnx_file
from .bundle import Bundle
from .bundle_writing import write_bundle
from .manifest import BundleError, Tensor
from .onnx_model import item_types, open_axes, read_onnx, signature
from .session import BATCH, Session

SYSTEM = "imported"


@dataclass(frozen=True)
class Described:
    """What an ONNX file does not say of its network.

    complex_tensors: names of inputs and outputs whose last axis, of length 2, is I and Q. axes: lengths of
    those that it leaves open, by name. units and ranges (low, high): by the name of the input or output.
    """

    description: str
    licence: str
    source: str
    data: str = "unknown"
    complex_tensors: Sequence[str] = ()
    axes: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)


class ForeignNetwork:
    """An ONNX file, read and checked.

    said: what it says of itself: any of description, license, source, producer.

    Raises BundleError for a file that cannot be run.
    """

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self.file = Path(file)
        self._content = read_onnx(file)
        self._session = Session(self._content, name=os.fspath(file))
        self.said = onnx_file.said_of_itself(self._content)

    def open_axes(self, axes: Mapping[str, int]) -> dict[str, str]:
        """Axes that have no length, neither in the file nor here, and an input that has each."""
        return {axis: tensor for tensor, axis in open_axes(self._session, axes)}

    def tensors(self, axes: Mapping[str, int]) -> dict[str, list[Tensor]]:
        """Inputs and outputs, as a network that is run shows them. Raises BundleError where it cannot be."""
        found = signature(self._session, axes)
        return {"inputs": list(found.inputs.values()), "outputs": list(found.outputs.values())}

    def write(self, folder: str | os.PathLike[str], name: str, described: Described) -> Bundle:
        """Write the bundle imported/<name>. Raises BundleError, and nothing is changed then."""
        tensors = self.tensors(described.axes)
        _check(tensors, described, self.file)
        for tensor in tensors["inputs"]:
            if BATCH in self._session.inputs[tensor.name].shape and BATCH not in tensor.shape:
                raise BundleError(
                    f"{self.file}: says that its axis batch may have any length, and takes one item alone: "
                    "export it with a length of 1, or run the file without a bundle"
                )
        return write_bundle(
            folder,
            networks={"network": self._content},
            tensors={
                "network": {
                    kind: [
                        tensor.model_copy(
                            update={
                                "unit": described.units.get(tensor.name, ""),
                                "range": described.ranges.get(tensor.name),
                            }
                        )
                        for tensor in own
                    ]
                    for kind, own in tensors.items()
                }
            },
            system=SYSTEM,
            name=name,
            description=described.description,
            licence=described.licence,
            interface={"source": described.source, "complex_tensors": list(described.complex_tensors)},
            data={"name": described.data, "split": "unknown"},
            training={
                "command": f"none: {self.file.name} is from elsewhere",
                "seed": 0,
                "commit": "unknown",
                "date": datetime.date.today().isoformat(),
                "versions": {"producer": self.said.get("producer", "unknown")},
            },
            metrics={},
        )


def items(tensors: Sequence[Tensor], complex_tensors: Sequence[str]) -> list[tuple[str, int]]:
    """Type and length of an item of each, as the block onnx_inference is told them."""
    return [item_types(tensor)[-1 if tensor.name in complex_tensors else 0] for tensor in tensors]


def pairs_in(tensors: Mapping[str, Sequence[Tensor]]) -> list[str]:
    """Names of the tensors that may be complex."""
    return [tensor.name for own in tensors.values() for tensor in own if len(item_types(tensor)) > 1]


def _check(tensors: Mapping[str, Sequence[Tensor]], described: Described, file: Path) -> None:
    known = [tensor.name for own in tensors.values() for tensor in own]
    said: dict[str, Any] = {
        "complex": described.complex_tensors,
        "unit": described.units,
        "range": described.ranges,
    }
    for what, names in said.items():
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise BundleError(f"{file}: {what} names {unknown[0]}, the network has {', '.join(known)}")
    real = sorted(set(described.complex_tensors) - set(pairs_in(tensors)))
    if real:
        raise BundleError(f"{file}: complex names {real[0]}, expected real numbers with a last axis of two")
