# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receivers of the separated scheme: a stream a user, pilots for demodulation within the data.

In symbols with pilots each user has the subcarriers of its turn, one of as many as there are users, with the
power of data. "authors" is the receiver of the authors' program; beside it stand receivers as a practitioner
would build them from the same pilots. All see channels behind a whitened combiner, where noise is white and
as strong as at one antenna; zero forcing is the same before and behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from semisac_ml.channels.fading import complex_normal
from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, equivalent_channel

from .rates import AnalogBeams, unit_power, whitened

Receiver = Literal["authors", "delay-limited", "lmmse"]

SPACING = 4
"""Symbols from one with pilots to the next."""
SPEEDS = 64
"""Of which the mean correlation over time is taken."""


@dataclass(frozen=True)
class Estimate:
    """channel: complex64 [batch, times, subcarriers, station chains, users]. error: variance of each,
    float32, broadcast against it."""

    channel: Tensor
    error: Tensor


@dataclass(frozen=True)
class Detected:
    """symbols: complex64 [batch, times, subcarriers, users]; of :func:`minimum_error` shrunk towards 0 by
    sinr / (1 + sinr), as means of what was sent are. sinr: what the receiver expects of each, float32."""

    symbols: Tensor
    sinr: Tensor


def stream_channel(
    paths: MimoPaths, beams: AnalogBeams, times: Tensor, tones: Tensor, cell: MimoOfdm
) -> Tensor:
    """Of a stream of power P_t = 1 on the first chain of each user, behind a whitened combiner: complex64
    [batch, times, tones, station chains, users]."""
    own = beams.one_stream()
    channel = equivalent_channel(paths, whitened(own.combiner), unit_power(own.precoder), times, tones, cell)
    return channel[..., 0].permute(0, 2, 3, 4, 1)


def through(channel: Tensor, sent: Tensor, noise_variance: float, generator: torch.Generator) -> Tensor:
    """What chains hear, complex64 [..., chains], of symbols [..., users] through [..., chains, users]."""
    signal = (channel @ sent[..., None])[..., 0]
    return signal + noise_variance**0.5 * complex_normal(tuple(signal.shape), generator, signal.device)


def heard_pilots(channel: Tensor, noise_variance: float, generator: torch.Generator) -> Tensor:
    """Pilots over what was sent: complex64 [batch, pilot times, own subcarriers, chains, users].

    channel: at the symbols with pilots, on all subcarriers; user k has the subcarriers k, k + users, ...
    Raises ValueError if they cannot be shared evenly.
    """
    users = channel.shape[-1]
    if channel.shape[2] % users:
        raise ValueError(f"{channel.shape[2]} subcarriers of {users} users: expected a multiple")
    own = torch.stack([channel[:, :, user::users, :, user] for user in range(users)], -1)
    return own + noise_variance**0.5 * complex_normal(tuple(own.shape), generator, own.device)


def authors_estimate(pilots: Tensor, times: int) -> Estimate:
    """Pilots stretched to the grid of data bilinearly, as the authors' program does for two users.

    Values are taken as those of the middle of what they are stretched over: for pilots in each fourth symbol
    from 0 on the estimate is 1.5 symbols late, on subcarriers half a one off, and the last one of the second
    user stands in the place of its first.
    """
    batch, symbols, own, chains, users = pilots.shape
    flat = torch.view_as_real(pilots.permute(0, 3, 4, 1, 2).contiguous()).movedim(-1, 3)
    wide = torch.nn.functional.interpolate(
        flat.flatten(0, 2), scale_factor=(SPACING, users), mode="bilinear", align_corners=False
    )
    wide = wide.unflatten(0, (batch, chains, users)).movedim(3, -1).contiguous()
    channel = torch.view_as_complex(wide).permute(0, 3, 4, 1, 2)[:, :times].clone()
    for user in range(1, users):
        channel[..., user] = channel[..., user].roll(user, 2)
    return Estimate(channel, torch.zeros(()))


def over_time(values: Tensor, pilot_times: Tensor, times: Tensor) -> Tensor:
    """Straight lines between symbols [batch, pilot times, ...], level outside of them."""
    if len(pilot_times) == 1:
        return values.expand(-1, len(times), *values.shape[2:])
    behind = torch.searchsorted(pilot_times, times, right=True).clamp(1, len(pilot_times) - 1)
    first, last = pilot_times[behind - 1], pilot_times[behind]
    share = ((times - first) / (last - first)).clamp(0.0, 1.0)
    share = share.reshape(-1, *[1] * (values.dim() - 2))
    return values[:, behind - 1] * (1.0 - share) + values[:, behind] * share


def delay_limited_estimate(
    pilots: Tensor, pilot_times: Tensor, times: Tensor, noise_variance: float, cell: MimoOfdm
) -> Estimate:
    """Least squares for the taps that delays can have, one more than the longest delay reaches."""
    users, tones = pilots.shape[-1], torch.arange(float(cell.subcarriers))
    bandwidth_hz = cell.subcarriers * cell.subcarrier_spacing_hz
    taps = math.floor(cell.delay_s * bandwidth_hz) + 2
    shapes = torch.exp(-2j * math.pi * tones[:, None] * torch.arange(taps) / cell.subcarriers)
    found, error = [], []
    for user in range(users):
        fit = shapes @ torch.linalg.pinv(shapes[user::users])
        found.append(torch.einsum("nm,bpmr->bpnr", fit, pilots[..., user]))
        error.append(noise_variance * fit.abs().square().sum(-1))
    channel = over_time(torch.stack(found, -1), pilot_times, times)
    return Estimate(channel, torch.stack(error, -1)[:, None, :])


def tone_correlation(apart: Tensor, cell: MimoOfdm) -> Tensor:
    """Of gains this many subcarriers apart, for delays uniform between 0 and the longest."""
    turns = apart * cell.subcarrier_spacing_hz * cell.delay_s
    return torch.polar(torch.sinc(turns), -math.pi * turns)


def time_correlation(apart: Tensor, cell: MimoOfdm) -> Tensor:
    """Of gains this many symbols apart, over all speeds and directions that the cell draws."""
    turns = apart * cell.symbol_interval_s * cell.most_doppler_hz
    if cell.doppler == "paths":
        return torch.polar(torch.sinc(turns), math.pi * turns)
    speeds = (torch.arange(SPEEDS) + 0.5) / SPEEDS
    mean = torch.special.bessel_j0(2.0 * math.pi * turns[..., None] * speeds).mean(-1)
    return torch.complex(mean, torch.zeros_like(mean))


def correlated_estimate(
    pilots: Tensor, pilot_times: Tensor, times: Tensor, noise_variance: float, cell: MimoOfdm
) -> Estimate:
    """The least mean square error that is linear in the pilots (LMMSE), over time and subcarriers at once.

    Correlations are those of the cell, uniform delays and its Doppler; how strong a user is in a chain is
    taken from the pilots.
    """
    users, tones = pilots.shape[-1], torch.arange(float(cell.subcarriers))

    def correlation(to_times: Tensor, to_tones: Tensor, own: Tensor) -> Tensor:
        over = time_correlation(to_times[:, None] - pilot_times, cell)
        return torch.kron(over, tone_correlation(to_tones[:, None] - own, cell))

    found, error = [], []
    for user in range(users):
        own = tones[user::users]
        heard = pilots[..., user].flatten(1, 2)
        power = (heard.abs().square().mean(1) - noise_variance).clamp(min=1e-3 * noise_variance)
        values, vectors = torch.linalg.eigh(correlation(pilot_times, own, own))
        to_all = correlation(times, tones, own) @ vectors
        weight = power[:, None] / (power[:, None] * values.clamp(min=0.0)[:, None] + noise_variance)
        found.append(to_all @ (weight * (vectors.mH @ heard)))
        known = torch.einsum("dm,bmr->bdr", to_all.abs().square(), weight)
        error.append(power[:, None] * (1.0 - known).clamp(min=0.0))
    shape = (len(times), cell.subcarriers)
    return Estimate(torch.stack(found, -1).unflatten(1, shape), torch.stack(error, -1).unflatten(1, shape))


def zero_forcing(received: Tensor, channel: Tensor, noise_variance: float) -> Detected:
    """Users apart, whatever it costs in noise; the estimate is taken for the truth."""
    gram = channel.mH @ channel
    least = 1e-6 * gram.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    inverse = torch.linalg.inv(gram + least * torch.eye(gram.shape[-1]))
    symbols = (inverse @ channel.mH @ received[..., None])[..., 0]
    return Detected(symbols, 1.0 / (noise_variance * inverse.diagonal(dim1=-2, dim2=-1).real))


def minimum_error(received: Tensor, estimate: Estimate, noise_variance: float) -> Detected:
    """The least mean square error for symbols of power 1 (MMSE); errors of the estimate count as noise."""
    channel = estimate.channel
    noise = noise_variance + estimate.error.expand(channel.shape).sum(-1)
    heard = channel @ channel.mH + torch.diag_embed(noise).to(channel.dtype)
    weights = torch.linalg.solve(heard, channel).mH
    gain = (weights @ channel).diagonal(dim1=-2, dim2=-1).real
    return Detected((weights @ received[..., None])[..., 0], gain / (1.0 - gain))


def detect(
    receiver: Receiver,
    received: Tensor,
    pilots: Tensor,
    pilot_times: Tensor,
    times: Tensor,
    noise_variance: float,
    cell: MimoOfdm,
) -> Detected:
    """Symbols of all users as a receiver knows them.

    "authors" forces to zero with stretched pilots; the program then adds users up. "delay-limited" is least
    squares and "lmmse" the linear estimate of least error, both with MMSE detection; users stay apart, to be
    concatenated.

    Parameters
    ----------
    receiver : Receiver
    received : Tensor, complex64 [batch, times, subcarriers, station chains]
    pilots : Tensor
        Of :func:`heard_pilots`.
    pilot_times, times : Tensor
        Numbers of the symbols with pilots and of those received; "authors" needs pilots in the first of them
        and every fourth from there.
    noise_variance : float
        Of an antenna.

    Raises
    ------
    ValueError
        For another receiver, and for pilots of "authors" elsewhere.
    """
    of = (pilots, pilot_times, times, noise_variance, cell)
    if receiver == "authors":
        if not torch.equal(pilot_times, times[::SPACING]):
            raise ValueError("pilots of receiver 'authors': expected in every fourth symbol from the first")
        estimate = authors_estimate(pilots, len(times))
        return zero_forcing(received, estimate.channel, noise_variance)
    if receiver == "delay-limited":
        return minimum_error(received, delay_limited_estimate(*of), noise_variance)
    if receiver == "lmmse":
        return minimum_error(received, correlated_estimate(*of), noise_variance)
    raise ValueError(f"receiver {receiver!r}: expected 'authors', 'delay-limited' or 'lmmse'")


def symbol_sinr_db(detected: Tensor, sent: Tensor) -> Tensor:
    """Measured for each of a batch, over all its symbols, whatever gain they have: float32 [batch]."""
    detected, sent = detected.flatten(1), sent.flatten(1)
    together = (detected * sent.conj()).sum(1).abs().square()
    share = together / (detected.abs().square().sum(1) * sent.abs().square().sum(1))
    return 10.0 * torch.log10(share / (1.0 - share))
