# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spectral efficiency over pilots, feedback and SNR: networks of stage II, and what learns nothing.

Every scheme meets the same channels, and what learns nothing the same pilots, drawn anew for each block of
channels.
What knows the channel knows it at the first symbol of data; rates are those of the Q symbols that follow.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from semisac_ml.channels.mimo_ofdm import MimoOfdm, MimoPaths, drawn_paths
from semisac_ml.results import Result
from semisac_ml.results.drawing import curves, legend_below, picture
from semisac_ml.results.rows import X
from semisac_ml.signal import metrics
from semisac_ml.signal.metrics import Metric

from . import beamforming
from .acquisition import Noise, Pilots, least_squares_covariances, pilot_noise, random_pilots, received_pilots
from .beamforming import known_covariances, principal_beams, principal_user_beams
from .feedback import fed_back_combiner, fed_back_phases
from .matching_pursuit import matching_pursuit
from .model import CscSaNet, Link
from .rates import AnalogBeams, spectral_efficiency
from .separated import Knowledge

SYSTEM, FIGURE = "csc_sa_net", "spectral_efficiency"
EFFICIENCY, OF_PCA, OF_SHARED_PCA = "spectral_efficiency", "of_pca", "of_shared_pca"

BOUND = "digital, water-filling"
PCA, SHARED_PCA = "PCA", "PCA, shared combiner"
CLIMBED = "gradient ascent"
FIXED = "fixed beams"
FIRST_PATH = "OMP, first path"
GRID_POINT = "OMP, first grid point"
LIKELIEST = "likeliest path"
LEAST_SQUARES = "least squares"
COLOURS = {
    BOUND: "black",
    PCA: "tab:blue",
    "PCA, digital precoder": "tab:cyan",
    SHARED_PCA: "tab:purple",
    CLIMBED: "tab:red",
    "DFT best pair": "tab:green",
    FIXED: "tab:gray",
    "random phases": "tab:pink",
    FIRST_PATH: "tab:orange",
    GRID_POINT: "gold",
    LIKELIEST: "tab:brown",
    LEAST_SQUARES: "tab:olive",
}
PATHS_COLOUR = "tan"

Sweep = Literal["pilots", "feedback_bits", "snr_db"]
AXES = {"pilots": "CSI-RS symbols L", "feedback_bits": "feedback bits B", "snr_db": "SNR (dB)"}
BLOCK = 16
SECOND_STREAM = 1 << 32
"""Seeds of pilots and noise are so far from those of channels, which are the same for all L, B and SNR."""


@dataclass(frozen=True)
class OperatingPoint:
    """What schemes are compared at.

    snr_db: P_t / sigma^2. pilots: symbols of them, L. feedback_bits: of each user, B. symbols: of data, Q.
    pilot_noise: where noise is added to pilots; None: none is, as in the authors' program.
    pilot_gain_db: of the power of pilots over that of data.
    """

    cell: MimoOfdm = field(default_factory=MimoOfdm)
    snr_db: float = -25.0
    pilots: int = 8
    feedback_bits: int = 1024
    symbols: int = 4
    pilot_noise: Noise | None = "chains"
    pilot_gain_db: float = 0.0

    @property
    def times(self) -> Tensor:
        """Numbers of the symbols of data."""
        return torch.arange(float(self.pilots), float(self.pilots + self.symbols))

    @property
    def tones(self) -> Tensor:
        """Subcarriers that stand for all: every fourth tells delays below a quarter of a symbol apart."""
        return torch.arange(0, self.cell.subcarriers, 4)


PilotsOf = Callable[[OperatingPoint, torch.Generator], Pilots]


def known_schemes(
    paths: MimoPaths, point: OperatingPoint, generator: torch.Generator, climb: bool = True
) -> dict[str, Tensor]:
    """Bit/s/Hz [batch] of what knows the channel, and of what never looks. climb: the slow ascent too."""
    cell, snr_db, time, tones = point.cell, point.snr_db, point.pilots, point.tones

    def rate(beams: AnalogBeams) -> Tensor:
        return spectral_efficiency(paths, beams, snr_db, point.times, tones, cell)

    known = known_covariances(paths, time, tones, cell)
    pca, two = principal_beams(known, cell), principal_beams(known, cell, 2)
    found = {
        BOUND: beamforming.digital_bound(paths, snr_db, time, tones, cell),
        PCA: rate(pca),
        "PCA, digital precoder": beamforming.digitally_precoded(paths, two, snr_db, time, tones, cell),
        SHARED_PCA: rate(beamforming.shared_principal_beams(known, cell)),
        "DFT best pair": rate(beamforming.best_pair_beams(paths, time, tones, cell)),
        FIXED: rate(beamforming.fixed_beams(cell)),
        "random phases": rate(beamforming.random_beams(len(paths.gain), cell, generator)),
    }
    if climb:
        found[CLIMBED] = rate(beamforming.climbed_beams(paths, pca, snr_db, time, tones[::3], cell))
    return found


def pilots_at_random(point: OperatingPoint, generator: torch.Generator) -> Pilots:
    """Pilots where none are given."""
    return random_pilots(point.pilots, point.cell, generator)


def pilot_schemes(
    paths: MimoPaths, point: OperatingPoint, pilots: Pilots, generator: torch.Generator, most_paths: int = 4
) -> dict[str, Tensor]:
    """Bit/s/Hz [batch] of users that hear pilots, and of a base station that they tell B bits.

    Users take their precoders from what they know; least squares needs a bit for each antenna. The likeliest
    path is that of who knows the law of angles and gains, as networks that are trained on it do.
    """
    cell, where = point.cell, point.pilot_noise or "chains"
    level = None if point.pilot_noise is None else point.snr_db + point.pilot_gain_db
    received = received_pilots(paths, pilots, level, cell, generator, where)

    def rate(combiner: Tensor, precoder: Tensor) -> Tensor:
        beams = AnalogBeams(combiner, precoder)
        return spectral_efficiency(paths, beams, point.snr_db, point.times, point.tones, cell)

    of = (received, pilots)
    noise = pilot_noise(level, cell, where)
    atoms = matching_pursuit(*of, most_paths, noise, cell)
    paths_by_name = {
        GRID_POINT: matching_pursuit(*of, 1, noise, cell, zooms=0),
        FIRST_PATH: atoms.first(),
        several_paths(most_paths): atoms,
        LIKELIEST: matching_pursuit(*of, 1, noise, cell, law_known=True),
    }
    found = {}
    for name, own in paths_by_name.items():
        precoder = principal_user_beams(own.covariances(cell), cell)
        found[name] = rate(fed_back_combiner(own, point.feedback_bits, cell), precoder)
    if point.feedback_bits >= cell.station_antennas:
        beams = principal_beams(least_squares_covariances(received, pilots, cell), cell)
        found[LEAST_SQUARES] = rate(fed_back_phases(beams.combiner, point.feedback_bits), beams.precoder)
    return found


@dataclass(frozen=True)
class Learned:
    """Networks of stage II, with pilots of their own. knowledge: of separated users' beams."""

    model: CscSaNet
    knowledge: Knowledge | None = None

    def fits(self, point: OperatingPoint) -> bool:
        """Whether they were made for such links."""
        return self.model.settings.fits(point.pilots, point.feedback_bits, point.symbols)

    @torch.no_grad()
    def rate(self, paths: MimoPaths, point: OperatingPoint, generator: torch.Generator) -> Tensor:
        """Bit/s/Hz [batch]."""
        snrs = torch.full((len(paths.gain),), point.snr_db)
        of = (paths, Link(point.pilots, point.feedback_bits, point.symbols, snrs), generator)
        model = self.model.eval()
        beams = model.beams(*of) if self.knowledge is None else model.analog_beams(*of, self.knowledge)
        own = AnalogBeams(beams.combiner, beams.precoder)
        return spectral_efficiency(paths, own, point.snr_db, point.times, point.tones, point.cell)


def several_paths(count: int) -> str:
    """Name of matching pursuit of so many paths."""
    return f"OMP, {count} paths"


Networks = Mapping[str, Sequence[Learned]]
"""Networks of trainings that differ in their seed alone, by name."""


def measured(
    point: OperatingPoint,
    samples: int,
    seed: int,
    climb: bool = True,
    pilots_of: PilotsOf = pilots_at_random,
    networks: Networks | None = None,
) -> dict[str, Tensor]:
    """Bit/s/Hz [samples] of all schemes on the same channels, of networks a mean over their seeds.

    pilots_of: of a block of channels.
    """
    found: dict[str, list[Tensor]] = {}
    seeds = (seed, seed + SECOND_STREAM, seed + 2 * SECOND_STREAM)
    channels, generator, noise = (torch.Generator().manual_seed(one) for one in seeds)
    for first in range(0, samples, BLOCK):
        paths = drawn_paths(min(BLOCK, samples - first), point.cell, channels)
        schemes = known_schemes(paths, point, generator, climb)
        schemes |= pilot_schemes(paths, point, pilots_of(point, generator), generator)
        for name, models in (networks or {}).items():
            rates = [one.rate(paths, point, noise) for one in models if one.fits(point)]
            if rates:
                schemes[name] = torch.stack(rates).mean(0)
        for name, rate in schemes.items():
            found.setdefault(name, []).append(rate)
    return {name: torch.cat(rates) for name, rates in found.items()}


def ratio(values: Tensor, reference: Tensor) -> Metric:
    """Mean over mean of pairs, with the interval of the linearised ratio."""
    of, to = values.double().numpy(), reference.double().numpy()
    share = float(of.mean() / to.mean())
    linear = metrics.mean(share + (of - share * to) / to.mean())
    return Metric(share, linear.low, linear.high, linear.n)


def efficiency_rows(
    point: OperatingPoint,
    sweep: Sweep,
    values: Sequence[float],
    samples: int,
    seed: int,
    climb: bool = True,
    pilots_of: PilotsOf = pilots_at_random,
    networks: Networks | None = None,
) -> list[Result]:
    """Rows of all schemes over L, B or SNR: bit/s/Hz of all users, and the shares of what PCA has, with a
    chain of the station a user and with chains that users share.

    networks: each at those L and B that it was made for.

    Raises ValueError for a sweep that is not one.
    """
    if sweep not in AXES:
        raise ValueError(f"sweep {sweep!r}: expected one of {', '.join(AXES)}")
    told = conditions(point)
    told = {key: value for key, value in told.items() if key != sweep} | {X: AXES[sweep]}
    rows = []
    for value in values:
        here = replace(point, **{sweep: value})
        rates = measured(here, samples, seed, climb, pilots_of, networks)
        for name, own in rates.items():
            place = dict(
                system=SYSTEM, figure=FIGURE, variant=name, conditions=told, x=float(value), seed=str(seed)
            )
            efficiency = metrics.mean(own.double().numpy(), least=0.0)
            rows += [
                Result.of(efficiency, metric=EFFICIENCY, unit="bit/s/Hz", **place),
                Result.of(ratio(own, rates[PCA]), metric=OF_PCA, **place),
                Result.of(ratio(own, rates[SHARED_PCA]), metric=OF_SHARED_PCA, **place),
            ]
    return rows


def conditions(point: OperatingPoint) -> dict[str, object]:
    """What tells rows of this point from others."""
    cell = point.cell
    return {
        "snr_db": point.snr_db,
        "pilots": point.pilots,
        "feedback_bits": point.feedback_bits,
        "symbols": point.symbols,
        "paths": cell.paths,
        "delay_ns": round(cell.delay_s * 1e9),
        "doppler": cell.doppler,
        "pilot_noise": point.pilot_noise or "none",
        "pilot_gain_db": point.pilot_gain_db,
    }


def draw(file: str | os.PathLike[str], rows: Iterable[Result]) -> None:
    """Axes for each quantity that is swept, L and B in octaves."""
    rows = [row for row in rows if row.metric == EFFICIENCY]
    axes_of = list(dict.fromkeys(row.axis for row in rows))

    learned = [name for name in dict.fromkeys(row.variant for row in rows) if _is_learned(name)]

    def style(row: Result) -> dict[str, object]:
        from_pilots = row.variant.startswith("OMP") or row.variant in (LIKELIEST, LEAST_SQUARES)
        own = row.variant in learned
        colour = f"C{learned.index(row.variant) % 10}" if own else COLOURS.get(row.variant, PATHS_COLOUR)
        return {
            "label": row.variant,
            "color": colour,
            "linestyle": "-" if from_pilots or own else "--",
            "linewidth": 2.2 if own else 1.2,
            "marker": "o",
            "capsize": 2,
        }

    width = 4.2 * len(axes_of)
    with picture(file, width, 4.6) as figure:
        for axis, name in zip(figure.subplots(1, len(axes_of), squeeze=False)[0], axes_of, strict=True):
            curves(axis, [row for row in rows if row.axis == name], style)
            axis.set_xlabel(name)
            places = sorted({row.x for row in rows if row.axis == name})
            if name != AXES["snr_db"]:
                axis.set_xscale("log", base=2)
            axis.set_xticks(places, [f"{place:g}" for place in places])
        figure.axes[0].set_ylabel("spectral efficiency of both users (bit/s/Hz)")
        legend_below(figure, max(2, round(width / 2.8)))


def _is_learned(name: str) -> bool:
    return name not in COLOURS and not name.startswith("OMP")
