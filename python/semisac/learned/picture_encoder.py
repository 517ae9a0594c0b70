# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import ImageLink
from semisac_ml.signal import picture_packets

from .. import bundle_network
from ..frames import frame_tags
from ..work_errors import ends_flow_on_error
from .picture_layout import PictureLayout

FRAMES_ON_THEIR_WAY = 4


class picture_encoder(gr.basic_block):
    """Turn each picture into packets of channel symbols, as many as the chosen bandwidth allows.

    Runs the ``encoder`` network of a bundle for pictures of any size. The values of a picture's code are
    spread over its packets at random (see semisac_ml.signal.picture_packets), so that a packet that is lost
    thins out the whole picture and takes no part of it away. A packet is to a frame_modulator what an image
    is.

    Input 0: picture, uint8[height * width * 3], rows then columns then RGB; tag frame_id, without which
        pictures are counted from 0.
    Output 0: packet, complex64[channel uses], mean power 1 over a picture; several a picture.
    Tags: frame_id on each packet: number of the picture, which bandwidth, number of the packet, so that a
        receiver learns all three from any packet; on the first of a picture image_time and picture_id.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    height, width: of the pictures, multiples of 4 (the stride of the code).
    sent_channels: channels of the code that are sent: 4, 8 or 16 of jssc/hifi are 1/24, 1/12 or 1/6 complex
        channel uses a value of the picture.
    snr_db: mean Es/N0 in dB that the link is expected to have; the encoder adapts its code to it.
    packets_per_frame: images_per_frame of the frames. The frame that a picture's last packets begin is filled
        with its first packets again: no frame waits for the next picture.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is no bundle or none for pictures, ValueError for a bad parameter.
    """

    def __init__(
        self,
        bundle,
        height=256,
        width=256,
        sent_channels=8,
        snr_db=10.0,
        packets_per_frame=1,
        provider=None,
        threads=None,
        precision=None,
    ):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        self._layout = layout = PictureLayout.of(bundle, height, width, packets_per_frame)
        inputs = ("image", "snr_db", "sent_channels")
        self._session = bundle_network.open_network(bundle, "encoder", inputs, "code")
        gr.basic_block.__init__(
            self,
            "picture_encoder",
            [(np.uint8, layout.image_length)],
            [(np.complex64, layout.channel_uses)],
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        # whoever waits for the echo of a packet needs room for the frames on their way
        self.set_min_output_buffer(
            0, max(layout.most_packets, FRAMES_ON_THEIR_WAY * layout.packets_per_frame)
        )
        self._trained_db = bundle.interface(ImageLink).channel.snr_db
        self.set_snr_db(snr_db)
        self.set_sent_channels(sent_channels)
        self._pictures = 0
        self._waiting = np.empty((0, layout.channel_uses), np.complex64)

    def set_snr_db(self, snr_db: float) -> None:
        """Change the mean Es/N0 in dB for which the next pictures are encoded."""
        self._snr_db = bundle_network.check_snr("snr_db", snr_db)

    def snr_db(self) -> float:
        """Mean Es/N0 in dB for which pictures are encoded."""
        return self._snr_db

    def set_sent_channels(self, sent_channels: int) -> None:
        """Change how many channels of the code are sent of the next pictures; the receiver learns it by
        itself.
        """
        self._ratio = self._layout.ratio_of(int(sent_channels))

    def sent_channels(self) -> int:
        """Channels of the code that are sent."""
        return self._layout.ratios[self._ratio]

    def packets_per_picture(self) -> int:
        """Packets of a picture as it is sent now, with those that fill its last frame."""
        return self._layout.filled(self._layout.packets(self._ratio))

    def pictures_sent(self) -> int:
        """Pictures encoded so far."""
        return self._pictures

    def forecast(self, noutput_items, ninputs):
        return [0 if len(self._waiting) else 1] * ninputs

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        if not len(self._waiting) and len(input_items[0]):
            self._encode(input_items[0][0])
            self.consume(0, 1)
        count = min(len(self._waiting), len(output_items[0]))
        if count:
            output_items[0][:count] = self._waiting[:count]
            self._tag(count)
            self._waiting, self._ids = self._waiting[count:], self._ids[count:]
        return count

    def _encode(self, picture: np.ndarray) -> None:
        """Packets of a picture, uint8 [height * width * 3], and their tags."""
        layout, ratio = self._layout, self._ratio
        sent_channels = layout.ratios[ratio]
        pixels = picture.reshape(layout.height, layout.width, 3).transpose(2, 0, 1)[None]
        inputs = {
            "image": np.divide(pixels, np.float32(255.0), order="C", dtype=np.float32),
            "snr_db": np.array([np.clip(self._snr_db, *self._trained_db)], np.float32),
            "sent_channels": np.array([sent_channels], np.float32),
        }
        code = self._session.run(**inputs)["code"][0]
        packets = picture_packets.packets_of(code, sent_channels, layout.channel_uses)
        sent = layout.filled(len(packets))
        self._waiting = packets[np.arange(sent) % len(packets)]
        tags = frame_tags.CallTags(self, 0, 1)
        number = int(tags.longs(frame_tags.FRAME_ID)[0])
        known = 0 <= number < picture_packets.MOST_PICTURES
        self._number = number if known else self._pictures % picture_packets.MOST_PICTURES
        self._image_time = float(tags.times()[0])
        self._ids = picture_packets.packet_ids(self._number, ratio, sent)
        self._is_first = True
        self._pictures += 1

    def _tag(self, count: int) -> None:
        frame_tags.tag_items(self, 0, frame_tags.FRAME_ID, self._ids[:count])
        if self._is_first:
            self._is_first = False
            offset = self.nitems_written(0)
            self.add_item_tag(0, offset, frame_tags.PICTURE_ID, pmt.from_uint64(self._number))
            if np.isfinite(self._image_time):
                self.add_item_tag(0, offset, frame_tags.IMAGE_TIME, pmt.from_double(self._image_time))
