# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
from gnuradio import gr

from .. import bundle_network
from ..frames.received_symbols import ReceivedSymbols
from ..work_errors import ends_flow_on_error


class task_decoder(gr.sync_block):
    """Say what each received frame shows, without rebuilding its image.

    Runs the ``task`` network of a bundle, as many frames a call as the scheduler offers, `batch` at most.

    Input 0: received symbols y = h x + w, complex64[channel uses], one item a frame. One that is not finite
        is taken as zeros, of which nothing was received, and counted as "damaged" in ``counts``.
    Input tags: snr_db (mean Es/N0 in dB) and, where the network was trained to know it, channel_gain (h). A
        frame without a tag keeps the last value; before the first these are the bundle's reference SNR and 1.
    Output 0: probability of each class, float32[classes], in the order of the bundle's classes. Tags pass
        through.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    batch: most frames in one inference.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is not a bundle or holds no usable ``task``, ValueError for a bad
    batch.
    Source: Sagduyu et al., section II, decoder 3.
    """

    def __init__(self, bundle, batch=64, provider=None, threads=None, precision=None):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        self._session = bundle_network.open_network(bundle, "task", ReceivedSymbols.INPUTS, "probability")
        self._received = ReceivedSymbols(bundle, self._session)
        classes = self._session.outputs["probability"].shape[1]
        batch = bundle_network.check_batch(batch)
        gr.sync_block.__init__(
            self,
            "task_decoder",
            [(np.complex64, bundle_network.channel_uses(bundle))],
            [(np.float32, int(classes))],
        )
        self.set_max_noutput_items(batch)
        self.set_min_output_buffer(0, 2 * batch)

    @ends_flow_on_error
    def work(self, input_items, output_items):
        count = len(output_items[0])
        inputs = self._received.gather(self, input_items[0][:count])
        output_items[0][:] = self._session.run(**inputs)["probability"]
        return count
