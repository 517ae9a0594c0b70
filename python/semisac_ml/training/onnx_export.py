# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as ONNX files: export, large weights in half precision, the commit they come from."""

from __future__ import annotations

import io
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 18
# Weight matrices of more elements than this are stored in half precision.
HALF_PRECISION_FROM = 1024


@torch.no_grad()
def round_weights(model: nn.Module) -> None:
    """Round large weights to half precision, so that the network is the same before and after export."""
    for tensor in model.state_dict().values():
        if tensor.dtype == torch.float32 and tensor.numel() > HALF_PRECISION_FROM:
            tensor.copy_(tensor.half().float())


def store_in_half_precision(content: onnx.ModelProto) -> None:
    """Store large weights as float16, cast to float32 on loading: half the file, the same arithmetic."""
    graph = content.graph
    casts = []
    for index, tensor in enumerate(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= HALF_PRECISION_FROM:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        stored = f"{tensor.name}.half"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
        graph.initializer[index].CopyFrom(numpy_helper.from_array(half, stored))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def to_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str | Sequence[str],
    axes: Mapping[str, Any],
) -> bytes:
    """Export one network; ``axes`` names the dynamic axes of each tensor, {tensor: {axis index: name}}."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # folding constants would harm a network in training mode; this one is in evaluation mode
        warnings.filterwarnings("ignore", message="It is recommended that constant folding be turned off")
        # slices with steps are left for the runtime to compute
        warnings.filterwarnings("ignore", message="Constant folding - Only steps=1")
        torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            buffer,
            input_names=list(inputs),
            output_names=[output] if isinstance(output, str) else list(output),
            dynamic_axes={name: dict(value) for name, value in axes.items()},
            opset_version=OPSET,
            # evaluation mode is set; PRESERVE only keeps the exporter from fusing convolution and
            # normalisation, which would undo the rounding of the weights
            training=torch.onnx.TrainingMode.PRESERVE,
            dynamo=False,
        )
    content = onnx.load_from_string(buffer.getvalue())
    store_in_half_precision(content)
    onnx.checker.check_model(content)
    return content.SerializeToString()


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
