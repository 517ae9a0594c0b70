# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which modulation is sent at which SNR, how many bits it takes, and how long: Eqs. (9) to (12), (17b), (50).

Three things about the paper. Eq. (50) says "otherwise" where it means above 22 dB: below 0 dB BPSK is taken.
Eq. (10) divides the bits by Shannon's rate, which uncoded 16QAM does not have: the time by the symbols that
are really sent stands beside it. And at its bandwidth of 1 kHz a semantic encoding of the size of Eq. (39),
49 x 384 values, takes seconds however few bits a value has: with one bit each 18,816 bits, 2.3 s at 25 dB and
Shannon's rate. The 1.5 ms of Table II are computation alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from semisac_ml.signal.digital_modulation import modulation_at, symbols_of

BANDWIDTH_HZ, POWER_W = 1e3, 1.0


@dataclass(frozen=True)
class LinkBudget:
    """Bits and times of one semantic encoding.

    values, bits_per_value: of the encoding. snr_db: P |h|^2/noise power. bandwidth_hz: B.
    """

    values: int
    bits_per_value: int
    snr_db: float
    bandwidth_hz: float = BANDWIDTH_HZ

    @property
    def modulation(self) -> str:
        """By Eq. (50)."""
        return modulation_at(self.snr_db)

    @property
    def bits(self) -> int:
        """Z of Eq. (10)."""
        return self.values * self.bits_per_value

    @property
    def channel_uses(self) -> int:
        """Symbols that are sent."""
        return symbols_of(self.bits, self.modulation)

    @property
    def rate_bps(self) -> float:
        """Eq. (9): B log2(1 + snr)."""
        return self.bandwidth_hz * math.log2(1.0 + 10.0 ** (self.snr_db / 10.0))

    @property
    def shannon_s(self) -> float:
        """t_com of Eq. (10): the bits at the rate of Eq. (9)."""
        return self.bits / self.rate_bps

    @property
    def sent_s(self) -> float:
        """Time of the symbols, one each 1/B."""
        return self.channel_uses / self.bandwidth_hz


def execution_s(extraction_s: float, encoding_s: float, transmission_s: float, decoding_s: float) -> float:
    """T_exe of Eq. (12)."""
    return extraction_s + encoding_s + transmission_s + decoding_s


def is_in_time(execution_s: float, longest_s: float) -> bool:
    """Eq. (17b)."""
    return execution_s <= longest_s
