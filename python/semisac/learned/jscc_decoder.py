# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
from gnuradio import gr

from .. import bundle_network
from ..frames.received_symbols import ReceivedSymbols
from ..semisac_python import write_pixels
from ..work_errors import ends_flow_on_error


class jscc_decoder(gr.sync_block):
    """Rebuild the image of each received frame.

    Runs the ``reconstruction`` network of a bundle, as many frames a call as the scheduler offers, `batch` at
    most.

    Input 0: received symbols y = h x + w, complex64[channel uses], one item a frame. One that is not finite
        is taken as zeros, of which nothing was received, and counted as "damaged" in ``counts``.
    Input tags: snr_db (mean Es/N0 in dB) and, where the network was trained to know it, channel_gain (h). A
        frame without a tag keeps the last value; before the first these are the bundle's reference SNR and 1.
    Output 0: image, uint8[height * width * 3], rows then columns then RGB. Tags pass through.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    batch: most frames in one inference.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is not a bundle or holds no usable ``reconstruction``, ValueError for a
    bad batch.
    Source: Sagduyu et al., section II, decoder 1.
    """

    def __init__(self, bundle, batch=64, provider=None, threads=None, precision=None):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        self._session = bundle_network.open_network(bundle, "reconstruction", ReceivedSymbols.INPUTS, "image")
        self._received = ReceivedSymbols(bundle, self._session)
        shape = self._session.outputs["image"].shape[1:]
        batch = bundle_network.check_batch(batch)
        gr.sync_block.__init__(
            self,
            "jscc_decoder",
            [(np.complex64, bundle_network.channel_uses(bundle))],
            [(np.uint8, int(np.prod(shape)))],
        )
        self.set_max_noutput_items(batch)
        self.set_min_output_buffer(0, 2 * batch)

    @ends_flow_on_error
    def work(self, input_items, output_items):
        count = len(output_items[0])
        image = self._session.run(**self._received.gather(self, input_items[0][:count]))["image"]
        write_pixels(image, output_items[0])
        return count
