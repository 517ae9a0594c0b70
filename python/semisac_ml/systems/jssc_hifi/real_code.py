# SPDX-License-Identifier: GPL-3.0-or-later
"""A real channel code for the digital baselines: polar codes of GNU Radio with Gray-mapped QAM.

GNU Radio's encoder and list decoder (8 paths) were run once for each mode, block length and SNR
(``scripts/measure_block_errors.py``); the block error rates are in ``block_errors.csv`` beside this file. So
measuring pictures needs no GNU Radio: a picture arrives if all its blocks do, and is lost otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from semisac_ml.results import read_results

BLOCK_ERRORS = Path(__file__).with_name("block_errors.csv")
SHORTEST_BLOCK, LONGEST_BLOCK = 256, 2048
MODULATIONS = {"QPSK": 2, "16-QAM": 4, "64-QAM": 6}


@dataclass(frozen=True)
class Mode:
    """Modulation and code rate; numerator and denominator of the rate."""

    modulation: str
    numerator: int
    denominator: int

    @property
    def name(self) -> str:
        return f"{self.modulation} {self.numerator}/{self.denominator}"

    @property
    def bits_a_symbol(self) -> int:
        return MODULATIONS[self.modulation]

    def information_bits(self, block: int) -> int:
        """Of a block of so many coded bits."""
        return block * self.numerator // self.denominator


MODES = (
    Mode("QPSK", 1, 4),
    Mode("QPSK", 1, 2),
    Mode("QPSK", 3, 4),
    Mode("16-QAM", 1, 2),
    Mode("16-QAM", 3, 4),
    Mode("64-QAM", 2, 3),
    Mode("64-QAM", 5, 6),
)


def blocks_of(coded_bits: int) -> list[int]:
    """Lengths of the blocks that so many coded bits are filled with: powers of two, the longest first.

    Fewer than 256 bits at the end stay empty.
    """
    blocks, length = [], LONGEST_BLOCK
    while length >= SHORTEST_BLOCK:
        count, coded_bits = divmod(coded_bits, length)
        blocks += [length] * count
        length //= 2
    return blocks


def information_bits(mode: Mode, channel_uses: int) -> int:
    """Bits for the picture in so many channel uses."""
    return sum(mode.information_bits(block) for block in blocks_of(channel_uses * mode.bits_a_symbol))


def frozen_bits(block: int, information: int) -> list[int]:
    """Positions without information: those of least polarisation weight, sum of b_j 2^(j/4) over index bits.

    Source: G. He et al., "beta-expansion: a theoretical framework for fast and recursive construction of
    polar codes", IEEE GLOBECOM 2017.
    """
    index = np.arange(block)
    weight = sum(((index >> j) & 1) * 2.0 ** (j / 4) for j in range(block.bit_length() - 1))
    return np.sort(np.argsort(weight, kind="stable")[: block - information]).tolist()


def amplitude_levels(bits: int) -> np.ndarray:
    """Gray-mapped amplitudes of one axis of QAM, indexed by its bits; mean square 1/2, float64 (2^bits,)."""
    position = np.arange(1 << bits)
    levels = np.empty(1 << bits)
    levels[position ^ (position >> 1)] = 2.0 * position - (len(position) - 1)
    return levels / np.sqrt(2.0 * np.square(levels).mean())


def modulate(coded: np.ndarray, bits_a_symbol: int) -> np.ndarray:
    """Amplitudes of coded bits (..., coded), float64 (..., 2 coded / bits_a_symbol), I and Q by turns."""
    each = bits_a_symbol // 2
    groups = coded.reshape(*coded.shape[:-1], -1, each).astype(np.int64)
    return amplitude_levels(each)[groups @ (1 << np.arange(each)[::-1])]


def likelihoods(received: np.ndarray, bits_a_symbol: int, snr: float) -> np.ndarray:
    """Log-likelihood ratios ln p(y|0)/p(y|1) of each coded bit from real amplitudes (..., count).

    Exact for Gray-mapped QAM in noise of variance 1 / (2 snr) an axis.
    """
    each = bits_a_symbol // 2
    levels, labels = amplitude_levels(each), np.arange(1 << each)
    metric = -snr * np.square(received[..., None] - levels)
    ratios = []
    for bit in range(each):
        one = (labels >> (each - 1 - bit) & 1).astype(bool)
        ratios.append(
            np.logaddexp.reduce(metric[..., ~one], axis=-1) - np.logaddexp.reduce(metric[..., one], axis=-1)
        )
    return np.stack(ratios, axis=-1).reshape(*received.shape[:-1], -1)


@lru_cache(maxsize=1)
def measured() -> dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]:
    """Block error rates by mode and block length: SNRs in dB, ascending, and rates, all above 0."""
    points: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for row in read_results(BLOCK_ERRORS):
        # half an error where none was seen keeps the logarithm finite
        rate = max(round(row.value * row.n), 0.5) / row.n
        points.setdefault((row.variant, int(row.conditions["block"])), []).append((row.x, rate))
    return {key: tuple(np.array(sorted(found)).T) for key, found in points.items()}


def block_error_rate(mode: Mode, block: int, snr_db: np.ndarray) -> np.ndarray:
    """Block error rate at SNRs in dB (Es/N0): measured, between points by its logarithm.

    Below the lowest SNR measured it is 1; above the highest, it falls by a decade a dB.
    """
    at, rates = measured()[mode.name, block]
    snr_db = np.asarray(snr_db, dtype=np.float64)
    logarithm = np.interp(snr_db, at, np.log10(rates), left=0.0)
    return 10.0 ** (logarithm - np.maximum(snr_db - at[-1], 0.0))


def arrival_probability(mode: Mode, channel_uses: int, snr_db: np.ndarray) -> np.ndarray:
    """Probability that all blocks of a picture arrive, at SNRs in dB."""
    blocks = blocks_of(channel_uses * mode.bits_a_symbol)
    lengths, counts = np.unique(blocks, return_counts=True)
    arrived = np.ones(np.shape(snr_db))
    for length, count in zip(lengths, counts, strict=True):
        arrived = arrived * (1.0 - block_error_rate(mode, int(length), snr_db)) ** count
    return arrived
