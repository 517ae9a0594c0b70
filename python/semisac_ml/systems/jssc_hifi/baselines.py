# SPDX-License-Identifier: GPL-3.0-or-later
"""What the picture code is compared with: codecs over ideal and real channel codes, at the same channel uses,
power and SNR.

Digital schemes send a codec's file. Three kinds of channel code carry it:

- "ideal code": every picture gets the bits that its channel carries, sum of log2(1 + snr |h|^2) over the
  channel uses, without error, as if blocks were endless and the transmitter knew the gains. Upper bound of
  any scheme that separates source and channel code with this codec.
- "ideal code, fixed rate" (where the gain fades): the transmitter does not know the gain, so the rate is
  fixed; pictures whose channel carries less are lost. The rate is the best of several for the mean PSNR.
- polar codes (:mod:`real_code`): of each mode, and of the best mode for the mean PSNR at each SNR. Where the
  gain varies within a picture, blocks fail as at the SNR of the same mean capacity, which favours them.

A lost picture is shown mid-grey. Figures of schemes that lose pictures are expectations, lost ones included.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from semisac_ml.signal import metrics
from semisac_ml.systems.jssc_hifi import air, real_code
from semisac_ml.systems.jssc_hifi.codecs import Codec, CodedPicture

GREY = 128
OUTAGES = (0.02, 0.05, 0.1, 0.2, 0.35)
GAIN_DRAWS = 4000
ROWS_AT_ONCE = 8
LEAST_PIXELS_MS_SSIM = 176  # a side: five scales of a window of 11 pixels

Scores = dict[str, np.ndarray]


def scores(true: np.ndarray, received: np.ndarray) -> Scores:
    """PSNR in dB, SSIM, and MS-SSIM where pictures are large enough, each float64 (pictures,).

    true: uint8 (pictures, height, width, 3). received: the same, or float in [0, 1].
    """
    if received.dtype != np.uint8:  # what a screen shows
        received = np.rint(np.clip(received, 0.0, 1.0) * 255).astype(np.uint8)
    found = {"psnr_db": metrics.psnr_db(true, received), "ssim": metrics.ssim(true, received)}
    if min(true.shape[1:3]) >= LEAST_PIXELS_MS_SSIM:
        several = _ms_ssim(true, received)
        if several is not None:
            found["ms_ssim"] = several
    return found


def _ms_ssim(true: np.ndarray, received: np.ndarray) -> np.ndarray | None:
    """Multi-scale SSIM of each picture; None without torchmetrics."""
    try:
        import torch
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure
    except ImportError:
        return None
    pairs = (
        [
            torch.from_numpy(np.ascontiguousarray(one.transpose(2, 0, 1)[None], np.float32) / np.float32(255))
            for one in pair
        ]
        for pair in zip(received, true, strict=True)
    )
    return np.array(
        [float(multiscale_structural_similarity_index_measure(*pair, data_range=1.0)) for pair in pairs]
    )


def mixed(arrived: Scores, lost: Scores, probability: float) -> Scores:
    """Expected scores where pictures arrive with a probability."""
    return {name: probability * arrived[name] + (1.0 - probability) * lost[name] for name in arrived}


def ideal_bits(snr_db: float, gains: np.ndarray) -> np.ndarray:
    """Bits that each picture's channel uses carry, from gains |h|^2 (pictures, channel uses)."""
    snr = 10.0 ** (snr_db / 10.0)
    # few at a time: arrays that stay in the cache are ten times as fast as ones of hundreds of megabytes
    chunks = (gains[at : at + ROWS_AT_ONCE] for at in range(0, len(gains), ROWS_AT_ONCE))
    return np.concatenate([np.log2(1.0 + snr * chunk).sum(axis=1) for chunk in chunks])


class DigitalSchemes:
    """A codec over the channel codes, for a set of pictures.

    pictures: uint8 (count, height, width, 3). counted: "data" or "stream" (see :mod:`codecs`).
    """

    def __init__(self, pictures: np.ndarray, codec: Codec, counted: str = "data") -> None:
        self.pictures, self.codec = pictures, codec
        self._coded = [CodedPicture(picture, codec, counted) for picture in pictures]
        self._lost = scores(pictures, np.full_like(pictures, GREY)) | {"delivered": np.zeros(len(pictures))}
        self._at_rate: dict[int, Scores] = {}

    def received(self, bits: np.ndarray) -> np.ndarray:
        """Pictures decoded from files of at most so many bits each; the first ones, if bits are fewer."""
        return np.stack([coded.within(float(most)) for coded, most in zip(self._coded, bits, strict=False)])

    def scores(self, bits: np.ndarray) -> Scores:
        """Scores where pictures have so many bits each and arrive.

        "delivered" is 1 for pictures with a file that small, 0 for those that show their mean colour.
        """
        fits = [coded.fits(float(most)) for coded, most in zip(self._coded, bits, strict=True)]
        return scores(self.pictures, self.received(bits)) | {"delivered": np.array(fits, np.float64)}

    def at_rate(self, bits: float) -> Scores:
        """Scores where every picture has so many bits and arrives."""
        key = int(bits)
        if key not in self._at_rate:
            self._at_rate[key] = self.scores(np.full(len(self.pictures), key))
        return self._at_rate[key]

    def measure(
        self, snr_db: float, channel: str, gains: np.ndarray, seed: int
    ) -> Iterator[tuple[str, Scores]]:
        """Name and scores of each scheme. gains: |h|^2 (pictures, channel uses)."""
        name, channel_uses = self.codec.name, gains.shape[1]
        if channel == "awgn":
            yield f"{name} + ideal code", self.at_rate(ideal_bits(snr_db, gains[:1])[0])
        else:
            yield f"{name} + ideal code", self.scores(ideal_bits(snr_db, gains))
        draws = air.power_gains(channel, 1 if channel == "awgn" else GAIN_DRAWS, channel_uses, seed + 1)
        carried = ideal_bits(snr_db, draws)
        if channel != "awgn":
            rates = np.quantile(carried, OUTAGES)
            fixed = [
                mixed(self.at_rate(rate), self._lost, 1.0 - outage)
                for rate, outage in zip(rates, OUTAGES, strict=True)
            ]
            yield f"{name} + ideal code, fixed rate", max(fixed, key=_mean_psnr)
        effective_db = 10.0 * np.log10(np.maximum(2.0 ** (carried / channel_uses) - 1.0, 1e-9))
        modes = {}
        for mode in real_code.MODES:
            arrival = float(real_code.arrival_probability(mode, channel_uses, effective_db).mean())
            arrived = self.at_rate(real_code.information_bits(mode, channel_uses))
            modes[mode.name] = mixed(arrived, self._lost, arrival)
        yield f"{name} + polar code, best mode", max(modes.values(), key=_mean_psnr)
        for mode_name, found in modes.items():
            yield f"{name} + polar code, {mode_name}", found


def _mean_psnr(found: Scores) -> float:
    return float(found["psnr_db"].mean())
