# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import TargetLink

from .. import bundle_network
from ..frames import frame_tags
from ..frames.received_symbols import ReceivedSymbols
from ..semisac_python import write_pixels
from ..work_errors import ends_flow_on_error

TARGETS = pmt.intern("targets")
NAMES = ("distance_m", "angle_rad", "velocity_mps")


class multi_head_decoder(gr.sync_block):
    """Say of each received frame how far the target is, where, how fast, how sure that is, and show it.

    Runs the ``decoder`` network of a bundle, as many frames a call as the scheduler offers, `batch` at most.

    Input 0: received symbols y = h x + w, complex64[channel uses], one item a frame. One that is not finite
        is taken as zeros, of which nothing was received, and counted as "damaged" in ``counts``.
    Input tags: snr_db (mean Es/N0 in dB) and channel_gain (h), by which the symbols are equalised. A frame
        without a tag keeps the last value; before the first these are the bundle's reference SNR and 1.
    Output 0: picture of the target, uint8[side * side * 3], rows then columns then RGB. Tags pass through.
    Output 1: float32[6]: distance in m, azimuth from broadside in rad, closing speed in m/s, and the standard
        deviation of each. Tags pass through.
    Message out ``targets``: a dict for each frame, {frame_id, snr_db, distance_m, angle_rad, velocity_mps,
        distance_m_deviation, ...}; snr_db is that of the tags, frame_id -1 where the frame has none.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    batch: most frames in one inference.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is not a bundle or holds no usable ``decoder``, ValueError for a bad
    batch.
    Source: Peng et al., "SIMAC", section III, sensing semantic decoder; deviations are ours.
    """

    def __init__(self, bundle, batch=16, provider=None, threads=None, precision=None):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        link = bundle.interface(TargetLink)
        self._session = bundle_network.open_network(bundle, "decoder", ReceivedSymbols.INPUTS, "picture")
        self._received = ReceivedSymbols(bundle, self._session)
        self._channel_uses = bundle_network.channel_uses(bundle)
        batch = bundle_network.check_batch(batch)
        gr.sync_block.__init__(
            self,
            "multi_head_decoder",
            [(np.complex64, self._channel_uses)],
            [(np.uint8, link.picture_pixels**2 * 3), (np.float32, 2 * len(NAMES))],
        )
        self.set_max_noutput_items(batch)
        self.set_min_output_buffer(0, 2 * batch)
        self.message_port_register_out(TARGETS)

    @ends_flow_on_error
    def work(self, input_items, output_items):
        count = len(output_items[0])
        inputs = self._received.gather(self, input_items[0][:count])
        inputs["received"] = inputs["received"].reshape(count, 2 * self._channel_uses)
        found = self._session.run(**inputs)
        write_pixels(found["picture"], output_items[0])
        output_items[1][:, : len(NAMES)] = found["state"]
        output_items[1][:, len(NAMES) :] = found["deviation"]
        self._publish(output_items[1])
        return count

    def _publish(self, states: np.ndarray) -> None:
        if pmt.is_null(self.message_subscribers(TARGETS)):
            return
        ids = frame_tags.CallTags(self, 0, len(states)).longs(frame_tags.FRAME_ID).tolist()
        names = (*NAMES, *(f"{name}_deviation" for name in NAMES))
        for frame_id, snr_db, values in zip(ids, self._received.told_db.tolist(), states, strict=True):
            told = {"frame_id": frame_id, "snr_db": snr_db} | dict(zip(names, values.tolist(), strict=True))
            self.message_port_pub(TARGETS, pmt.to_pmt(told))
