# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import FusionLink
from semisac_ml.signal.complex_pairs import as_complex, as_pairs

from .. import bundle_network
from ..frames import frame_tags
from ..frames.received_symbols import usable
from ..frames.symbol_frames import SymbolFrame, SymbolFrames
from ..message_ports import takes_messages
from ..work_errors import ends_flow_on_error, pass_over
from . import fusion_networks as fusion

FEEDBACK, COMBINER = "feedback", "combiner"
MOST_OPEN = 64  # frames that wait for reports
MOST_KEPT = 1024  # frames whose symbols have not come
LOOK_S = 0.02


@dataclass(frozen=True)
class _Report:
    """What a user fed back. bits: float32 [numbers, bits], zeros where it is silent."""

    sizes: fusion.Sizes
    snr_db: float
    doppler_hz: float
    bits: np.ndarray
    silent: bool


@dataclass(frozen=True)
class _Known:
    """What the station knows of a frame whose combiner it has sent. users: whose reports came."""

    networks: int
    beams: np.ndarray
    semantics: np.ndarray
    link: np.ndarray
    users: frozenset[int]


class fusion_station(takes_messages, gr.basic_block):
    """The base station: from users' feedback to its combiner, and what it hears into one segmentation.

    A frame's combiner goes out when the feedback of all users is there. That of a user does not come any more
    when feedback of a later frame has, or after `patience_s`, behind which nobody waits for this user until
    it is heard again: the others go on without it (`reports_missed`; `reports_late` where it comes after
    all). A frame of symbols that is not finite is taken as zeros and counted as "damaged" in ``counts``; one
    whose combiner was not of this block is passed over (`frames_unknown`).

    Input 0: OFDM symbol of the station's chains, complex64[subcarriers * station chains], as many items a
        frame as the bundle has symbols, as of `mimo_ofdm_channel`. Tags of a frame's first item: frame_id,
        snr_db.
    Output 0: number of the class of each pixel, uint8[height * width], one item a frame. Tags: frame_id and,
        where known, snr_db.
    Output 1 (optional): class scores, float32[classes * height * width]. Tags as output 0.
    Message in ``feedback``: PDUs of `fusion_user`.
    Message out ``combiner``: PDU ({frame_id} . c32vector), W_RF as [station chains][station antennas].

    bundle: folder of the bundle, or "<system>/<name>" of one that ships; or several of one shape, between
        which frames choose.
    patience_s: for which a frame waits for a user's feedback.
    batch: most frames in one inference.
    provider, threads: what runs the networks, "cpu", "openvino", "cuda" or "tensorrt", and how many threads
        of it; None: as the bundle that is given says, else cpu and one.
    precision: what the networks are computed in, "auto", "float32" or "int8"; None: as the bundle that is
        given says, else auto.

    Raises BundleError when a folder is not a bundle of this kind or lacks a network, ValueError for a bad
    parameter.
    Source: Wu and Gao, "E2E Learning Massive MIMO ...", Eqs. (18), (19), (22).
    """

    def __init__(self, bundle, patience_s=5.0, batch=4, provider=None, threads=None, precision=None):
        bundles = fusion.open_bundles(bundle, provider, threads, precision)
        self._links = [one.interface(FusionLink) for one in bundles]
        link, cell = self._links[0], self._links[0].cell
        wanted = {
            "station": ("station", ("bits", "heard", "link"), "beams"),
            "segmentation": ("segmentation", ("received", "beams", "semantics", "link"), "scores"),
        }
        self._networks = [fusion.open_networks(one, wanted) for one in bundles]
        self._batch = bundle_network.check_batch(batch)
        if not 0.0 <= float(patience_s) <= 3600.0:
            raise ValueError(f"patience_s is {patience_s}, expected 0 to 3600")
        self._patience_s = float(patience_s)
        self._received_shape = (cell.subcarriers, cell.station_chains)
        pixels = link.height * link.width
        gr.basic_block.__init__(
            self,
            "fusion_station",
            [(np.complex64, cell.subcarriers * cell.station_chains)],
            gr.py_io_signature(
                1, 2, [np.dtype((np.uint8, pixels)), np.dtype((np.float32, len(link.classes) * pixels))]
            ),
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self._frames = SymbolFrames({"snr_db": frame_tags.SNR_DB})
        self._ready: deque[tuple[int, float, np.ndarray]] = deque()
        self._lock = threading.Lock()
        self._open: dict[int, dict[int, _Report]] = {}  # frames that wait, reports by user
        self._since: dict[int, float] = {}
        self._newest = [-1] * len(link.users)
        self._absent: set[int] = set()
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._missed = self._late = self._unknown = 0
        self._ended = threading.Event()
        self._watch: threading.Thread | None = None
        self.announce(COMBINER)
        self.listen(FEEDBACK, self._hear)

    def reports_missed(self) -> int:
        """Feedback of users that did not come in time, so far."""
        return self._missed

    def reports_late(self) -> int:
        """Feedback that came when its frame's combiner had gone out, so far."""
        return self._late

    def frames_unknown(self) -> int:
        """Frames of symbols so far whose combiner was not of this block."""
        return self._unknown

    def start(self):
        self._frames.begin_anew()  # what was fed back holds for frames that are on their way
        self._ready.clear()
        self._ended.clear()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return True

    def stop(self):
        self._ended.set()
        if self._watch is not None:
            self._watch.join()
        return True

    # feedback

    def _hear(self, message) -> None:
        frame_id, user, report = self._report(message)
        with self._lock:
            goes_on = frame_id > self._newest[user]
            if not goes_on:  # frames begin anew, or are sent again: of the others nobody knows
                self._newest = [-1] * len(self._newest)
            self._newest[user] = frame_id
            self._absent.discard(user)
            known = self._known.get(frame_id)
            if goes_on and known is not None and user not in known.users and frame_id not in self._open:
                self._late += 1
                return
            self._open.setdefault(frame_id, {})[user] = report
            self._since.setdefault(frame_id, time.monotonic())
            while len(self._open) > MOST_OPEN:
                self._decide(next(iter(self._open)))
            self._decide_what_is_clear()

    def _report(self, message) -> tuple[int, int, _Report]:
        """Frame, user and report of a PDU. Raises ValueError for one that is none."""
        if not (pmt.is_pair(message) and pmt.is_dict(pmt.car(message)) and pmt.is_u8vector(pmt.cdr(message))):
            raise ValueError("expected a PDU of numbers and bits")
        told = pmt.to_python(pmt.car(message))
        frame_id, user, *sizes = (told[name] for name in ("frame_id", "user", *fusion.TAG_KEYS))
        if not all(type(value) is int for value in (frame_id, user, *sizes)):
            raise ValueError("expected whole numbers")
        if not (0 <= frame_id <= fusion.MOST_FRAME_ID and 0 <= user < len(self._newest)):
            raise ValueError("expected a frame_id and a user")
        if not 0 <= sizes[-1] < len(self._links):
            raise ValueError("expected networks that are there")
        link = self._links[sizes[-1]]
        link.frame.checked(*sizes[:-1])
        numbers = [told["snr_db"], told["doppler_hz"]]
        if not all(type(value) in (int, float) and np.isfinite(value) for value in numbers):
            raise ValueError("expected numbers")
        said = np.asarray(pmt.u8vector_elements(pmt.cdr(message)), np.uint8)
        if len(said) not in (0, sizes[1]) or said.max(initial=0) > 1:
            raise ValueError(f"expected {sizes[1]} bits or none")
        bits = np.zeros(link.frame.feedback_bits, np.float32)
        bits[: len(said)] = said
        report = _Report(
            fusion.Sizes(*sizes),
            *map(float, numbers),
            bits.reshape(-1, link.frame.number_bits),
            not len(said),
        )
        return frame_id, user, report

    def _look(self) -> None:
        """Look now and then whether patience is over."""
        while not self._ended.wait(LOOK_S):
            with self._lock:
                over = time.monotonic() - self._patience_s
                for frame_id in sorted(self._open):
                    if self._since[frame_id] > over:
                        break
                    self._absent |= set(range(len(self._newest))) - self._open[frame_id].keys()
                self._decide_what_is_clear()

    def _decide_what_is_clear(self) -> None:
        """Send combiners in the order of frames, as far as nobody is awaited."""
        for frame_id in sorted(self._open):
            reports = self._open[frame_id]
            missing = set(range(len(self._newest))) - reports.keys() - self._absent
            if any(not frame_id < self._newest[user] <= frame_id + MOST_OPEN for user in missing):
                return
            self._decide(frame_id)

    def _decide(self, frame_id: int) -> None:
        """Combiner of a frame from the reports that are there."""
        reports = self._open.pop(frame_id)
        del self._since[frame_id]
        users, first = len(self._newest), next(iter(reports.values()))
        link = self._links[first.sizes.networks]
        there = {user: one for user, one in reports.items() if one.sizes == first.sizes}
        self._missed += users - len(there)
        heard = np.zeros((1, users), np.float32)
        bits = np.zeros((1, users, *first.bits.shape), np.float32)
        for user, one in there.items():
            heard[0, user], bits[0, user] = not one.silent, one.bits
        shifts = [one.doppler_hz for one in there.values() if not one.silent]
        told = first.sizes.told(link, first.snr_db, max(shifts, default=0.0))
        network = self._networks[first.sizes.networks]["station"]
        found = fusion.run(network, bits=bits, heard=heard, link=told[None])
        self._known.pop(frame_id, None)
        self._known[frame_id] = _Known(
            first.sizes.networks, found["beams"][0], found["semantics"][0], told, frozenset(reports)
        )
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        combiner = fusion.complex_vector(as_complex(found["beams"][0]))
        self.send(COMBINER, fusion.pdu({"frame_id": frame_id}, combiner))

    # symbols

    def forecast(self, noutput_items, ninputs):
        return [0 if self._ready else 1] * ninputs

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        if not self._ready:
            most = self._links[0].frame.symbols * self._batch
            items = input_items[0][:most]
            self._decode(self._frames.take(self, 0, items, lambda _: self._links[0].frame.symbols))
            self.consume(0, len(items))
        written = min(len(self._ready), len(output_items[0]))
        for place in range(written):
            frame_id, snr_db, scores = self._ready.popleft()
            output_items[0][place] = scores.argmax(axis=0).ravel()
            if len(output_items) > 1:
                output_items[1][place] = scores.ravel()
            for port in range(len(output_items)):
                offset = self.nitems_written(port) + place
                self.add_item_tag(port, offset, frame_tags.FRAME_ID, pmt.from_uint64(frame_id))
                if np.isfinite(snr_db):
                    self.add_item_tag(port, offset, frame_tags.SNR_DB, pmt.from_double(snr_db))
        return written

    def _decode(self, frames: Sequence[SymbolFrame]) -> None:
        """Class scores of whole frames."""
        with self._lock:
            known = [self._known.get(one.frame_id) for one in frames]
        places = [place for place, one in enumerate(known) if one is not None]
        if len(places) < len(frames):
            self._unknown += len(frames) - len(places)
        scores: dict[int, np.ndarray] = {}
        for networks, own in fusion.by_networks(places, lambda one: known[one].networks).items():
            found = fusion.run(
                self._networks[networks]["segmentation"],
                received=as_pairs(np.stack([self._received(frames[place]) for place in own])),
                beams=np.stack([known[place].beams for place in own]),
                semantics=np.stack([known[place].semantics for place in own]),
                link=np.stack([known[place].link for place in own]),
            )["scores"]
            scores |= dict(zip(own, found, strict=True))
        for place in places:
            self._ready.append((frames[place].frame_id, frames[place].tags["snr_db"], scores[place]))

    def _received(self, frame: SymbolFrame) -> np.ndarray:
        """complex64 [subcarriers, symbols, station chains]; zeros where it is not finite."""
        values = frame.values
        if not usable(values).all():
            pass_over(self, "damaged", f"frame {frame.frame_id} is not finite")
            values = np.zeros_like(values)
        return values.reshape(len(values), *self._received_shape).transpose(1, 0, 2)
