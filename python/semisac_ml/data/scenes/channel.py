# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Massive-MIMO channels at 28 GHz from ray-traced paths, for every OFDM symbol and subcarrier.

Equation (6) of the csc_sa_net paper with the ray tracer's paths in place of drawn ones. The paths are stored,
not the channels: 64 × 8 × 100 × 14 complex numbers a user follow from some dozens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .beams import steering

CARRIER_HZ = 28e9


@dataclass(frozen=True)
class ChannelSettings:
    """64 antennas at the base station, 8 on the vehicle, 100 subcarriers of 120 kHz, slots of 14 symbols."""

    station_antennas: int = 64
    vehicle_antennas: int = 8
    subcarriers: int = 100
    subcarrier_spacing_hz: float = 120e3
    symbols: int = 14
    symbol_interval_s: float = 1e-3 / 8 / 14  # a slot of 0.125 ms


def channel_from_paths(
    gain: np.ndarray,
    delay_s: np.ndarray,
    doppler_hz: np.ndarray,
    departure_rad: np.ndarray,
    arrival_rad: np.ndarray,
    settings: ChannelSettings | None = None,
    *,
    normalised: bool = False,
) -> np.ndarray:
    """Channel from a vehicle to the base station.

    Parameters
    ----------
    gain, delay_s, doppler_hz : ndarray [paths]
        Complex amplitude with the phase of the carrier; delays; Doppler shifts.
    departure_rad, arrival_rad : ndarray [paths, 2]
        Azimuth and elevation, each from the broadside of its own array.
    normalised : bool
        Scale to a mean of 1 of |h|² per element, and count delays from the first path.

    Returns
    -------
    ndarray, complex64 [symbols, subcarriers, station antennas, vehicle antennas]
    """
    settings = settings or ChannelSettings()
    if len(gain) == 0:
        shape = (settings.symbols, settings.subcarriers, settings.station_antennas, settings.vehicle_antennas)
        return np.zeros(shape, np.complex64)
    delay = delay_s - delay_s.min() if normalised else delay_s
    tones = settings.subcarrier_spacing_hz * (np.arange(settings.subcarriers) - settings.subcarriers // 2)
    times = settings.symbol_interval_s * np.arange(settings.symbols)
    receive = steering(*arrival_rad.T, settings.station_antennas)
    transmit = steering(*departure_rad.T, settings.vehicle_antennas)
    ends = np.einsum("lr,lt->lrt", receive, transmit.conj()) * gain[:, None, None]
    grid = np.exp(
        2j * np.pi * (np.multiply.outer(times, doppler_hz)[:, None] - np.multiply.outer(tones, delay))
    )
    channel = grid.reshape(-1, len(gain)) @ ends.reshape(len(gain), -1)
    channel = channel.reshape(settings.symbols, settings.subcarriers, *ends.shape[1:])
    if normalised:
        channel = channel / np.sqrt((np.abs(channel) ** 2).mean())
    return channel.astype(np.complex64)
