# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any ONNX file, without a manifest: what goes in and comes out, of which lengths, and whether in batches.

What a file states of shapes is often little (axes without a length, each with a name of its own) and at times
wrong; so a network is run, on one item and on two, and what comes out counts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import onnx_file
from .manifest import BundleError, Tensor
from .session import BATCH, Session

_KINDS = {
    "int64": "int",
    "int32": "int",
    "int16": "short",
    "int8": "byte",
    "uint8": "byte",
    "bool": "byte",
}
_LARGEST_BYTES = 2**31 - 1  # protobuf's, of one message, which an ONNX file is


def read_onnx(path: str | os.PathLike[str]) -> bytes:
    """Content of an ONNX file that is whole, with finite weights, and needs no other. Raises BundleError."""
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise BundleError(f"{path}: {what}, expected an ONNX file")
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise BundleError(
                f"{path}: has {size / 1e9:.1f} GB, expected less than 2.1, an ONNX file's most: "
                "export a smaller network, or 16-bit weights"
            )
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        onnx_file.inspect(content)
    except onnx_file.OnnxFormatError as error:
        raise BundleError(f"{path}: {error}") from error
    return content


def open_onnx(path: str | os.PathLike[str], *, without: Collection[str] = (), **options: Any) -> Session:
    """Session of an ONNX file.

    without: outputs that are not computed. options: as of :class:`Session`. Raises BundleError.
    """
    return Session(read_onnx(path), name=os.fspath(path), without=without, **options)


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a network by name, every axis of a length but the first one, which may be BATCH.

    Networks that take one item at a time have no axis BATCH.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def signature(
    session: Session, axes: Mapping[str, int] | None = None, constants: Mapping[str, Any] | None = None
) -> Signature:
    """What a network takes and gives, found by running it on made-up inputs, one item and two.

    The axis named "batch" counts items; where there is none, a first axis without a length does.

    Parameters
    ----------
    session : Session
    axes : mapping, optional
        Length of each other axis that the file leaves open, by the axis's name.
    constants : mapping, optional
        Inputs that are always the same, by name.

    Raises
    ------
    BundleError
        If an axis has no length, a name is none of the network's, or the network cannot be run.
    """
    axes, constants = dict(axes or {}), dict(constants or {})
    inputs = session.inputs
    _known("constants", constants, inputs, session.name)
    named = {axis for tensor in inputs.values() for axis in tensor.shape if isinstance(axis, str)}
    _known("axes", axes, named, session.name)
    if any(not isinstance(length, int) or length < 1 for length in axes.values()):
        raise BundleError(f"{session.name}: axes are {axes}, expected a length of 1 or more each")
    batches = _batches(inputs, axes)
    for name, axis in open_axes(session, axes):
        if name not in constants:
            raise BundleError(
                f"{session.name}: input {name} is {inputs[name].shape}, and {axis} may have any length: "
                f"say which, axes={{{axis!r}: ...}}"
            )
    given = {name: constant(inputs[name], value, session.name) for name, value in constants.items()}
    one = _shapes(session, axes, batches, given, 1)
    two = _shapes(session, axes, batches, given, 2) if batches else None
    grows = two is not None and all(
        len(shape) and shape[0] == 1 and two[name] == (2, *shape[1:]) for name, shape in one.items()
    )

    def settled(tensor: Tensor, shape: list[int | str]) -> Tensor:
        return tensor.model_copy(update={"shape": shape})

    lengths = axes | dict.fromkeys(batches, BATCH if grows else 1)
    return Signature(
        {
            name: settled(tensor, [lengths.get(axis, axis) for axis in tensor.shape])
            for name, tensor in inputs.items()
        },
        {
            name: settled(tensor, [BATCH, *one[name][1:]] if grows else list(one[name]))
            for name, tensor in session.outputs.items()
        },
    )


def open_axes(session: Session, axes: Mapping[str, int]) -> list[tuple[str, str]]:
    """Input and name of each axis that neither counts items nor has a length, in the file or in `axes`."""
    known = _batches(session.inputs, axes) | axes.keys()
    return [
        (name, axis)
        for name, tensor in session.inputs.items()
        for axis in tensor.shape
        if isinstance(axis, str) and axis not in known
    ]


def item_types(tensor: Tensor) -> list[tuple[str, int]]:
    """What items of GNU Radio can hold a tensor for one item of the batch: type and length, its own first.

    Real numbers with a last axis of two may be complex, I and Q.
    """
    axes = tensor.shape[1:] if tensor.shape[:1] == [BATCH] else tensor.shape
    kind, length = _KINDS.get(tensor.dtype, "float"), math.prod(axes)
    pairs = kind == "float" and axes[-1:] == [2]
    return [(kind, length), ("complex", length // 2)] if pairs else [(kind, length)]


def constant(tensor: Tensor, value: Any, name: str) -> np.ndarray:
    """A value as an input of the network. name: of the network. Raises BundleError unless it may be one."""
    kind = np.dtype(tensor.dtype)
    try:
        given = np.asarray(value).astype(np.float64)
    except (TypeError, ValueError):
        given = np.array(np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        made = given.astype(kind)
    fits = np.isfinite(made).all() if kind.kind == "f" else np.array_equal(made, given)
    if not fits:
        raise BundleError(f"{name}: constant {tensor.name} is {value!r}, expected {tensor.dtype} values")
    return made


def broadcast(value: np.ndarray, tensor: Tensor, items: int, name: str) -> np.ndarray:
    """A constant in the shape of its input, for so many items. Raises BundleError where it has another."""
    shape = [items if axis == BATCH else axis for axis in tensor.shape]
    if any(isinstance(axis, str) for axis in shape):
        if value.ndim == len(shape):
            return value  # it says itself how long they are
        raise BundleError(
            f"{name}: constant {tensor.name} has shape {list(value.shape)}, expected {tensor.shape}"
        )
    try:
        return np.broadcast_to(value, shape)
    except ValueError:
        raise BundleError(
            f"{name}: constant {tensor.name} has shape {list(value.shape)}, expected {tensor.shape}"
        ) from None


def _batches(inputs: Mapping[str, Tensor], axes: Mapping[str, int]) -> set[str]:
    """Names of the axes that count items."""
    named = {axis for tensor in inputs.values() for axis in tensor.shape}
    if BATCH in named:
        return {BATCH} - axes.keys()
    first = {tensor.shape[0] for tensor in inputs.values() if tensor.shape}
    return {axis for axis in first if isinstance(axis, str)} - axes.keys()


def _shapes(
    session: Session,
    axes: Mapping[str, int],
    batches: set[str],
    constants: Mapping[str, np.ndarray],
    items: int,
) -> dict[str, tuple[int, ...]] | None:
    """Shape of each output for so many items; None where the network does not take more than one."""
    lengths = dict(axes) | dict.fromkeys(batches, items)
    left = {name: tensor for name, tensor in session.inputs.items() if name not in constants}
    feed = session.made_up(lengths, left)
    for name, value in constants.items():
        shape = [BATCH if axis in batches else lengths.get(axis, axis) for axis in session.inputs[name].shape]
        stated = session.inputs[name].model_copy(update={"shape": shape})
        feed[name] = np.ascontiguousarray(broadcast(value, stated, items, session.name))
    try:
        outputs = session.infer(feed)
        session.compare(feed, outputs)
        return {name: value.shape for name, value in outputs.items()}
    except BundleError:
        raise
    except ValueError as error:
        if items > 1:
            return None
        raise BundleError(f"{error} (on made-up inputs: are axes and constants right?)") from error


def _known(what: str, given: Collection[str], known: Collection[str], name: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BundleError(
            f"{name}: {what} names {unknown[0]}, the network has {', '.join(sorted(known)) or 'none'}"
        )
