# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
from gnuradio import gr

from semisac_ml.signal.complex_pairs import as_complex

from .. import bundle_network
from ..work_errors import ends_flow_on_error


class jscc_encoder(gr.sync_block):
    """Turn each image into the channel symbols that carry its pixels and its meaning.

    Runs the ``encoder`` network of a bundle, as many images a call as the scheduler offers, `batch` at most.
    An image never waits for others to fill a batch, so a finite stream always completes; under load images
    queue up in front of the block and batches fill by themselves.

    Input 0: image, uint8[height * width * 3], rows then columns then RGB; one item a frame.
    Output 0: symbols, complex64[channel uses], unit mean power E|x|^2 = 1 in each image.
    Tags pass through.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    snr_db: mean Es/N0 in dB that the link is expected to have; the encoder adapts its code to it.
    batch: most images in one inference.
    remember: images whose symbols are kept, so that one that comes again is not encoded again; the oldest
        are forgotten. An encoder takes about a thousand times as long as a look into the memory: with few
        images that repeat it serves rates that it could not reach otherwise.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is not a bundle or holds no usable ``encoder``, ValueError for a bad
    parameter.
    Source: Sagduyu et al., "Joint Sensing and Semantic Communications with Multi-Task Deep Learning", section
    II, encoder.
    """

    def __init__(self, bundle, snr_db=3.0, batch=64, remember=0, provider=None, threads=None, precision=None):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        self._session = bundle_network.open_network(bundle, "encoder", ("image", "snr_db"), "symbols")
        self._wants_snr = "snr_db" in self._session.inputs
        self._shape = tuple(self._session.inputs["image"].shape[1:])
        self._channel_uses = bundle_network.channel_uses(bundle)
        batch = bundle_network.check_batch(batch)
        if int(remember) < 0:
            raise ValueError(f"remember is {remember}, expected 0 or more images")
        self._remember = int(remember)
        self._remembered: dict[bytes, np.ndarray] = {}
        self._remembered_for_db = float("nan")
        gr.sync_block.__init__(
            self,
            "jscc_encoder",
            [(np.uint8, int(np.prod(self._shape)))],
            [(np.complex64, self._channel_uses)],
        )
        self.set_snr_db(snr_db)
        self.set_max_noutput_items(batch)
        self.set_min_output_buffer(0, 2 * batch)

    def set_snr_db(self, snr_db: float) -> None:
        """Change the mean Es/N0 in dB for which the next images are encoded."""
        self._snr_db = bundle_network.check_snr("snr_db", snr_db)

    def snr_db(self) -> float:
        """Mean Es/N0 in dB for which images are encoded."""
        return self._snr_db

    def channel_uses(self) -> int:
        """Complex symbols of a frame, the vector length of output 0."""
        return self._channel_uses

    @ends_flow_on_error
    def work(self, input_items, output_items):
        count = len(output_items[0])
        snr_db = self._snr_db
        images = input_items[0][:count]
        output_items[0][:] = self._recall(images, snr_db) if self._remember else self._encode(images, snr_db)
        return count

    def _encode(self, images: np.ndarray, snr_db: float) -> np.ndarray:
        """Symbols complex64 [images, channel uses] of images uint8 [images, height * width * 3]."""
        count = len(images)
        channels, height, width = self._shape
        pixels = images.reshape(count, height, width, channels).transpose(0, 3, 1, 2)
        inputs = {"image": np.divide(pixels, np.float32(255.0), order="C", dtype=np.float32)}
        if self._wants_snr:
            inputs["snr_db"] = np.full(count, snr_db, np.float32)
        return as_complex(self._session.run(**inputs)["symbols"])

    def _recall(self, images: np.ndarray, snr_db: float) -> np.ndarray:
        """The same, encoding only what is not remembered."""
        if snr_db != self._remembered_for_db:
            self._remembered = {}
            self._remembered_for_db = snr_db
        memory = self._remembered
        keys = [image.tobytes() for image in images]
        new = {key: place for place, key in enumerate(keys) if key not in memory}
        if new:
            memory.update(zip(new, self._encode(images[list(new.values())], snr_db), strict=True))
        symbols = np.stack([memory[key] for key in keys])
        while len(memory) > self._remember:
            del memory[next(iter(memory))]
        return symbols
