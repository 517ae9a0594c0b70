# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The link as a flowgraph: encoder, physical layer, decoders, and what is made of its echoes."""

from __future__ import annotations

import numpy as np
from gnuradio import gr, semisac

from semisac_ml.runtime import Bundle, ImageLink

from .physical_layer import LAYERS
from .settings import LinkSettings, Pictures

EXAMPLES = 12
CONSTELLATION_FRAMES = 400


class first_items(gr.sync_block):
    """Keep the first items of a stream and let the rest go by.

    Input 0: symbols, complex64[channel uses].

    most: items to keep.
    """

    def __init__(self, channel_uses: int, most: int):
        gr.sync_block.__init__(self, "first_items", [(np.complex64, channel_uses)], None)
        self._kept = np.empty((most, channel_uses), np.complex64)
        self._count = 0

    def kept(self) -> np.ndarray:
        """Items kept so far, complex64 [items, channel uses]."""
        return self._kept[: self._count]

    def work(self, input_items, output_items):
        items = input_items[0]
        taken = min(len(items), len(self._kept) - self._count)
        self._kept[self._count : self._count + taken] = items[:taken]
        self._count += taken
        return len(items)


class loopback_flowgraph(gr.top_block):
    """Images through the learned link.

    pictures: what to send. count: images in all; the set is repeated when it holds fewer.
    """

    def __init__(self, bundle: Bundle, pictures: Pictures, count: int, settings: LinkSettings):
        gr.top_block.__init__(self, "loopback")
        link = bundle.interface(ImageLink)
        batch = settings.batch
        channel_uses = link.symbols.channel_uses
        self.source = semisac.image_source(
            pictures.images, pictures.labels, count=count, batch=batch, images_per_s=settings.images_per_s
        )
        self.encoder = semisac.jscc_encoder(bundle, settings.snr_db, batch)
        self.layer = LAYERS[settings.phy](bundle, settings)
        self.reconstruction = semisac.jscc_decoder(bundle, batch)
        self.task = semisac.task_decoder(bundle, batch)
        self.sensing = semisac.sensing_decoder(
            bundle,
            settings.ranges,
            settings.range_step_db,
            settings.delay_symbols_per_range,
            settings.target_probability,
            knowledge=settings.sensing_knowledge,
            batch=batch,
        )
        self.sink = semisac.metrics_sink(
            classes=len(link.classes),
            animal_classes=link.animal_classes,
            hypotheses=1 + settings.ranges,
            examples=EXAMPLES,
        )
        self.sent_symbols = first_items(channel_uses, CONSTELLATION_FRAMES)
        self.received_symbols = first_items(channel_uses, CONSTELLATION_FRAMES)
        self.connect(self.source, (self.sink, 0))
        self.connect(self.source, self.encoder, self.layer, self.reconstruction, (self.sink, 1))
        self.connect(self.layer, self.task, (self.sink, 2))
        self.connect(self.encoder, (self.sensing, 0))
        self.connect((self.layer, 1), (self.sensing, 1))
        self.connect(self.sensing, (self.sink, 3))
        self.connect(self.encoder, self.sent_symbols)
        self.connect(self.layer, self.received_symbols)

    def error(self) -> Exception | None:
        """What ended the flow before its time, if anything did."""
        blocks = (self.encoder, self.reconstruction, self.task, self.sensing)
        failed = (block.error for block in blocks if getattr(block, "error", None) is not None)
        return next(failed, None) or self.sink.error()
