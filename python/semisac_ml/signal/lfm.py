# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Linear frequency modulation: the chirps of frames."""

from __future__ import annotations

import numpy as np

from .frame import FrameParameters


def up_chirp(samples: int, bandwidth_hz: float, sample_rate_hz: float) -> np.ndarray:
    """Pulse of modulus 1 whose frequency rises from -bandwidth_hz / 2 to bandwidth_hz / 2.

    x[n] = exp(j pi (B / fs) (n - (L - 1) / 2)^2 / L), n = 0 .. L - 1: symmetric in time, so that a carrier
    offset f moves the peak of its matched filter by -f / mu seconds and that of its conjugate, the
    down-chirp, by f / mu, with the slope mu = B fs / L in Hz/s.

    Parameters
    ----------
    samples : int
        Length L.
    bandwidth_hz, sample_rate_hz : float
        B, at most fs, and fs.

    Returns
    -------
    ndarray, complex64 [samples]
    """
    time = np.arange(samples) - (samples - 1) / 2
    return np.exp(1j * np.pi * (bandwidth_hz / sample_rate_hz) / samples * time**2).astype(np.complex64)


def frame_chirp(parameters: FrameParameters) -> np.ndarray:
    """Up-chirp of a frame, complex64 [chirp_samples]; the down-chirp is its conjugate."""
    return up_chirp(parameters.chirp_samples, parameters.chirp_bandwidth_hz, parameters.sample_rate_hz)


def timing_variance_bound(snr: float | np.ndarray, bandwidth_hz: float) -> float | np.ndarray:
    """Cramer-Rao bound of the delay of one chirp, s^2, for an unknown phase: 3 / (2 snr pi^2 B^2).

    snr: energy of the pulse over noise density, at the output of the matched filter; samples times the SNR of
        a sample, linear. bandwidth_hz: B of the flat spectrum.
    """
    return 3.0 / (2.0 * np.asarray(snr) * np.pi**2 * bandwidth_hz**2)


def carrier_variance_bound(snr: float | np.ndarray, parameters: FrameParameters) -> float | np.ndarray:
    """Cramer-Rao bound of the carrier offset from the delays of up- and down-chirp, Hz^2.

    f = mu (t_down - t_up) / 2 with two independent delays: mu^2 / 2 times the bound of one.
    snr: of each chirp at the output of its matched filter, linear.
    """
    bound = timing_variance_bound(snr, parameters.chirp_bandwidth_hz)
    return 0.5 * parameters.chirp_rate_hz_per_s**2 * bound
