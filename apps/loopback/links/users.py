# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of several users at once over a base station's beams, fused into one segmentation."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from common.options import completed, snr_warnings
from common.results import Row, decimals, percent
from cyclopts import Group, Parameter
from gnuradio import gr, semisac
from gnuradio.semisac.frames.frame_join import joined_branches
from gnuradio.semisac.message_ports import takes_messages
from markupsafe import Markup
from pmt import to_python
from pydantic import Field

from semisac_ml.command_line import Options
from semisac_ml.data import mfnet
from semisac_ml.data.scenes.mimo_paths import read_mimo_paths
from semisac_ml.data.scenes.sample import sample
from semisac_ml.runtime import Bundle, FusionLink
from semisac_ml.signal.metrics import Metric
from semisac_ml.signal.mimo_ofdm import MimoOfdm, PathArrays, drawn_paths
from semisac_ml.signal.segmentation import confusion, intersections_over_unions, mean_iou_of_scenes
from semisac_ml.systems.csc_sa_net.scores import authors_mean_iou

from ..link import Link, link_flowgraph
from ..options import LinkOptions
from ..users_report import STATION, Kept, UsersReport

MOST_PAIRS = 1000  # of a set, which are held as pixels
MOST_COUNTED, MOST_SHOWN = 100_000, 500  # frames that are remembered
MOST_BATCH = 8
MODALITIES = ("colour", "thermal")


@Parameter(group=Group("Users and their base station (csc_sa_net)", sort_key=7))
class UsersOptions(Options):
    """What frames have, and over which paths they go; None: the most, or what the bundle was trained for."""

    pilots: int | None = Field(None, ge=1, description="L, OFDM symbols of pilots. [default: the most]")
    feedback_bits: int | None = Field(
        None, ge=1, description="B, bits that a user feeds back. [default: the most]"
    )
    symbols: int | None = Field(None, ge=1, description="Q, OFDM symbols of data. [default: the most]")
    speed_mps: float | None = Field(
        None,
        ge=0,
        le=1e5,
        allow_inf_nan=False,
        description="Highest speed of a user; with drawn paths. [default: the bundle's]",
    )
    paths: Path | None = Field(
        None,
        description="Recorded paths in the place of drawn ones: a folder of the street, or a file that "
        "semisac_ml.data.scenes.mimo_paths wrote.",
    )
    silence_user: list[Literal["colour", "thermal"]] = Field(
        [], description="User who sends nothing, **colour** or **thermal**; repeat for both."
    )
    light: Literal["day", "night"] | None = Field(
        None, description="Pictures by **day** or by **night** alone."
    )


def _rows() -> dict[str, Row]:
    rows = {
        "frames_sent": Row("Frames sent", decimals(0), is_count=True),
        "frames_lost": Row("Frames lost", decimals(0), is_count=True),
        "mean_iou": Row("Mean IoU", percent),
        "authors_mean_iou": Row("Mean IoU as the authors count", percent),
    }
    rows |= {f"iou_{name.replace(' ', '_')}": Row(f"IoU, {name}", percent) for name in mfnet.CLASSES}
    return rows | {"frames_per_s": Row("Frames a second", decimals(1))}


class Users(Link):
    """Pairs of pictures through pilots, feedback, beams, superposition and decoder.

    cell: of the channel. sizes: L, B and Q. recorded: paths, None where they are drawn. pairs: that are sent,
    in their order.
    """

    INTERFACE = FusionLink
    SERVES = "users at a base station, such as a bundle of csc_sa_net"
    ITEMS = "frames"
    DATA = "**sample** (a few pairs of the street), a folder of `semisac data scenes`, or one with MFNet"
    OPTIONS = (UsersOptions,)
    ROWS = _rows()
    TILES = ("mean_iou", "iou_car", "iou_person", "frames_lost", "frames_per_s")

    def __init__(self, bundle: Bundle, told: LinkOptions, *options: Options):
        Link.__init__(self, bundle, told, *options)
        self.interface = trained = bundle.interface(FusionLink)
        self.users = users = self.chosen(UsersOptions)
        names = tuple(user.modality for user in trained.users)
        if names != MODALITIES:
            raise ValueError(
                f"bundle {bundle.name} has users {', '.join(names)}, expected {', '.join(MODALITIES)}"
            )
        self.told = completed(told, snr_db=trained.reference_snr_db)
        frame = trained.frame
        usual = (frame.pilots, frame.feedback_bits, frame.symbols)
        given = (users.pilots, users.feedback_bits, users.symbols)
        sizes = [own if own is not None else most for own, most in zip(given, usual, strict=True)]
        try:
            self.sizes = frame.checked(*sizes)
        except ValueError as error:
            raise ValueError(f"--{str(error).replace('_', '-', 1)} with bundle {bundle.name}") from None
        self.cell = MimoOfdm(**trained.cell.model_dump())
        if users.paths is not None:
            users.refuse(["speed_mps"], "with --paths, whose shifts are recorded: leave it out")
        elif users.speed_mps is not None:
            self.cell = MimoOfdm(**{**asdict(self.cell), "speed_mps": users.speed_mps})
        self.warnings += snr_warnings("--snr-db", self.told.snr_db, trained.snr_db, bundle.name)
        if self.cell.speed_mps > trained.cell.speed_mps:
            self.warnings.append(
                f"--speed-mps is {self.cell.speed_mps:g} m/s, above the {trained.cell.speed_mps:.3g} m/s for "
                f"which {bundle.name} was trained"
            )
        self.recorded: PathArrays | None = None
        self.pairs: list[mfnet.Pair] = []

    def load(self) -> int:
        link = self.interface
        is_sample = self.told.data == "sample"
        root = sample() if is_sample else self.told.data
        found = mfnet.load("test", root, light=self.users.light)
        chosen = np.arange(len(found))
        self.source = f"{'sample' if is_sample else root}, {len(found)} pairs of the test part"
        if len(found) > MOST_PAIRS:
            chosen = np.linspace(0, len(found) - 1, MOST_PAIRS).round().astype(np.int64)
            self.source += f", {MOST_PAIRS} of them"
        chosen = chosen[: self.told.images or len(chosen)]
        self.pairs = [found[place].sized(link.height, link.width) for place in chosen.tolist()]
        if self.users.paths is not None:
            self.recorded = read_mimo_paths(self.users.paths, self.cell)
        return len(found)

    def paths_of(self, frame_id: int) -> PathArrays:
        """Paths of a frame, of all users."""
        if self.recorded is not None:
            return self.recorded.at(np.array([frame_id]))
        return drawn_paths(self.cell, self.told.seed, frame_id, 1)

    def flowgraph(self, count: int) -> users_flowgraph:
        return users_flowgraph(self, count)

    def conditions(self) -> list[str]:
        pilots, feedback_bits, symbols = self.sizes
        silent = [f"{name} silent" for name in self.users.silence_user]
        sizes = f"L = {pilots}, B = {feedback_bits}, Q = {symbols}"
        return [f"{self.interface.access} at {self.told.snr_db:g} dB", sizes, *silent]

    def form(self) -> str:
        return f"{self.sizes[2]} OFDM symbols of {self.cell.subcarriers} subcarriers a frame"

    def settings(self) -> dict[str, object]:
        told = {name: getattr(self.told, name) for name in ("snr_db", "seed", "batch", "images_per_s")}
        own = dict(zip(("pilots", "feedback_bits", "symbols"), self.sizes, strict=True))
        own |= {"access": self.interface.access, "speed_mps": self.cell.speed_mps, "light": self.users.light}
        paths = None if self.users.paths is None else str(self.users.paths)
        return {**told, **own, "paths": paths, "silent_users": list(self.users.silence_user)}

    def sections(self, kept: Kept, figures: Mapping[str, Metric]) -> Markup:
        return UsersReport(self.interface.classes, self.cell, self.pairs, self.paths_of, kept).sections()


class received_segmentations(joined_branches):
    """Keep what came of each frame.

    Input 0: truth, as of `image_source`. Input 1: classes, as of `fusion_station`.
    """

    def __init__(self, pixels: int, classes: int):
        kinds = [("truth", np.uint8, pixels), ("classes", np.uint8, pixels)]
        joined_branches.__init__(self, "received_segmentations", kinds)
        self._classes, self.done = classes, 0
        self._ids: list[int] = []
        self._counts: list[np.ndarray] = []
        self._shown: list[np.ndarray] = []
        self._times: list[float] = []

    def _take_frames(self, ids: np.ndarray, frames: dict[str, np.ndarray]) -> None:
        self.done += len(ids)
        self._times = [*self._times[:1], time.monotonic()]
        for frame_id, truth, classes in zip(ids.tolist(), frames["truth"], frames["classes"], strict=True):
            if len(self._ids) < MOST_COUNTED:
                self._ids.append(frame_id)
                self._counts.append(confusion(classes, truth, self._classes).astype(np.int32))
            if len(self._shown) < MOST_SHOWN:
                self._shown.append(classes.copy())

    def sent(self) -> int:
        """Frames whose pictures left."""
        return self._join.delivered

    def seconds(self) -> float:
        """Between the first and the last frame."""
        return self._times[-1] - self._times[0] if self._times else 0.0

    def columns(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """ids, pixels counted [frames, classes, classes], and classes of the first frames."""
        with self._lock:
            none = np.empty((0, self._classes, self._classes), np.int32)
            counts = np.stack(self._counts) if self._counts else none
            return np.array(self._ids, np.int64), counts, list(self._shown)


class beam_log(takes_messages, gr.basic_block):
    """Keep the beams of the first frames of one sender: with its first sender GNU Radio ends such a block.

    Message in ``beams``: PDUs of a `fusion_user`, or combiners of a `fusion_station`.
    """

    def __init__(self):
        gr.basic_block.__init__(self, "beam_log", None, None)
        self._lock = threading.Lock()
        self._kept: dict[int, np.ndarray] = {}
        self.listen("beams", self._take)

    def _take(self, message) -> None:
        head, values = to_python(message)
        with self._lock:
            if head["frame_id"] < MOST_SHOWN:
                self._kept[head["frame_id"]] = values

    def of(self, frame_id: int) -> np.ndarray | None:
        """Beams of a frame, complex64 [...]; None if none came."""
        with self._lock:
            return self._kept.get(frame_id)


class users_flowgraph(link_flowgraph):
    """Pairs through the whole protocol; the set is repeated when it holds fewer than `count`."""

    def __init__(self, link: Users, count: int):
        link_flowgraph.__init__(self, "users")
        self._link, told, bundle = link, link.told, link.bundle
        count = count or len(link.pairs)
        (pilots, feedback_bits, symbols), cell, frame = link.sizes, link.cell, link.interface.frame
        batch = min(told.batch, MOST_BATCH)
        columns = [[pair.colour for pair in link.pairs]]
        columns += [[pair.thermal[..., None] for pair in link.pairs]]
        columns += [[pair.label[..., None] for pair in link.pairs]]
        paces = (told.images_per_s, 0.0, 0.0)
        self.sources = [
            semisac.image_source(np.stack(shown), count=count, batch=batch, images_per_s=pace)
            for shown, pace in zip(columns, paces, strict=True)
        ]
        self.pilots = semisac.pilot_source(bundle, pilots, feedback_bits, symbols, count)
        how = {"snr_db": told.snr_db, "seed": told.seed}
        at_antennas = {**asdict(cell), "user_chains": cell.user_antennas}
        ears = np.eye(cell.user_antennas)
        self.down = semisac.mimo_ofdm_channel("down", pilots, ears, **how, **at_antennas)
        first = pilots + frame.gap_symbols
        self.up = semisac.mimo_ofdm_channel("up", frame.symbols, first_symbol=first, **how, **asdict(cell))
        if link.recorded is not None:
            for channel in (self.down, self.up):
                channel.set_recorded_paths(**vars(link.recorded))
        self.users = [
            semisac.fusion_user(bundle, name, name in link.users.silence_user, batch) for name in MODALITIES
        ]
        self.station = semisac.fusion_station(bundle, batch=batch)
        pixels = link.interface.height * link.interface.width
        self.received = received_segmentations(pixels, len(link.interface.classes))
        self.beams = {number: beam_log() for number in (*range(len(self.users)), STATION)}
        self.connect(self.pilots, self.down)
        for number, user in enumerate(self.users):
            self.connect((self.down, number), (user, 0))
            self.connect(self.sources[number], (user, 1))
            self.connect(user, (self.up, number))
            self.msg_connect(user, "feedback", self.station, "feedback")
            self.msg_connect(user, "beams", self.beams[number], "beams")
        self.msg_connect(self.station, "combiner", self.up, "combiner")
        self.msg_connect(self.station, "combiner", self.beams[STATION], "beams")
        self.connect(self.sources[-1], (self.received, 0))
        self.connect(self.up, self.station, (self.received, 1))

    def done(self) -> int:
        return self.received.done

    def figures(self, finished: bool, patience_s: float | None) -> dict[str, Metric]:
        sent, done = self.received.sent(), self.received.done
        counts = {"frames_sent": sent} | ({"frames_lost": sent - done} if finished else {})
        found = {name: Metric(float(n), float(n), float(n), max(sent, 1)) for name, n in counts.items()}
        ids, pixels, _ = self.received.columns()
        if not len(ids):
            return found
        pairs = self._link.pairs
        drives = [mfnet.drive_of(pairs[place].name) for place in (ids % len(pairs)).tolist()]
        found["mean_iou"] = mean_iou_of_scenes(pixels, drives)
        total = pixels.sum(axis=0, dtype=np.int64)
        known = {"authors_mean_iou": authors_mean_iou(total)}
        for name, share in zip(self._link.interface.classes, intersections_over_unions(total), strict=True):
            known[f"iou_{name.replace(' ', '_')}"] = float(share)
        if self.received.seconds() > 0.0:
            known["frames_per_s"] = (done - 1) / self.received.seconds()
        found |= {name: Metric(v, v, v, len(ids)) for name, v in known.items() if np.isfinite(v)}
        return found

    def kept(self) -> Kept:
        ids, counts, shown = self.received.columns()
        counters = {
            "frames without a picture or pilots": sum(user.frames_dropped() for user in self.users),
            "frames of one user alone": self.up.frames_missed(),
            "frames whose combiner did not come": self.up.frames_lost(),
            "feedback that did not come": self.station.reports_missed(),
            "feedback that came late": self.station.reports_late(),
        }
        return Kept(ids, counts, shown, counters, self._beams_of)

    def _beams_of(self, frame_id: int) -> dict[int, np.ndarray]:
        """Beams of a frame by user, and STATION's."""
        found = {sender: log.of(frame_id) for sender, log in self.beams.items()}
        return {sender: values for sender, values in found.items() if values is not None}

    def error(self) -> Exception | None:
        blocks = (*self.sources, *self.users, *self.beams.values())
        errors = (getattr(block, "error", None) for block in blocks)
        own = next((error for error in errors if isinstance(error, Exception)), None)
        return own or link_flowgraph.error(self) or self.received.error()
