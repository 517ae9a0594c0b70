# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves of a comparison, and received pictures side by side."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from semisac_ml.results import Result
from semisac_ml.results.drawing import line_charts, picture, show_image
from semisac_ml.signal import metrics
from semisac_ml.systems.jssc_hifi import real_code
from semisac_ml.systems.jssc_hifi.baselines import GREY, ideal_bits

if TYPE_CHECKING:
    from semisac_ml.systems.jssc_hifi.comparison import Schemes

METRICS = {"psnr_db": "PSNR in dB", "ssim": "SSIM", "ms_ssim": "MS-SSIM"}
COLOURS = {
    "learned": "black",
    "linear": "tab:grey",
    "AVIF": "tab:blue",
    "JPEG 2000": "tab:orange",
    "JPEG": "tab:green",
}
SHOWN_RATIO = Fraction(1, 12)
SHOWN_MODE = real_code.MODES[3]  # 16-QAM 1/2
CLIFF_STEP_DB = 2.0
SHOWN_PICTURES = 3


def _style(row: Result) -> dict[str, object] | None:
    """How a scheme's curve is drawn; None for what would crowd the axes."""
    scheme, head = row.variant, row.variant.partition(" + ")[0]
    style = {"label": scheme, "color": COLOURS[head]}
    if head in ("learned", "linear"):
        return {**style, "marker": "o" if head == "learned" else "", "linewidth": 2.0, "zorder": 3}
    if scheme.endswith("ideal code"):
        return {**style, "linestyle": "--"}
    if scheme.endswith("fixed rate"):
        return {**style, "linestyle": "-."}
    if scheme.endswith("best mode"):
        return {**style, "marker": "."}
    if head == "AVIF":  # the cliffs of single modes
        single = {"linestyle": ":", "linewidth": 0.9, "alpha": 0.7}
        return {**style, **single, "label": "AVIF + polar code, single modes"}
    return None


def draw_curves(rows: list[Result], path: Path) -> Path:
    """Each metric against SNR, a column of axes for each ratio.

    Without intervals: all schemes send the same pictures, so they differ by less than the intervals say.
    """
    one, count = rows[0].conditions, rows[0].n
    ordered = sorted(rows, key=lambda row: Fraction(row.conditions["ratio"]))
    title = f"{one['data']}, {count} pictures, {one['channel']}, bits counted: {one['counted']}"
    line_charts(path, ordered, METRICS, _ratio, _style, title, intervals=False)
    return path


def _ratio(row: Result) -> str:
    return f"k/n = {row.conditions['ratio']}"


def draw_pictures(schemes: Schemes, path: Path) -> Path:
    """Received pictures side by side over AWGN, below and above the cliff of a mode of the real code."""
    ratios = schemes.comparison.ratios
    ratio = SHOWN_RATIO if SHOWN_RATIO in ratios else ratios[0]
    cliff = cliff_db(schemes.channel_uses(ratio))
    pictures = schemes.pictures[:SHOWN_PICTURES]
    places = [(index, snr) for index in range(len(pictures)) for snr in (-CLIFF_STEP_DB, CLIFF_STEP_DB)]
    columns = [
        _received(schemes, ratio, cliff + snr, len(pictures)) for snr in (-CLIFF_STEP_DB, CLIFF_STEP_DB)
    ]
    names = ["sent", *columns[0]]
    with picture(path, 2.1 * len(names), 2.35 * len(places)) as figure:
        axes = figure.subplots(len(places), len(names), squeeze=False)
        for line, (index, snr) in zip(axes, places, strict=True):
            found = columns[0 if snr < 0 else 1]
            for axis, name in zip(line, names, strict=True):
                shown = pictures[index] if name == "sent" else found[name][index]
                show_image(axis, shown, interpolation="nearest")
                quality = metrics.psnr_db(pictures[index][None], shown[None])[0]
                axis.set_xlabel("" if name == "sent" else f"{quality:.1f} dB", fontsize=9)
                axis.set_title(name.replace(" + ", "\n+ "), fontsize=8)
            line[0].set_ylabel(f"{cliff + snr:.1f} dB", fontsize=10)
        figure.suptitle(
            f"k/n = {ratio}, AWGN, {CLIFF_STEP_DB:g} dB below and above the SNR\nat which {SHOWN_MODE.name} "
            "arrives half of the time",
            fontsize=10,
        )
    return path


def cliff_db(channel_uses: int) -> float:
    """SNR in dB at which half of the pictures arrive in the mode shown."""
    snr_db = np.arange(-10.0, 40.0, 0.1)
    return float(snr_db[real_code.arrival_probability(SHOWN_MODE, channel_uses, snr_db) >= 0.5][0])


def _received(schemes: Schemes, ratio: Fraction, snr_db: float, count: int) -> dict[str, np.ndarray]:
    """The first pictures as each scheme delivers them, uint8."""
    from semisac_ml.systems.jssc_hifi.comparison import LEARNED, LINEAR, SENT_CHANNELS

    channel_uses, seed = schemes.channel_uses(ratio), schemes.comparison.seed
    pictures, gains = schemes.pictures[:count], np.ones((count, channel_uses))
    found: dict[str, np.ndarray] = {}
    if schemes.learned:
        found[LEARNED] = schemes.learned.reconstruct(
            pictures, snr_db, SENT_CHANNELS[ratio], "awgn", seed, gains
        )
    if LINEAR in schemes.comparison.schemes:
        found[LINEAR] = schemes.linear().send(pictures, float(ratio), snr_db, "awgn", gains, seed)
    found = {name: np.rint(received * 255).astype(np.uint8) for name, received in found.items()}
    bits = int(ideal_bits(snr_db, gains[:1])[0])
    arrives = float(real_code.arrival_probability(SHOWN_MODE, channel_uses, np.float64(snr_db))) > 0.5
    for codec in schemes.comparison.schemes:
        if codec in (LEARNED, LINEAR):
            continue
        digital = schemes.digital(codec)
        found[f"{codec} + ideal code"] = digital.received(np.full(count, bits))
        if codec == "AVIF":
            carried = real_code.information_bits(SHOWN_MODE, channel_uses)
            coded = digital.received(np.full(count, carried))
            found[f"{codec} + polar {SHOWN_MODE.name}"] = coded if arrives else np.full_like(coded, GREY)
    return found
