# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run gave, as JSON for programs and as a table for people."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping

import numpy as np
from gnuradio import gr
from rich.console import Console
from rich.table import Table

from semisac_ml import __version__
from semisac_ml.outputs import write_output
from semisac_ml.signal.metrics import Metric

LABELS = {
    "psnr_db": ("PSNR, mean of images", lambda value: f"{value:.2f} dB"),
    "class_accuracy": ("Class right", lambda value: f"{100 * value:.2f} %"),
    "animal_accuracy": ("Animal or not right", lambda value: f"{100 * value:.2f} %"),
    "snr_db": ("SNR, mean of frames", lambda value: f"{value:.2f} dB"),
    "cfo_hz": ("Carrier offset, mean", lambda value: f"{value:.1f} Hz"),
    "images_per_s": ("Images a second", lambda value: f"{value:.0f}"),
    "latency_samples": ("Delay of the direct path", lambda value: f"{value:.4f} samples"),
    "leakage_db": ("Direct path, received over sent", lambda value: f"{value:.2f} dB"),
    "adc_peak": ("ADC peak, share of full scale", lambda value: f"{value:.3f}"),
    "presence": ("Target reported in the gate", lambda value: f"{100 * value:.2f} %"),
}


def plain(value: object) -> object:
    """Value as JSON knows it; numbers that are none become null."""
    if isinstance(value, Metric):
        return plain(value.as_dict())
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return str(value)


def write(file: str, content: Mapping) -> None:
    """Write JSON to a file, whole or not at all, or to what else is there; "-" is standard output."""
    text = json.dumps(plain(content), indent=2, allow_nan=False) + "\n"
    write_output(file, text)


def versions() -> dict[str, str]:
    """Versions of what the link ran on."""
    import onnxruntime

    return {
        "semisac": __version__,
        "gnuradio": gr.version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def print_figures(
    title: str, counters: Mapping[str, int], figures: Mapping[str, Metric], console: Console
) -> None:
    """Print counters that are not 0, and figures with their intervals."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    table.add_column("")
    table.add_column("value", justify="right", style="bold")
    table.add_column("95 % interval", justify="right")
    for name, count in counters.items():
        if count:
            table.add_row(name.replace("_", " ").capitalize(), str(count), "")
    for name, figure in figures.items():
        label, text = LABELS.get(name, (name, str))
        interval = "" if figure.low == figure.high else f"{text(figure.low)} … {text(figure.high)}"
        table.add_row(label, text(figure.value), interval)
    console.print(table)
