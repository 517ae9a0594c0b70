# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bits, rates and times of an encoding over the SNR, Eqs. (9) to (12).

Times of computation are those of the paper's Table II, for its own network on its graphics processor.
"""

from __future__ import annotations

from pathlib import Path

from semisac_ml.results import Result
from semisac_ml.results.drawing import curves, legend_below, picture

from .comparison import SNR_AXIS, SYSTEM
from .link_budget import LinkBudget, execution_s
from .model import SimacSettings
from .tuned import TunedSettings

PAPER_TIMES_S = (0.68e-3, 0.44e-3, 0.35e-3)
"""Of MSF, LSE and SSD, Table II."""
HIGHEST_DB = 25
LABELS = {
    "bits": "bits of an encoding",
    "channel_uses": "symbols that are sent",
    "transmission_s": "time (s)",
}
SHANNON, SENT = "bits at Shannon's rate, Eq. (10)", "symbols that are sent"


def budget_rows() -> list[Result]:
    """Of the paper's network, the small one of its form, and the tuned one, whose symbols are analog."""
    networks = {f"simac, {size}": SimacSettings.named(size) for size in ("paper", "small")}
    rows = []
    for snr_db in map(float, range(HIGHEST_DB + 1)):
        for name, sizes in networks.items():
            budget = LinkBudget(sizes.values, sizes.bits, snr_db)
            told = {"x": SNR_AXIS, "modulation": budget.modulation}
            rows += [
                _row(name, snr_db, "bits", budget.bits, "1", {"x": SNR_AXIS}),
                _row(name, snr_db, "channel_uses", budget.channel_uses, "1", {"x": SNR_AXIS}),
                _row(name, snr_db, "rate_bps", budget.rate_bps, "bit/s", {"x": SNR_AXIS}),
                _row(name, snr_db, "bits_a_symbol", budget.bits / budget.channel_uses, "1", told),
            ]
            for way, seconds in ((SHANNON, budget.shannon_s), (SENT, budget.sent_s)):
                told = {"x": SNR_AXIS, "time": way}
                rows.append(_row(name, snr_db, "transmission_s", seconds, "s", told))
                if name == "simac, paper":
                    extracted, encoded, decoded = PAPER_TIMES_S
                    whole = execution_s(extracted, encoded, seconds, decoded)
                    rows.append(_row(name, snr_db, "execution_s", whole, "s", told))
        uses = TunedSettings().values // 2
        sent = LinkBudget(uses, 1, snr_db).bandwidth_hz
        rows += [
            _row("tuned", snr_db, "channel_uses", uses, "1", {"x": SNR_AXIS}),
            _row("tuned", snr_db, "transmission_s", uses / sent, "s", {"x": SNR_AXIS, "time": SENT}),
        ]
    return rows


def _row(
    name: str, snr_db: float, metric: str, value: float, unit: str, conditions: dict[str, str]
) -> Result:
    return Result.of(
        float(value),
        system=SYSTEM,
        figure="budget",
        variant=name,
        conditions=conditions,
        x=snr_db,
        metric=metric,
        unit=unit,
    )


def draw(file: Path, rows: list[Result]) -> None:
    """Symbols and times over the SNR."""
    names = list(dict.fromkeys(row.variant for row in rows))

    def style(row: Result) -> dict[str, object]:
        way = row.conditions.get("time", SENT)
        return {
            "label": f"{row.variant}: {way}",
            "color": f"C{names.index(row.variant)}",
            "linestyle": "--" if way == SHANNON else "-",
        }

    with picture(file, 9.0, 4.0) as figure:
        for axis, metric in zip(figure.subplots(1, 2), ("channel_uses", "transmission_s"), strict=True):
            curves(axis, [row for row in rows if row.metric == metric], style, intervals=False)
            axis.set_yscale("log")
            axis.set_xlabel(SNR_AXIS)
            axis.set_ylabel(LABELS[metric])
        legend_below(figure, 3)
