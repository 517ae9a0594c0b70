# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pictures of any size, whose code goes in packets."""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import cached_property

import numpy as np
from common.options import PictureCode, PictureSize
from common.pictures import DEFAULT_SIZE, Pictures, PictureSettings
from cyclopts import Group, Parameter
from gnuradio import semisac
from gnuradio.semisac.frames import frame_tags
from gnuradio.semisac.frames.frame_join import frame_collector
from gnuradio.semisac.metrics.link_metrics import FRAME, UNKNOWN, sensing_figures

from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.metrics import Metric

from ..image_link import EXAMPLES, LinkOfImages, image_flowgraph
from ..options import ChannelOptions, SensingOptions, WaveformOptions

MOST_PACKETS_KEPT = 1_000_000


@Parameter(group=Group("Pictures of any size (jssc/hifi)", sort_key=5))
class PictureOptions(PictureCode):
    """How pictures are sent."""

    picture_size: PictureSize = None


class PicturesOfAnySize(LinkOfImages):
    """Each picture is many packets of symbols, each packet an echo."""

    SERVES = "pictures, jssc/hifi"
    DATA = "also **synthetic**, a video file, **camera** or **camera:N**"
    OPTIONS = (*LinkOfImages.OPTIONS, PictureOptions)

    @classmethod
    def serves(cls, bundle: Bundle) -> bool:
        return LinkOfImages.serves(bundle) and bundle.interface(ImageLink).symbols.code is not None

    def check_use(self, channel: ChannelOptions, sensing: SensingOptions) -> None:
        sensing.refuse(["sensing_knowledge"], "with pictures, whose detector knows the symbols")
        LinkOfImages.check_use(self, channel, sensing)

    @cached_property
    def size(self) -> PictureSettings:
        """Of the pictures, and how their code is sent."""
        chosen, packets = self.chosen(PictureOptions), self.chosen(WaveformOptions).images_per_frame
        usual = "32" if self.told.data in ("sample", "cifar10") else DEFAULT_SIZE
        return PictureSettings.parse(self.bundle, chosen.picture_size or usual, chosen, packets)

    def images_per_frame(self) -> int:
        return self.size.packets_per_frame

    def read(self) -> Pictures:
        return self.size.load(self.told.data)

    def flowgraph(self, count: int) -> pictures_flowgraph:
        return pictures_flowgraph(self, count)

    def form(self) -> str:
        size = self.size
        return f"{size.width} x {size.height} pixels, {size.sent_channels} channels of the code sent"

    def settings(self) -> dict[str, object]:
        return {**LinkOfImages.settings(self), **asdict(self.size)}


class pictures_flowgraph(image_flowgraph):
    """Pictures through the learned link.

    count: pictures in all, 0: until a video ends, of a camera for ever.
    """

    def __init__(self, link: PicturesOfAnySize, count: int):
        image_flowgraph.__init__(self, link)
        bundle, told, pictures, size = link.bundle, link.told, link.pictures, link.size
        is_set = isinstance(pictures.images, np.ndarray)
        self.source = semisac.image_source(
            pictures.images,
            pictures.labels if is_set else None,
            count=count,
            batch=1,
            images_per_s=told.images_per_s,
            size=size.shape[:2],
            fit=size.fit,
            drop_late=is_set and told.images_per_s > 0,
        )
        per_frame = size.packets_per_frame if link.waveform else 1
        self.encoder = semisac.picture_encoder(
            bundle, size.height, size.width, size.sent_channels, link.told.snr_db, per_frame
        )
        labelled = is_set and len(pictures.labels) > 0 and pictures.labels.max() >= 0
        classes = len(link.interface.classes) if labelled and bundle.has("task") else 0
        self.decoder = semisac.picture_decoder(bundle, size.height, size.width, per_frame, classes)
        self.sink = semisac.metrics_sink(
            size.shape, classes, link.interface.animal_classes, hypotheses=0, examples=EXAMPLES
        )
        self._lock = threading.Lock()
        self._sensed: list[np.ndarray] = []
        self.sensed = frame_collector(
            "sensing",
            np.float32,
            1 + link.sensing.ranges,
            self._take_sensed,
            {"hypothesis": lambda tags: tags.longs(frame_tags.TARGET_HYPOTHESIS)},
        )
        self.connect_ends()
        if classes:
            self.connect((self.decoder, 1), (self.sink, 2))
        self.connect(self.sensing, self.sensed)

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
        with self._lock:
            return np.concatenate([np.zeros(0, FRAME), *self._sensed])

    def figures(self, finished: bool, patience_s: float | None) -> dict[str, Metric]:
        received = self.decoder.pictures_received()
        packets = self.decoder.packets_received() + self.decoder.packets_lost()

        def count(value: int, among: int) -> Metric:
            return Metric(float(value), float(value), float(value), max(int(among), 1))

        return image_flowgraph.figures(self, finished, patience_s) | {
            "pictures_dropped": count(self.source.images_dropped(), self.source.images_sent()),
            "pictures_damaged": count(self.decoder.pictures_damaged(), received),
            "packets_lost": count(self.decoder.packets_lost(), packets),
            **sensing_figures(self.sensing_records()),
        }
