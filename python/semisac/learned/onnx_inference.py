# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gnuradio import gr

from semisac_ml.runtime import BundleError, NotFiniteError
from semisac_ml.runtime.onnx_model import broadcast, constant, signature

from .. import bundle_network
from ..semisac_python import input_has_ended
from ..work_errors import ends_flow_on_error, pass_over
from .framed_ports import FramedInput, FramedOutput, Overlap
from .onnx_ports import ITEMS, ports_of


class onnx_inference(gr.basic_block):
    """Run any ONNX network on vectors or streams.

    Each input of the network is an input of the block, each output an output, in the network's order. An item
    of the batch is a frame: of a port of vectors one item, of a stream as many as the tensor holds values. As
    many frames as are there are inferred at once, `batch` at most, and none waits for others.

    Frames of streams may overlap: a frame is `before` samples that the frame before it had, new ones, and
    `after` samples that the next one has again. In front of the first sample and behind the last are zeros.
    Outputs that are streams give the part of their frame that belongs to the new samples, so that output and
    input stay side by side.

    Inputs: complex, float, int, short or byte, as `inputs` says; without it vectors of the tensors' own type:
        float for real numbers, int for int64 and int32, byte for int8, uint8 and bool. Complex values are
        tensors of real numbers with a last axis of two, I and Q. An item that is not finite is taken as
        zeros, and counted as "damaged" in ``counts``.
    Outputs: the same, as `outputs` says. A frame whose outputs are not finite gives zeros, and is counted.
    Tags of all inputs go to all outputs: to the item of the frame in whose new samples they are, of a stream
        to the sample beside theirs; what several inputs say of an item alike is said once.

    model: ONNX file, folder of a bundle, or "<system>/<name>" of one that ships.
    inputs, outputs: (type, length) of each port, such as [("complex", 1024), ("float", 1)]; the length is
        that of the tensor for one item of the batch, or 1 where the port is a stream.
    before, after: samples by which frames of streams overlap.
    batch: most frames in one inference.
    network: of a bundle that has several.
    axes: length of each axis that the network leaves open, by its name, such as {"height": 64}; a first axis,
        or one named "batch", counts frames.
    constants: inputs that are always the same and no inputs of the block, such as {"sample_rate": 16000}.
    without: names of outputs that are not wanted.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the model cannot be run so, ValueError for a bad parameter.
    """

    def __init__(
        self,
        model,
        inputs=None,
        outputs=None,
        before=0,
        after=0,
        batch=16,
        network="",
        axes=None,
        constants=None,
        without=(),
        provider=None,
        threads=None,
        precision=None,
    ):
        session, pairs, self._bundle = bundle_network.open_model(
            model, network, without, provider, threads, precision
        )
        self._session = session
        self._signature = found = signature(session, axes, constants)
        self._constants = self._checked(constants or {})
        tensors = [tensor for name, tensor in found.inputs.items() if name not in self._constants]
        self._input_ports = ports_of("inputs", tensors, inputs, pairs, session.name)
        results = [tensor for name, tensor in found.outputs.items() if name not in without]
        self._output_ports = ports_of("outputs", results, outputs, pairs, session.name)
        if not self._input_ports:
            raise BundleError(f"{session.name}: every input is a constant, expected one that is an input")
        self._batched = all(port.batched for port in (*self._input_ports, *self._output_ports))
        self._most_frames = bundle_network.check_batch(batch)
        overlap = Overlap.checked(before, after, self._input_ports)
        self._inputs = [FramedInput(port, overlap, self._most_frames) for port in self._input_ports]
        self._outputs = [FramedOutput(port, self._inputs, overlap) for port in self._output_ports]
        gr.basic_block.__init__(
            self,
            "onnx_inference",
            [port.item for port in self._input_ports],
            [port.item for port in self._output_ports],
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)

    def set_constants(self, constants: Mapping[str, Any]) -> None:
        """Change the values of constant inputs, by name; those that are not named stay as they are."""
        strange = sorted(constants.keys() - self._constants.keys())
        if strange:
            raise ValueError(
                f"constants names {strange[0]}, expected those that the block was made with: "
                f"{', '.join(self._constants) or 'none'}"
            )
        self._constants = self._constants | self._checked(constants)

    def _checked(self, constants: Mapping[str, Any]) -> dict[str, np.ndarray]:
        inputs, name = self._signature.inputs, self._session.name
        made = {key: constant(inputs[key], value, name) for key, value in constants.items()}
        for key, value in made.items():
            broadcast(value, inputs[key], 1, name)
        return made

    def start(self) -> bool:
        """Begin with no frame begun."""
        for port in (*self._inputs, *self._outputs):
            port.clear()
        return True

    def forecast(self, noutput_items, ninputs):
        if any(port.waiting() for port in self._outputs):
            return [0] * ninputs
        return [
            0 if port.frames() or input_has_ended(self.gateway, 0, number) else 1
            for number, port in enumerate(self._inputs)
        ]

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        for number, items in enumerate(input_items):
            self._take(number, items)
        if not any(port.waiting() for port in self._outputs):
            frames = min(self._most_frames, *(port.frames() for port in self._inputs))
            if frames:
                self._infer(frames)
            elif any(port.ended and not port.frames() for port in self._inputs):
                return gr.WORK_DONE
        for number, (port, items) in enumerate(zip(self._outputs, output_items, strict=True)):
            count, tags = port.give(items)
            for place, key, value in tags:
                self.add_item_tag(number, self.nitems_written(number) + place, key, value)
            self.produce(number, count)
        return gr.WORK_CALLED_PRODUCE

    def _take(self, number: int, items: np.ndarray) -> None:
        """Take what has come on an input, as far as there is room for it."""
        port = self._inputs[number]
        count = min(len(items), port.room())
        ended = count == len(items) and input_has_ended(self.gateway, count, number)
        first = self.nitems_read(number)
        found = self.get_tags_in_window(number, 0, count) if count else []
        tags = [(tag.offset - first, tag.key, tag.value) for tag in found]
        damaged = port.put(items[:count], tags, ended)
        if damaged:
            pass_over(self, "damaged", f"an item of input {number} is not finite", damaged)
        self.consume(number, count)

    def _infer(self, frames: int) -> None:
        """Run the network on the next frames."""
        cuts = [port.cut(frames) for port in self._inputs]
        results = self._results([values for values, _, _ in cuts])
        passed = [(port, new, tags) for port, (_, new, tags) in zip(self._inputs, cuts, strict=True)]
        for port, values in zip(self._outputs, results, strict=True):
            port.put(values, passed)

    def _results(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """Values [frames, length] of each output for those of each input."""
        frames, name = len(values[0]), self._session.name
        if frames > 1 and not self._batched:
            return self._one_by_one(values)
        inputs = self._signature.inputs
        feed = {key: broadcast(value, inputs[key], frames, name) for key, value in self._constants.items()}
        for port, own in zip(self._input_ports, values, strict=True):
            feed[port.tensor.name] = port.tensor_of(own)
        try:
            found = self._session.run(**feed)
        except NotFiniteError as error:
            if frames > 1:
                return self._one_by_one(values)
            pass_over(self, "damaged", str(error))
            return [np.zeros((1, port.length), ITEMS[port.kind]) for port in self._output_ports]
        return [port.values_of(found[port.tensor.name], frames, name) for port in self._output_ports]

    def _one_by_one(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """The same, each frame alone."""
        each = [self._results([own[k : k + 1] for own in values]) for k in range(len(values[0]))]
        return [np.concatenate(own) for own in zip(*each, strict=True)]
