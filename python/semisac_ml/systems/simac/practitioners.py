# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What practitioners would do on the same test samples, as rows beside those of networks.

States come from sensors without any channel between: see :mod:`.practice`. Pictures of the target, cut out by
the true mask, are sent as JPEG over channel codes, and through the learned picture code of the bundle
jssc/hifi, with as many channel uses as a network of SIMAC takes at that SNR: the true mask, which SIMAC has
to find, is in their favour. "of the box" is what they make of the true rectangle: its background counts as
error. jssc/hifi has codes of half the channel uses or less: it sends them as often as they fit, which raises
their SNR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from semisac_ml.data.tracks import inside_box
from semisac_ml.results import Result
from semisac_ml.signal import metrics
from semisac_ml.systems import system_module

from .bounds import bound_rows
from .comparison import SNR_AXIS, row_of, scored
from .link_budget import LinkBudget
from .model import SimacSettings
from .practice import camera_outcome, fused_outcome, radar_outcome
from .samples import TEST, Limits, TargetSet, cut_out
from .tuned import TunedSettings

MATCHED, CAMERA, KALMAN = "matched filter", "camera's box", "Kalman filters"
HIFI = "jssc/hifi"
HIFI_CHANNELS, HIFI_MOST_DB = 16, 20.0
"""Of its code, and the greatest SNR that it was trained for."""
OF_THE_BOX = ", of the box"
PICTURES = 200
"""Of a scene's test part, evenly spaced, that are sent."""
SENT_AS = "sent_as"
SHOWN = (
    "JPEG + ideal code",
    "JPEG + ideal code, fixed rate",
    "JPEG + polar code, best mode",
)


def sensor_rows(samples: TargetSet, seed: int = 0) -> list[Result]:
    """Radar alone, camera alone where it is known, Kalman filters of what there is, and the radar's bound."""
    found = {MATCHED: radar_outcome(samples, TEST, seed=seed)}
    if samples.read_camera is not None:
        found[CAMERA] = camera_outcome(samples, TEST)
    found[KALMAN] = fused_outcome(samples, list(found.values()))
    inputs = {MATCHED: "radar", CAMERA: "camera", KALMAN: "all that is known"}
    told = {"conditions": {"scene": samples.name}, "seed": str(seed)}
    limits = Limits.of(samples)
    return [
        *(
            row
            for name, outcome in found.items()
            for row in scored(outcome, samples, limits, variant=name, inputs=inputs[name], **told)
        ),
        *bound_rows(samples, samples.of(TEST), **told),
    ]


@dataclass(frozen=True)
class SentPictures:
    """Cut-outs of test samples of a scene that are sent without SIMAC.

    sent_as: the network that takes as many channel uses. pixels: side of the pictures. channel_uses: by the
    SNR in dB.
    """

    samples: TargetSet
    sent_as: str
    pixels: int
    channel_uses: Callable[[float], int]
    seed: int = 0

    @cached_property
    def rows(self) -> np.ndarray:
        """Samples that are sent."""
        test = self.samples.of(TEST)
        return test[np.unique(np.linspace(0, len(test) - 1, PICTURES).round().astype(int))]

    @cached_property
    def true(self) -> np.ndarray:
        """Targets alone, uint8 [rows, pixels, pixels, 3]."""
        return self._cut(lambda row, frame: self.samples.read_mask(row))

    @cached_property
    def boxes(self) -> np.ndarray:
        """Rectangles around them."""
        return self._cut(lambda row, frame: inside_box(self.samples.box_px[row], frame.shape[:2]))

    def _cut(self, mask: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
        found = []
        for row in self.rows.tolist():
            frame = self.samples.read_frame(int(self.samples.frame[row]))
            found.append(cut_out(frame, mask(row, frame), self.samples.box_px[row], self.pixels))
        return np.stack(found)

    def measured(self, snrs: list[float], fading: str) -> Iterator[Result]:
        """Rows of every scheme at every SNR."""
        baselines, codecs, air, learned = (
            system_module("jssc_hifi", name) for name in ("baselines", "codecs", "air", "learned_code")
        )
        sources = {"": self.true, OF_THE_BOX: self.boxes}
        jpeg = {end: baselines.DigitalSchemes(sent, codecs.Jpeg()) for end, sent in sources.items()}
        hifi = learned.LearnedCode(HIFI)
        for snr_db in snrs:
            uses = self.channel_uses(snr_db)
            gains = air.power_gains(fading, len(self.rows), uses, self.seed)
            for name, found in jpeg[""].measure(snr_db, fading, gains, self.seed):
                if name in SHOWN:
                    yield from self._rows(name, snr_db, fading, found["psnr_db"], found["ssim"])
            received = jpeg[OF_THE_BOX].received(baselines.ideal_bits(snr_db, gains))
            yield from self._against_truth(f"{SHOWN[0]}{OF_THE_BOX}", snr_db, fading, received)
            for end, sent in sources.items():
                received = self._through_hifi(hifi, sent, snr_db, fading, gains)
                if received is not None:
                    yield from self._against_truth(f"{HIFI}{end}", snr_db, fading, received)

    def _through_hifi(
        self, hifi: object, sent: np.ndarray, snr_db: float, fading: str, gains: np.ndarray
    ) -> np.ndarray | None:
        """Sent as often as the channel uses allow; None if they do not once, or the side does not fit."""
        length = (self.pixels // 4) ** 2 * HIFI_CHANNELS // 2
        times = gains.shape[1] // length
        if not times or self.pixels % 4:
            return None
        # as often as it is sent, noise is averaged; what is more than it knows is not told
        all_db = snr_db + 10.0 * math.log10(times)
        told_db = min(all_db, HIFI_MOST_DB)
        excess = 10.0 ** ((all_db - told_db) / 10.0)
        found = hifi.reconstruct(
            sent, told_db, HIFI_CHANNELS, fading, self.seed, excess * np.array(gains[:, :length])
        )
        return np.rint(255.0 * np.clip(found, 0.0, 1.0)).astype(np.uint8)

    def _against_truth(self, name: str, snr_db: float, fading: str, received: np.ndarray) -> Iterator[Result]:
        yield from self._rows(
            name, snr_db, fading, metrics.psnr_db(self.true, received), metrics.ssim(self.true, received)
        )

    def _rows(
        self, name: str, snr_db: float, fading: str, psnr_db: np.ndarray, ssim: np.ndarray
    ) -> Iterator[Result]:
        group = self.samples.group[self.rows]
        told = {"x": SNR_AXIS, "fading": fading, SENT_AS: self.sent_as, "scene": self.samples.name}
        for metric, values in (("psnr_db", psnr_db), ("ssim", ssim)):
            yield row_of(
                metrics.mean_over_groups(values, group),
                metric,
                variant=name,
                inputs="the target's mask" if OF_THE_BOX not in name else "the target's box",
                conditions=told,
                x=snr_db,
                seed=str(self.seed),
            )


def picture_rows(samples: TargetSet, snrs: list[float], fading: str, seed: int = 0) -> Iterator[Result]:
    """Pictures with the channel uses of the tuned network, and of the small one of the paper's form."""
    tuned, small = TunedSettings(), SimacSettings.named("small")
    uses = {
        "tuned": lambda snr_db: tuned.values // 2,
        "simac": lambda snr_db: LinkBudget(small.values, small.bits, snr_db).channel_uses,
    }
    pixels = {"tuned": tuned.picture, "simac": small.picture_pixels}
    for name, channel_uses in uses.items():
        sent = SentPictures(samples, name, pixels[name], channel_uses, seed)
        yield from sent.measured(snrs, fading)
