# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import FusionLink
from semisac_ml.signal.complex_pairs import as_complex

from .. import bundle_network
from ..frames import frame_tags
from ..work_errors import ends_flow_on_error
from . import fusion_networks as fusion


class pilot_source(gr.sync_block):
    """Send pilots of a base station, frame after frame, and say with them what each frame has.

    Frames are numbered from 0, as pictures of image_source are. A flowgraph that is started again goes on
    counting.

    Output 0: OFDM symbol of the station's chains, complex64[subcarriers * station chains], subcarrier by
        subcarrier; `pilots` items a frame.
    Tags: on a frame's first item frame_id, pilots, feedback_bits, symbols (of data), and networks (which of
        the bundles codes it); on each item precoder, [station antennas][station chains].

    bundle: folder of the bundle, or "<system>/<name>" of one that ships; or several of one shape.
    pilots: OFDM symbols of a frame, as of `mimo_ofdm_channel`. None: the most.
    feedback_bits: of each user. None: the most.
    symbols: OFDM symbols of data. None: the most.
    count: frames in all; 0: without end.
    power_db: of the pilots over that of a user. None: the bundle's.

    Raises BundleError when a folder is not a bundle of this kind or bundles differ in shape, ValueError for
    sizes that the networks were not made for.
    Source: Wu and Gao, "E2E Learning Massive MIMO ...", Eqs. (12) and (14).
    """

    def __init__(self, bundle, pilots=None, feedback_bits=None, symbols=None, count=0, power_db=None):
        self._bundles = fusion.open_bundles(bundle)
        link = self._bundles[0].interface(FusionLink)
        self._frame = link.frame
        self._pilots = self._frame.pilots if pilots is None else pilots
        self._feedback_bits = self._frame.feedback_bits if feedback_bits is None else feedback_bits
        self._symbols = self._frame.symbols if symbols is None else symbols
        self._checked()
        if int(count) < 0:
            raise ValueError(f"count is {count}, expected frames in all, or 0 for no end")
        self._count = int(count)
        gain_db = self._frame.pilot_power_db if power_db is None else power_db
        gain = 10.0 ** (bundle_network.check_snr("power_db", gain_db) / 20.0)
        self._sent = [self._of(one, gain) for one in self._bundles]
        gr.sync_block.__init__(
            self,
            "pilot_source",
            None,
            [(np.complex64, link.cell.subcarriers * link.cell.station_chains)],
        )
        self._networks = self._next = self._place = 0

    def _of(self, bundle, gain: float) -> tuple[np.ndarray, list]:
        """Items of a frame, and the precoder of each."""
        session = bundle_network.open_network(bundle, "pilots", ("number",), "digital")
        found = fusion.run(session, number=np.arange(self._pilots, dtype=np.int64))
        digital, analog = as_complex(found["digital"]), as_complex(found["analog"])
        power = np.linalg.norm(digital @ analog.swapaxes(1, 2), axis=-1, keepdims=True)
        items = (gain * digital / power).reshape(self._pilots, -1).astype(np.complex64)
        return items, [fusion.complex_vector(one) for one in analog]

    def _checked(self) -> None:
        self._frame.checked(self._pilots, self._feedback_bits, self._symbols)

    def set_feedback_bits(self, feedback_bits: int) -> None:
        """Change the bits of feedback of each user, from the next frame on."""
        self._frame.checked(self._pilots, feedback_bits, self._symbols)
        self._feedback_bits = int(feedback_bits)

    def set_symbols(self, symbols: int) -> None:
        """Change the OFDM symbols of data, from the next frame on."""
        self._frame.checked(self._pilots, self._feedback_bits, symbols)
        self._symbols = int(symbols)

    def set_networks(self, networks: int) -> None:
        """Choose which of the bundles codes frames, by its place, from the next frame on."""
        if not 0 <= int(networks) < len(self._bundles):
            raise ValueError(f"networks is {networks}, expected 0 to {len(self._bundles) - 1}")
        self._networks = int(networks)

    def frames_sent(self) -> int:
        """Frames that have begun so far."""
        return self._next

    def start(self):
        self._place = 0
        self._last = self._next + self._count if self._count else 0
        return True

    @ends_flow_on_error
    def work(self, input_items, output_items):
        written = 0
        while written < len(output_items[0]):
            if self._place == 0:
                if self._last and self._next == self._last:
                    break
                self._begin(written)
            items, precoders = self._current
            output_items[0][written] = items[self._place]
            offset = self.nitems_written(0) + written
            self.add_item_tag(0, offset, fusion.PRECODER, precoders[self._place])
            self._place = (self._place + 1) % self._pilots
            written += 1
        return written or -1  # WORK_DONE

    def _begin(self, written: int) -> None:
        """Tags of a frame's first item, and its pilots."""
        self._current = self._sent[self._networks]
        offset = self.nitems_written(0) + written
        self.add_item_tag(0, offset, frame_tags.FRAME_ID, pmt.from_uint64(self._next))
        sizes = (self._pilots, self._feedback_bits, self._symbols, self._networks)
        for key, value in zip(fusion.TAG_KEYS.values(), sizes, strict=True):
            self.add_item_tag(0, offset, key, pmt.from_long(int(value)))
        self._next += 1
