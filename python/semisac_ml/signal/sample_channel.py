# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reference of the communication channel on a stream of samples.

The C++ block ``fading_channel`` draws from the same streams and gives the same samples to float precision.
Its class comment (include/gnuradio/semisac/fading_channel.h) says what comes in which order, and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import random_stream
from .channel import noise_variance
from .delay_profile import Tap, tdl_profile
from .fractional_delay import HALF_KERNEL, read_between
from .phasor import phase_from_turns, running_turns
from .random_stream import Stream

MODELS = ("awgn", "rayleigh", "rician")
NO_NOISE_DB = 200.0
LOS_DOPPLER = 0.7  # TR 38.901, section 7.7.2: peak of the path without obstacle, in units of doppler_hz


@dataclass(frozen=True)
class ChannelSettings:
    """What the channel does to a signal; names, units and meaning are those of the block's settings."""

    model: str = "awgn"
    snr_db: float = 3.0
    block_length: int = 1
    rician_k_db: float = 6.0
    doppler_hz: float = 0.0
    fading_paths: int = 8
    delays_s: tuple[float, ...] = ()
    gains_db: tuple[float, ...] = ()
    profile: str = ""
    delay_spread_s: float = 1e-7
    delay_samples: float = 0.0
    clock_offset_ppm: float = 0.0
    carrier_offset_hz: float = 0.0
    linewidth_hz: float = 0.0
    tx_iq_gain_db: float = 0.0
    tx_iq_phase_deg: float = 0.0
    tx_dc_offset: complex = 0.0
    pa_saturation: float = 0.0
    pa_smoothness: float = 2.0
    rx_iq_gain_db: float = 0.0
    rx_iq_phase_deg: float = 0.0
    rx_dc_offset: complex = 0.0
    gap_probability: float = 0.0
    gap_length: int = 1

    def __post_init__(self):
        if self.model not in MODELS:
            raise ValueError(f"model is {self.model!r}, expected one of {', '.join(MODELS)}")
        if len(self.delays_s) != len(self.gains_db):
            raise ValueError(
                f"delays_s has {len(self.delays_s)} taps and gains_db {len(self.gains_db)}, expected as many"
            )

    def taps(self) -> list[Tap]:
        """Taps with delays in s, mean powers of sum 1, and the share of each that does not fade."""
        if self.profile:
            taps = [Tap(t.delay * self.delay_spread_s, t.power, t.los) for t in tdl_profile(self.profile)]
        elif self.delays_s:
            powers = 10.0 ** (np.array(self.gains_db) / 10.0)
            taps = [Tap(d, p) for d, p in zip(self.delays_s, powers / powers.sum(), strict=True)]
        else:
            taps = [Tap(0.0, 1.0)]
        if self.model == "awgn":
            return [Tap(t.delay, t.power, 1.0) for t in taps]
        if self.model == "rician" and taps[0].los == 0.0:
            k = 10.0 ** (self.rician_k_db / 10.0)
            taps[0] = Tap(taps[0].delay, taps[0].power, k / (k + 1.0))
        return taps


def iq_imbalance(samples: np.ndarray, gain_db: float, phase_deg: float, dc: complex) -> np.ndarray:
    """Imbalance of I and Q and a constant; a = 10^(gain_db / 40), t = phase_deg / 2.

    I' = a (I cos t - Q sin t) + Re dc,  Q' = (Q cos t - I sin t) / a + Im dc.
    """
    a, t = 10.0 ** (gain_db / 40.0), np.deg2rad(phase_deg) / 2.0
    i, q = samples.real, samples.imag
    return a * (i * np.cos(t) - q * np.sin(t)) + 1j * (q * np.cos(t) - i * np.sin(t)) / a + dc


def rapp_amplifier(samples: np.ndarray, saturation: float, smoothness: float) -> np.ndarray:
    """x / (1 + (abs(x) / saturation)^(2 p))^(1 / (2 p)), p = smoothness; linear where saturation is 0."""
    if saturation == 0.0:
        return samples
    p = smoothness
    return samples / (1.0 + (np.abs(samples) / saturation) ** (2.0 * p)) ** (0.5 / p)


def tap_gains(
    settings: ChannelSettings, samples: int, sample_rate_hz: float, seed: int, channel_uses: int = 1
) -> np.ndarray:
    """Gain of each tap at each sample, complex128 [taps, samples]."""
    taps = settings.taps()
    los = np.sqrt([[tap.power * tap.los] for tap in taps])
    scattered = np.sqrt([[tap.power * (1.0 - tap.los)] for tap in taps])
    index = np.arange(samples)
    if settings.model == "awgn":
        return np.repeat(los.astype(np.complex128), samples, axis=1)
    if settings.doppler_hz > 0.0:
        waves = [
            clarke_waves(settings.doppler_hz / sample_rate_hz, settings.fading_paths, index, seed, number)
            for number in range(len(taps))
        ]
        return np.stack([s * h + a * line for (h, line), s, a in zip(waves, scattered, los, strict=True)])
    stream = Stream.SAMPLE_FADING if channel_uses == 1 else Stream.FADING
    block = index // (settings.block_length * channel_uses)
    draws = random_stream.complex_normal_frames(seed, stream, 0, int(block[-1]) + 1, len(taps))
    return los + scattered * draws.T[:, block]


def clarke_waves(
    doppler: float, paths: int, index: np.ndarray, seed: int, tap: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Fading of unit mean power and the path without obstacle, complex128 [samples] each.

    sqrt(1/P) sum_p exp(j(2 pi f_D cos(a_p) n + phi_p)), a_p uniform in the p-th of P sectors of the circle.

    doppler: f_D in cycles a sample. tap: which of several independent ones.
    """
    draws = random_stream.uniform(seed, Stream.SAMPLE_FADING, tap, 2 * paths + 1)
    fading = np.zeros(len(index), dtype=np.complex128)
    for path in range(paths):
        angle = 2.0 * np.pi * (path + draws[2 * path]) / paths
        step, start = phase_from_turns(doppler * np.cos(angle)), phase_from_turns(draws[2 * path + 1])
        fading += np.exp(2j * np.pi * running_turns(start, step, index))
    step, start = phase_from_turns(LOS_DOPPLER * doppler), phase_from_turns(draws[-1])
    return fading / np.sqrt(paths), np.exp(2j * np.pi * running_turns(start, step, index))


def phase_noise(linewidth_hz: float, samples: int, sample_rate_hz: float, seed: int) -> np.ndarray:
    """Wiener phase in radians, float64 [samples]: steps of variance 2 pi linewidth / sample rate."""
    steps = np.sqrt(2.0) * random_stream.sample_normal(seed, Stream.PHASE_NOISE, 0, samples).real
    return np.cumsum(np.sqrt(2.0 * np.pi * linewidth_hz / sample_rate_hz) * steps)


def lost_samples(settings: ChannelSettings, samples: int, seed: int, channel_uses: int = 1) -> np.ndarray:
    """Whether each sample lies in a gap, bool [samples]."""
    run = np.arange(samples) // (settings.gap_length * channel_uses)
    draws = random_stream.sample_uniform(seed, Stream.GAPS, 0, int(run[-1]) + 1)
    return (settings.gap_probability > 0.0) & (draws <= settings.gap_probability)[run]


def sample_channel(
    samples: np.ndarray,
    settings: ChannelSettings,
    *,
    sample_rate_hz: float = 1.0,
    seed: int = 0,
    channel_uses: int = 1,
) -> np.ndarray:
    """Send a stream over the channel.

    Parameters
    ----------
    samples : ndarray, complex [count]
        Unit mean power. With channel_uses > 1 the symbols of one frame behind the other.
    settings : ChannelSettings
    sample_rate_hz : float
        Samples, or symbols, a second.
    seed : int
    channel_uses : int
        Size of the block's items; beyond 1, gains and noise are drawn frame by frame.

    Returns
    -------
    ndarray, complex64 [(count + longest delay, rounded up) / (1 + clock_offset_ppm 1e-6)]
    """
    samples = np.asarray(samples, dtype=np.complex128)
    count = len(samples)
    delays = [settings.delay_samples + tap.delay * sample_rate_hz for tap in settings.taps()]
    longest = int(np.ceil(max(delays)))
    sent = np.pad(samples, (0, longest + 4 * HALF_KERNEL))
    sent = iq_imbalance(sent, settings.tx_iq_gain_db, settings.tx_iq_phase_deg, settings.tx_dc_offset)
    sent = rapp_amplifier(sent, settings.pa_saturation, settings.pa_smoothness)

    behind_taps = np.arange(count + longest + 2 * HALF_KERNEL)
    gains = tap_gains(settings, len(behind_taps), sample_rate_hz, seed, channel_uses)
    faded = np.zeros(len(behind_taps), dtype=np.complex128)
    for delay, gain in zip(delays, gains, strict=True):
        faded += gain * read_between(sent, behind_taps - delay)

    rate = settings.clock_offset_ppm * 1e-6
    index = np.arange(int(np.floor((count + longest - 1) / (1.0 + rate))) + 1)
    received = faded[: len(index)] if rate == 0.0 else read_between(faded, index * (1.0 + rate))
    step = phase_from_turns(settings.carrier_offset_hz / sample_rate_hz)
    received = received * np.exp(2j * np.pi * running_turns(0, step, index))
    if settings.linewidth_hz > 0.0:
        received = received * np.exp(
            1j * phase_noise(settings.linewidth_hz, len(index), sample_rate_hz, seed)
        )
    if settings.snr_db < NO_NOISE_DB:
        received = received + np.sqrt(noise_variance(settings.snr_db)) * _noise(
            len(index), seed, channel_uses
        )
    received = iq_imbalance(received, settings.rx_iq_gain_db, settings.rx_iq_phase_deg, settings.rx_dc_offset)
    return np.where(lost_samples(settings, len(index), seed, channel_uses), 0.0, received).astype(
        np.complex64
    )


def _noise(samples: int, seed: int, channel_uses: int) -> np.ndarray:
    if channel_uses == 1:
        return random_stream.sample_normal(seed, Stream.SAMPLE_NOISE, 0, samples)
    frames = samples // channel_uses
    return random_stream.complex_normal_frames(seed, Stream.NOISE, 0, frames, channel_uses).ravel()
