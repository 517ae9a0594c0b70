# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Self-contained HTML report of a run."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from gnuradio.semisac.map_drawing import colours
from jinja2 import Environment, FileSystemLoader
from PIL import Image

from semisac_ml.outputs import write_output
from semisac_ml.runtime import ImageLink
from semisac_ml.signal import channel, detection, metrics

from . import charts
from .results import RunResult, error_texts, versions

TILES = ("psnr_db", "class_accuracy", "animal_accuracy", "sensing_accuracy", "frames_lost", "images_per_s")
BARS = 3
LONGEST_SHOWN = 3.0  # of the map, times the range of the farthest target
SYMBOLS_SHOWN = 1500
OPTIMAL_FRAMES = 6000
FALSE_ALARMS = np.concatenate([np.geomspace(1e-5, 0.5, 100), 1 - np.geomspace(0.5, 1e-5, 100)[1:]])


def write_report(result: RunResult, file: Path) -> None:
    """Write the report; an older one is replaced only when the new one is complete."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    text = environment.get_template("report.html.j2").render(**_content(result))
    write_output(file, text)


def _content(result: RunResult) -> dict:
    rows = result.rows()
    sent, received = result.sent_symbols.ravel(), result.received_symbols.ravel()
    return {
        "result": result,
        "settings": result.settings.plain(),
        "manifest": result.bundle.manifest,
        "rows": rows,
        "tiles": [row for name in TILES for row in rows if row["name"] == name],
        "examples": [_example(result, example) for example in result.examples],
        "confusion": _confusion(result),
        "roc": _roc(result),
        "constellation": charts.constellation_chart(sent[:SYMBOLS_SHOWN], received[:SYMBOLS_SHOWN]),
        "air": _air(result),
        "versions": versions(),
    }


def _picture(pixels: np.ndarray) -> str:
    """Data URL of a picture, uint8 [height, width, 3]."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _air(result: RunResult) -> dict | None:
    """Charts and tables of waveform and radar; None for bare symbols."""
    air = result.air
    if air is None:
        return None
    subcarriers = result.settings.waveform.frame.used_subcarriers
    shown_db, geometry = _shown_part(result), result.settings.waveform.radar.geometry
    return {
        "counters": {name: count for name, count in air.counters.items() if count},
        "channel": charts.channel_chart(subcarriers, air.channel) if len(air.channel) else None,
        "map": None
        if air.power_db is None
        else charts.map_chart(
            _picture(colours(shown_db[::-1], 0.0, max(20.0, air.power_db.max()))),
            (-0.5 * geometry.range_bin_m, (shown_db.shape[1] - 0.5) * geometry.range_bin_m),
            tuple(
                (edge - 0.5) * geometry.velocity_bin_mps for edge in (-len(shown_db) / 2, len(shown_db) / 2)
            ),
            [(found["range_m"], found["velocity_mps"]) for found in air.detections],
            [(target.range_m, target.velocity_mps) for target in _targets(result)],
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


def _shown_part(result: RunResult) -> np.ndarray:
    """Part of the newest map around the targets, dB [doppler, range]; row length / 2 is speed zero."""
    air, geometry = result.air, result.settings.waveform.radar.geometry
    if air.power_db is None:
        return np.zeros((2, 2))
    longest = LONGEST_SHOWN * max(target.range_m for target in _targets(result))
    columns = max(int(np.searchsorted(air.ranges_m, longest)), 2)
    cell = geometry.velocity_bin_mps * geometry.doppler_bins / geometry.slow_times
    fastest = max(4.0 * cell, 2.0 * max(abs(target.velocity_mps) for target in _targets(result)))
    middle = geometry.doppler_bins // 2
    rows = int(np.clip(np.ceil(fastest / geometry.velocity_bin_mps), 1, middle))
    return air.power_db[middle - rows : middle + rows, :columns]


def _targets(result: RunResult):
    return result.settings.waveform.targets


def _example(result: RunResult, example: dict[str, np.ndarray]) -> dict:
    names = result.bundle.interface(ImageLink).classes
    label = int(example["label"])
    psnr_db = metrics.psnr_db(example["sent"][None], example["received"][None])[0]
    shown = {
        "frame_id": int(example["frame_id"]),
        "sent": _picture(example["sent"]),
        "received": _picture(example["received"]),
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
        "target_truth": _hypothesis_name(truth, result.settings.ranges),
        "target_percent": round(100 * presence),
        "target_said": _hypothesis_name(sensed, result.settings.ranges),
        "target_kind": "right" if sensed == truth else "wrong",
    }


def _hypothesis_name(hypothesis: int, ranges: int) -> str:
    if hypothesis == 0:
        return "no target"
    return "target" if ranges == 1 else f"target in range {hypothesis - 1}"


def _confusion(result: RunResult) -> dict | None:
    names = result.bundle.interface(ImageLink).classes
    records = result.records[(result.records["label"] >= 0) & (result.records["predicted"] >= 0)]
    if len(records) == 0:
        return None
    counts = metrics.confusion_matrix(records["label"], records["predicted"], len(names))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return {"names": names, "counts": counts.tolist(), "shares": shares.tolist()}


def _roc(result: RunResult) -> dict | None:
    """Measured and optimal ROC of presence; None unless the run had frames with and without a target."""
    records = result.sensing_records
    present = records["hypothesis"] > 0
    if len(records) == 0 or present.all() or not present.any():
        return None
    false_alarm, detections, _ = metrics.roc(present, records["presence_probability"])
    miss = result.figures["miss_rate"]
    alarm = result.figures["false_alarm_rate"]
    working_point = {
        "false_alarm": (alarm.value, alarm.low, alarm.high),
        "detection": (1 - miss.value, 1 - miss.high, 1 - miss.low),
    }
    optimal, optimal_name = _optimal_roc(result)
    others = []
    if result.settings.sensing_knowledge == "echo":
        others = _energy_roc(result)
    chart = charts.roc_chart(optimal, others, (false_alarm, detections), working_point)
    return {"chart": chart, "optimal": optimal_name, "energy": bool(others)}


def _optimal_roc(result: RunResult) -> tuple[tuple[np.ndarray, np.ndarray], str]:
    """(false alarm, detection) of the optimal detector that knows the waveform, and what it is called."""
    sensing, settings = result.bundle.interface(ImageLink).sensing, result.settings
    n = 2 * result.sent_symbols.shape[1]
    if settings.ranges > 1 or sensing.max_frequency_offset > 0:
        return _simulated_roc(result), "optimal detector, waveform known (simulated)"
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


def _simulated_roc(result: RunResult) -> tuple[np.ndarray, np.ndarray]:
    sensing, settings = result.bundle.interface(ImageLink).sensing, result.settings
    symbols = np.resize(result.sent_symbols, (OPTIMAL_FRAMES, result.sent_symbols.shape[1]))
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
    echo, hypothesis = channel.echo_channel(symbols, **echo_options, seed=(settings.seed + 1) % 2**64)
    posterior = detection.range_posterior(echo, symbols, **echo_options)
    false_alarm, detected, _ = metrics.roc(hypothesis > 0, 1.0 - posterior[:, 0])
    return false_alarm, detected


def _energy_roc(result: RunResult) -> list[tuple[np.ndarray, np.ndarray]]:
    sensing, settings = result.bundle.interface(ImageLink).sensing, result.settings
    n = 2 * result.sent_symbols.shape[1]
    if sensing.fading == "none":
        return [(FALSE_ALARMS, detection.roc_energy_awgn(n, settings.sensing_snr_db, FALSE_ALARMS))]
    if sensing.fading == "rayleigh":
        return [(FALSE_ALARMS, detection.roc_energy_rayleigh(n, settings.sensing_snr_db, FALSE_ALARMS))]
    return []
