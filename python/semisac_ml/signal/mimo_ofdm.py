# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Massive MIMO-OFDM by paths, Eqs. (3) to (9) of the CSC-SA-Net paper, seen through analog beams.

The C++ block ``mimo_ofdm_channel`` draws from the same streams and gives the same symbols to float
precision; ``semisac_ml.channels.mimo_ofdm`` has the same statistics in torch. Elements of steering vectors
have modulus 1 and gains a variance of 1/paths, so that E|h|^2 = 1 between two antennas. A user's power is 1
on each subcarrier, and the noise of an antenna, in front of the combiner, has the variance 10^(-SNR/10).

Shapes: frames, users, times (OFDM symbols), tones (subcarriers), then chains or antennas.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from . import random_stream
from .channel import noise_variance
from .radar_bounds import SPEED_OF_LIGHT_MPS
from .random_stream import Stream

Direction = Literal["up", "down"]

NO_NOISE_DB = 200.0
_LEAST_PIVOT = 1e-12  # of the diagonal: less is a beam that others make up already
_USER_DRAWS, _PATH_DRAWS = 2, 6


@dataclass(frozen=True)
class MimoOfdm:
    """A cell; the defaults are the paper's, and where it is silent, ours.

    paths: of each user. delay_s: the longest; delays are uniform. speed_mps: the highest; of a user, uniform.
    doppler: "speed", of a user's speed and a direction of travel, path by path by its departure; or "paths",
    uniform between 0 and the highest, as the authors' program has it.
    """

    station_antennas: int = 64
    user_antennas: int = 8
    station_chains: int = 2
    user_chains: int = 2
    users: int = 2
    subcarriers: int = 100
    subcarrier_spacing_hz: float = 120e3
    symbol_interval_s: float = 1e-3 / 8 / 14
    carrier_hz: float = 28e9
    paths: int = 4
    delay_s: float = 300e-9
    speed_mps: float = 120.0 / 3.6
    doppler: Literal["speed", "paths"] = "speed"

    @property
    def most_doppler_hz(self) -> float:
        """Of the highest speed straight ahead."""
        return self.speed_mps * self.carrier_hz / SPEED_OF_LIGHT_MPS


@dataclass(frozen=True)
class PathArrays:
    """Paths of some channels, each [frames, users, paths].

    gain: complex, at OFDM symbol 0 and the lowest subcarrier; 0 for a path that is not there. arrival,
    departure: sines of the angles from broadside, at the base station and at the user. delay_s, doppler_hz:
    float64.
    """

    gain: np.ndarray
    arrival: np.ndarray
    departure: np.ndarray
    delay_s: np.ndarray
    doppler_hz: np.ndarray

    def at(self, frame_ids: np.ndarray) -> PathArrays:
        """Paths of these frames; those that are there are taken one after the other, again and again."""
        chosen = np.asarray(frame_ids) % len(self.gain)
        return PathArrays(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def turned(self, symbols: np.ndarray, cell: MimoOfdm) -> np.ndarray:
        """Gains at OFDM symbols, numbers from 0: complex128 [frames, users, times, tones, paths]."""
        times = cell.symbol_interval_s * np.asarray(symbols)
        tones = cell.subcarrier_spacing_hz * np.arange(cell.subcarriers)
        turns = self.doppler_hz[:, :, None, None] * times[:, None, None]
        turns = turns - self.delay_s[:, :, None, None] * tones[:, None]
        return self.gain[:, :, None, None] * np.exp(2j * np.pi * turns)


def drawn_paths(cell: MimoOfdm, seed: int, first_frame: int, frames: int) -> PathArrays:
    """Channels of consecutive frames: angles uniform on the circle at both ends, gains complex normal.

    A user takes 2 words of a frame's stream (speed, heading) and 6 a path (two of the gain, arrival,
    departure, delay, Doppler shift where it is drawn by itself).
    """
    words = _USER_DRAWS + _PATH_DRAWS * cell.paths
    draws = random_stream.uniform_frames(seed, Stream.MIMO_PATHS, first_frame, frames, cell.users * words)
    draws = draws.reshape(frames, cell.users, words)
    speed, heading = draws[..., 0:1], 2.0 * np.pi * draws[..., 1:2]
    each = draws[..., _USER_DRAWS:].reshape(frames, cell.users, cell.paths, _PATH_DRAWS)
    gain = random_stream.normal_from_uniform(each[..., :2])[..., 0] / np.sqrt(cell.paths)
    angle = 2.0 * np.pi * each[..., 3]
    if cell.doppler == "paths":
        doppler_hz = cell.most_doppler_hz * each[..., 5]
    else:
        doppler_hz = cell.most_doppler_hz * speed * np.cos(angle - heading)
    arrival = np.sin(2.0 * np.pi * each[..., 2])
    return PathArrays(gain, arrival, np.sin(angle), cell.delay_s * each[..., 4], doppler_hz)


def steering(sine: np.ndarray, antennas: int) -> np.ndarray:
    """Eqs. (7), (8) without their root: complex128 [..., antennas], modulus 1, half a wavelength apart."""
    return np.exp(1j * np.pi * np.asarray(sine)[..., None] * np.arange(antennas))


def pattern_db(beams: np.ndarray, sine: np.ndarray) -> np.ndarray:
    """Power gain of beams over that of all antennas in phase, dB, float64 [..., directions].

    beams: complex [..., antennas], of modulus 1: rows of a combiner, or conjugate columns of a precoder.
    sine: of the angles from broadside, [directions].
    """
    antennas = beams.shape[-1]
    gain = np.abs(np.asarray(beams) @ steering(sine, antennas).T) / antennas
    return 20.0 * np.log10(np.maximum(gain, 1e-10))


def beam_channel(
    direction: Direction,
    paths: PathArrays,
    combiner: np.ndarray,
    precoder: np.ndarray,
    symbols: np.ndarray,
    cell: MimoOfdm,
) -> np.ndarray:
    """What receiving chains hear of sending chains: W H F of the uplink, V H^T X of the downlink.

    Parameters
    ----------
    direction : "up" or "down"
    paths : PathArrays
    combiner : ndarray [frames or 1, users or 1, times or 1, receiving chains, receiving antennas]
    precoder : ndarray [frames or 1, users or 1, times or 1, sending antennas, sending chains]
    symbols : ndarray, int [times]
        Numbers of OFDM symbols, from 0.
    cell : MimoOfdm

    Returns
    -------
    ndarray, complex128 [frames, users, times, tones, receiving chains, sending chains]
    """
    ends = (
        steering(paths.arrival, cell.station_antennas),
        steering(paths.departure, cell.user_antennas).conj(),
    )
    hears, sends = ends if direction == "up" else ends[::-1]
    heard = combiner @ np.swapaxes(hears, -1, -2)[:, :, None]  # [..., times, receiving chains, paths]
    sent = sends[:, :, None] @ precoder  # [..., times, paths, sending chains]
    turned = paths.turned(symbols, cell)[..., None, :]  # [..., times, tones, 1, paths]
    return (turned * heard[..., None, :, :]) @ sent[..., None, :, :]


def noise_factor(combiner: np.ndarray) -> np.ndarray:
    """Lower triangular L with L L^H = W W^H, complex128 [chains, chains] of a combiner [chains, antennas].

    White noise of the antennas has the covariance W W^H behind the combiner. Cholesky's, but for the column
    of a beam that those above it make up already, which is zero.
    """
    covariance = np.asarray(combiner, np.complex128) @ np.conj(combiner).T
    chains = len(covariance)
    factor = np.zeros_like(covariance)
    for column in range(chains):
        left = covariance[column:, column] - factor[column:, :column] @ factor[column, :column].conj()
        pivot = left[0].real
        if pivot > _LEAST_PIVOT * covariance[column, column].real:
            factor[column:, column] = left / np.sqrt(pivot)
    return factor


def chain_noise(
    direction: Direction,
    combiner: np.ndarray,
    symbols: np.ndarray,
    cell: MimoOfdm,
    *,
    seed: int,
    frame_id: int,
    snr_db: float,
) -> np.ndarray:
    """Noise of the receiving chains in one frame.

    Draws are numbered by OFDM symbol, user (of the downlink), tone and chain.

    Parameters
    ----------
    combiner : ndarray [users or 1, times or 1, receiving chains, receiving antennas]
    symbols : ndarray, int [times]

    Returns
    -------
    ndarray, complex128 [users (1 of the uplink), times, tones, receiving chains]
    """
    receivers = 1 if direction == "up" else cell.users
    chains = combiner.shape[-2]
    shape = (receivers, len(symbols), cell.subcarriers, chains)
    if snr_db >= NO_NOISE_DB:
        return np.zeros(shape, np.complex128)
    stream = Stream.STATION_NOISE if direction == "up" else Stream.USER_NOISE
    combiner = np.broadcast_to(combiner, (receivers, len(symbols), *combiner.shape[-2:]))
    count = cell.subcarriers * chains
    noise = np.empty(shape, np.complex128)
    for place, symbol in enumerate(symbols):
        for user in range(receivers):
            first = (int(symbol) * receivers + user) * count
            white = random_stream.sample_normal(seed, stream, first, count, lane=frame_id)
            factor = noise_factor(combiner[user, place])
            noise[user, place] = white.reshape(cell.subcarriers, chains) @ factor.T
    return np.sqrt(noise_variance(snr_db)) * noise


def transmit(
    direction: Direction,
    sent: np.ndarray,
    combiner: np.ndarray,
    precoder: np.ndarray,
    cell: MimoOfdm,
    *,
    seed: int,
    snr_db: float,
    first_frame: int = 0,
    first_symbol: int = 0,
    recorded: PathArrays | None = None,
) -> np.ndarray:
    """Send frames up, Eqs. (3) and (4), or down, Eq. (9).

    Parameters
    ----------
    direction : "up" or "down"
    sent : ndarray, complex [frames, users (1 of the downlink), times, tones, sending chains]
    combiner, precoder : ndarray
        As of :func:`beam_channel`, with 5 axes.
    seed, first_frame : int
        Paths and noise are those of frames first_frame, first_frame + 1, ...
    snr_db : float
        -200 to 200; 200: no noise.
    first_symbol : int
        Number of a frame's first OFDM symbol: 0 for pilots, and behind them for data.
    recorded : PathArrays, optional
        In the place of drawn paths; frame f has those of f modulo their number.

    Returns
    -------
    ndarray, complex64 [frames, users (1 of the uplink), times, tones, receiving chains]
    """
    frames, _, times = sent.shape[:3]
    ids = first_frame + np.arange(frames)
    paths = recorded.at(ids) if recorded else drawn_paths(cell, seed, first_frame, frames)
    symbols = first_symbol + np.arange(times)
    heard = (beam_channel(direction, paths, combiner, precoder, symbols, cell) @ sent[..., None])[..., 0]
    if direction == "up":
        heard = heard.sum(axis=1, keepdims=True)
    combiners = np.broadcast_to(combiner, (frames, *combiner.shape[1:]))
    for frame in range(frames):
        heard[frame] += chain_noise(
            direction, combiners[frame], symbols, cell, seed=seed, frame_id=int(ids[frame]), snr_db=snr_db
        )
    return heard.astype(np.complex64)
