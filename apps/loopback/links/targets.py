# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Targets that a camera and a radar know of: their distance, azimuth, speed and picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from common.options import completed, snr_warnings
from common.results import Row, decimals, percent
from cyclopts import Group, Parameter
from gnuradio import semisac
from gnuradio.semisac.frames.frame_join import joined_branches
from gnuradio.semisac.frames.frame_tags import SNR_DB, CallTags
from markupsafe import Markup
from pydantic import Field

from semisac_ml.command_line import Options
from semisac_ml.data import DataError
from semisac_ml.data.scenes.reader import SceneSet
from semisac_ml.runtime import Bundle, TargetLink
from semisac_ml.signal import metrics
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar
from semisac_ml.signal.metrics import Metric
from semisac_ml.systems.simac import samples, scoring
from semisac_ml.systems.simac.sample_scene import sample_scene

from ..link import Link, link_flowgraph
from ..options import ChannelOptions, LinkOptions, WaveformOptions, WayOptions
from ..physical_layer import frames_layer
from ..target_report import Kept, TargetReport

MOST_FRAMES = 1000  # of a set, which are held as pixels
MOST_STATES, MOST_PICTURES = 100_000, 2000  # received, that are remembered
IN_UNITS = {"distance": (2, " m"), "angle": (3, "°"), "velocity": (2, " m/s")}


@Parameter(group=Group("Targets (simac)", sort_key=6))
class TargetOptions(Options):
    """Which targets, and who sees them."""

    layout: str | None = Field(
        None, description="Layout of a street that is the --data. Without it: the first one."
    )
    sensors: Literal["both", "camera", "radar"] = Field(
        "both", description="Sensors that work: **both**, or **camera** or **radar** alone."
    )
    adapt: bool = Field(
        False,
        description="Encode for the SNR that the receiver measures while it runs; figures then depend on "
        "when it is told.",
    )


def _rows() -> dict[str, Row]:
    rows = {
        "frames_sent": Row("Frames sent", decimals(0), is_count=True),
        "frames_lost": Row("Frames lost", decimals(0), is_count=True),
    }
    rows["received_snr_db"] = Row("Es/N0 as the receiver measures it, mean", decimals(2, " dB"))
    for task, (places, unit) in IN_UNITS.items():
        in_units = f"{task}_rmse_{scoring.UNITS[task]}"
        rows[in_units] = Row(f"{task.capitalize()}, RMSE", decimals(places, unit))
        rows[f"{task}_rmse"] = Row(f"{task.capitalize()}, RMSE over the range trained", decimals(4))
        rows[f"{task}_coverage"] = Row(f"{task.capitalize()} in its 90 % interval", percent)
    rows["psnr_db"] = Row("PSNR of the target's picture", decimals(2, " dB"))
    rows["ssim"] = Row("SSIM of the target's picture", decimals(4))
    return rows


class Targets(Link):
    """Frames of a scene, one target in each, through echo emulation, encoder, physical layer and decoder.

    channel: options, completed by the bundle. frame: layout on the air, None for bare symbols. scene: where
    the targets are. chosen_rows: of the scene, in the order in which they are sent.
    """

    INTERFACE = TargetLink
    SERVES = "targets, such as simac/small-awgn"
    ITEMS = "frames"
    DATA = "**sample** (a made-up road), a folder of `semisac data scenes`, or **highway** (of CDnet)"
    OPTIONS = (ChannelOptions, WaveformOptions, WayOptions, TargetOptions)
    ROWS = _rows()
    TILES = ("distance_rmse_m", "angle_rmse_deg", "velocity_rmse_mps", "psnr_db", "frames_lost")
    MODULES = ("skimage.metrics",)

    def __init__(self, bundle: Bundle, told: LinkOptions, *options: Options):
        Link.__init__(self, bundle, told, *options)
        self.interface = trained = bundle.interface(TargetLink)
        self.targets = self.chosen(TargetOptions)
        channel, shape = self.chosen(ChannelOptions), self.chosen(WaveformOptions)
        self.told = completed(told, snr_db=trained.channel.reference_snr_db)
        self.channel = completed(channel, channel=trained.channel.model)
        self.frame = None
        if channel.phy == "symbols":
            for model in (WaveformOptions, WayOptions):
                self.chosen(model).refuse((), "with --phy symbols, expected --phy ofdm or lfm with it")
        else:
            uses, in_frame = trained.symbols.channel_uses, shape.images_per_frame or 1
            self.frame = shape.parameters(channel.phy, shape.sample_rate_hz, uses, in_frame)
        if told.data in ("sample", "highway"):
            self.targets.refuse(["layout"], f"with --data {told.data}, expected a street with it")
        missing = [name for name in ("encoder", "decoder") if not bundle.has(name)]
        if missing:
            raise ValueError(f"bundle {bundle.name} lacks network {missing[0]!r}: choose another --bundle")
        self.warnings += snr_warnings("--snr-db", self.told.snr_db, trained.channel.snr_db, bundle.name)
        if self.channel.channel != trained.channel.model:
            self.warnings.append(
                f"bundle {bundle.name} was trained for {trained.channel.model}, not for "
                f"{self.channel.channel}"
            )
        self.scene: samples.TargetSet | None = None
        self.chosen_rows = np.empty(0, np.int64)

    @property
    def limits(self) -> samples.Limits:
        """What 0 and 1 of normalised states stand for."""
        low, high = np.transpose([state.trained for state in self.interface.states])
        return samples.Limits(low, high)

    def load(self) -> int:
        self.scene = self._read()
        rows = self.scene.of(samples.TEST)
        self.source = f"{self.scene.name}, {len(rows)} frames that no training saw"
        if len(rows) > MOST_FRAMES:
            rows = rows[np.linspace(0, len(rows) - 1, MOST_FRAMES).round().astype(np.int64)]
            self.source += f", {MOST_FRAMES} of them"
        self.chosen_rows = rows[: self.told.images or len(rows)]
        return len(rows)

    def _read(self) -> samples.TargetSet:
        if self.told.data == "sample":
            return sample_scene()
        if self.told.data == "highway":
            return samples.highway()
        drives = SceneSet.open(self.told.data).drives
        if not drives:
            raise DataError(f"{self.told.data}: no drive is there, expected those of `semisac data scenes`")
        return samples.street(self.told.data, self.targets.layout or drives[0]["layout"])

    def pictures(self) -> np.ndarray:
        """What the camera sees in each row, uint8 [rows, side, side, 3]."""
        side, scene = self.interface.frame_pixels, self.scene
        frames = scene.frame[self.chosen_rows].tolist()
        return np.stack([samples.shrunk(scene.read_frame(number), side) for number in frames])

    def cut_out(self, row: int) -> np.ndarray:
        """The target alone, as it is to be received."""
        scene, side = self.scene, self.interface.picture_pixels
        frame = scene.read_frame(int(scene.frame[row]))
        return samples.cut_out(frame, scene.read_mask(row), scene.box_px[row], side)

    def flowgraph(self, count: int) -> targets_flowgraph:
        return targets_flowgraph(self, count)

    def conditions(self) -> list[str]:
        channel = "AWGN" if self.channel.channel == "awgn" else "Rayleigh fading"
        sensors = self.targets.sensors
        alone = [f"{sensors} alone"] if sensors != "both" else []
        return [f"{channel} at {self.told.snr_db:g} dB", *alone]

    def form(self) -> str:
        return f"{self.interface.symbols.channel_uses} channel uses a frame"

    def settings(self) -> dict[str, object]:
        told = {name: getattr(self.told, name) for name in ("snr_db", "seed", "batch", "images_per_s")}
        own = {"sensors": self.targets.sensors, "adapt": self.targets.adapt}
        air = {}
        if self.frame is not None:
            names = ("sample_rate_hz", "fft_size", "images_per_frame", "frame_samples")
            way = self.chosen(WayOptions).impairments()
            air = {name: getattr(self.frame, name) for name in names}
            air |= {name: value for name, value in way.items() if value not in (0, "", ())}
        return {**self.channel.model_dump(), **own, **told, **air}

    def sections(self, kept: Kept, figures: Mapping[str, Metric]) -> Markup:
        radar = None
        if self.targets.sensors != "camera":
            radar = LfmSimoRadar(**self.interface.radar.model_dump())
        return TargetReport(self.scene, self.cut_out, radar, kept).sections()


class received_targets(joined_branches):
    """Keep what came of each frame that was encoded.

    Input 0: box, output 1 of `multimodal_encoder`. Inputs 1 and 2: outputs of `multi_head_decoder`.
    """

    def __init__(self, picture_pixels: int):
        length = 3 * picture_pixels**2
        kinds = [("box", np.float32, 4), ("picture", np.uint8, length), ("state", np.float32, 6)]
        self._snr_db = np.nan  # of the newest frame
        joined_branches.__init__(self, "received_targets", kinds)
        self._shape = (-1, picture_pixels, picture_pixels, 3)
        self._complete: list[tuple[np.ndarray, ...]] = []
        self._pictures = self._states = self.done = 0

    def _tags_of(self, column: str) -> dict[str, Callable]:
        return {"snr_db": self._snrs_db} if column == "state" else {}

    def _snrs_db(self, tags: CallTags) -> np.ndarray:
        snrs_db = tags.held_snrs_db(SNR_DB, self._snr_db)
        self._snr_db = float(snrs_db[-1])
        return snrs_db

    def _take_frames(self, ids: np.ndarray, frames: dict[str, np.ndarray]) -> None:
        self.done += len(ids)
        states, pictures = MOST_STATES - self._states, max(MOST_PICTURES - self._pictures, 0)
        if states > 0:
            kept = [ids, frames["box"], frames["state"], frames["snr_db"]]
            kept = [column[:states] for column in kept] + [frames["picture"][: min(states, pictures)]]
            self._complete.append(tuple(kept))
            self._states += len(kept[0])
            self._pictures += len(kept[-1])

    def sent(self) -> int:
        """Frames that were encoded."""
        return self._join.delivered

    def columns(self) -> tuple[np.ndarray, ...]:
        """ids, boxes, states and their deviations, Es/N0 in dB, and the pictures of the first of them."""
        with self._lock:
            parts = list(self._complete)
        if not parts:
            none = np.empty((0, math.prod(self._shape[1:])), np.uint8)
            parts = [(np.empty(0, np.int64), np.empty((0, 4)), np.empty((0, 6)), np.empty(0), none)]
        ids, boxes, states, snr_db, pictures = (np.concatenate(column) for column in zip(*parts, strict=True))
        return ids, boxes, states.astype(np.float64), snr_db, pictures.reshape(-1, *self._shape[1:])


class targets_flowgraph(link_flowgraph):
    """Frames through the learned link; the set is repeated when it holds fewer than `count`."""

    def __init__(self, link: Targets, count: int):
        link_flowgraph.__init__(self, "targets")
        self._link, rows = link, link.chosen_rows
        bundle, told = link.bundle, link.told
        self.camera = semisac.image_source(
            link.pictures(), count=count, batch=told.batch, images_per_s=told.images_per_s
        )
        states = link.scene.states[rows]
        self.radar = semisac.lfm_echo_source(
            bundle, states, count=count or len(rows), seed=told.seed, batch=told.batch
        )
        works = link.targets.sensors
        self.encoder = semisac.multimodal_encoder(
            bundle, told.snr_db, works != "radar", works != "camera", told.batch
        )
        if link.frame is None:
            uses = link.interface.symbols.channel_uses
            self.layer = semisac.fading_channel(uses, link.channel.channel, told.snr_db, told.seed)
        else:
            way = link.chosen(WayOptions)
            self.layer = frames_layer(bundle, told, link.channel, link.frame, way)
        self.decoder = semisac.multi_head_decoder(bundle, told.batch)
        self.received = received_targets(link.interface.picture_pixels)
        self.connect(self.camera, (self.encoder, 0))
        self.connect(self.radar, (self.encoder, 1))
        self.connect((self.encoder, 0), self.layer, self.decoder)
        for port, end in enumerate(((self.encoder, 1), (self.decoder, 0), (self.decoder, 1))):
            self.connect(end, (self.received, port))
        if link.targets.adapt:
            self.msg_connect(self.decoder, "targets", self.encoder, "channel")

    def done(self) -> int:
        return self.received.done

    def figures(self, finished: bool, patience_s: float | None) -> dict[str, Metric]:
        sent, done = self.received.sent(), self.received.done
        counts = {"frames_sent": sent} | ({"frames_lost": sent - done} if finished else {})
        found = {name: Metric(float(n), float(n), float(n), max(sent, 1)) for name, n in counts.items()}
        kept = self.kept()
        if len(kept.rows):
            scene, limits = self._link.scene, self._link.limits
            found |= scoring.figures(kept.outcome, scene, limits)
            if np.isfinite(kept.snr_db).all():
                found["received_snr_db"] = metrics.mean(kept.snr_db)
            if patience_s is None or finished:
                shown = kept.rows[: len(kept.pictures)]
                once = {row: self._link.cut_out(row) for row in np.unique(shown).tolist()}
                sent_pictures = np.stack([once[row] for row in shown.tolist()])
                outcome = scoring.Outcome(shown, {}, {}, kept.pictures, sent_pictures)
                found |= scoring.figures(outcome, scene, limits)
        return {name: _with_finite_ends(metric) for name, metric in found.items()}

    def kept(self) -> Kept:
        ids, boxes, states, snr_db, pictures = self.received.columns()
        rows = self._link.chosen_rows
        tasks = samples.STATES
        outcome = scoring.Outcome(
            rows[ids % len(rows)],
            {task: states[:, place] for place, task in enumerate(tasks)},
            {task: states[:, len(tasks) + place] for place, task in enumerate(tasks)},
        )
        counters = self.layer.counters() if isinstance(self.layer, frames_layer) else {}
        dropped = {"frames that a sensor lost": self.encoder.frames_dropped()}
        return Kept(ids, boxes, outcome, snr_db, pictures, {**counters, **dropped}, self.radar.echo)

    def error(self) -> Exception | None:
        return link_flowgraph.error(self) or self.received.error()


def _with_finite_ends(metric: Metric) -> Metric:
    """One vehicle alone gives no interval: the figure stands for itself."""
    if math.isfinite(metric.low) and math.isfinite(metric.high):
        return metric
    return Metric(metric.value, metric.value, metric.value, metric.n)
