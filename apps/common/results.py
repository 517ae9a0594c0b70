# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run gave, as JSON for programs and as a table for people."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from gnuradio import gr
from rich.table import Table

from semisac_ml import __version__
from semisac_ml.outputs import write_output
from semisac_ml.runtime import Bundle
from semisac_ml.signal.metrics import Metric


class Row(NamedTuple):
    """How a figure is shown: its label, its value as text; whether it is a count, which has no interval."""

    label: str
    text: Callable[[float], str]
    is_count: bool = False


def percent(share: float) -> str:
    """Share as text."""
    return f"{100 * share:.2f} %"


def decimals(places: int, unit: str = "") -> Callable[[float], str]:
    """Function that gives a number with so many decimals and its unit as text."""
    return lambda value: f"{value:.{places}f}{unit}"


IMAGE_ROWS = {
    "psnr_db": Row("PSNR, mean of images", decimals(2, " dB")),
    "ssim": Row("SSIM", decimals(4)),
    "mse": Row("MSE, full scale 1", decimals(5)),
    "class_accuracy": Row("Class right", percent),
    "animal_accuracy": Row("Animal or not right", percent),
}


def described(figures: Mapping[str, Metric], rows: Mapping[str, Row]) -> list[dict[str, str]]:
    """Figures that apply, as text: name, label, value, interval (95 %), samples."""
    return [
        {
            "name": name,
            "label": row.label,
            "value": row.text(figures[name].value),
            "interval": _interval(figures[name], row.text),
            "samples": "" if row.is_count else str(figures[name].n),
        }
        for name, row in rows.items()
        if name in figures
    ]


def _interval(figure: Metric, text: Callable[[float], str]) -> str:
    return "" if figure.low == figure.high else f"{text(figure.low)} … {text(figure.high)}"


def figure_table(title: str, samples: bool = False) -> Table:
    """Empty table of labels, values, intervals and, if so wished, samples."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    table.add_column("")
    table.add_column("value", justify="right", style="bold")
    table.add_column("95 % interval", justify="right")
    if samples:
        table.add_column("samples", justify="right", style="dim")
    return table


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


def placed(bundle: Bundle) -> dict[str, str | int]:
    """What a bundle's networks ran on, and in what."""
    int8 = [name for name in bundle.manifest.networks if bundle.precision_of(name) == "int8"]
    precision = f"float32, int8 for {', '.join(int8)}" if int8 else "float32"
    return {"provider": bundle.provider, "threads": bundle.threads, "precision": precision}


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
