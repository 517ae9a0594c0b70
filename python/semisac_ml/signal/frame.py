# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Layout of a frame: [up-chirp][down-chirp][header][body][gap].

Header and body are OFDM symbols, numbered together from 0 at the first symbol of the header. In frames of
type "ofdm" the body is one run of symbols. In frames of type "lfm" it is a train of pulses,
[up-chirp][symbols_per_pulse symbols], regular in time, so that the train is the slow time of a radar.

The used subcarriers k are -K .. -1 and 1 .. K with K = fft_size / 2 - guard_subcarriers: neither DC nor the
edges. Number i (from 0) of them, from the lowest frequency up, is a pilot in symbol s when i - s is a
multiple of pilot_spacing: the pilots move by one from symbol to symbol, so that every subcarrier is one from
time to time. The C++ struct ``gr::semisac::frame_parameters`` has the same names, checks and error texts.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

FRAME_TYPES = ("ofdm", "lfm")
HEADER_BITS = 112
"""Bits of a header before the convolutional code; see frame_header."""
CODED_HEADER_BITS = 2 * (HEADER_BITS + 6)
"""Bits behind the code of rate 1/2 and constraint length 7, with its 6 tail bits."""
LARGEST_FRAME_SAMPLES = 1 << 24
GUARD_SHARE = 6 / 64
CHIRP_BANDWIDTH_SHARE = 0.8


@dataclass(frozen=True)
class FrameParameters:
    """What transmitter and receiver must agree upon to exchange frames.

    Parameters
    ----------
    sample_rate_hz : float
        Complex samples a second, 1e3 to 1e10.
    fft_size : int
        Subcarriers of an OFDM symbol, a power of two from 64 to 2048.
    prefix_samples : int
        Cyclic prefix of each symbol, 4 to fft_size / 2; the longest spread of delays that does no harm.
    guard_subcarriers : int, optional
        Unused subcarriers at the lower edge, one less at the upper, 1 to fft_size / 4. By default 6 of 64.
    pilot_spacing : int
        Every so manieth used subcarrier is a pilot, 2 to 16.
    images_per_frame : int
        Images that a full frame carries, 1 to 4095.
    channel_uses : int
        Complex symbols of an image, 1 to 2^20.
    chirp_samples : int
        Length of each chirp, 64 to 65536, at least twice the prefix.
    chirp_bandwidth_hz : float, optional
        Width of the band that a chirp sweeps, centred on 0, a quarter of sample_rate_hz to all of it.
        By default 0.8 of it.
    header_repetitions : int
        How often the bits of the header are sent at least, 1 to 64.
    gap_samples : int
        Silence behind each frame, 0 to 2^24.
    frame_type : "ofdm" or "lfm"
        One run of symbols, or chirps with symbols between.
    symbols_per_pulse : int
        Symbols behind each chirp of the body of type "lfm", 1 to 4096.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the frame is longer than 2^24 samples.
    """

    sample_rate_hz: float = 5e6
    fft_size: int = 64
    prefix_samples: int = 16
    guard_subcarriers: int | None = None
    pilot_spacing: int = 4
    images_per_frame: int = 32
    channel_uses: int = 10
    chirp_samples: int = 512
    chirp_bandwidth_hz: float | None = None
    header_repetitions: int = 6
    gap_samples: int = 0
    frame_type: str = "ofdm"
    symbols_per_pulse: int = 4

    def __post_init__(self) -> None:
        for name in ("fft_size", "prefix_samples", "pilot_spacing", "images_per_frame", "channel_uses"):
            self._set(name, operator.index(getattr(self, name)))
        for name in ("chirp_samples", "header_repetitions", "gap_samples", "symbols_per_pulse"):
            self._set(name, operator.index(getattr(self, name)))
        self._set("sample_rate_hz", float(self.sample_rate_hz))
        self._check_values()
        if self.frame_samples > LARGEST_FRAME_SAMPLES:
            raise ValueError(
                f"frame parameters: a frame is {self.frame_samples} samples, expected "
                f"{LARGEST_FRAME_SAMPLES} or less; lower images_per_frame, channel_uses or gap_samples."
            )

    def _set(self, name: str, value) -> None:
        object.__setattr__(self, name, value)

    def _check_values(self) -> None:
        _check_range("sample_rate_hz", self.sample_rate_hz, 1e3, 1e10, "give complex samples a second")
        size = self.fft_size
        if size not in (64, 128, 256, 512, 1024, 2048):
            raise ValueError(
                f"frame parameters: fft_size is {size}, expected a power of two from 64 to 2048; give the "
                "number of subcarriers."
            )
        _check_range("prefix_samples", self.prefix_samples, 4, size // 2, "give the cyclic prefix in samples")
        if self.guard_subcarriers is None:
            self._set("guard_subcarriers", int(size * GUARD_SHARE))
        self._set("guard_subcarriers", operator.index(self.guard_subcarriers))
        _check_range(
            "guard_subcarriers",
            self.guard_subcarriers,
            1,
            size // 4,
            "give the number of unused subcarriers at the lower edge",
        )
        _check_range("pilot_spacing", self.pilot_spacing, 2, 16, "give the distance of pilots in subcarriers")
        _check_range("images_per_frame", self.images_per_frame, 1, 4095, "give the images of a full frame")
        _check_range("channel_uses", self.channel_uses, 1, 1 << 20, "give the complex symbols of an image")
        _check_range("chirp_samples", self.chirp_samples, 64, 65536, "give the length of a chirp in samples")
        if self.chirp_samples < 2 * self.prefix_samples:
            raise ValueError(
                f"frame parameters: chirp_samples is {self.chirp_samples}, expected twice prefix_samples, "
                f"{2 * self.prefix_samples}, or more; give longer chirps or a shorter prefix."
            )
        if self.chirp_bandwidth_hz is None:
            self._set("chirp_bandwidth_hz", CHIRP_BANDWIDTH_SHARE * self.sample_rate_hz)
        self._set("chirp_bandwidth_hz", float(self.chirp_bandwidth_hz))
        _check_range(
            "chirp_bandwidth_hz",
            self.chirp_bandwidth_hz,
            0.25 * self.sample_rate_hz,
            self.sample_rate_hz,
            "give a quarter of sample_rate_hz to all of it",
        )
        _check_range(
            "header_repetitions", self.header_repetitions, 1, 64, "give how often header bits are sent"
        )
        _check_range(
            "gap_samples", self.gap_samples, 0, 1 << 24, "give the silence behind a frame in samples"
        )
        if self.frame_type not in FRAME_TYPES:
            raise ValueError(
                f'frame parameters: frame_type is "{self.frame_type}", expected "ofdm" or "lfm"; give one of '
                "these names."
            )
        _check_range(
            "symbols_per_pulse",
            self.symbols_per_pulse,
            1,
            4096,
            "give the symbols behind a chirp of the body",
        )

    @cached_property
    def used_subcarriers(self) -> np.ndarray:
        """Signed numbers of the subcarriers that carry something, increasing, int64 [2 K]."""
        edge = self.fft_size // 2 - self.guard_subcarriers
        return np.concatenate([np.arange(-edge, 0), np.arange(1, edge + 1)])

    @property
    def symbol_samples(self) -> int:
        """Samples of an OFDM symbol with its prefix."""
        return self.fft_size + self.prefix_samples

    @property
    def subcarrier_spacing_hz(self) -> float:
        """Distance of neighbouring subcarriers."""
        return self.sample_rate_hz / self.fft_size

    @property
    def chirp_rate_hz_per_s(self) -> float:
        """Slope of the up-chirp's frequency."""
        return self.chirp_bandwidth_hz * self.sample_rate_hz / self.chirp_samples

    def _is_pilot(self, symbol: int) -> np.ndarray:
        positions = np.arange(len(self.used_subcarriers))
        return (positions - symbol) % self.pilot_spacing == 0

    def pilot_subcarriers(self, symbol: int) -> np.ndarray:
        """Signed numbers of the pilots of a symbol; symbol 0 is the first of the header."""
        return self.used_subcarriers[self._is_pilot(symbol)]

    def data_subcarriers(self, symbol: int) -> np.ndarray:
        """Signed numbers of the subcarriers of a symbol that carry header bits or data."""
        return self.used_subcarriers[~self._is_pilot(symbol)]

    def data_cells(self, first_symbol: int, symbols: int) -> int:
        """Subcarriers that are no pilots in so many symbols from first_symbol on."""
        used, spacing = len(self.used_subcarriers), self.pilot_spacing
        rounds, rest = divmod(symbols, spacing)
        pilots = rounds * used
        for symbol in range(first_symbol, first_symbol + rest):
            shift = symbol % spacing
            pilots += (used - shift + spacing - 1) // spacing
        return symbols * used - pilots

    def _symbols_for(self, cells: int, first_symbol: int) -> int:
        # So many symbols as there are shifts of the pilots hold this many cells, wherever they begin.
        cells_a_round = len(self.used_subcarriers) * (self.pilot_spacing - 1)
        symbols = max(cells // cells_a_round * self.pilot_spacing, 1)
        while self.data_cells(first_symbol, symbols) < cells:
            symbols += 1
        return symbols

    @cached_property
    def header_symbols(self) -> int:
        """OFDM symbols of the header."""
        return self._symbols_for(CODED_HEADER_BITS * self.header_repetitions, 0)

    @cached_property
    def body_symbols(self) -> int:
        """OFDM symbols of the body; whole pulses in frames of type "lfm"."""
        symbols = self._symbols_for(self.body_data_symbols, self.header_symbols)
        if self.frame_type == "lfm":
            symbols = -(-symbols // self.symbols_per_pulse) * self.symbols_per_pulse
        return symbols

    @property
    def body_data_symbols(self) -> int:
        """Symbols of all images of a full frame."""
        return self.images_per_frame * self.channel_uses

    @property
    def body_cells(self) -> int:
        """Subcarriers of the body's symbols that are no pilots: body_data_symbols or a few more."""
        return self.data_cells(self.header_symbols, self.body_symbols)

    @property
    def pulses(self) -> int:
        """Chirps in the body: none in frames of type "ofdm"."""
        return self.body_symbols // self.symbols_per_pulse if self.frame_type == "lfm" else 0

    @property
    def pulse_samples(self) -> int:
        """Samples from one chirp of the body to the next (pulse repetition interval), 0 for type "ofdm"."""
        if self.frame_type != "lfm":
            return 0
        return self.chirp_samples + self.symbols_per_pulse * self.symbol_samples

    @property
    def header_start(self) -> int:
        """Sample at which the prefix of the header's first symbol begins."""
        return 2 * self.chirp_samples

    @property
    def body_start(self) -> int:
        """Sample at which the body begins: a prefix, or the chirp of its first pulse."""
        return self.header_start + self.header_symbols * self.symbol_samples

    @property
    def occupied_samples(self) -> int:
        """Samples of a frame without the gap."""
        symbols = self.body_start + self.body_symbols * self.symbol_samples
        return symbols + self.pulses * self.chirp_samples

    @property
    def frame_samples(self) -> int:
        """Samples of a frame with the gap."""
        return self.occupied_samples + self.gap_samples

    def symbol_start(self, symbol: int) -> int:
        """Sample of the frame at which the prefix of a symbol begins."""
        start = self.header_start + symbol * self.symbol_samples
        in_body = symbol - self.header_symbols
        if self.frame_type == "lfm" and in_body >= 0:
            start += (in_body // self.symbols_per_pulse + 1) * self.chirp_samples
        return start

    def pulse_start(self, pulse: int) -> int:
        """Sample of the frame at which a chirp of the body begins."""
        return self.body_start + pulse * self.pulse_samples

    def canonical_text(self) -> str:
        """All that a receiver must know, in one line; the gap is none of it."""
        numbers = (self.fft_size, self.prefix_samples, self.guard_subcarriers, self.pilot_spacing)
        numbers += (self.images_per_frame, self.channel_uses, self.chirp_samples, self.header_repetitions)
        numbers += (self.symbols_per_pulse if self.frame_type == "lfm" else 0,)
        rates = (f"{self.sample_rate_hz:.17g}", f"{self.chirp_bandwidth_hz:.17g}")
        return "|".join((self.frame_type, *map(str, numbers), *rates))


def _check_range(name: str, value, lowest, highest, hint: str) -> None:
    if not lowest <= value <= highest:
        shown = [
            f"{number:g}" if isinstance(number, float) else str(number) for number in (value, lowest, highest)
        ]
        raise ValueError(
            f"frame parameters: {name} is {shown[0]}, expected {shown[1]} to {shown[2]}; {hint}."
        )
