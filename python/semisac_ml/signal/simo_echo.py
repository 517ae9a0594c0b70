# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Echo of one target at an array of antennas, as Eqs. (1) to (3) of the SIMAC paper write it.

    A = lambda a(theta) exp(j 2 pi mu (T - tau)),    a(theta) = [1, exp(-j pi cos theta), ...]
    lambda = xi rho / ((4 pi)^(3/2) d^2),   xi = c / (fc + Kt),   tau = 2 d / c,   mu = 2 (fc + Kt / 2) v / c

Three things to know. The paper calls Kt the slope of the chirp, but adds it to frequencies: it is taken as
the swept bandwidth, with which fc + Kt/2 is the middle of the sweep. A factor T_s beside mu is left out: with
it the exponent would have a unit. And the echo is no chirp but a pure tone: the distance shows in nothing but
its strength and its phase. At 60 MHz a sample lasts 16.7 ns, ten times what the paper states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .radar_bounds import SPEED_OF_LIGHT_MPS


@dataclass(frozen=True)
class EchoSettings:
    """The radar of the paper: 10 GHz, pulses every 0.1 ms, 60 MHz sampling, 10 antennas, targets of 100 m2.

    The swept bandwidth is not stated there; half the sampling rate is taken.
    """

    carrier_hz: float = 10e9
    bandwidth_hz: float = 30e6
    pulse_interval_s: float = 1e-4
    sample_rate_hz: float = 60e6
    antennas: int = 10
    radar_cross_section: float = 100.0

    @property
    def samples(self) -> int:
        """Samples of one pulse interval, the first at time 0."""
        return int(round(self.pulse_interval_s * self.sample_rate_hz))


def simo_echo(
    distance_m: float, angle_rad: float, velocity_mps: float, settings: EchoSettings | None = None
) -> np.ndarray:
    """Echo without noise, complex64 [antennas, samples].

    Parameters
    ----------
    distance_m : float
        Above 0.
    angle_rad : float
        From the axis of the array: the phase from antenna to antenna is -pi cos(angle).
    velocity_mps : float
        Positive raises the frequency.
    settings : EchoSettings, optional

    Raises
    ------
    ValueError
        If distance is not above 0.
    """
    radar = settings or EchoSettings()
    if not distance_m > 0:
        raise ValueError(f"distance_m is {distance_m}, expected a number above 0")
    wavelength_m = SPEED_OF_LIGHT_MPS / (radar.carrier_hz + radar.bandwidth_hz)
    amplitude = wavelength_m * radar.radar_cross_section / ((4 * np.pi) ** 1.5 * distance_m**2)
    doppler_hz = 2 * (radar.carrier_hz + radar.bandwidth_hz / 2) * velocity_mps / SPEED_OF_LIGHT_MPS
    delay_s = 2 * distance_m / SPEED_OF_LIGHT_MPS
    time_s = np.arange(radar.samples) / radar.sample_rate_hz
    steering = np.exp(-1j * np.pi * np.cos(angle_rad) * np.arange(radar.antennas))
    tone = np.exp(2j * np.pi * doppler_hz * (time_s - delay_s))
    return (amplitude * steering[:, None] * tone).astype(np.complex64)
