# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of a run as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from gnuradio import gr
from rich.console import Console
from rich.table import Table

from semisac_ml import __version__
from semisac_ml.runtime import Bundle
from semisac_ml.signal.metrics import Metric

from .air import AirSummary, TargetAccuracy
from .settings import LinkSettings, Pictures


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _decimals(places: int, unit: str = "") -> Callable[[float], str]:
    return lambda value: f"{value:.{places}f}{unit}"


ROWS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("frames_sent", "Images sent", _decimals(0)),
    ("frames_lost", "Images lost", _decimals(0)),
    ("psnr_db", "PSNR, mean of images", _decimals(2, " dB")),
    ("ssim", "SSIM", _decimals(4)),
    ("mse", "MSE, full scale 1", _decimals(5)),
    ("class_accuracy", "Class right", _percent),
    ("animal_accuracy", "Animal or not right", _percent),
    ("sensing_accuracy", "Target right", _percent),
    ("false_alarm_rate", "False alarms, no target", _percent),
    ("miss_rate", "Missed targets", _percent),
    ("pictures_dropped", "Pictures dropped, not taken in time", _decimals(0)),
    ("pictures_damaged", "Pictures received with losses", _decimals(0)),
    ("packets_lost", "Packets lost", _decimals(0)),
    ("images_per_s", "Images a second", _decimals(1)),
    ("latency_p50_ms", "Latency, median", _decimals(1, " ms")),
    ("latency_p95_ms", "Latency, 95th percentile", _decimals(1, " ms")),
    ("latency_p99_ms", "Latency, 99th percentile", _decimals(1, " ms")),
)
COUNTS = ("frames_sent", "frames_lost", "pictures_dropped", "pictures_damaged", "packets_lost")


@dataclass(frozen=True)
class RunResult:
    """One run: what was sent how, the figures, and what the report shows.

    figures: by name, see ROWS.
    records: one a complete frame, see gnuradio.semisac.metrics.link_metrics.FRAME.
    sensing_records: the same, one an echo; of pictures each has several.
    examples: first frames, whole.
    sent_symbols, received_symbols: complex64 [frames, channel uses], the first of each.
    air: of waveform and radar, None for bare symbols.
    finished: whether the run ended by itself. failure: what ended it otherwise, "" if nothing or Ctrl-C.
    """

    bundle: Bundle
    pictures: Pictures
    settings: LinkSettings
    command: str
    images: int
    finished: bool
    figures: dict[str, Metric]
    records: np.ndarray
    sensing_records: np.ndarray
    examples: list[dict[str, np.ndarray]]
    sent_symbols: np.ndarray
    received_symbols: np.ndarray
    air: AirSummary | None = None
    failure: str = ""
    date: datetime = field(default_factory=lambda: datetime.now(UTC))

    def rows(self) -> list[dict[str, str]]:
        """Figures that apply, as text: name, label, value, interval (95 %), samples."""
        rows = []
        for name, label, text in ROWS:
            metric = self.figures.get(name)
            if metric is None:
                continue
            count = name in COUNTS
            interval = "" if metric.low == metric.high else f"{text(metric.low)} … {text(metric.high)}"
            samples = "" if count else str(metric.n)
            rows.append(
                {
                    "name": name,
                    "label": label,
                    "value": text(metric.value),
                    "interval": interval,
                    "samples": samples,
                }
            )
        return rows

    def as_json(self) -> str:
        """The figures, and everything needed to get them again."""
        content = {
            "metrics": {name: metric.as_dict() for name, metric in self.figures.items()},
            "settings": {"images": self.images, "data": self.pictures.source, **self.settings.plain()},
            "bundle": {"name": self.bundle.name, "fingerprint": self.bundle.fingerprint},
            "sensing": self.bundle.manifest.sensing.model_dump(mode="json"),
            **({"air": self.air.plain()} if self.air else {}),
            "finished": self.finished,
            "message": self.failure,
            "command": self.command,
            "date": self.date.isoformat(timespec="seconds"),
            "versions": versions(),
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


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


def print_table(result: RunResult, console: Console) -> None:
    """Print the figures."""
    settings = result.settings
    title = (
        f"{result.bundle.name}, {settings.channel} at {settings.snr_db:g} dB, "
        f"sensing at {settings.sensing_snr_db:g} dB"
    )
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    table.add_column("")
    table.add_column("value", justify="right", style="bold")
    table.add_column("95 % interval", justify="right")
    table.add_column("samples", justify="right", style="dim")
    for row in result.rows():
        table.add_row(row["label"], row["value"], row["interval"], row["samples"])
    console.print(table)
    if result.air:
        _print_air(result.air, console)


def _print_air(air: AirSummary, console: Console) -> None:
    counters = ", ".join(f"{count} {name}" for name, count in air.counters.items() if count)
    console.print(f"On the air: {counters}.", highlight=False)
    table = Table(header_style="dim", title="Radar: root mean square error (Cramér-Rao deviation)")
    for heading in ("target", "found", "range", "speed", "azimuth"):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    for target in air.targets:
        table.add_row(target.truth, f"{target.found} of {target.maps}", *error_texts(target))
    console.print(table)


def error_texts(target: TargetAccuracy) -> list[str]:
    """Errors of range, speed and azimuth as "RMSE (deviation)"; a dash where nothing was measured."""
    units = {"range_m": (1.0, " m"), "velocity_mps": (1.0, " m/s"), "azimuth_rad": (180.0 / np.pi, "°")}
    texts = []
    for name, (factor, unit) in units.items():
        found = target.errors.get(name)
        texts.append(f"{factor * found[0]:.3g}{unit} ({factor * found[1]:.2g})" if found else "–")
    return texts
