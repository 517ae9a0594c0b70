# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tensors of a network as items of GNU Radio, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semisac_ml.runtime import BundleError, Tensor
from semisac_ml.runtime.onnx_model import BATCH, item_types
from semisac_ml.signal.complex_pairs import as_complex, as_pairs

ITEMS = {"complex": np.complex64, "float": np.float32, "int": np.int32, "short": np.int16, "byte": np.uint8}


class TensorPort:
    """A port whose items are a tensor's values, in the order of their memory.

    An item is what the tensor holds for one item of the batch, or, of a stream, one of its values.

    tensor: every axis with its length, the first one maybe BATCH. kind: complex, float, int, short, byte. Of
    complex ones the last axis, of length 2, is I and Q. stream: whether it is one. length: values of an item
    of the batch.
    """

    def __init__(self, tensor: Tensor, kind: str, stream: bool = False):
        self.tensor, self.kind, self.stream = tensor, kind, stream
        self.batched = tensor.shape[:1] == [BATCH]
        self._shape = tuple(tensor.shape[1:] if self.batched else tensor.shape)
        self.length = dict(item_types(tensor))[kind]

    @property
    def item(self):
        """Type of an item, as GNU Radio's signatures ask for it."""
        kind = ITEMS[self.kind]
        return kind if self.stream or self.length == 1 else (kind, self.length)

    def tensor_of(self, values: np.ndarray) -> np.ndarray:
        """Tensor of values [items, length]; without a batch of one item."""
        if self.kind == "complex":
            values = as_pairs(values)
        shape = (len(values), *self._shape) if self.batched else self._shape
        with np.errstate(over="ignore"):  # of 16-bit floats: the session says that they are not finite
            return values.reshape(shape).astype(self.tensor.dtype)

    def values_of(self, tensor: np.ndarray, items: int, network: str) -> np.ndarray:
        """Values [items, length] of a tensor. Raises ValueError where shape or values do not fit."""
        shape = (items, *self._shape) if self.batched else self._shape
        if tensor.shape != shape:
            raise ValueError(
                f"{network}: output {self.tensor.name} has shape {list(tensor.shape)}, expected "
                f"{list(shape)}: items of GNU Radio have one length, and its own changes with what comes in"
            )
        if self.kind == "complex":
            return as_complex(tensor.astype(np.float32, copy=False)).reshape(items, self.length)
        made = tensor.astype(ITEMS[self.kind])
        if tensor.dtype == np.int64 and not np.array_equal(made, tensor):
            raise ValueError(
                f"{network}: output {self.tensor.name} holds {tensor.flat[np.argmax(made != tensor)]}, "
                "expected what an item of 32 bits can hold"
            )
        return made.reshape(items, self.length)


def ports_of(
    what: str,
    tensors: Sequence[Tensor],
    stated: Sequence[Sequence] | None,
    complex_tensors: Sequence[str],
    network: str,
) -> list[TensorPort]:
    """Ports of tensors.

    what: "inputs" or "outputs". stated: (kind, length) of each port, a length of 1 where it is a stream;
    None: vectors, of the tensors' own kind. complex_tensors: names of those that are complex where nothing
    is stated. Raises BundleError where stated ports are not the network's.
    """
    if stated is None:
        kinds = [
            "complex" if tensor.name in complex_tensors else item_types(tensor)[0][0] for tensor in tensors
        ]
        return [TensorPort(tensor, kind) for tensor, kind in zip(tensors, kinds, strict=True)]
    if len(stated) != len(tensors):
        raise BundleError(
            f"{network}: {what} are {len(stated)}, the network has {len(tensors)}: "
            f"{', '.join(map(_described, tensors)) or 'none'}"
        )
    return [_port(what, *pair, network) for pair in zip(tensors, stated, strict=True)]


def _port(what: str, tensor: Tensor, stated: Sequence, network: str) -> TensorPort:
    lengths = dict(item_types(tensor))
    good = not isinstance(stated, str) and len(stated) == 2 and stated[0] in lengths
    if not good or stated[1] not in (1, lengths[stated[0]]):
        raise BundleError(
            f"{network}: {what} have {stated!r} for {tensor.name}, expected {_described(tensor)}, or a "
            "length of 1 for a stream"
        )
    return TensorPort(tensor, stated[0], stream=stated[1] == 1)


def _described(tensor: Tensor) -> str:
    return f"{' or '.join(map(str, item_types(tensor)))} for {tensor.name}"
