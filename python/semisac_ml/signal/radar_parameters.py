# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a monostatic radar makes of the frames that are sent: axes of its maps, and where it looks in a frame.

Slow time is counted in observations, each the sum of the OFDM symbols or chirps in one group:

| maps of | frames of type "ofdm" | frames of type "lfm" |
|---|---|---|
| "ofdm" symbols, one frame | every symbol of header and body | the symbols behind each chirp of the body |
| "lfm" chirps, one frame | the up-chirp at the head | each chirp of the body |
| several frames | a frame | a frame |

The C++ struct ``gr::semisac::radar_parameters`` has the same names, checks and error texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .frame import FrameParameters
from .lfm import frame_chirp
from .range_doppler import WINDOWS, MapGeometry, zero_padded

MODES = ("ofdm", "lfm")
LARGEST_MAP_CELLS = 1 << 20


@dataclass(frozen=True)
class RadarParameters:
    """What the maps of a radar hold.

    Parameters
    ----------
    frame : FrameParameters
        Frames that are sent.
    mode : "ofdm" or "lfm"
        Maps from OFDM symbols or from chirps.
    carrier_hz : float
        Carrier, 1e3 to 1e12; only velocities depend on it.
    antennas : int
        Receive antennas, a uniform linear array, 1 to 64.
    element_spacing : float
        Their spacing in wavelengths, 0.01 to 100; azimuths are unambiguous up to 0.5.
    frames_per_interval : int
        Frames of a map, 1 to 65536. 1: slow time runs within the frame; more: from frame to frame.
    range_bins : int
        Size of the range FFT, a multiple of 4, at least fft_size or chirp_samples; 0 for fft_size, or the
        power of two from twice chirp_samples on.
    doppler_bins : int
        Size of the Doppler FFT, even, at least slow_times; 0 for the power of two from slow_times on.
    range_window, doppler_window : "rectangular" or "hamming"

    Raises
    ------
    ValueError
        If a parameter is out of its range, or a map larger than 2^20 cells.
    """

    frame: FrameParameters = field(default_factory=FrameParameters)
    mode: str = "ofdm"
    carrier_hz: float = 2.45e9
    antennas: int = 1
    element_spacing: float = 0.5
    frames_per_interval: int = 1
    range_bins: int = 0
    doppler_bins: int = 0
    range_window: str = "rectangular"
    doppler_window: str = "rectangular"

    def __post_init__(self) -> None:
        self._check_settings()
        self._check_sizes()

    def _check_settings(self) -> None:
        _check_name("mode", self.mode, MODES)
        _check_range("carrier_hz", float(self.carrier_hz), 1e3, 1e12, "give the carrier in Hz")
        _check_range("antennas", self.antennas, 1, 64, "give the number of receive antennas")
        _check_range(
            "element_spacing", float(self.element_spacing), 0.01, 100.0, "give the spacing in wavelengths"
        )
        _check_range("frames_per_interval", self.frames_per_interval, 1, 65536, "give the frames of a map")
        _check_name("range_window", self.range_window, WINDOWS)
        _check_name("doppler_window", self.doppler_window, WINDOWS)

    def _check_sizes(self) -> None:
        least = self.frame.chirp_samples if self.mode == "lfm" else self.frame.fft_size
        if self.range_bins == 0:
            object.__setattr__(self, "range_bins", power_of_two(2 * least) if self.mode == "lfm" else least)
        if self.doppler_bins == 0:
            object.__setattr__(self, "doppler_bins", power_of_two(max(self.slow_times, 2)))
        _check_range(
            "range_bins", self.range_bins, least, LARGEST_MAP_CELLS, "give the size of the range FFT"
        )
        _check_range(
            "doppler_bins",
            self.doppler_bins,
            max(self.slow_times, 2),
            LARGEST_MAP_CELLS,
            "give the size of the Doppler FFT",
        )
        for name, factor in (("range_bins", 4), ("doppler_bins", 2)):
            if getattr(self, name) % factor:
                raise ValueError(
                    f"radar parameters: {name} is {getattr(self, name)}, expected a multiple of {factor}; "
                    "take the next one."
                )
        if self.map_cells > LARGEST_MAP_CELLS:
            raise ValueError(
                f"radar parameters: a map has {self.map_cells} cells, expected {LARGEST_MAP_CELLS} or less; "
                "lower antennas, range_bins or doppler_bins."
            )

    @property
    def map_cells(self) -> int:
        """Complex numbers in a map, antennas * doppler_bins * range_bins."""
        return self.antennas * self.doppler_bins * self.range_bins

    @cached_property
    def groups(self) -> list[list[int]]:
        """Symbols (from the header's first) or chirps (of the body) of each observation of a frame."""
        frame = self.frame
        if self.mode == "lfm":
            found = [[pulse] for pulse in range(max(frame.pulses, 1))]
        elif frame.frame_type == "ofdm":
            found = [[symbol] for symbol in range(frame.header_symbols + frame.body_symbols)]
        else:
            found = [
                list(range(first, first + frame.symbols_per_pulse))
                for first in range(
                    frame.header_symbols, frame.header_symbols + frame.body_symbols, frame.symbols_per_pulse
                )
            ]
        return found if self.frames_per_interval == 1 else [sum(found, [])]

    @property
    def slow_times(self) -> int:
        """Observations of a map."""
        return len(self.groups) if self.frames_per_interval == 1 else self.frames_per_interval

    @property
    def slow_time_s(self) -> float:
        """Interval from one observation to the next."""
        frame = self.frame
        if self.frames_per_interval > 1 or (self.mode == "lfm" and frame.frame_type == "ofdm"):
            samples = frame.frame_samples
        else:
            samples = frame.symbol_samples if frame.frame_type == "ofdm" else frame.pulse_samples
        return samples / frame.sample_rate_hz

    @property
    def pulse_length(self) -> int:
        """Samples from the start of a chirp that are looked at: to the next chirp, or the range axis' end."""
        frame = self.frame
        interval = frame.pulse_samples if frame.frame_type == "lfm" else 2 * frame.chirp_samples
        return min(interval, self.range_bins)

    def pulse_first(self, pulse: int) -> int:
        """Sample of the frame at which a chirp begins: of the body, or the one at the head."""
        return self.frame.pulse_start(pulse) if self.frame.frame_type == "lfm" else 0

    @cached_property
    def chirp_spectrum(self) -> np.ndarray:
        """FFT of the chirp over range_bins within its band, 0 outside; complex128 [range_bins]."""
        spectrum = np.fft.fft(frame_chirp(self.frame).astype(np.complex128), self.range_bins)
        spacing_hz = self.frame.sample_rate_hz / self.range_bins
        index = np.abs(np.fft.fftfreq(self.range_bins, 1.0 / self.range_bins).round())
        return spectrum * (index <= math.floor(self.frame.chirp_bandwidth_hz / 2.0 / spacing_hz))

    @cached_property
    def geometry(self) -> MapGeometry:
        """Axes of the maps."""
        frame = self.frame
        if self.mode == "lfm":
            spectrum = np.abs(self.chirp_spectrum) ** 2
            spectrum = spectrum / spectrum[spectrum > 0.0].mean()
            spacing_hz = frame.sample_rate_hz / self.range_bins
            coupling = frame.chirp_samples / frame.sample_rate_hz / frame.chirp_bandwidth_hz
        else:
            used = np.zeros(frame.fft_size)
            used[frame.used_subcarriers % frame.fft_size] = 1.0
            spectrum = zero_padded(used, self.range_bins)
            spacing_hz = frame.subcarrier_spacing_hz
            coupling = 0.0
        return MapGeometry(
            carrier_hz=self.carrier_hz,
            cell_spacing_hz=spacing_hz,
            slow_time_s=self.slow_time_s,
            slow_times=self.slow_times,
            doppler_bins=self.doppler_bins,
            spectrum=spectrum,
            antennas=self.antennas,
            element_spacing=self.element_spacing,
            range_window=self.range_window,
            doppler_window=self.doppler_window,
            coupling_s_per_hz=coupling,
        )


def power_of_two(least: int) -> int:
    """Smallest power of two not below a number."""
    return 1 << (least - 1).bit_length()


def _check_name(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        names = '" or "'.join(allowed)
        raise ValueError(
            f'radar parameters: {name} is "{value}", expected "{names}"; give one of these names.'
        )


def _check_range(name: str, value, lowest, highest, hint: str) -> None:
    if not lowest <= value <= highest:
        shown = [f"{n:g}" if isinstance(n, float) else str(n) for n in (value, lowest, highest)]
        raise ValueError(
            f"radar parameters: {name} is {shown[0]}, expected {shown[1]} to {shown[2]}; {hint}."
        )
