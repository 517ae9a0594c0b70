# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of any size: their settings, and the link that carries them in packets."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from gnuradio import gr, semisac
from gnuradio.semisac.frames import frame_tags
from gnuradio.semisac.frames.frame_join import frame_collector
from gnuradio.semisac.metrics.link_metrics import FRAME, UNKNOWN, sensing_figures

from semisac_ml.data import cifar10
from semisac_ml.data.images import FITS, load_images
from semisac_ml.data.synthetic import moving_scene
from semisac_ml.data.video import is_video
from semisac_ml.runtime import Bundle
from semisac_ml.signal.metrics import Metric
from semisac_ml.signal.picture_packets import packet_count

from .flowgraph import CONSTELLATION_FRAMES, EXAMPLES, first_items
from .physical_layer import LAYERS
from .settings import LinkSettings, Pictures

DEFAULT_SIZE, DEFAULT_RATIO = "256", "1/12"
MOST_PACKETS_PER_FRAME = 32
COLOURS = 3
MOST_PACKETS_KEPT = 1_000_000


@dataclass(frozen=True)
class PictureSettings:
    """How pictures are sent.

    height, width: in pixels. fit: "crop" or "pad". sent_channels: of the code. packets_per_frame: packets in
    a frame on the air.
    """

    height: int
    width: int
    fit: str
    sent_channels: int
    packets_per_frame: int

    @classmethod
    def parse(
        cls, bundle: Bundle, size: str, ratio: str, fit: str, packets_per_frame: int | None
    ) -> PictureSettings:
        """Settings from the texts of the command line; raises ValueError.

        packets_per_frame: None: those of a picture, at most MOST_PACKETS_PER_FRAME.
        """
        if fit not in FITS:
            raise ValueError(f"--fit is {fit!r}, expected one of {', '.join(FITS)}")
        code = bundle.manifest.symbols.code
        parts = size.lower().split("x")
        if len(parts) > 2 or not all(part.isdecimal() for part in parts):
            raise ValueError(f"--picture-size is {size!r}, expected pixels such as 256, or WIDTHxHEIGHT")
        width, height = int(parts[0]), int(parts[-1])
        for length in (width, height):
            if length < code.stride or length % code.stride:
                raise ValueError(f"--picture-size is {size}, expected multiples of {code.stride} pixels")
        values = 2 * COLOURS * code.stride**2  # reals of a picture behind each channel of its code, times two
        ratios = {Fraction(sent, values): sent for sent in code.sent_channels}
        try:
            sent_channels = ratios[Fraction(ratio).limit_denominator(10_000)]
        except (KeyError, ValueError, ZeroDivisionError):
            expected = ", ".join(map(str, ratios))
            raise ValueError(
                f"--bandwidth-ratio is {ratio}, expected one of {expected} with {bundle.name}"
            ) from None
        if packets_per_frame is None:
            shape = (code.channels, height // code.stride, width // code.stride)
            packets = packet_count(shape, sent_channels, bundle.manifest.symbols.channel_uses)
            packets_per_frame = min(packets, MOST_PACKETS_PER_FRAME)
        return cls(height, width, fit, sent_channels, packets_per_frame)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, colours)."""
        return self.height, self.width, COLOURS


def load(data: str, settings: PictureSettings) -> Pictures:
    """Pictures of --data at their size; of a camera or video its name. Raises DataError, ValueError."""
    if data in ("sample", "cifar10"):
        if settings.shape[:2] != (32, 32):
            raise ValueError(
                f"--picture-size is {settings.width}x{settings.height}, expected 32 with --data {data}: "
                "name a folder of pictures, a video file or camera"
            )
        images, labels = cifar10.sample()[:2] if data == "sample" else cifar10.load("test")
        return Pictures(images, labels, "CIFAR-10 test images")
    if data == "synthetic":
        images = moving_scene(*settings.shape[:2])
        return Pictures(images, np.full(len(images), -1, np.int64), "a moving scene")
    if is_video(data):
        return Pictures(data, np.empty(0, np.int64), data)
    images = load_images(data, settings.shape[:2], settings.fit)
    return Pictures(images, np.full(len(images), -1, np.int64), str(Path(data)))


class picture_flowgraph(gr.top_block):
    """Pictures through the learned link; as loopback_flowgraph.

    count: pictures in all, 0: until a video ends, of a camera for ever.
    """

    def __init__(self, bundle: Bundle, pictures: Pictures, count: int, settings: LinkSettings):
        gr.top_block.__init__(self, "picture_loopback")
        own = settings.pictures
        channel_uses = bundle.manifest.symbols.channel_uses
        is_set = isinstance(pictures.images, np.ndarray)
        self.source = semisac.image_source(
            pictures.images,
            pictures.labels if is_set else None,
            count=count,
            batch=1,
            images_per_s=settings.images_per_s,
            size=own.shape[:2],
            fit=own.fit,
            drop_late=is_set and settings.images_per_s > 0,
        )
        per_frame = own.packets_per_frame if settings.phy != "symbols" else 1
        size = (own.height, own.width)
        self.encoder = semisac.picture_encoder(bundle, *size, own.sent_channels, settings.snr_db, per_frame)
        self.layer = LAYERS[settings.phy](bundle, settings)
        labelled = is_set and len(pictures.labels) > 0 and pictures.labels.max() >= 0
        classes = len(bundle.manifest.data.classes) if labelled and bundle.has("task") else 0
        self.decoder = semisac.picture_decoder(bundle, *size, per_frame, classes)
        self.sink = semisac.metrics_sink(
            own.shape, classes, bundle.manifest.data.animal_classes, hypotheses=0, examples=EXAMPLES
        )
        self.sent_symbols = first_items(channel_uses, CONSTELLATION_FRAMES)
        self.received_symbols = first_items(channel_uses, CONSTELLATION_FRAMES)
        self.sensing = semisac.sensing_decoder(
            bundle,
            settings.ranges,
            settings.range_step_db,
            settings.delay_symbols_per_range,
            settings.target_probability,
            batch=settings.batch,
        )
        self._lock = threading.Lock()
        self._sensed: list[np.ndarray] = []
        self.sensed = frame_collector(
            "sensing",
            np.float32,
            1 + settings.ranges,
            self._take_sensed,
            {"hypothesis": lambda tags: tags.longs(frame_tags.TARGET_HYPOTHESIS)},
        )
        self.connect(self.source, (self.sink, 0))
        self.connect(self.source, self.encoder, self.layer, self.decoder, (self.sink, 1))
        if classes:
            self.connect((self.decoder, 1), (self.sink, 2))
        self.connect(self.encoder, (self.sensing, 0))
        self.connect((self.layer, 1), (self.sensing, 1))
        self.connect(self.sensing, self.sensed)
        self.connect(self.encoder, self.sent_symbols)
        self.connect(self.layer, self.received_symbols)

    def _take_sensed(self, ids: np.ndarray, columns) -> None:
        record = np.zeros(len(ids), FRAME)
        record["frame_id"], record["hypothesis"] = ids, columns["hypothesis"]
        record["label"] = record["predicted"] = UNKNOWN
        record["sensed"] = columns["sensing"].argmax(axis=1)
        record["presence_probability"] = 1.0 - columns["sensing"][:, 0]
        with self._lock:
            if len(self._sensed) < MOST_PACKETS_KEPT:
                self._sensed.append(record)

    def sensing_records(self) -> np.ndarray:
        """One record a packet, dtype link_metrics.FRAME: what its echo said and what was true."""
        with self._lock:
            return np.concatenate([np.zeros(0, FRAME), *self._sensed])

    def figures(self) -> dict[str, Metric]:
        """Of pictures and packets, and of the detector that saw each packet's echo."""
        received = self.decoder.pictures_received()
        packets = self.decoder.packets_received() + self.decoder.packets_lost()

        def count(value: int, among: int) -> Metric:
            return Metric(float(value), float(value), float(value), max(int(among), 1))

        return {
            "pictures_dropped": count(self.source.images_dropped(), self.source.images_sent()),
            "pictures_damaged": count(self.decoder.pictures_damaged(), received),
            "packets_lost": count(self.decoder.packets_lost(), packets),
            **sensing_figures(self.sensing_records()),
        }

    def error(self) -> Exception | None:
        """What ended the flow before its time, if anything did."""
        blocks = (self.source, self.encoder, self.decoder, self.sensing, self.sensed)
        failed = (block.error for block in blocks if getattr(block, "error", None) is not None)
        return next(failed, None) or self.sink.error()
