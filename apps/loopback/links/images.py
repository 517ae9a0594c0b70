# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of the one size that the bundle knows, with the class that they show."""

from __future__ import annotations

from common.options import IMAGES_PER_FRAME
from common.pictures import Pictures, load_pictures
from gnuradio import semisac

from semisac_ml.runtime import Bundle, ImageLink

from ..image_link import EXAMPLES, LinkOfImages, image_flowgraph
from ..options import WaveformOptions


class Images(LinkOfImages):
    """Each image is one item of symbols: rebuilt, classified, and sensed with."""

    SERVES = "images, such as jssc/awgn"
    DATA = "**sample** (the 64 that ship), **cifar10** (the test set), or a picture or folder"
    NETWORKS = (*LinkOfImages.NETWORKS, "task")

    @classmethod
    def serves(cls, bundle: Bundle) -> bool:
        return LinkOfImages.serves(bundle) and bundle.interface(ImageLink).symbols.code is None

    def images_per_frame(self) -> int:
        chosen = self.chosen(WaveformOptions).images_per_frame
        return IMAGES_PER_FRAME if chosen is None else chosen

    def read(self) -> Pictures:
        return load_pictures(self.told.data)

    def flowgraph(self, count: int) -> images_flowgraph:
        return images_flowgraph(self, count)


class images_flowgraph(image_flowgraph):
    """Images through the learned link; the set is repeated when it holds fewer than `count`."""

    def __init__(self, link: Images, count: int):
        image_flowgraph.__init__(self, link)
        bundle, batch = link.bundle, link.told.batch
        self.source = semisac.image_source(
            link.pictures.images,
            link.pictures.labels,
            count=count,
            batch=batch,
            images_per_s=link.told.images_per_s,
        )
        self.encoder = semisac.jscc_encoder(bundle, link.told.snr_db, batch)
        self.decoder = semisac.jscc_decoder(bundle, batch)
        self.task = semisac.task_decoder(bundle, batch)
        self.sink = semisac.metrics_sink(
            classes=len(link.interface.classes),
            animal_classes=link.interface.animal_classes,
            hypotheses=1 + link.sensing.ranges,
            examples=EXAMPLES,
        )
        self.connect_ends()
        self.connect(self.layer, self.task, (self.sink, 2))
        self.connect(self.sensing, (self.sink, 3))
