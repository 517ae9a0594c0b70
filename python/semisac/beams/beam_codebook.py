# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.signal.beam_codebook import BeamCodebook, Paths, snapshots_of_paths

from ..frames import frame_tags
from ..frames.received_symbols import usable
from ..work_errors import ends_flow_on_error, pass_over
from .beam_messages import WHOLE_NUMBERS, frame_of, pdu, real, seconds_of, takes_pdus

RX_TIME = pmt.intern("rx_time")
MOST_WAITING = 64  # measurements of frames that are yet to come; the oldest beyond are given up


@dataclass(frozen=True)
class _World:
    """What the array hears at a moment: power of all beams in dB, or a covariance."""

    frame: int | None
    time_s: float
    power_db: np.ndarray | None = None
    covariance: np.ndarray | None = None


class beam_codebook(takes_pdus, gr.sync_block):
    """Measure the power of the beams that are asked for, with a real, an emulated or a recorded array.

    The array is a line of elements half a wavelength apart, its beams are spread evenly over a sector
    (`semisac_ml.signal.beam_codebook`). It is real when the stream is connected. It is emulated when
    messages tell the paths: each of `snapshots` snapshots is a tone of the band, with noise in every element.
    It is recorded when messages hold the power of all beams.

    Input 0 (optional): samples of the antennas, complex64[elements], one item a snapshot, tag rx_time.
    Message in ``world``: PDU, paths or recorded power; {frame, time_s} and for paths azimuth_rad of arrival
        (or departure), from broadside, positive to the left; elevation_rad and delay_s where known.
    Message in ``measure``: PDU, int32, numbers of the beams to measure; {frame}: those of an earlier frame
        than the present are late, those of a later one wait for it, up to 64. Without frame: now.
    Message out ``power``: PDU, float32, power of these beams in dB; {modality: "power", beams, time_s,
        frame}. Empty where nothing could be measured.
    Message out ``all_beams``: PDU, float32[beams], what a sweep of all would have measured; {time_s, frame}.
        To judge by, if anybody listens.

    elements, beams, sector_deg: antennas, and beams over so many degrees of azimuth.
    snapshots: over which power is averaged. sample_rate_hz: snapshots a second of the stream.
    bandwidth_hz, noise_power_db, seed: of an emulated array; noise of one element, hence of one beam.
    enabled: whether the array works; else all measurements are empty.

    `counts`: measurements "answered", "late", "empty", "damaged".

    Raises ValueError for a bad parameter.
    """

    def __init__(
        self,
        elements=16,
        beams=64,
        sector_deg=90.0,
        snapshots=64,
        sample_rate_hz=1e6,
        bandwidth_hz=20e6,
        noise_power_db=-16.5,
        seed=0,
        enabled=True,
    ):
        self._codebook = BeamCodebook(int(elements), int(beams), float(np.deg2rad(sector_deg)))
        signature = gr.py_io_signature(0, 1, [np.dtype((np.complex64, int(elements)))])
        gr.sync_block.__init__(self, "beam_codebook", signature, None)
        if int(snapshots) < 1:
            raise ValueError(f"snapshots is {snapshots}, expected 1 or more")
        if not sample_rate_hz > 0 or not bandwidth_hz > 0:
            raise ValueError("sample_rate_hz and bandwidth_hz are expected to be above 0")
        self._snapshots = int(snapshots)
        self._sample_rate_hz = float(sample_rate_hz)
        self._bandwidth_hz = float(bandwidth_hz)
        self._noise_variance = 10.0 ** (float(noise_power_db) / 10.0)
        self._seed = int(seed)
        self._world: _World | None = None
        self._waiting: list[tuple[dict, np.ndarray]] = []
        self._averaged = 0
        self._begin_stream()
        self.set_enabled(enabled)
        self.listen("world", self._take_world)
        self.listen("measure", self._take_request)
        self.announce("power", "all_beams")

    def set_enabled(self, enabled: bool) -> None:
        """Switch the array on or off; off, measurements are empty."""
        self._enabled = bool(enabled)

    def codebook(self) -> BeamCodebook:
        """The beams."""
        return self._codebook

    def _begin_stream(self) -> None:
        self._collected = np.empty((0, self._codebook.elements), np.complex64)
        self._taken = 0  # items since the start
        self._start = (0, 0.0)  # an item whose time is known, and this time

    def start(self):
        self._begin_stream()
        return True

    @ends_flow_on_error
    def work(self, input_items, output_items):
        if not input_items:
            return 0
        items = input_items[0]
        for tag in self.get_tags_in_window(0, 0, len(items), RX_TIME):
            seconds = frame_tags.seconds_of(tag.value)
            if seconds is None:
                pass_over(self, "strange tags", f"the tag rx_time is {tag.value}, expected seconds, fraction")
            else:
                self._start = (tag.offset, seconds)
        self._collected = np.concatenate([self._collected, items])
        while len(self._collected) >= self._snapshots:
            taken, self._collected = np.split(self._collected, [self._snapshots])
            self._taken += self._snapshots
            time_s = self._start[1] + (self._taken - self._start[0]) / self._sample_rate_hz
            if usable(taken).all():
                covariance = self._codebook.covariance(taken)
                self._now_is(_World(self._averaged, time_s, covariance=covariance))
            else:
                pass_over(self, "damaged", "samples are not finite")
            self._averaged += 1
        self._collected = self._collected.copy()  # not a view that holds what is done with
        return len(items)

    def _take_world(self, meta: dict, values: np.ndarray) -> None:
        frame, time_s = frame_of(meta), seconds_of(meta)
        if "azimuth_rad" not in meta:
            values = real(values, self._codebook.beams, "power of all beams")
            self._now_is(_World(frame, time_s, power_db=values.astype(np.float64)))
            return
        azimuth = np.atleast_1d(meta["azimuth_rad"]).astype(np.float64)
        zero = np.zeros(len(azimuth))
        elevation = np.atleast_1d(meta.get("elevation_rad", zero))
        paths = Paths(values, azimuth, elevation, np.atleast_1d(meta.get("delay_s", zero)))
        rng = np.random.default_rng([self._seed, 0 if frame is None else int(frame)])
        heard = snapshots_of_paths(
            paths, self._codebook.elements, self._snapshots, self._bandwidth_hz, self._noise_variance, rng
        )
        self._now_is(_World(frame, time_s, covariance=self._codebook.covariance(heard)))

    def _now_is(self, world: _World) -> None:
        self._world = world
        if self.is_heard("all_beams"):
            power_db = self._measured_db(np.arange(self._codebook.beams))
            self.send("all_beams", pdu(power_db, time_s=world.time_s, frame=world.frame))
        waiting, self._waiting = self._waiting, []
        for meta, beams in waiting:
            self._take_request(meta, beams)

    def _take_request(self, meta: dict, beams: np.ndarray) -> None:
        world, frame = self._world, frame_of(meta)
        if len(beams) and not (
            beams.dtype.kind in "iu" and 0 <= beams.min() and beams.max() < self._codebook.beams
        ):
            raise ValueError(f"beams are {beams.tolist()}, expected 0 to {self._codebook.beams - 1}")
        if world is None or (None not in (frame, world.frame) and frame > world.frame):
            self._waiting.append((meta, beams))
            if len(self._waiting) > MOST_WAITING:
                self._waiting.pop(0)
                self.counts["late"] += 1
            return
        late = None not in (frame, world.frame) and frame < world.frame
        if late or not self._enabled:
            self.counts["late" if late else "empty"] += 1
            beams = beams[:0]
        else:
            self.counts["answered"] += 1
        answer = pdu(
            self._measured_db(beams).astype(np.float32),
            modality="power",
            beams=beams.astype(WHOLE_NUMBERS),
            time_s=world.time_s,
            frame=world.frame if frame is None else frame,
        )
        self.send("power", answer)

    def _measured_db(self, beams: np.ndarray) -> np.ndarray:
        if self._world.power_db is not None:
            return self._world.power_db[beams].astype(np.float32)
        power = self._codebook.power(self._world.covariance, beams)
        return (10.0 * np.log10(np.maximum(power, np.finfo(np.float32).tiny))).astype(np.float32)
