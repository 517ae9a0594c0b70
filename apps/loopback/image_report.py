# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report shows of images: the first of them, constellation, classes, and the target's detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from semisac_ml.runtime import ImageLink
from semisac_ml.signal import channel, detection, metrics
from semisac_ml.signal.metrics import Metric

from . import charts
from .options import ChannelOptions, SensingOptions
from .pages import data_url, render

BARS = 3
SYMBOLS_SHOWN = 1500
OPTIMAL_FRAMES = 6000
FALSE_ALARMS = np.concatenate([np.geomspace(1e-5, 0.5, 100), 1 - np.geomspace(0.5, 1e-5, 100)[1:]])


@dataclass(frozen=True)
class Kept:
    """What is kept of a run for its report.

    records: one a complete frame, see gnuradio.semisac.metrics.link_metrics.FRAME.
    sensing_records: the same, one an echo; of pictures each has several.
    examples: first frames, whole.
    sent_symbols, received_symbols: complex64 [frames, channel uses], the first of each.
    """

    records: np.ndarray
    sensing_records: np.ndarray
    examples: list[dict[str, np.ndarray]]
    sent_symbols: np.ndarray
    received_symbols: np.ndarray


@dataclass(frozen=True)
class ImageReport:
    """Sections of a run of images; channel and sensing as they were, figures by name."""

    interface: ImageLink
    channel: ChannelOptions
    sensing: SensingOptions
    seed: int
    kept: Kept
    figures: Mapping[str, Metric]

    def sections(self) -> Markup:
        """HTML of the sections."""
        sent, received = self.kept.sent_symbols.ravel(), self.kept.received_symbols.ravel()
        return render(
            Path(__file__).with_name("image_report.html.j2"),
            large=self.interface.symbols.code is not None,
            examples=[self._example(example) for example in self.kept.examples],
            roc=self._roc(),
            constellation=charts.constellation_chart(sent[:SYMBOLS_SHOWN], received[:SYMBOLS_SHOWN]),
            equalised=self.channel.channel != "rayleigh",
            confusion=self._confusion(),
        )

    def _example(self, example: dict[str, np.ndarray]) -> dict:
        names = self.interface.classes
        label = int(example["label"])
        psnr_db = metrics.psnr_db(example["sent"][None], example["received"][None])[0]
        shown = {
            "frame_id": int(example["frame_id"]),
            "sent": data_url(example["sent"]),
            "received": data_url(example["received"]),
            "psnr": f"{psnr_db:.1f} dB",
            "label": names[label] if 0 <= label < len(names) else "",
        }
        if "probabilities" not in example:
            return shown
        probability = example["probabilities"]
        likeliest = np.argsort(probability)[::-1][:BARS]
        shown["classes"] = [
            {
                "name": names[i] if i < len(names) else str(i),
                "percent": round(100 * float(probability[i])),
                "kind": "" if place else ("right" if int(i) == label or label < 0 else "wrong"),
            }
            for place, i in enumerate(likeliest)
        ]
        if "sensing" not in example:
            return shown
        presence = 1.0 - float(example["sensing"][0])
        sensed, truth = int(example["sensing"].argmax()), int(example["hypothesis"])
        return shown | {
            "target_truth": _hypothesis_name(truth, self.sensing.ranges),
            "target_percent": round(100 * presence),
            "target_said": _hypothesis_name(sensed, self.sensing.ranges),
            "target_kind": "right" if sensed == truth else "wrong",
        }

    def _confusion(self) -> dict | None:
        names = self.interface.classes
        records = self.kept.records[(self.kept.records["label"] >= 0) & (self.kept.records["predicted"] >= 0)]
        if len(records) == 0:
            return None
        counts = metrics.confusion_matrix(records["label"], records["predicted"], len(names))
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return {"names": names, "counts": counts.tolist(), "shares": shares.tolist()}

    def _roc(self) -> dict | None:
        """Measured and optimal ROC of presence; None unless the run had frames with and without a target."""
        records = self.kept.sensing_records
        present = records["hypothesis"] > 0
        if len(records) == 0 or present.all() or not present.any():
            return None
        false_alarm, detections, _ = metrics.roc(present, records["presence_probability"])
        miss = self.figures["miss_rate"]
        alarm = self.figures["false_alarm_rate"]
        working_point = {
            "false_alarm": (alarm.value, alarm.low, alarm.high),
            "detection": (1 - miss.value, 1 - miss.high, 1 - miss.low),
        }
        optimal, optimal_name = self._optimal_roc()
        others = []
        if self.sensing.sensing_knowledge == "echo":
            others = self._energy_roc()
        chart = charts.roc_chart(optimal, others, (false_alarm, detections), working_point)
        return {"chart": chart, "optimal": optimal_name, "energy": bool(others)}

    def _optimal_roc(self) -> tuple[tuple[np.ndarray, np.ndarray], str]:
        """(false alarm, detection) of the optimal detector that knows the waveform, and what it is called."""
        sensing, settings = self.interface.sensing, self.sensing
        n = 2 * self.kept.sent_symbols.shape[1]
        if settings.ranges > 1 or sensing.max_frequency_offset > 0:
            return self._simulated_roc(), "optimal detector, waveform known (simulated)"
        if sensing.fading == "rayleigh":
            return (
                FALSE_ALARMS,
                detection.roc_rayleigh(n, settings.sensing_snr_db, FALSE_ALARMS),
            ), "optimal detector, waveform known"
        if sensing.fading == "two_hop_rayleigh":
            detected = detection.roc_two_hop_rayleigh(n, settings.sensing_snr_db, FALSE_ALARMS)
            return (FALSE_ALARMS, detected), "optimal detector, waveform known"
        if sensing.random_phase:
            detected = detection.roc_unknown_phase(n, settings.sensing_snr_db, FALSE_ALARMS)
            return (FALSE_ALARMS, detected), "optimal detector, waveform known, phase unknown"
        return (
            FALSE_ALARMS,
            detection.roc_awgn(n, settings.sensing_snr_db, FALSE_ALARMS),
        ), "optimal detector, waveform known"

    def _simulated_roc(self) -> tuple[np.ndarray, np.ndarray]:
        sensing, settings = self.interface.sensing, self.sensing
        symbols = np.resize(self.kept.sent_symbols, (OPTIMAL_FRAMES, self.kept.sent_symbols.shape[1]))
        echo_options = {
            "sensing_snr_db": settings.sensing_snr_db,
            "ranges": settings.ranges,
            "range_step_db": settings.range_step_db,
            "delay_symbols_per_range": settings.delay_symbols_per_range,
            "fading": sensing.fading,
            "random_phase": sensing.random_phase,
            "max_frequency_offset": sensing.max_frequency_offset,
            "target_probability": settings.target_probability,
        }
        echo, hypothesis = channel.echo_channel(symbols, **echo_options, seed=(self.seed + 1) % 2**64)
        posterior = detection.range_posterior(echo, symbols, **echo_options)
        false_alarm, detected, _ = metrics.roc(hypothesis > 0, 1.0 - posterior[:, 0])
        return false_alarm, detected

    def _energy_roc(self) -> list[tuple[np.ndarray, np.ndarray]]:
        sensing, settings = self.interface.sensing, self.sensing
        n = 2 * self.kept.sent_symbols.shape[1]
        if sensing.fading == "none":
            return [(FALSE_ALARMS, detection.roc_energy_awgn(n, settings.sensing_snr_db, FALSE_ALARMS))]
        if sensing.fading == "rayleigh":
            return [(FALSE_ALARMS, detection.roc_energy_rayleigh(n, settings.sensing_snr_db, FALSE_ALARMS))]
        return []


def _hypothesis_name(hypothesis: int, ranges: int) -> str:
    if hypothesis == 0:
        return "no target"
    return "target" if ranges == 1 else f"target in range {hypothesis - 1}"
