# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gray-mapped BPSK, QPSK, 8PSK and 16QAM: bits to symbols, symbols to probabilities of bits, error rates.

The first bit of a symbol is the most significant of its label. Symbols have unit mean power. With p = Q(a),
Q the tail of the normal distribution and snr = Es/N0, the bit error rates of hard decisions are

    BPSK   Q(sqrt(2 snr)),     QPSK   Q(sqrt(snr)),
    16QAM  (3 Q(x) + 2 Q(3 x) - Q(5 x))/4,  x = sqrt(snr/5),
    8PSK   2 (p1 + p2 - p1 p2)/3,  p1, p2 = Q(sqrt(2 snr) sin(pi/8 or 3 pi/8)),

all exact. For 8PSK: two bits say on which side of the axes a point lies, the third on which sides of both
diagonals, lines at right angles to each other with independent noise. In Rayleigh fading with a known gain
they are averaged over an exponential snr.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

QUADRATURE_NODES = 64
SWITCHED_DB = ((10.0, "BPSK"), (18.0, "QPSK"), (22.0, "8PSK"))
HIGHEST = "16QAM"
"""Up to which SNR which modulation is sent, Eq. (50) of the SIMAC paper, and from there on."""


@dataclass(frozen=True)
class Constellation:
    """Points of a modulation, complex128 [2^bits], in the order of their labels."""

    name: str
    points: np.ndarray

    @property
    def bits(self) -> int:
        """Bits of a symbol."""
        return len(self.points).bit_length() - 1

    @property
    def labels(self) -> np.ndarray:
        """Bits of each point, uint8 [2^bits, bits]."""
        return _bits_of(np.arange(len(self.points)), self.bits)


def _bits_of(number: np.ndarray, bits: int) -> np.ndarray:
    return (number[..., None] >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8)


def _phase_shift_keying(name: str, count: int, first_rad: float) -> Constellation:
    place = np.arange(count)
    points = np.empty(count, dtype=np.complex128)
    points[place ^ (place >> 1)] = np.exp(1j * (first_rad + 2 * np.pi * place / count))
    return Constellation(name, points)


def _square_16() -> Constellation:
    amplitude = np.empty(4)
    place = np.arange(4)
    amplitude[place ^ (place >> 1)] = (2 * place - 3) / np.sqrt(10.0)
    label = np.arange(16)
    return Constellation("16QAM", amplitude[label >> 2] + 1j * amplitude[label & 3])


CONSTELLATIONS = {
    one.name: one
    for one in (
        _phase_shift_keying("BPSK", 2, 0.0),
        _phase_shift_keying("QPSK", 4, np.pi / 4),
        _phase_shift_keying("8PSK", 8, np.pi / 8),
        _square_16(),
    )
}


def constellation(name: str) -> Constellation:
    """A constellation by its name; raises ValueError if there is none."""
    if name not in CONSTELLATIONS:
        raise ValueError(f"modulation is {name!r}, expected one of {', '.join(CONSTELLATIONS)}")
    return CONSTELLATIONS[name]


def modulation_at(snr_db: float) -> str:
    """Modulation by Eq. (50) of the SIMAC paper, BPSK below 0 dB too; raises ValueError for no number."""
    if math.isnan(snr_db):
        raise ValueError("snr_db is not a number, expected one in dB")
    return next((name for most, name in SWITCHED_DB if snr_db <= most), HIGHEST)


def symbols_of(bits: int, modulation: str) -> int:
    """Symbols that so many bits fill, the last perhaps in part."""
    return -(-bits // constellation(modulation).bits)


def modulate(bits: np.ndarray, modulation: str) -> np.ndarray:
    """Symbols of bits, complex64 [..., symbols]; what is missing to the last symbol is filled with 0.

    Parameters
    ----------
    bits : ndarray, 0 or 1 [..., bits]
    """
    used = constellation(modulation)
    bits = np.asarray(bits)
    missing = -bits.shape[-1] % used.bits
    padded = np.concatenate([bits, np.zeros((*bits.shape[:-1], missing), bits.dtype)], axis=-1)
    groups = padded.reshape(*bits.shape[:-1], -1, used.bits).astype(np.int64)
    label = (groups << np.arange(used.bits - 1, -1, -1)).sum(axis=-1)
    return used.points[label].astype(np.complex64)


def bit_probabilities(
    received: np.ndarray, modulation: str, noise_variance: np.ndarray | float
) -> np.ndarray:
    """Probability that each bit is 1, float64 [..., symbols * bits of a symbol].

    Parameters
    ----------
    received : ndarray, complex [..., symbols]
        Equalised: divided by the gain of the channel.
    noise_variance : float or ndarray
        Of the equalised symbols, in each complex one; broadcast to them.
    """
    used = constellation(modulation)
    variance = np.broadcast_to(np.asarray(noise_variance, dtype=np.float64), received.shape)
    closeness = -(np.abs(received[..., None] - used.points) ** 2) / np.maximum(variance, 1e-12)[..., None]
    weight = np.exp(closeness - closeness.max(axis=-1, keepdims=True))
    ones = weight @ used.labels.astype(np.float64)
    return (ones / weight.sum(axis=-1, keepdims=True)).reshape(*received.shape[:-1], -1)


def _tail(value: np.ndarray) -> np.ndarray:
    return stats.norm.sf(value)


def _error_rate_8psk(snr: np.ndarray) -> np.ndarray:
    one, other = (_tail(np.sqrt(2 * snr) * np.sin(angle)) for angle in (np.pi / 8, 3 * np.pi / 8))
    return 2.0 * (one + other - one * other) / 3.0


def _error_rate_16qam(snr: np.ndarray) -> np.ndarray:
    x = np.sqrt(snr / 5.0)
    return (3 * _tail(x) + 2 * _tail(3 * x) - _tail(5 * x)) / 4.0


ERROR_RATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "BPSK": lambda snr: _tail(np.sqrt(2 * snr)),
    "QPSK": lambda snr: _tail(np.sqrt(snr)),
    "8PSK": _error_rate_8psk,
    "16QAM": _error_rate_16qam,
}


def bit_error_rate(modulation: str, snr_db: float, channel: str = "awgn") -> float:
    """Bit error rate of hard decisions; see the module's text.

    Parameters
    ----------
    snr_db : float
        Es/N0 of a symbol; its mean in fading.
    channel : str
        "awgn", or "rayleigh" with a gain that the receiver knows.
    """
    constellation(modulation)
    snr, rate = np.float64(10.0 ** (snr_db / 10.0)), ERROR_RATES[modulation]
    if channel == "awgn":
        return float(rate(snr))
    if channel != "rayleigh":
        raise ValueError(f"channel is {channel!r}, expected awgn or rayleigh")
    # x = power of the gain, exponential; x = u^2 makes the integrand smooth at 0
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE_NODES)
    root = 3.5 * (nodes + 1.0)
    density = 2.0 * root * np.exp(-(root**2))
    return float(3.5 * (weights * density * rate(snr * root**2)).sum())
