# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From images to samples, in every program that transmits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from common.options import snr_warnings
from gnuradio import gr, semisac
from gnuradio.semisac.radio import front_end

from semisac_ml.runtime import Bundle, ImageLink

from .options import SourceOptions
from .status import Rows

if TYPE_CHECKING:
    from .command import Program

BATCH = 32
REMEMBERED = 4096  # images: encoding takes 1.3 ms of each, of which a frame may hold many


class ending_source(semisac.image_source):
    """Image source that knows when it has sent its last image."""

    ended = False

    def stop(self):
        self.ended = True
        return semisac.image_source.stop(self)


class sender:
    """Image source, encoder and modulator of a flowgraph, for the frames that a program sends.

    repeat: send the images for ever.

    Raises DataError when they cannot be read, BundleError when the bundle has no encoder, ValueError for
    settings that do not fit the bundle.
    """

    def __init__(self, called: Program, settings: SourceOptions, repeat: bool):
        bundle, layout = called.bundle, called.layout
        trained = bundle.interface(ImageLink).channel
        snr_db = trained.reference_snr_db if settings.snr_db is None else settings.snr_db
        for warning in snr_warnings("--snr-db", snr_db, trained.snr_db, bundle.name):
            called.warn(warning)
        own = called.frame.pictures(bundle, settings)
        if own is None:
            self.source = ending_source(
                settings.data,
                repeat=repeat,
                count=settings.images,
                batch=BATCH,
                images_per_s=settings.images_per_s,
            )
            self.encoder = semisac.jscc_encoder(bundle, snr_db, BATCH, REMEMBERED)
            self._frames_per_image = Fraction(1, layout.images_per_frame)
        else:
            images = own.load(settings.data).images
            self.source = ending_source(
                images,
                repeat=repeat,
                count=settings.images,
                batch=1,
                images_per_s=settings.images_per_s,
                size=(own.height, own.width),
                fit=own.fit,
                drop_late=isinstance(images, np.ndarray) and settings.images_per_s > 0,
            )
            self.encoder = semisac.picture_encoder(
                bundle, own.height, own.width, own.sent_channels, snr_db, own.packets_per_frame
            )
            self._frames_per_image = Fraction(self.encoder.packets_per_picture(), layout.images_per_frame)
        self.modulator = semisac.frame_modulator(layout, fingerprint(bundle))
        self.wanted = settings.images
        self._repeat, self._paced = repeat, settings.images_per_s > 0
        self._radio: front_end | None = None

    def check(self, radio: front_end) -> list[str]:
        """Warnings; raises ValueError for a radio that repeats its first frames and leaves images out."""
        most = math.floor(radio.cycle_frames / self._frames_per_image)
        count = self.source.images_to_send()
        if not radio.cycle_frames or (0 < count <= most and not self._paced):
            return []
        what = (
            f"this radio repeats its first {radio.cycle_frames} frames for ever, of {most} images at the most"
        )
        remedy = "--radio-option cyclic=false sends all of them"
        if self._repeat:
            return [f"{what}; {remedy}"]
        sent = (
            "images come at a pace"
            if self._paced
            else f"{count or 'an unknown number of'} images are to be sent"
        )
        raise ValueError(f"{what}, and {sent}: {remedy}; or give --repeat, or --images {most} or less")

    def connect(self, flowgraph: gr.top_block, radio: front_end) -> None:
        """Send through a radio."""
        self._radio = radio
        flowgraph.connect(self.source, self.encoder, self.modulator, radio.tx)

    def error(self) -> Exception | None:
        """What ended the flow before its time, if anything did."""
        return getattr(self.source, "error", None) or getattr(self.encoder, "error", None) or self._left_out()

    def _left_out(self) -> Exception | None:
        """A radio waits only so long for the frames that it is to repeat."""
        repeated = self._radio.frames_in_cycle() if self._radio else 0
        count = math.ceil(self.source.images_to_send() * self._frames_per_image)
        if self._repeat or not 0 < repeated < count:
            return None
        return RuntimeError(
            f"the radio repeats the first {repeated} of {count} frames, since the others came too late: "
            "--radio-option cyclic=false sends all of them"
        )

    def all_sent(self) -> bool:
        """Whether all images have left the source."""
        return self.source.ended

    def frames(self) -> int:
        """Frames that the images make that have left the source."""
        return math.ceil(self.source.images_sent() * self._frames_per_image)

    def counters(self) -> dict[str, int]:
        """Images and frames so far; of a radio that knows, those on the air, each repetition one."""
        frames = self._radio.frames_sent() if self._radio else None
        if frames is None:
            images, frames = self.source.images_sent(), self.modulator.frames_sent()
        else:
            images = self._images_of(frames)
        counts = {"images_sent": images, "frames_sent": frames}
        dropped = self.source.images_dropped()
        return counts | ({"images_dropped": dropped} if dropped else {})

    def _images_of(self, frames: int) -> int:
        """Images in so many frames that were on the air."""
        sent, repeated = self.source.images_sent(), self._radio.frames_in_cycle()
        if not repeated:
            return min(sent, math.floor(frames / self._frames_per_image))
        return frames * min(sent, math.floor(repeated / self._frames_per_image)) // repeated

    def rows(self) -> Rows:
        """For the live status."""
        counts = self.counters()
        repeats = self._radio is not None and self._radio.cycle_frames > 0
        goal = f" of {self.wanted}" if self.wanted and not repeats else ""
        return [
            ("images sent", f"{counts['images_sent']}{goal}"),
            ("frames sent", str(counts["frames_sent"])),
        ]


def fingerprint(bundle: Bundle) -> int:
    """First 24 bits of a bundle's fingerprint, which headers carry."""
    return int(bundle.fingerprint[:6], 16)
