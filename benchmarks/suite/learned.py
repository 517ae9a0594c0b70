# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Learned blocks in a headless flowgraph against ONNX Runtime on the same network, batch and threads."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import onnxruntime
from gnuradio import blocks, gr, semisac
from gnuradio.semisac.frames import frame_tags

from semisac_ml.data import cifar10
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.channel import FADING_MODELS
from semisac_ml.signal.complex_pairs import as_complex

from .record import Comparison
from .timing import call_rate, flowgraph_rate

GOAL = 0.85
GOALS = {"sensing_decoder": 0.5}  # its network takes no longer than the tags of its two inputs
ENCODER_GOAL = 3.0
SNR_DB = 3.0


class frame_source(gr.sync_block):
    """Send symbols for ever, numbered as `image_source` numbers images.

    Output 0: symbols, complex64[channel uses], tag frame_id.
    """

    def __init__(self, symbols: np.ndarray, batch: int):
        gr.sync_block.__init__(self, "frame_source", None, [(np.complex64, symbols.shape[1])])
        self._symbols = symbols
        self.set_max_noutput_items(batch)
        self.set_min_output_buffer(0, 2 * batch)

    def work(self, input_items, output_items):
        count = len(output_items[0])
        first = self.nitems_written(0)
        output_items[0][:] = np.take(self._symbols, np.arange(first, first + count), axis=0, mode="wrap")
        ids = np.arange(first, first + count, dtype=np.uint64)
        frame_tags.tag_items(self, 0, frame_tags.FRAME_ID, ids)
        return count


class Networks:
    """The four networks of a bundle in ONNX Runtime itself, and one batch of input for each.

    They are those that blocks run, of the precision that the bundle's session takes; one thread.
    """

    def __init__(self, bundle: Bundle, batch: int) -> None:
        self.bundle = bundle
        self.batch = batch
        images = np.resize(cifar10.sample()[0], (batch, 32, 32, 3))
        unit = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
        uses = bundle.interface(ImageLink).symbols.channel_uses
        snr = np.full(batch, SNR_DB, np.float32)
        symbols = np.random.default_rng(1).standard_normal((batch, uses, 2)).astype(np.float32)
        symbols /= np.sqrt(np.mean(np.sum(symbols**2, axis=2), axis=1))[:, None, None]
        gain = np.tile(np.array([1.0, 0.0], np.float32), (batch, 1))
        offered = {
            "image": unit,
            "snr_db": snr,
            "received": symbols,
            "channel_gain": gain,
            "symbols": symbols,
            "echo": symbols,
            "range_snr_db": snr[:, None],
            "range_delay": np.zeros(1, np.int64),
            "prior": np.array([0.5, 0.5], np.float32),
            "fading": np.array([FADING_MODELS.index(bundle.interface(ImageLink).sensing.fading)], np.int64),
        }
        self.images = images
        self.symbols = as_complex(symbols)
        self.how = f"batch {batch}, 1 thread"
        self._feeds: dict[str, dict[str, np.ndarray]] = {}
        self._calls: dict[str, Callable[[], object]] = {}
        for name in ("encoder", "reconstruction", "task", "sensing"):
            network = bundle.manifest.networks[name]
            feed = {tensor.name: offered[tensor.name] for tensor in network.inputs}
            self._feeds[name] = feed
            self._calls[name] = functools.partial(bundle.session(name).infer, feed)

    def as_stated(self, name: str) -> Callable[[], object]:
        """A call of the network's own file in float32, whichever precision a session takes."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        path = self.bundle.path / self.bundle.manifest.networks[name].file
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, self._feeds[name])

    def rate(self, name: str, seconds: float) -> float:
        """Frames a second of one network."""
        return call_rate(self._calls[name], self.batch, seconds)

    def rate_of_all(self, seconds: float) -> float:
        """Frames a second of the four networks, one after the other."""

        def call_all() -> None:
            for call in self._calls.values():
                call()

        return call_rate(call_all, self.batch, seconds)


def comparisons(networks: Networks) -> list[Comparison]:
    """Each learned block against its network."""
    makers = {
        "jscc_encoder": ("encoder", _encoder),
        "jscc_decoder": ("reconstruction", _reconstruction),
        "task_decoder": ("task", _task),
        "sensing_decoder": ("sensing", _sensing),
    }
    return [
        Comparison(
            group=block,
            name=block,
            unit="images/s",
            peer="ONNX Runtime",
            peer_conditions=f"network {network} of {networks.bundle.name} alone, {networks.how}",
            measure=_block_rate(networks, make),
            measure_peer=lambda seconds, network=network: networks.rate(network, seconds),
            goal=GOALS.get(block, GOAL),
        )
        for block, (network, make) in makers.items()
    ]


def encoder_comparison(networks: Networks) -> Comparison:
    """The encoder as it is run now against its file in float32, which is all that there was."""
    return Comparison(
        group="encoder",
        name=f"encoder of {networks.bundle.name}, as the bundle's session runs it",
        unit="images/s",
        peer="its float32 file",
        peer_conditions=f"ONNX Runtime, {networks.how}: what ran when three times as many were asked",
        measure=lambda seconds: networks.rate("encoder", seconds),
        measure_peer=lambda seconds: call_rate(networks.as_stated("encoder"), networks.batch, seconds),
        goal=ENCODER_GOAL,
    )


def _block_rate(networks: Networks, make: Callable) -> Callable[[float], float]:
    def measure(seconds: float) -> float:
        flowgraph = gr.top_block("bench")
        block = make(flowgraph, networks)
        sink = blocks.null_sink(block.output_signature().sizeof_stream_item(0))
        flowgraph.connect(block, sink)
        rate = flowgraph_rate(flowgraph, lambda: sink.nitems_read(0), seconds)
        if getattr(block, "error", None) is not None:
            raise block.error
        return rate

    return measure


def _symbol_source(networks: Networks) -> blocks.vector_source_c:
    symbols = networks.symbols
    source = blocks.vector_source_c(symbols.ravel(), True, symbols.shape[1])
    source.set_min_output_buffer(4 * networks.batch)
    return source


def _received(flowgraph: gr.top_block, networks: Networks):
    """Received symbols with the tags that the channel gives them."""
    channel = networks.bundle.interface(ImageLink).channel
    link = semisac.fading_channel(networks.symbols.shape[1], channel.model, SNR_DB, 1)
    link.set_min_output_buffer(4 * networks.batch)
    flowgraph.connect(_symbol_source(networks), link)
    return link


def _encoder(flowgraph: gr.top_block, networks: Networks):
    images = networks.images
    source = blocks.vector_source_b(images.ravel(), True, images[0].size)
    source.set_min_output_buffer(4 * networks.batch)
    block = semisac.jscc_encoder(networks.bundle, SNR_DB, networks.batch)
    flowgraph.connect(source, block)
    return block


def _reconstruction(flowgraph: gr.top_block, networks: Networks):
    block = semisac.jscc_decoder(networks.bundle, networks.batch)
    flowgraph.connect(_received(flowgraph, networks), block)
    return block


def _task(flowgraph: gr.top_block, networks: Networks):
    block = semisac.task_decoder(networks.bundle, networks.batch)
    flowgraph.connect(_received(flowgraph, networks), block)
    return block


def _sensing(flowgraph: gr.top_block, networks: Networks):
    source = frame_source(networks.symbols, networks.batch)
    flowgraph.kept = source  # GNU Radio does not keep Python blocks alive
    echo = semisac.echo_channel(networks.symbols.shape[1], seed=1)
    echo.set_min_output_buffer(4 * networks.batch)
    block = semisac.sensing_decoder(networks.bundle, batch=networks.batch)
    flowgraph.connect(source, (block, 0))
    flowgraph.connect(source, echo, (block, 1))
    return block


def loopback_comparison(networks: Networks) -> Comparison:
    """The whole link of apps/run_loopback.py against its four networks alone."""
    from loopback.links.images import Images
    from loopback.options import ChannelOptions, LinkOptions, SensingOptions

    told = LinkOptions(snr_db=SNR_DB, batch=networks.batch)
    options = ChannelOptions(phy="symbols"), SensingOptions(sensing_snr_db=SNR_DB)
    link = Images(networks.bundle, told, *options)
    link.load()

    def measure(seconds: float) -> float:
        flowgraph = link.flowgraph(10**9)
        rate = flowgraph_rate(flowgraph, flowgraph.done, seconds)
        if flowgraph.error() is not None:
            raise flowgraph.error()
        return rate

    return Comparison(
        group="loopback",
        name="loopback",
        unit="images/s",
        peer="ONNX Runtime",
        peer_conditions=f"the four networks of {networks.bundle.name} alone, one after the other, "
        f"{networks.how}",
        measure=measure,
        measure_peer=networks.rate_of_all,
        goal=GOAL,
    )
