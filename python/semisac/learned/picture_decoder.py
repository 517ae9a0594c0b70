# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import ImageLink
from semisac_ml.signal import picture_packets

from .. import bundle_network
from ..frames import frame_tags
from ..frames.received_symbols import usable
from ..semisac_python import input_has_ended, write_pixels
from ..work_errors import ends_flow_on_error, pass_over
from .picture_layout import PictureLayout

LEAST_POWER_GAIN = 1e-6  # a packet that faded by 60 dB is worth nothing at any SNR


class UnfinishedPicture:
    """Packets of one picture, as they come."""

    def __init__(self, number: int, ratio: int, layout: PictureLayout):
        self.which = self.number, self.ratio = number, ratio
        self.last_place = -1
        count = layout.packets(ratio)
        self.packets = np.zeros((count, layout.channel_uses), np.complex64)
        self.came = np.zeros(count, bool)
        self.snr_db = np.zeros(count, np.float32)
        self.image_time = math.nan

    def put(self, place: int, packet: np.ndarray, snr_db: float, image_time: float) -> None:
        """A packet by its number; those beyond the last are the first ones again, of use where these lack."""
        self.last_place = place
        if place == 0:
            self.image_time = image_time
        place %= len(self.came)
        if not self.came[place]:
            self.packets[place], self.snr_db[place], self.came[place] = packet, snr_db, True

    def lost(self) -> int:
        return int(len(self.came) - np.count_nonzero(self.came))

    def mean_snr_db(self) -> float:
        """Of the packets that came."""
        return float(10.0 * np.log10(np.mean(10.0 ** (self.snr_db[self.came].astype(np.float64) / 10.0))))


class picture_decoder(gr.basic_block):
    """Rebuild pictures from their packets; fill in what was lost.

    Runs the ``reconstruction`` network of a bundle for pictures of any size. The network is told what each
    received value is worth: nothing where a packet was lost, whose values it fills in from what is around
    them. A picture is decoded when all its packets came; if some were lost, when its last packet or one of
    another picture comes, or the input ends. A picture of which nothing came is missing in the output. A
    packet that is not finite is lost, and counted as "damaged" in ``counts``.

    Input 0: packet, complex64[channel uses], y = h x + w.
    Input tags: frame_id on each packet, as picture_encoder writes it; snr_db, mean Es/N0, and channel_gain,
        h, held until the next one (before the first: the bundle's reference SNR and 1); image_time and
        cfo_hz, if known.
    Output 0: picture, uint8[height * width * 3], rows then columns then RGB.
    Tags: frame_id, the picture's number, as that of the sent picture; packets_lost, long; snr_db, mean of the
        packets that came; sent_channels, long; where known image_time, and cfo_hz of the newest packet.
    Output 1: probability of each class, float32[classes], one item a picture, from the bundle's ``task``;
        absent when classes is 0. Tag: frame_id.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    height, width: of the pictures, as at the transmitter.
    packets_per_frame: images_per_frame of the frames, as at the transmitter.
    classes: number of classes of the bundle's task; 0: do not ask what pictures show.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is no bundle or none for pictures, or has no such task, ValueError for
    a bad parameter.
    """

    def __init__(
        self,
        bundle,
        height=256,
        width=256,
        packets_per_frame=1,
        classes=0,
        provider=None,
        threads=None,
        precision=None,
    ):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        self._layout = layout = PictureLayout.of(bundle, height, width, packets_per_frame)
        inputs = ("received", "worth", "snr_db", "sent_channels")
        self._session = bundle_network.open_network(bundle, "reconstruction", inputs, "image")
        self._task = self._open_task(inputs, int(classes)) if classes else None
        gr.basic_block.__init__(
            self,
            "picture_decoder",
            [(np.complex64, layout.channel_uses)],
            [(np.uint8, layout.image_length)] + ([(np.float32, int(classes))] if classes else []),
        )
        self.set_tag_propagation_policy(gr.TPP_DONT)
        channel = bundle.interface(ImageLink).channel
        self._trained_db = channel.snr_db
        self._snr_db = float(channel.reference_snr_db)
        self._gain = 1.0 + 0.0j
        self._cfo_hz = math.nan
        self._picture: UnfinishedPicture | None = None
        self._done_which, self._done_place = (-1, -1), -1
        self._pictures = self._damaged = self._missing = self._packets = self._packets_lost = 0
        self._refused = 0

    def _open_task(self, inputs: tuple[str, ...], classes: int):
        session = bundle_network.open_network(self._bundle, "task", inputs, "probability")
        known = int(session.outputs["probability"].shape[1])
        if known != classes:
            raise ValueError(
                f"classes is {classes}, expected {known}, as the task of bundle {self._bundle.name} has, or 0"
            )
        return session

    def pictures_received(self) -> int:
        """Pictures decoded so far, damaged ones among them."""
        return self._pictures

    def pictures_damaged(self) -> int:
        """Pictures of which packets were lost."""
        return self._damaged

    def pictures_lost(self) -> int:
        """Pictures missing between those received."""
        return self._missing

    def packets_received(self) -> int:
        """Packets that came, without those that only fill a frame."""
        return self._packets

    def packets_lost(self) -> int:
        """Packets lost of the pictures received."""
        return self._packets_lost

    def packets_refused(self) -> int:
        """Packets whose id fits no picture of this size and bundle."""
        return self._refused

    def forecast(self, noutput_items, ninputs):
        flush = self._picture is not None and input_has_ended(self.gateway, 0)
        return [0 if flush else 1] * ninputs

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        packets = input_items[0]
        count = len(packets)
        if count == 0:
            if self._picture is not None and input_has_ended(self.gateway, 0):
                return self._finish(output_items)
            return 0
        tags = frame_tags.CallTags(self, 0, count)
        ids = tags.longs(frame_tags.FRAME_ID)
        if ids.min() < 0:
            frame_tags.raise_missing(self, 0, int(np.argmin(ids)))
        snr_db = tags.held_snrs_db(frame_tags.SNR_DB, self._snr_db)
        gains = tags.held_gains(self._gain)
        offsets_hz = tags.held_doubles(frame_tags.CFO_HZ, self._cfo_hz)
        times = tags.times()
        good = usable(packets)
        numbers, ratios, places = picture_packets.parts_of_ids(ids)
        taken = written = 0
        while taken < count and not written:  # a picture is given away as soon as it is there
            if not good[taken]:
                pass_over(self, "damaged", "a packet is not finite")
                taken += 1
                continue
            which, place = (int(numbers[taken]), int(ratios[taken])), int(places[taken])
            picture = self._picture
            if picture is not None and (which != picture.which or place <= picture.last_place):
                written = self._finish(output_items)
                break
            self._cfo_hz = float(offsets_hz[taken])
            if picture is None and (which != self._done_which or place <= self._done_place):
                picture = self._begin(*which)
            if picture is not None and place < self._layout.filled(len(picture.came)):
                self._put(place, packets[taken], complex(gains[taken]), float(snr_db[taken]), times[taken])
                is_last = place == self._layout.filled(len(picture.came)) - 1
                if is_last or picture.came.all():
                    written = self._finish(output_items)
            elif which != self._done_which:
                self._refused += 1
            self._snr_db, self._gain = float(snr_db[taken]), complex(gains[taken])
            taken += 1
        self.consume(0, taken)
        return written

    def _put(self, place: int, packet: np.ndarray, gain: complex, snr_db: float, image_time: float) -> None:
        """A packet of the picture at hand, as it came: y = h x + w of mean SNR snr_db."""
        power = max(abs(gain) ** 2, LEAST_POWER_GAIN)
        equalised = packet if gain == 1.0 else packet * (gain.conjugate() / power)
        self._picture.put(place, equalised, snr_db + 10.0 * math.log10(power), float(image_time))

    def _begin(self, number: int, ratio: int) -> UnfinishedPicture | None:
        if ratio >= len(self._layout.ratios):
            return None
        if number > self._done_which[0] and self._pictures:
            self._missing += number - self._done_which[0] - 1
        self._picture = UnfinishedPicture(number, ratio, self._layout)
        return self._picture

    def _finish(self, output_items: list[np.ndarray]) -> int:
        """Decode the picture at hand into the first item of each output; 1, the number of items written."""
        picture, self._picture = self._picture, None
        sent_channels = self._layout.ratios[picture.ratio]
        code, worth = picture_packets.code_of(
            picture.packets, picture.came, picture.snr_db, self._layout.shape, sent_channels
        )
        snr_db = picture.mean_snr_db()
        arrived = {
            "received": code[None],
            "worth": worth[None],
            "snr_db": np.array([np.clip(snr_db, *self._trained_db)], np.float32),
            "sent_channels": np.array([sent_channels], np.float32),
        }
        write_pixels(self._session.run(**arrived)["image"], output_items[0][:1])
        if self._task is not None:
            output_items[1][0] = self._task.run(**arrived)["probability"][0]
        lost = picture.lost()
        self._done_which, self._done_place = picture.which, picture.last_place
        self._pictures += 1
        self._damaged += lost > 0
        self._packets += len(picture.came) - lost
        self._packets_lost += lost
        self._tag(picture, lost, snr_db, sent_channels)
        return 1

    def _tag(self, picture: UnfinishedPicture, lost: int, snr_db: float, sent_channels: int) -> None:
        offset = self.nitems_written(0)
        for port in range(1 if self._task is None else 2):
            self.add_item_tag(port, offset, frame_tags.FRAME_ID, pmt.from_uint64(picture.number))
        self.add_item_tag(0, offset, frame_tags.PACKETS_LOST, pmt.from_long(lost))
        self.add_item_tag(0, offset, frame_tags.SNR_DB, pmt.from_double(snr_db))
        self.add_item_tag(0, offset, frame_tags.SENT_CHANNELS, pmt.from_long(sent_channels))
        if math.isfinite(self._cfo_hz):
            self.add_item_tag(0, offset, frame_tags.CFO_HZ, pmt.from_double(self._cfo_hz))
        if math.isfinite(picture.image_time):
            self.add_item_tag(0, offset, frame_tags.IMAGE_TIME, pmt.from_double(picture.image_time))
