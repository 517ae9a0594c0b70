# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How well receivers of the separated scheme know each symbol, behind beams from channels that are known.

Two layouts: "authors", where symbols with pilots are counted as data too, which is how the authors' program
evaluates, and "own", where every fourth symbol is one of pilots and carries nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from semisac_ml.channels.fading import complex_normal
from semisac_ml.channels.mimo_ofdm import MimoPaths, drawn_paths
from semisac_ml.results import Result
from semisac_ml.results.drawing import line_charts
from semisac_ml.results.rows import X
from semisac_ml.signal import metrics

from .beamforming import known_covariances, principal_beams
from .receivers import (
    SPACING,
    Estimate,
    detect,
    heard_pilots,
    minimum_error,
    stream_channel,
    symbol_sinr_db,
    through,
    zero_forcing,
)
from .spectral_efficiency import AXES, SYSTEM, OperatingPoint, conditions

FIGURE = "detection"
AUTHORS, LIMITED, CORRELATED = "authors", "delay-limited", "lmmse"
TRUE_FORCED, TRUE = "true channel, zero forcing", "true channel, MMSE"

Layout = Literal["authors", "own"]


def layout_times(point: OperatingPoint, layout: Layout) -> tuple[Tensor, Tensor]:
    """Symbols with pilots, and with data, of which there are Q. Raises ValueError for another layout."""
    count = point.symbols
    if layout == "authors":
        data = torch.arange(count)
        pilots = data[::SPACING]
    elif layout == "own":
        every = torch.arange(count + -(-count // (SPACING - 1)))
        pilots, data = every[::SPACING], every[every % SPACING != 0]
    else:
        raise ValueError(f"layout {layout!r}: expected 'authors' or 'own'")
    return point.pilots + pilots.float(), point.pilots + data.float()


def detected_sinr_db(
    paths: MimoPaths, point: OperatingPoint, layout: Layout, generator: torch.Generator
) -> dict[tuple[str, str], Tensor]:
    """Measured for each channel, by receiver and by what is made of the streams: their sum, or each of them.

    The receiver of the authors is there for their layout alone: it stretches pilots over symbols that are
    both.
    """
    cell, noise_variance = point.cell, 10.0 ** (-point.snr_db / 10.0)
    pilot_times, times = layout_times(point, layout)
    tones = torch.arange(float(cell.subcarriers))
    known = known_covariances(paths, point.pilots, point.tones, cell)
    beams = principal_beams(known, cell)
    channel = stream_channel(paths, beams, times, tones, cell)
    sent = complex_normal((*channel.shape[:3], cell.users), generator, channel.device)
    received = through(channel, sent, noise_variance, generator)
    pilots = heard_pilots(stream_channel(paths, beams, pilot_times, tones, cell), noise_variance, generator)
    found = {
        receiver: detect(receiver, received, pilots, pilot_times, times, noise_variance, cell)
        for receiver in (LIMITED, CORRELATED, *[AUTHORS] * (layout == "authors"))
    }
    found[TRUE_FORCED] = zero_forcing(received, channel, noise_variance)
    found[TRUE] = minimum_error(received, Estimate(channel, torch.zeros(())), noise_variance)
    sinr = {}
    for name, detected in found.items():
        symbols = detected.symbols
        sinr[name, "sum"] = symbol_sinr_db(symbols.sum(-1), sent.sum(-1))
        users = [symbol_sinr_db(symbols[..., user], sent[..., user]) for user in range(cell.users)]
        sinr[name, "each"] = torch.cat(users)
    return sinr


def detection_rows(
    point: OperatingPoint, layout: Layout, snrs_db: Sequence[float], samples: int, seed: int
) -> list[Result]:
    """Rows of the median SINR over channels, by receiver, SNR and what is made of the streams."""
    rows = []
    for snr_db in snrs_db:
        here, generator = replace(point, snr_db=snr_db), torch.Generator().manual_seed(seed)
        paths = drawn_paths(samples, point.cell, generator)
        told = {key: value for key, value in conditions(point).items() if key != "snr_db"}
        for (name, streams), values in detected_sinr_db(paths, here, layout, generator).items():
            row = Result.of(
                metrics.percentile(values.double().numpy(), 50.0),
                system=SYSTEM,
                figure=FIGURE,
                variant=name,
                conditions=told | {"layout": layout, "streams": streams, X: AXES["snr_db"]},
                x=float(snr_db),
                metric="median_sinr_db",
                seed=str(seed),
            )
            rows.append(row)
    return rows


def draw(file: Path, rows: list[Result]) -> None:
    """Axes for each layout and what is made of the streams."""
    names = list(dict.fromkeys(row.variant for row in rows))
    line_charts(
        file,
        rows,
        {"median_sinr_db": "median SINR of symbols (dB)"},
        panel=lambda row: f"pilots of layout {row.conditions['layout']}, {row.conditions['streams']}",
        style=lambda row: {
            "label": row.variant,
            "color": f"C{names.index(row.variant)}",
            "marker": "o",
            "capsize": 2,
        },
    )
