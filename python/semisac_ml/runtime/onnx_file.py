# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look inside an ONNX file without the onnx package: opset, external data, and weights that are not finite.

An ONNX file is one protobuf message (onnx.proto3, ModelProto). Only the few fields read here are followed;
protobuf's wire format is a sequence of (field number, wire type, value). Running a network does not reveal
every NaN weight, because an activation such as max(0, x) may drop a NaN, so the weights are read themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT_TYPES = {1: np.dtype("<f4"), 10: np.dtype("<f2"), 11: np.dtype("<f8")}
_BFLOAT16 = 16
_WORDS = {2: "producer_name", 3: "producer_version", 6: "doc_string"}  # fields of ModelProto


class OnnxFormatError(ValueError):
    """The bytes are not an ONNX network that a bundle may hold."""


@dataclass(frozen=True)
class OnnxContent:
    """What :func:`inspect` found: opset of the standard domain (0: none), number of tensors, and of numbers
    in them.
    """

    opset: int
    tensors: int
    numbers: int


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise OnnxFormatError("it is cut off or not an ONNX file")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire_type == _BYTES:
            size, position = _varint(data, position)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise OnnxFormatError("it is not an ONNX file")
        if position + size > len(data):
            raise OnnxFormatError("it is cut off")
        yield number, data[position : position + size]
        position += size


def _sub(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise OnnxFormatError("it is not an ONNX file")
    return value


def _graph_tensors(graph: memoryview) -> Iterator[memoryview]:
    for number, value in _fields(graph):  # GraphProto: node 1, initializer 5, sparse_initializer 15
        if number == 1:
            yield from _node_tensors(_sub(value))
        elif number == 5:
            yield _sub(value)
        elif number == 15:
            yield from _sparse_tensors(_sub(value))


def _sparse_tensors(sparse: memoryview) -> Iterator[memoryview]:
    for number, value in _fields(sparse):  # SparseTensorProto: values 1, indices 2
        if number in (1, 2):
            yield _sub(value)


def _node_tensors(node: memoryview) -> Iterator[memoryview]:
    for number, value in _fields(node):  # NodeProto: attribute 5
        if number == 5:
            for field, content in _fields(
                _sub(value)
            ):  # AttributeProto: t 5, g 6, tensors 10, graphs 11, sparse 22, 23
                if field in (5, 10):
                    yield _sub(content)
                elif field in (6, 11):
                    yield from _graph_tensors(_sub(content))
                elif field in (22, 23):
                    yield from _sparse_tensors(_sub(content))


def _check_tensor(tensor: memoryview) -> int:
    """Number of floating-point values of a TensorProto, all finite and in this file, else OnnxFormatError."""
    name, data_type, chunks, halves = "a constant", 0, [], []
    for number, value in _fields(tensor):
        if number == 2 and isinstance(value, int):
            data_type = value
        elif number == 8:
            name = bytes(_sub(value)).decode("utf-8", "replace") or name
        elif number == 13 or (number == 14 and value == 1):
            raise OnnxFormatError(
                f"weights {name} lie in another file, expected one file: "
                f'onnx.save(onnx.load("a.onnx"), "b.onnx") makes it'
            )
        elif number in (4, 9, 10):  # float_data, raw_data, double_data
            chunks.append(_sub(value))
        elif number == 5 and not isinstance(value, int):  # int32_data holds the bits of 16-bit floats
            halves.append(value)
    if data_type in _FLOAT_TYPES:
        content = b"".join(chunks)
        item = _FLOAT_TYPES[data_type].itemsize
        if len(content) % item:
            raise OnnxFormatError(f"weights {name} are cut off")
        values = np.frombuffer(content, dtype=_FLOAT_TYPES[data_type])
    elif data_type == _BFLOAT16:
        values = (np.frombuffer(b"".join(chunks), dtype="<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        return 0
    if halves:
        raise OnnxFormatError(f"weights {name} are 16-bit floats stored as integers: export with raw data")
    if np.isnan(values).any():
        raise OnnxFormatError(f"weights {name} hold NaN: train or export again")
    if (
        values.size > 1 and np.isinf(values).any()
    ):  # a lone infinity is a mask value or an open bound, not a weight
        raise OnnxFormatError(f"weights {name} hold infinity: train or export again")
    return values.size


def inspect(content: bytes) -> OnnxContent:
    """Walk through an ONNX file.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    OnnxContent

    Raises
    ------
    OnnxFormatError
        If it is cut off, not ONNX, refers to another file, or holds weights that are not finite.
    """
    opset, tensors, numbers, graphs, opsets = 0, 0, 0, 0, 0
    for number, value in _fields(memoryview(content)):  # ModelProto: graph 7, opset_import 8, functions 25
        found: list[memoryview] = []
        if number == 7:
            graphs += 1
            found = list(_graph_tensors(_sub(value)))
        elif number == 8:
            opsets += 1
            opset_fields = dict(_fields(_sub(value)))
            domain = opset_fields.get(1, b"")
            if not isinstance(domain, int) and bytes(domain) in (b"", b"ai.onnx"):
                opset = int(opset_fields.get(2, 0)) if isinstance(opset_fields.get(2, 0), int) else 0
        elif number == 25:
            for field, node in _fields(_sub(value)):
                if field == 7:
                    found += _node_tensors(_sub(node))
        tensors += len(found)
        numbers += sum(_check_tensor(tensor) for tensor in found)
    if graphs != 1 or opsets == 0:
        raise OnnxFormatError("it is not an ONNX file (no graph or no opset)")
    return OnnxContent(opset, tensors, numbers)


def said_of_itself(content: bytes) -> dict[str, str]:
    """What a file says of its network in words, any of description, license, source and producer.

    content: that :func:`inspect` has passed.
    """
    words: dict[str, str] = {}
    kept: dict[str, str] = {}
    for number, value in _fields(memoryview(content)):
        if isinstance(value, int):
            continue
        if number in _WORDS:
            words[_WORDS[number]] = _text(value)
        elif number == 14:  # metadata_props: StringStringEntryProto, key 1, value 2
            entry = dict(_fields(value))
            kept[_text(_sub(entry.get(1, b""))).lower()] = _text(_sub(entry.get(2, b"")))
    found = {
        "description": kept.get("description") or words.get("doc_string", ""),
        "license": kept.get("license") or kept.get("licence", ""),
        "source": kept.get("url") or kept.get("source") or kept.get("homepage", ""),
        "producer": f"{words.get('producer_name', '')} {words.get('producer_version', '')}",
    }
    return {name: " ".join(text.split()) for name, text in found.items() if text.strip()}


def _text(value: memoryview | bytes) -> str:
    return bytes(value).decode("utf-8", "replace")
