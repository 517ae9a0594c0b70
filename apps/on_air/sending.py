# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From images to samples, in every program that transmits."""

from __future__ import annotations

from gnuradio import gr, semisac
from gnuradio.semisac.radio import front_end

from semisac_ml.runtime import Bundle
from semisac_ml.signal.frame import FrameParameters

from .options import SourceSettings
from .status import Rows

BATCH = 32


class sender:
    """Image source, encoder and modulator of a flowgraph.

    repeat: send the images for ever.

    Raises DataError when they cannot be read, BundleError when the bundle has no encoder.
    """

    def __init__(
        self,
        bundle: Bundle,
        layout: FrameParameters,
        settings: SourceSettings,
        repeat: bool,
    ):
        self.source = semisac.image_source(
            settings.data,
            repeat=repeat,
            count=settings.images,
            batch=BATCH,
            images_per_s=settings.images_per_s,
        )
        reference_db = bundle.manifest.channel.reference_snr_db
        self.encoder = semisac.jscc_encoder(
            bundle, reference_db if settings.snr_db is None else settings.snr_db, BATCH
        )
        self.modulator = semisac.frame_modulator(layout, fingerprint(bundle))
        self.wanted = settings.images
        self._images_per_frame = layout.images_per_frame

    def connect(self, flowgraph: gr.top_block, radio: front_end) -> None:
        """Send through a radio."""
        flowgraph.connect(self.source, self.encoder, self.modulator, radio.tx)

    def error(self) -> Exception | None:
        """What ended the flow before its time, if anything did."""
        return getattr(self.source, "error", None) or getattr(self.encoder, "error", None)

    def all_sent(self) -> bool:
        """Whether all images have left the source; never when no number was given."""
        return bool(self.wanted) and self.source.images_sent() >= self.wanted

    def frames(self) -> int:
        """Frames that all images make."""
        return -(-self.wanted // self._images_per_frame)

    def counters(self) -> dict[str, int]:
        """Images and frames so far."""
        return {"images_sent": self.source.images_sent(), "frames_sent": self.modulator.frames_sent()}

    def rows(self) -> Rows:
        """For the live status."""
        goal = f" of {self.wanted}" if self.wanted else ""
        return [
            ("images sent", f"{self.source.images_sent()}{goal}"),
            ("frames sent", str(self.modulator.frames_sent())),
        ]


def fingerprint(bundle: Bundle) -> int:
    """First 24 bits of a bundle's fingerprint, which headers carry."""
    return int(bundle.fingerprint[:6], 16)
