# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inference with one network of a bundle, through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .manifest import BundleError, Tensor
from .providers import open_runtime, reason

BATCH = "batch"

_ONNX_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}


class NotFiniteError(ValueError):
    """An input or output of a network is not finite."""


class Session:
    """A network ready to run. May be called from several threads at once; ONNX Runtime releases the GIL.

    Parameters
    ----------
    content : bytes
        The ONNX file.
    inputs, outputs : sequence of Tensor, optional
        Interface that the manifest states; the network must agree. Without them it is what the file says.
    name : str
        Names the network in errors.
    threads : int
        Threads of one inference. 1 inside flowgraphs: more fight the scheduler.
    provider : "cpu", "openvino", "cuda" or "tensorrt"
        What computes: see :mod:`semisac_ml.runtime.providers`.
    without : collection of str
        Outputs that are not computed.

    Raises
    ------
    BundleError
        If the network cannot be read, disagrees with its interface, or the provider is not there.
    """

    def __init__(
        self,
        content: bytes,
        inputs: Sequence[Tensor] | None = None,
        outputs: Sequence[Tensor] | None = None,
        *,
        name: str = "network",
        threads: int = 1,
        provider: str = "cpu",
        without: Collection[str] = (),
    ) -> None:
        runtime = self._runtime = open_runtime(content, name, provider, threads)
        own_inputs, own_outputs = _nodes(runtime, name)
        check_left_out([node.name for node in own_outputs], without, name)
        own_outputs = [node for node in own_outputs if node.name not in without]
        if inputs is None:
            inputs = [_tensor(node, name) for node in own_inputs]
        if outputs is None:
            outputs = [_tensor(node, name) for node in own_outputs]
        self.name = name
        self.inputs = {tensor.name: tensor for tensor in inputs}
        self.outputs = {tensor.name: tensor for tensor in outputs}
        self.threads = threads
        self.provider = provider
        self._cpu = None if provider == "cpu" else open_runtime(content, name, "cpu", threads)
        self._output_names = [tensor.name for tensor in outputs]
        _agree(name, "inputs", list(inputs), own_inputs)
        _agree(name, "outputs", list(outputs), own_outputs)

    def run(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run the network once.

        Parameters
        ----------
        **inputs : ndarray
            Every input of the network by name, in the dtype and shape of the manifest.

        Returns
        -------
        dict of ndarray
            Every output by name.

        Raises
        ------
        ValueError
            If an input is missing, unknown, or of another dtype or shape.
        NotFiniteError
            If an input or output is not finite.
        """
        axes: dict[str, int] = {}
        self._same_names(inputs)
        feed = {key: self._checked_input(tensor, inputs[key], axes) for key, tensor in self.inputs.items()}
        outputs = self.infer(feed)
        for key, value in outputs.items():
            _check_shape(self.name, self.outputs[key], value, axes)
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise NotFiniteError(
                    f"{self.name}: output {key} is not finite: the inputs are outside what it was trained for"
                )
        return outputs

    def infer(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every output by name, and nothing of it checked. Raises ValueError where the inference fails."""
        try:
            results = self._runtime.run(self._output_names, feed)
        except Exception as error:
            raise ValueError(
                f"{self.name}: inference failed ({reason(error)}): check the inputs' sizes"
            ) from error
        return dict(zip(self._output_names, results, strict=True))

    def probe(self, axes: Mapping[str, int]) -> dict[str, np.ndarray]:
        """Run the network once on made-up inputs: this warms it up and checks it.

        Raises
        ------
        BundleError
            If it fails, or gives another shape than stated, or numbers that are not finite, or other numbers
            than the CPU.
        """
        feed = self.made_up(axes)
        try:
            if self._cpu is not None:
                self.compare(feed, self.infer(feed))
            return self.run(**feed)
        except BundleError:
            raise
        except ValueError as error:
            raise BundleError(
                f"{error} (made-up inputs inside their ranges; export the bundle again)"
            ) from error

    def compare(self, feed: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> None:
        """Raise BundleError where these are not what the CPU gives for the same inputs. Looked at once.

        Providers compute in another order, and some have faults: real numbers may differ by 1e-4, or by a
        thousandth of the largest.
        """
        cpu, self._cpu = self._cpu, None
        if cpu is None:
            return
        for key, expected in zip(self._output_names, cpu.run(self._output_names, feed), strict=True):
            if expected.dtype.kind != "f" or not expected.size:
                continue
            largest = np.abs(expected).max()
            difference = np.abs(outputs[key] - expected).max()
            if not difference <= max(1e-4, 1e-3 * largest):  # nor NaN
                raise BundleError(
                    f"{self.name}: provider {self.provider} gives other numbers than the CPU, output {key} "
                    f"differs by {difference:.2g} of {largest:.2g} on made-up inputs: choose cpu"
                )

    def made_up(
        self, axes: Mapping[str, int], inputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, np.ndarray]:
        """Inputs that are always the same, by name; of all without `inputs`.

        Floating-point ones are drawn uniformly from their range (standard normal where none is stated);
        integers take the lowest value of their range.

        axes: length of each named axis.
        """
        generator = np.random.Generator(np.random.Philox(key=0))
        feed = {}
        for key, tensor in (self.inputs if inputs is None else inputs).items():
            shape = [axes[axis] if isinstance(axis, str) else axis for axis in tensor.shape]
            low, high = tensor.range if tensor.range is not None else (0.0, 1.0)
            if np.dtype(tensor.dtype).kind != "f":
                value = np.full(shape, low)
            elif tensor.range is None:
                value = generator.standard_normal(shape)
            else:
                value = generator.uniform(low, high, shape)
            feed[key] = value.astype(tensor.dtype)
        return feed

    def _same_names(self, inputs: Mapping[str, Any]) -> None:
        if inputs.keys() != self.inputs.keys():
            missing = sorted(self.inputs.keys() - inputs.keys())
            unknown = sorted(inputs.keys() - self.inputs.keys())
            problem = f"input {missing[0]} is missing" if missing else f"input {unknown[0]} is unknown"
            raise ValueError(f"{self.name}: {problem}, expected {', '.join(self.inputs)}")

    def _checked_input(self, tensor: Tensor, value: np.ndarray, axes: dict[str, int]) -> np.ndarray:
        if not isinstance(value, np.ndarray) or value.dtype != np.dtype(tensor.dtype):
            given = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            raise ValueError(
                f"{self.name}: input {tensor.name} is {given}, expected a {tensor.dtype} array: convert it"
            )
        _check_shape(self.name, tensor, value, axes)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise NotFiniteError(
                f"{self.name}: input {tensor.name} is not finite: remove NaN and infinity before inference"
            )
        return np.ascontiguousarray(value)


def onnx_tensors(content: bytes, name: str = "network") -> tuple[list[Tensor], list[Tensor]]:
    """Inputs and outputs that an ONNX file itself states, without unit, range and description."""
    own_inputs, own_outputs = _nodes(open_runtime(content, name, "cpu", 1), name)
    return [_tensor(node, name) for node in own_inputs], [_tensor(node, name) for node in own_outputs]


@dataclass(frozen=True)
class _Node:
    """Name, ONNX type and shape of an input or output as ONNX Runtime reports it."""

    name: str
    type: str
    shape: list[int | str | None]


def _nodes(runtime: Any, name: str) -> tuple[list[_Node], list[_Node]]:
    try:
        kinds = (runtime.get_inputs(), runtime.get_outputs())
        inputs, outputs = ([_Node(node.name, node.type, list(node.shape)) for node in kind] for kind in kinds)
    except UnicodeDecodeError as error:
        raise BundleError(f"{name}: a tensor or axis has no readable name: get the bundle again") from error
    return inputs, outputs


def check_left_out(outputs: Collection[str], without: Collection[str], name: str) -> None:
    """Raise BundleError unless these outputs are the network's, and not all of them."""
    for problem in sorted(set(without) - set(outputs)) or ([] if set(outputs) - set(without) else ["all"]):
        raise BundleError(f"{name}: without names {problem}, the network gives {', '.join(outputs)}")


def _tensor(node: _Node, name: str) -> Tensor:
    if node.type not in _ONNX_DTYPES:
        raise BundleError(
            f"{name}: {node.name} is {node.type}, expected one of {', '.join(_ONNX_DTYPES.values())}: "
            "export it as one of these, or without it"
        )
    if 0 in node.shape:
        raise BundleError(f"{name}: {node.name} has shape {node.shape}, expected one that holds something")
    shape = [
        axis if isinstance(axis, int) else _axis_name(axis, node.name, place)
        for place, axis in enumerate(node.shape)
    ]
    return Tensor(name=node.name, shape=shape, dtype=_ONNX_DTYPES[node.type])


def _axis_name(axis: str | None, tensor: str, place: int) -> str:
    """The network's own name of a dynamic axis; "batch", or a name of its own, where it has none to show."""
    if axis and axis.isidentifier() and axis.islower():
        return axis
    return BATCH if place == 0 else f"{tensor.lower()}_axis_{place}"


def _agree(name: str, kind: str, stated: list[Tensor], actual: list[_Node]) -> None:
    """Compare the manifest's tensors with the network's own. Raises BundleError."""
    nodes = {node.name: node for node in actual}
    field = f"{name}: {kind}"
    if [tensor.name for tensor in stated] != [node.name for node in actual]:
        raise BundleError(
            f"{field}: the manifest states {', '.join(t.name for t in stated)}, "
            f"the network has {', '.join(nodes)}: "
            "export the bundle again"
        )
    for tensor in stated:
        node = nodes[tensor.name]
        dtype = _ONNX_DTYPES.get(node.type, node.type)
        if dtype != tensor.dtype:
            raise BundleError(
                f"{field}: {tensor.name}: the manifest states dtype {tensor.dtype}, the network has {dtype}: "
                "export the bundle again"
            )
        # Lengths may be open to the network and known to us: the probe checks what goes in and comes out.
        fits = len(node.shape) == len(tensor.shape) and all(
            given == axis or (not isinstance(given, int) and (given != BATCH or isinstance(axis, str)))
            for axis, given in zip(tensor.shape, node.shape, strict=True)
        )
        if not fits:
            raise BundleError(
                f"{field}: {tensor.name}: the manifest states shape {tensor.shape}, "
                f"the network has {list(node.shape)}: "
                "export the bundle again"
            )


def _check_shape(name: str, tensor: Tensor, value: np.ndarray, axes: dict[str, int]) -> None:
    shape = value.shape
    if len(shape) == len(tensor.shape):
        for axis, length in zip(tensor.shape, shape, strict=True):
            if length != (axes.setdefault(axis, length) if isinstance(axis, str) else axis):
                break
        else:
            return
    known = {axis: axes[axis] for axis in tensor.shape if isinstance(axis, str) and axis in axes}
    given = f" with {known}" if known and len(shape) == len(tensor.shape) else ""
    raise ValueError(f"{name}: {tensor.name} has shape {list(shape)}, expected {tensor.shape}{given}")
