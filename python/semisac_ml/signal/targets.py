# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference of the echoes of point targets at a monostatic radar with an array.

The C++ block ``target_emulator`` draws from the same streams and gives the same samples to float precision.
Its class comment (include/gnuradio/semisac/target_emulator.h) has the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.constants import c as SPEED_OF_LIGHT_MPS

from . import random_stream
from .fractional_delay import read_between
from .random_stream import Stream

PIECE = 256  # samples for which power and boundaries of frames stand still
LONGEST_ECHO = 1 << 16  # samples of delay beyond which a target is silent
NO_LEAKAGE_DB = -200.0


@dataclass(frozen=True)
class PointTarget:
    """A target.

    range_m: distance at sample 0. velocity_mps: radial, positive where it comes closer. nearest_m,
    farthest_m: where it turns and goes the other way; both 0: it goes on. rcs_m2: mean radar cross section.
    azimuth_rad: from broadside. swerling: 0 (steady) or 1 (CN(0, 1), a value an interval). snr_db: mean echo
    SNR for a signal of unit power, or None for the radar equation.
    """

    range_m: float
    velocity_mps: float = 0.0
    nearest_m: float = 0.0
    farthest_m: float = 0.0
    rcs_m2: float = 1.0
    azimuth_rad: float = 0.0
    swerling: int = 0
    snr_db: float | None = None


@dataclass(frozen=True)
class RadarScene:
    """Radar and surroundings; names, units and meaning are those of the block."""

    sample_rate_hz: float
    carrier_hz: float
    antennas: int = 1
    spacing_wavelengths: float = 0.5
    transmit_power_w: float = 1.0
    transmit_gain_db: float = 0.0
    receive_gain_db: float = 0.0
    noise_variance: float = 0.0
    target_probability: float = 1.0
    frames_per_interval: int = 1
    leakage_gain_db: float = NO_LEAKAGE_DB
    leakage_delay_s: float = 0.0
    clutter_scatterers: int = 0
    clutter_gain_db: float = -60.0
    clutter_range_m: float = 1000.0


def doppler_hz(velocity_mps: float, carrier_hz: float) -> float:
    """Doppler shift of a target that comes closer with this speed: 2 v fc / c."""
    return 2.0 * velocity_mps * carrier_hz / SPEED_OF_LIGHT_MPS


def motion(target: PointTarget, time_s: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Range in m and closing speed in m/s at times from the start, float, of the shape of time_s.

    A target that turns is on a way of twice the distance between its turns, half of it in each direction.
    """
    range_m = target.range_m - target.velocity_mps * np.asarray(time_s, dtype=np.float64)
    velocity_mps = np.full_like(range_m, target.velocity_mps)
    if target.farthest_m == 0.0:
        return range_m, velocity_mps
    length = target.farthest_m - target.nearest_m
    way = np.mod(range_m - target.nearest_m, 2.0 * length)
    returns = way > length if target.velocity_mps > 0.0 else way >= length
    return target.nearest_m + np.where(returns, 2.0 * length - way, way), np.where(
        returns, -1.0, 1.0
    ) * velocity_mps


def echo_power(target: PointTarget, scene: RadarScene, range_m: np.ndarray | float) -> np.ndarray | float:
    """Mean echo power in W for a signal of unit power: Pt Gt Gr lambda^2 rcs / ((4 pi)^3 range^4)."""
    if target.snr_db is not None:
        noise = scene.noise_variance if scene.noise_variance > 0.0 else 1.0
        return noise * 10.0 ** (target.snr_db / 10.0) * np.ones_like(range_m)
    gains = 10.0 ** ((scene.transmit_gain_db + scene.receive_gain_db) / 10.0)
    wavelength = SPEED_OF_LIGHT_MPS / scene.carrier_hz
    return scene.transmit_power_w * gains * wavelength**2 * target.rcs_m2 / ((4.0 * np.pi) ** 3 * range_m**4)


def steering_vector(azimuth_rad: float, antennas: int, spacing_wavelengths: float = 0.5) -> np.ndarray:
    """exp(j 2 pi k spacing sin(azimuth)), complex128 [antennas]."""
    return np.exp(2j * np.pi * spacing_wavelengths * np.sin(azimuth_rad) * np.arange(antennas))


def frame_truth(frame_numbers: Sequence[int], target_probability: float, seed: int) -> np.ndarray:
    """Whether the targets are there in each frame, bool [frames]; stream TARGETS, by the frame's number."""
    draws = [random_stream.uniform(seed, Stream.TARGETS, number, 1)[0] for number in frame_numbers]
    return np.array(draws) <= target_probability


def frame_gains(frame_numbers: Sequence[int], targets: int, seed: int) -> np.ndarray:
    """Gain of each target in each frame under Swerling 1, complex128 [frames, targets]; stream SWERLING."""
    return np.array(
        [random_stream.complex_normal(seed, Stream.SWERLING, number, targets) for number in frame_numbers]
    )


def clutter(scene: RadarScene, seed: int) -> list[tuple[float, float, complex]]:
    """Range in m, azimuth in radians and gain of each scatterer; stream CLUTTER."""
    found = []
    for index in range(scene.clutter_scatterers):
        draws = random_stream.uniform(seed, Stream.CLUTTER, index, 4)
        power = 10.0 ** (scene.clutter_gain_db / 10.0) / scene.clutter_scatterers
        gain = np.sqrt(power) * random_stream.normal_from_uniform(draws[2:])[0]
        found.append((scene.clutter_range_m * draws[0], np.pi * (draws[1] - 0.5), gain))
    return found


def _arrivals(samples: np.ndarray, range_m: np.ndarray | float, scene: RadarScene) -> np.ndarray:
    """x(t - tau) exp(-j 2 pi fc tau), complex128 [samples], for a range (at each sample); silent unseen."""
    delay_s = 2.0 * np.broadcast_to(range_m, samples.shape) / SPEED_OF_LIGHT_MPS
    delay = delay_s * scene.sample_rate_hz
    values = read_between(samples, np.arange(len(samples)) - delay)
    turns = np.mod(-scene.carrier_hz * delay_s, 1.0)
    return np.where((delay >= 0.0) & (delay <= LONGEST_ECHO), values, 0.0) * np.exp(2j * np.pi * turns)


def target_echoes(
    samples: np.ndarray,
    targets: Sequence[PointTarget],
    scene: RadarScene,
    *,
    seed: int = 0,
    frames: Sequence[tuple[int, int]] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """What the antennas receive while a signal is sent.

    Parameters
    ----------
    samples : ndarray, complex [count]
        Transmitted signal, unit mean power.
    targets : sequence of PointTarget
    scene : RadarScene
    seed : int
        Seed of all draws.
    frames : sequence of (first sample, number)
        Frames of the transmitter in their order. Before the first the targets are there, with the gains of
        number 0.

    Returns
    -------
    received : ndarray, complex64 [antennas, count]
        Sample n is taken when sample n of the signal is sent.
    present : ndarray, bool [frames]
        Whether the targets are there.
    """
    samples = np.asarray(samples, dtype=np.complex128)
    together = scene.frames_per_interval
    numbers = [frames[place - place % together][1] for place in range(len(frames))]
    present = frame_truth(numbers, scene.target_probability, seed) if numbers else np.zeros(0, dtype=bool)
    starts = np.array([first for first, _ in frames], dtype=np.int64)
    shown = np.r_[True, present]
    gains = frame_gains([0, *numbers], len(targets), seed) if targets else np.zeros((1 + len(numbers), 0))

    received = np.zeros((scene.antennas, len(samples)), dtype=np.complex128)
    index = np.arange(len(samples))
    for number, target in enumerate(targets):
        range_m, _ = motion(target, (index - index % PIECE) / scene.sample_rate_hz)
        delay = np.rint(2.0 * range_m / SPEED_OF_LIGHT_MPS * scene.sample_rate_hz).astype(np.int64)
        frame = np.searchsorted(starts, index - delay, side="right")
        gain = shown[frame] * (gains[frame, number] if target.swerling == 1 else 1.0)
        amplitude = np.sqrt(echo_power(target, scene, np.where(range_m > 0.0, range_m, np.inf)))
        now_m, _ = motion(target, index / scene.sample_rate_hz)
        echo = amplitude * gain * _arrivals(samples, now_m, scene)
        received += np.outer(
            steering_vector(target.azimuth_rad, scene.antennas, scene.spacing_wavelengths), echo
        )
    for range_m, azimuth_rad, gain in _standing(scene, seed):
        steering = steering_vector(azimuth_rad, scene.antennas, scene.spacing_wavelengths)
        received += np.outer(gain * steering, _arrivals(samples, range_m, scene))
    if scene.noise_variance > 0.0:
        for antenna in range(scene.antennas):
            noise = random_stream.sample_normal(seed, Stream.RECEIVER_NOISE, 0, len(samples), lane=antenna)
            received[antenna] += np.sqrt(scene.noise_variance) * noise
    return received.astype(np.complex64), present


def _standing(scene: RadarScene, seed: int) -> list[tuple[float, float, complex]]:
    """Range, azimuth and gain of what does not move: leakage and clutter."""
    found = clutter(scene, seed)
    if scene.leakage_gain_db > NO_LEAKAGE_DB:
        range_m = 0.5 * SPEED_OF_LIGHT_MPS * scene.leakage_delay_s
        found.append((range_m, 0.0, 10.0 ** (scene.leakage_gain_db / 20.0)))
    return found
