# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Echo of one target at an array of antennas as chirps bring it: range in delay, speed in Doppler.

The radar has the numbers of the SIMAC paper (10 GHz, 0.1 ms from pulse to pulse, 60 MHz, 10 antennas, 100 m2)
and sends what the paper says it does but its Eq. (1) does not hold: linear chirps. A chirp fills its whole
interval T and sweeps B upwards, x(t) = exp(j pi B/T (t - T/2)^2), again and again. A target at distance d
that closes in at v gives, with tau(t) = 2 (d - v t)/c,

    y_a(t) = A x(t - tau(t)) exp(-j 2 pi fc tau(t)) exp(j pi a sin(azimuth)),  a = 0 ... K - 1.

y conj(x) is then a tone of frequency fd - (B/T) tau, fd = 2 v fc/c: its FFT over an interval is the matched
filter, bin r the delay r/B, 5 m a bin. Doppler moves the peak by -fd T bins, 1 m for 30 m/s; over the pulses
the phase turns by 2 pi fd T each.

The amplitude follows from the radar equation: received power P wavelength^2 rho/((4 pi)^3 d^4). In Eq. (2)
the cross-section stands outside the root; here it is inside, where power is proportional to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.constants import Boltzmann

from . import radar_bounds
from .radar_bounds import SPEED_OF_LIGHT_MPS
from .range_doppler import MapGeometry, range_doppler_map, zero_padded

ROOM_K = 290.0
BELOW_ZERO = 3
"""Range bins before delay 0: the tails of near targets."""
OVERSAMPLING = 2


@dataclass(frozen=True)
class LfmSimoRadar:
    """The radar.

    bandwidth_hz: swept in a pulse interval; the paper does not state it, half the sampling rate is taken.
    pulses: of one echo; the paper has one, from which 0.1 ms tell no speed (75 m/s a Doppler cell).
    range_bins: kept of the matched filter's output, the first for a delay of -3/B.
    transmit_power_w, noise_figure: of a transmitter and receiver without gain of their antennas; the paper
        states neither. With these a car 100 m away has 19 dB behind the matched filter over everything.
    """

    carrier_hz: float = 10e9
    bandwidth_hz: float = 30e6
    pulse_interval_s: float = 1e-4
    sample_rate_hz: float = 60e6
    antennas: int = 10
    pulses: int = 64
    range_bins: int = 32
    radar_cross_section_m2: float = 100.0
    transmit_power_w: float = 1e-4
    noise_figure: float = 10.0

    def __post_init__(self) -> None:
        if self.range_bins < 8 or self.range_bins % 2:
            raise ValueError(f"range_bins is {self.range_bins}, expected an even number of at least 8")
        if not 0.0 < self.bandwidth_hz <= self.sample_rate_hz:
            raise ValueError(
                f"bandwidth_hz is {self.bandwidth_hz}, expected more than 0 and at most sample_rate_hz"
            )

    @property
    def pulse_samples(self) -> int:
        """Samples of a pulse interval."""
        return round(self.pulse_interval_s * self.sample_rate_hz)

    @property
    def range_bin_m(self) -> float:
        """Distance from one range bin to the next, c/(2 B)."""
        return radar_bounds.range_from_delay(1.0 / self.bandwidth_hz)

    @property
    def farthest_m(self) -> float:
        """Distance of the last range bin."""
        return (self.range_bins - 1 - BELOW_ZERO) * self.range_bin_m

    @property
    def fastest_mps(self) -> float:
        """Speed from which Doppler folds over: half a turn from pulse to pulse."""
        return radar_bounds.velocity_from_doppler(0.5 / self.pulse_interval_s, self.carrier_hz)

    @property
    def noise_w(self) -> float:
        """Noise power of a sample at one antenna."""
        return Boltzmann * ROOM_K * self.sample_rate_hz * self.noise_figure

    @cached_property
    def geometry(self) -> MapGeometry:
        """Axes of the range-Doppler map of an echo, for :mod:`.radar_detection`."""
        return MapGeometry(
            carrier_hz=self.carrier_hz,
            cell_spacing_hz=self.bandwidth_hz / self.range_bins,
            slow_time_s=self.pulse_interval_s,
            slow_times=self.pulses,
            doppler_bins=OVERSAMPLING * self.pulses,
            spectrum=zero_padded(np.ones(self.range_bins), OVERSAMPLING * self.range_bins),
            antennas=self.antennas,
            coupling_s_per_hz=self.pulse_interval_s / self.bandwidth_hz,
        )

    def amplitude(self, distance_m: float) -> float:
        """Amplitude of a sample over the root of its noise power."""
        wavelength_m = SPEED_OF_LIGHT_MPS / self.carrier_hz
        received_w = (
            self.transmit_power_w
            * wavelength_m**2
            * self.radar_cross_section_m2
            / ((4.0 * math.pi) ** 3 * distance_m**4)
        )
        return math.sqrt(received_w / self.noise_w)

    def snr(self, distance_m: float) -> float:
        """SNR behind the matched filter over all samples, pulses and antennas, linear."""
        return self.amplitude(distance_m) ** 2 * self.pulse_samples * self.pulses * self.antennas

    def deviations(self, distance_m: float, azimuth_rad: float) -> tuple[float, float, float]:
        """Cramér-Rao deviations of distance in m, closing speed in m/s and azimuth in rad.

        The range that Doppler hides adds less than one part in `pulses` to the first and is left out.
        """
        snr = self.snr(distance_m)
        delay_s = radar_bounds.delay_deviation_s(snr, self.bandwidth_hz)
        doppler_hz = radar_bounds.doppler_deviation_hz(snr, self.pulses, self.pulse_interval_s)
        return (
            radar_bounds.range_from_delay(delay_s),
            radar_bounds.velocity_from_doppler(doppler_hz, self.carrier_hz),
            radar_bounds.azimuth_deviation_rad(snr, self.antennas, azimuth_rad),
        )


def lfm_simo_echo(
    distance_m: float,
    azimuth_rad: float,
    velocity_mps: float,
    radar: LfmSimoRadar | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Echo behind the matched filter of each pulse, complex64 [antennas, pulses, range_bins].

    Parameters
    ----------
    distance_m : float
        Above 0, in the middle of the pulses.
    azimuth_rad : float
        From the array's broadside.
    velocity_mps : float
        Closing speed: positive when the target comes nearer.
    radar : LfmSimoRadar, optional
    rng : Generator, optional
        Draws the noise, of variance 1 in each bin; without it there is none.

    Raises
    ------
    ValueError
        If distance is not above 0.
    """
    radar = radar or LfmSimoRadar()
    _check_distance(distance_m)
    doppler_hz = _doppler_hz(velocity_mps, radar)
    delay_s = 2.0 * distance_m / SPEED_OF_LIGHT_MPS
    peak = radar.bandwidth_hz * delay_s - doppler_hz * radar.pulse_interval_s
    off = np.arange(radar.range_bins) - BELOW_ZERO - peak
    # the sum of a tone over the samples of an interval
    response = np.sinc(off) / np.sinc(off / radar.pulse_samples) * math.sqrt(radar.pulse_samples)
    time_s = _pulse_middles_s(radar)
    # what the chirp turns within the delay: the two differ by pi B/T tau^2 in the middle of a pulse
    chirp_turns = radar.bandwidth_hz / radar.pulse_interval_s * delay_s**2 / 2.0
    turn = np.exp(2j * np.pi * (doppler_hz * time_s + chirp_turns - radar.carrier_hz * delay_s))
    antenna = np.exp(1j * np.pi * np.arange(radar.antennas) * np.sin(azimuth_rad))
    echo = radar.amplitude(distance_m) * antenna[:, None, None] * turn[:, None] * response
    if rng is not None:
        pair = rng.standard_normal((*echo.shape, 2), dtype=np.float32) * np.float32(math.sqrt(0.5))
        echo = echo + pair.view(np.complex64)[..., 0]
    return echo.astype(np.complex64)


def received_pulses(
    distance_m: float, azimuth_rad: float, velocity_mps: float, radar: LfmSimoRadar | None = None
) -> np.ndarray:
    """What the antennas hear sample by sample, without noise; complex128 [antennas, pulses, pulse_samples].

    In units of the root of a sample's noise power. The equations of the module's text as they stand: slow,
    to hold :func:`lfm_simo_echo` against.
    """
    radar = radar or LfmSimoRadar()
    _check_distance(distance_m)
    time_s = _sample_times_s(radar)
    delay_s = 2.0 * (distance_m - velocity_mps * time_s) / SPEED_OF_LIGHT_MPS
    echo = chirp(time_s - delay_s, radar) * np.exp(-2j * np.pi * ((radar.carrier_hz * delay_s) % 1.0))
    antenna = np.exp(1j * np.pi * np.arange(radar.antennas) * np.sin(azimuth_rad))
    return radar.amplitude(distance_m) * antenna[:, None, None] * echo


def chirp(time_s: np.ndarray, radar: LfmSimoRadar) -> np.ndarray:
    """The chirp sent, complex128; pulses begin at multiples of the interval from their common middle."""
    interval_s = radar.pulse_interval_s
    within_s = (time_s + radar.pulses * interval_s / 2.0) % interval_s - interval_s / 2.0
    return np.exp(1j * np.pi * radar.bandwidth_hz / interval_s * within_s**2)


def matched_filtered(received: np.ndarray, radar: LfmSimoRadar) -> np.ndarray:
    """Matched filter over each pulse, at the delays of the range bins.

    Parameters
    ----------
    received : ndarray, complex [antennas, pulses, pulse_samples]

    Returns
    -------
    ndarray, complex128 [antennas, pulses, range_bins]
        White noise of a variance in the samples has the same variance here.
    """
    beat = received * np.conj(chirp(_sample_times_s(radar), radar))
    bins = np.arange(radar.range_bins) - BELOW_ZERO
    samples = radar.pulse_samples
    kept = np.fft.fft(beat, axis=-1)[..., -bins % samples] / math.sqrt(samples)
    return kept * np.exp(
        -2j * np.pi * bins * (samples - 1) / 2 / samples
    )  # phases as in the middle of a pulse


def echo_cells(echo: np.ndarray, radar: LfmSimoRadar) -> np.ndarray:
    """An echo as cells of :mod:`.range_doppler`, complex [antennas, pulses, 2 range_bins]."""
    ordered = np.roll(echo, -BELOW_ZERO, axis=-1)
    cells = np.fft.fft(ordered, axis=-1) / math.sqrt(radar.range_bins)
    return zero_padded(cells, OVERSAMPLING * radar.range_bins)


def echo_map(echo: np.ndarray, radar: LfmSimoRadar) -> np.ndarray:
    """Range-Doppler map of an echo, complex [antennas, 2 pulses, 2 range_bins]; noise of variance 1."""
    return range_doppler_map(echo_cells(echo, radar), radar.geometry)


def range_angle_power(echo: np.ndarray, angles: int) -> np.ndarray:
    """Power of an echo in beams that lie evenly in the sine of the azimuth, mean of the pulses.

    Parameters
    ----------
    echo : ndarray, complex [antennas, pulses, range_bins]
    angles : int
        Beams; that of row a looks to the sine (2 a + 1)/angles - 1.

    Returns
    -------
    ndarray, float [angles, range_bins]
        Noise of variance 1 has power 1.
    """
    antennas = len(echo)
    sine = (2.0 * np.arange(angles) + 1.0) / angles - 1.0
    beams = np.exp(-1j * np.pi * sine[:, None] * np.arange(antennas)) / math.sqrt(antennas)
    return np.mean(np.abs(np.tensordot(beams, echo, axes=1)) ** 2, axis=1)


def _check_distance(distance_m: float) -> None:
    if not distance_m > 0:
        raise ValueError(f"distance_m is {distance_m}, expected a number above 0")


def _doppler_hz(velocity_mps: float, radar: LfmSimoRadar) -> float:
    return 2.0 * velocity_mps * radar.carrier_hz / SPEED_OF_LIGHT_MPS


def _pulse_middles_s(radar: LfmSimoRadar) -> np.ndarray:
    return (np.arange(radar.pulses) - (radar.pulses - 1) / 2.0) * radar.pulse_interval_s


def _sample_times_s(radar: LfmSimoRadar) -> np.ndarray:
    """Times of the samples from the middle of all pulses, float64 [pulses, pulse_samples].

    Half a sample in: then their middle is that of the pulse.
    """
    within = (np.arange(radar.pulse_samples) + 0.5) / radar.sample_rate_hz - radar.pulse_interval_s / 2.0
    return _pulse_middles_s(radar)[:, None] + within
