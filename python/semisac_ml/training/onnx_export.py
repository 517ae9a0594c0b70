# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as ONNX files: export with large weights in few bits, the commit they come from."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import io
import logging
import platform
import subprocess
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from semisac_ml.training.stored_weights import rounded, store_weights

OPSET = 18


@torch.no_grad()
def round_weights(model: nn.Module, bits: int = 16) -> None:
    """Round large weights to what is stored of them, so that the network is the same before and after export.

    bits: 16 or 8 for each (`stored_weights`).
    """
    for tensor in model.state_dict().values():
        if tensor.dtype == torch.float32:
            tensor.copy_(torch.from_numpy(rounded(tensor.cpu().numpy(), bits)))


def to_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str | Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> bytes:
    """Export one network; ``axes`` names the dynamic axes of each tensor, {tensor: {axis index: name}}.

    With the exporter that PyTorch makes its default from 2.9 on; the one it had before where that is older
    (`_traced`).

    Raises
    ------
    ValueError
        If an axis that is named came out fixed.
    """
    outputs = [output] if isinstance(output, str) else list(output)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the fused kernel has no ONNX operator
    try:
        export = _exported if torch.torch_version.TorchVersion(torch.__version__) >= (2, 9) else _traced
        with torch.no_grad():  # gradients would be traced too
            content = export(network.eval(), dict(inputs), outputs, axes)
            found = network(*inputs.values())
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    results = [found] if isinstance(found, Tensor) else found
    _name_axes(content, axes, {**inputs, **dict(zip(outputs, results, strict=True))})
    store_weights(content)
    onnx.checker.check_model(content)
    return content.SerializeToString()


def _exported(
    network: nn.Module,
    inputs: dict[str, Tensor],
    outputs: list[str],
    axes: Mapping[str, Mapping[int, str]],
) -> onnx.ModelProto:
    """With torch.export, constants folded, inputs dropped that nothing uses, and nothing else.

    Its own optimiser also fuses convolution and normalisation, which undoes the rounding of the weights (and
    gave NaN: onnxscript 0.7.2, encoder of jssc).
    """
    from onnxscript import optimizer

    shapes: tuple[Any, ...] = tuple(
        dict.fromkeys(axes.get(name, {}), torch.export.Dim.AUTO) for name in inputs
    )
    parameters = inspect.signature(network.forward).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        shapes = (shapes,)  # *inputs is one argument
    # torch.export takes one tensor given twice for one input
    examples = tuple(tensor.clone() for tensor in inputs.values())
    with warnings.catch_warnings(), _quiet():
        # torch.export calls what PyTorch itself has deprecated
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec", category=FutureWarning)
        program = torch.onnx.export(
            network,
            examples,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            optimize=False,
            verbose=False,
        )
        optimizer.inline(program.model)
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    content = program.model_proto
    graph = content.graph
    used = _taken(graph.node)
    for tensor in [one for one in graph.input if one.name not in used]:
        graph.input.remove(tensor)
    _forget_source(graph)
    del content.metadata_props[:]
    return content


def branches(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """Graphs of which a node runs one."""
    return [one.g for one in node.attribute if one.HasField("g")]


def _forget_source(graph: onnx.GraphProto) -> None:
    """Where each node comes from in the source, with the paths of this machine."""
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for branch in (one for node in graph.node for one in branches(node)):
        _forget_source(branch)
    del graph.metadata_props[:], graph.value_info[:]


def _taken(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """Names that nodes take, those in their branches too."""
    found: set[str] = set()
    for node in nodes:
        found = found.union(node.input, *(_taken(one.node) for one in branches(node)))
    return found


def part_of(content: onnx.ModelProto, outputs: Sequence[str]) -> bytes:
    """The part of a network that makes some of its values, float32, as a network of its own.

    As `onnx.utils.Extractor`, which does not look into branches.
    """
    wanted, kept = set(outputs), []
    for node in reversed(content.graph.node):
        if wanted & set(node.output):
            wanted |= _taken([node])
            kept.append(node)
    part = onnx.ModelProto()
    part.CopyFrom(content)
    for field, own in (
        (part.graph.node, kept[::-1]),
        (part.graph.initializer, [one for one in content.graph.initializer if one.name in wanted]),
        (part.graph.input, [one for one in content.graph.input if one.name in wanted]),
        (
            part.graph.output,
            [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        ),
    ):
        del field[:]
        field.extend(own)
    return part.SerializeToString()


def _traced(
    network: nn.Module,
    inputs: dict[str, Tensor],
    outputs: list[str],
    axes: Mapping[str, Mapping[int, str]],
) -> onnx.ModelProto:
    """With the exporter that traces: the newer one of PyTorch 2.6 does not know batch normalisation."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # folding constants would harm a network in training mode; this one is in evaluation mode
        warnings.filterwarnings("ignore", message="It is recommended that constant folding be turned off")
        # slices with steps are left for the runtime to compute
        warnings.filterwarnings("ignore", message="Constant folding - Only steps=1")
        # shapes that layers of PyTorch ask about are those of every call
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            buffer,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes={name: dict(value) for name, value in axes.items()},
            opset_version=OPSET,
            # evaluation mode is set; PRESERVE only keeps the exporter from fusing convolution and
            # normalisation, which would undo the rounding of the weights
            training=torch.onnx.TrainingMode.PRESERVE,
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def _name_axes(
    content: onnx.ModelProto, axes: Mapping[str, Mapping[int, str]], examples: Mapping[str, Tensor]
) -> None:
    """Dynamic axes get their names, all others the size of the example."""
    for tensor in (*content.graph.input, *content.graph.output):
        for axis, size in enumerate(tensor.type.tensor_type.shape.dim):
            name = axes.get(tensor.name, {}).get(axis)
            if name is None:
                size.dim_value = examples[tensor.name].shape[axis]
            elif size.HasField("dim_value"):
                raise ValueError(
                    f"axis {axis} of {tensor.name} came out as {size.dim_value}, expected {name}"
                )
            else:
                size.dim_param = name


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hear nothing less than errors: the exporter tells at each export that torchvision is not installed."""
    names = ("torch.onnx._internal.exporter._registration", "onnxscript")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def source_commit() -> str:
    """Commit of the source tree, "unknown" outside of one."""
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def training_record(command: str, seed: int, commit: str | None = None) -> dict[str, object]:
    """What a manifest says of a training.

    commit: of the source, by default :func:`source_commit`.
    """
    return {
        "command": command,
        "seed": seed,
        "commit": source_commit() if commit is None else commit,
        "date": datetime.date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }
