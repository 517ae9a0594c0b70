# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import FusionLink
from semisac_ml.signal.complex_pairs import as_complex, as_pairs

from .. import bundle_network
from ..frames import frame_tags
from ..frames.frame_join import FrameJoin
from ..frames.received_symbols import usable
from ..frames.symbol_frames import SymbolFrame, SymbolFrames
from ..message_ports import takes_messages
from ..work_errors import ends_flow_on_error, pass_over
from . import fusion_networks as fusion

FEEDBACK, BEAMS = "feedback", "beams"
MOST_WAITING = 16  # frames whose picture, or pictures whose pilots, have not come
PILOTS, PICTURES = 0, 1


@dataclass(frozen=True)
class _Heard:
    """What a user made of the pilots of a frame. silent: it sends nothing."""

    sizes: fusion.Sizes
    link: np.ndarray
    beams: np.ndarray
    semantics: np.ndarray
    silent: bool


class fusion_user(takes_messages, gr.basic_block):
    """A user: from pilots to beams and feedback, and a picture into OFDM symbols.

    Pilots and pictures are paired by frame_id: a frame that one of them lacks is counted (`frames_dropped`)
    and sent by nobody; those behind it stay right. Feedback goes out when pilots have come, whether or not
    there is a picture. A user that is silent, or hears pilots that are not finite, counted as "damaged" in
    ``counts``, sends symbols of zero and feedback of no bits.

    Input 0: pilots at the user's antennas, complex64[subcarriers * user antennas], one item an OFDM symbol:
        as of `mimo_ofdm_channel` downwards with the identity as combiner. The analog combiner is within.
        Tags of a frame's first item: frame_id; pilots, feedback_bits, symbols, networks of `pilot_source`;
        snr_db and doppler_hz (the largest shift), without them the bundle's reference and 0.
    Input 1: picture, uint8[height * width * channels], rows then columns then colours; tag frame_id.
    Output 0: OFDM symbol of the user's chains, complex64[subcarriers * user chains], as many items a frame as
        the bundle has symbols, zeros behind those that the frame has. Tags on a frame's first item: frame_id,
        precoder.
    Message out ``feedback``: PDU ({frame_id, user, pilots, feedback_bits, symbols, networks, snr_db,
        doppler_hz} . u8vector of bits, one a byte).
    Message out ``beams``: PDU ({frame_id, user} . c32vector), the precoder [user antennas][user chains].

    bundle: folder of the bundle, or "<system>/<name>" of one that ships; or several of one shape, between
        which frames choose.
    user: modality of its pictures, or its number.
    silent: whether it is silent; may change while running.
    batch: most frames in one inference.
    provider, threads: what runs the networks, "cpu", "openvino", "cuda" or "tensorrt", and how many threads
        of it; None: as the bundle that is given says, else cpu and one.
    precision: what the networks are computed in, "auto", "float32" or "int8"; None: as the bundle that is
        given says, else auto.

    Raises BundleError when a folder is not a bundle of this kind or lacks a network, ValueError for a bad
    parameter.
    Source: Wu and Gao, "E2E Learning Massive MIMO ...", Eqs. (15) to (17), (20), (21).
    """

    def __init__(self, bundle, user=0, silent=False, batch=4, provider=None, threads=None, precision=None):
        bundles = fusion.open_bundles(bundle, provider, threads, precision)
        self._links = [one.interface(FusionLink) for one in bundles]
        link, cell = self._links[0], self._links[0].cell
        self._user = fusion.user_number(link, user)
        self._shape = (link.height, link.width, link.users[self._user].channels)
        self._networks = [self._open(one) for one in bundles]
        self._combiners = [self._combiner(own) for own in self._networks]
        self._batch = bundle_network.check_batch(batch)
        self._item = cell.subcarriers * cell.user_chains
        gr.basic_block.__init__(
            self,
            "fusion_user",
            [(np.complex64, cell.subcarriers * cell.user_antennas), (np.uint8, int(np.prod(self._shape)))],
            [(np.complex64, self._item)],
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.announce(FEEDBACK, BEAMS)
        self._frames = SymbolFrames(
            {**fusion.TAG_KEYS, "snr_db": frame_tags.SNR_DB, "doppler_hz": fusion.DOPPLER_HZ}
        )
        self._join = FrameJoin(2)  # which gives nobody up: no more is taken than may wait
        self._ready: deque[tuple[int, np.ndarray, np.ndarray]] = deque()  # frames to be given, and
        self._given = 0  # symbols that were, of the first
        self._unpaired = 0
        self.set_silent(silent)

    def _open(self, bundle) -> dict[str, object]:
        own = bundle.interface(FusionLink).users[self._user]
        return fusion.open_networks(
            bundle,
            {
                "pilots": ("pilots", ("number",), "combiner"),
                "channel": (own.channel_network, ("received", "link"), "bits"),
                "picture": (own.picture_network, ("picture", "semantics", "beams", "link"), "symbols"),
            },
        )

    def _combiner(self, networks: dict[str, object]) -> np.ndarray:
        """V_RF, complex64 [pilots, user chains, user antennas]."""
        numbers = np.arange(self._links[0].frame.pilots, dtype=np.int64)
        return as_complex(fusion.run(networks["pilots"], number=numbers)["combiner"])

    def set_silent(self, silent: bool) -> None:
        """Say whether the user is silent, from the next pilots on."""
        self._silent = bool(silent)

    def frames_dropped(self) -> int:
        """Frames so far whose pilots or whose picture did not come."""
        return self._join.lost + self._unpaired

    def start(self):
        self._frames.begin_anew()
        self._join.begin_anew()
        self._ready.clear()
        self._given = 0
        return True

    def forecast(self, noutput_items, ninputs):
        if self._ready:
            return [0, 0]
        return [0, 1] if self._join.waiting(PILOTS) else [1, 0]

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        if not self._ready:
            self._take(input_items)
        written = 0
        while self._ready and written < len(output_items[0]):
            frame_id, precoder, symbols = self._ready[0]
            if self._given == 0:
                offset = self.nitems_written(0) + written
                self.add_item_tag(0, offset, frame_tags.FRAME_ID, pmt.from_uint64(frame_id))
                self.add_item_tag(0, offset, fusion.PRECODER, fusion.complex_vector(precoder))
            count = min(len(symbols) - self._given, len(output_items[0]) - written)
            output_items[0][written : written + count] = symbols[self._given : self._given + count]
            written, self._given = written + count, self._given + count
            if self._given == len(symbols):
                self._ready.popleft()
                self._given = 0
        return written

    def _take(self, input_items) -> None:
        """Read what may wait for its partner, and make ready what has it."""
        pilots, pictures = input_items
        if self._join.waiting(PILOTS) < MOST_WAITING:
            pilots = pilots[: self._links[0].frame.pilots * self._batch]
            self._hear(self._frames.take(self, PILOTS, pilots, self._length_of))
            self.consume(PILOTS, len(pilots))
        free = min(MOST_WAITING - self._join.waiting(PICTURES), self._batch)
        if free > 0 and len(pictures):
            pictures = pictures[:free]
            ids = frame_tags.read_frame_ids(self, PICTURES, len(pictures))
            self._pair(PICTURES, ids, {"picture": pictures.copy()})
            self.consume(PICTURES, len(pictures))

    def _length_of(self, tags) -> int:
        return fusion.Sizes.of_tags(tags, self._links[0], len(self._links)).pilots

    def _hear(self, frames: Sequence[SymbolFrame]) -> None:
        """Beams and feedback of frames of pilots."""
        heard: dict[int, _Heard] = {}
        sizes = [fusion.Sizes.of_tags(one.tags, self._links[0], len(self._links)) for one in frames]
        groups = fusion.by_networks(range(len(frames)), lambda place: sizes[place].networks)
        for networks, places in groups.items():
            link = self._links[networks]
            told = []
            for place in places:
                tags = {name: value for name, value in frames[place].tags.items() if np.isfinite(value)}
                snr_db = tags.get("snr_db", link.reference_snr_db)
                told.append(sizes[place].told(link, snr_db, tags.get("doppler_hz", 0.0)))
            received, good = self._received([frames[place] for place in places], self._combiners[networks])
            found = fusion.run(
                self._networks[networks]["channel"], received=as_pairs(received), link=np.stack(told)
            )
            for row, place in enumerate(places):
                silent = self._silent or not good[row]
                heard[place] = _Heard(
                    sizes[place], told[row], found["beams"][row], found["semantics"][row], silent
                )
                self._send(frames[place].frame_id, heard[place], found["bits"][row])
        column = np.empty(len(frames), object)
        column[:] = [heard[place] for place in range(len(frames))]
        self._pair(PILOTS, np.array([one.frame_id for one in frames], np.int64), {"heard": column})

    def _received(self, frames: Sequence[SymbolFrame], combiner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Behind the combiner, complex64 [frames, subcarriers, user chains, pilots], and which are good."""
        pilots, chains, antennas = combiner.shape
        made = np.zeros((len(frames), self._item // chains, chains, pilots), np.complex64)
        good = np.ones(len(frames), bool)
        for row, frame in enumerate(frames):
            values = frame.values
            good[row] = usable(values).all()
            if good[row]:
                at_antennas = values.reshape(len(values), -1, antennas)
                made[row, ..., : len(values)] = np.einsum(
                    "lca,lna->ncl", combiner[: len(values)], at_antennas
                )
            else:
                pass_over(self, "damaged", f"pilots of frame {frame.frame_id} are not finite")
        return made, good

    def _send(self, frame_id: int, heard: _Heard, bits: np.ndarray) -> None:
        """Feedback and beams as messages."""
        sizes = heard.sizes
        sent = [] if heard.silent else bits.ravel()[: sizes.feedback_bits].astype(int).tolist()
        head = {"frame_id": frame_id, "user": self._user}
        told = {name: getattr(sizes, name) for name in fusion.TAG_KEYS}
        told |= {"snr_db": float(heard.link[0]), "doppler_hz": float(heard.link[-1])}
        self.send(FEEDBACK, fusion.pdu(head | told, pmt.init_u8vector(len(sent), sent)))
        if self.is_heard(BEAMS):
            self.send(BEAMS, fusion.pdu(head, fusion.complex_vector(as_complex(heard.beams))))

    def _pair(self, branch: int, ids: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        before = self._join.waiting(PICTURES)
        joined = self._join.add(branch, ids, columns)
        met = 0 if joined is None else len(joined[0])
        arrived = len(ids) if branch == PICTURES else 0
        self._unpaired += before + arrived - met - self._join.waiting(PICTURES)
        if joined is not None:
            self._encode(joined[0], joined[1]["heard"], joined[1]["picture"])

    def _encode(self, ids: np.ndarray, heard: np.ndarray, pictures: np.ndarray) -> None:
        """Symbols of frames that have pilots and a picture."""
        link = self._links[0]
        symbols = np.zeros((len(ids), link.frame.symbols, self._item), np.complex64)
        spoken = [place for place in range(len(ids)) if not heard[place].silent]
        for networks, places in fusion.by_networks(spoken, lambda one: heard[one].sizes.networks).items():
            own = [heard[place] for place in places]
            pixels = pictures[places].reshape(len(places), *self._shape).transpose(0, 3, 1, 2)
            made = fusion.run(
                self._networks[networks]["picture"],
                picture=np.divide(pixels, np.float32(255.0), order="C", dtype=np.float32),
                semantics=np.stack([one.semantics for one in own]),
                beams=np.stack([one.beams for one in own]),
                link=np.stack([one.link for one in own]),
            )["symbols"]
            symbols[places] = as_complex(made).transpose(0, 2, 1, 3).reshape(len(places), *symbols.shape[1:])
        for place, frame_id in enumerate(ids.tolist()):
            self._ready.append((frame_id, as_complex(heard[place].beams), symbols[place]))
