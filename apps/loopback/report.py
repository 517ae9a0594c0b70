# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Self-contained HTML report of a run: what every link has, around the sections of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common.results import placed, versions
from gnuradio.semisac.map_drawing import colours

from semisac_ml.outputs import write_output

from . import charts
from .air import AirSummary
from .pages import data_url, render
from .results import RunResult, error_texts

LONGEST_SHOWN = 3.0  # of the map, times the range of the farthest target


def write_report(result: RunResult, file: Path) -> None:
    """Write the report; an older one is replaced only when the new one is complete."""
    rows = result.rows()
    text = render(
        Path(__file__).with_name("report.html.j2"),
        result=result,
        link=result.link,
        rows=rows,
        tiles=[row for name in result.link.TILES for row in rows if row["name"] == name],
        sections=result.link.sections(result.kept, result.figures),
        air=_air(result.air) if result.air else None,
        versions=versions() | placed(result.link.bundle),
    )
    write_output(file, text)


def _air(air: AirSummary) -> dict:
    """Charts and tables of waveform and radar."""
    subcarriers, geometry = air.waveform.frame.used_subcarriers, air.waveform.radar.geometry
    shown_db, echoes = _shown_part(air), air.waveform.echoes
    return {
        "antennas": echoes.antennas,
        "target_probability": air.target_probability,
        "counters": {name: count for name, count in air.counters.items() if count},
        "channel": charts.channel_chart(subcarriers, air.channel) if len(air.channel) else None,
        "map": None
        if air.power_db is None
        else charts.map_chart(
            data_url(colours(shown_db[::-1], 0.0, max(20.0, air.power_db.max()))),
            charts.range_doppler_axes(geometry, *shown_db.shape),
            [(found["range_m"], found["velocity_mps"]) for found in air.detections],
            [(target.range_m, target.velocity_mps) for target in echoes.targets],
            "Range-Doppler map",
        ),
        "targets": [
            {
                "truth": target.truth,
                "found": f"{target.found} of {target.maps}",
                "errors": error_texts(target),
            }
            for target in air.targets
        ],
    }


def _shown_part(air: AirSummary) -> np.ndarray:
    """Part of the newest map around the targets, dB [doppler, range]; row length / 2 is speed zero."""
    geometry, targets = air.waveform.radar.geometry, air.waveform.echoes.targets
    if air.power_db is None:
        return np.zeros((2, 2))
    longest = LONGEST_SHOWN * max(target.range_m for target in targets)
    columns = max(int(np.searchsorted(air.ranges_m, longest)), 2)
    cell = geometry.velocity_bin_mps * geometry.doppler_bins / geometry.slow_times
    fastest = max(4.0 * cell, 2.0 * max(abs(target.velocity_mps) for target in targets))
    middle = geometry.doppler_bins // 2
    rows = int(np.clip(np.ceil(fastest / geometry.velocity_bin_mps), 1, middle))
    return air.power_db[middle - rows : middle + rows, :columns]
