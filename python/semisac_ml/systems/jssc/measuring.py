# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bundle of the joint sensing and semantic link does under given conditions, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semisac_ml.data import cifar10
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal import channel, metrics
from semisac_ml.signal.channel import FADING_MODELS
from semisac_ml.signal.complex_pairs import as_complex, as_pairs
from semisac_ml.signal.metrics import Metric

BATCH = 500


@dataclass(frozen=True)
class Conditions:
    """Where a link is measured; the defaults are the paper's.

    snr_db, sensing_snr_db: Es/N0 of link and echo in dB. model: of the link, None for the bundle's own.
    ranges, range_step_db, delay_symbols_per_range: of the target; target_probability: of there being one.
    fading: of the echo, None for the bundle's own.
    """

    snr_db: float = 3.0
    sensing_snr_db: float = 3.0
    model: str | None = None
    ranges: int = 1
    range_step_db: float = 3.0
    delay_symbols_per_range: int = 0
    target_probability: float = 0.5
    fading: str | None = None
    seed: int = 0

    def echo_of(self, bundle: Bundle) -> dict[str, Any]:
        """The echo as :func:`semisac_ml.signal.channel.echo_channel` is told of it."""
        sensing = bundle.interface(ImageLink).sensing
        return {
            "sensing_snr_db": self.sensing_snr_db,
            "ranges": self.ranges,
            "range_step_db": self.range_step_db,
            "delay_symbols_per_range": self.delay_symbols_per_range,
            "fading": self.fading or sensing.fading,
            "random_phase": sensing.random_phase,
            "max_frequency_offset": sensing.max_frequency_offset,
            "target_probability": self.target_probability,
        }

    def range_snr_db(self) -> np.ndarray:
        """SNR of an echo from each range, float32 (ranges,)."""
        return channel.range_snr_db(self.sensing_snr_db, self.ranges, self.range_step_db).astype(np.float32)


@dataclass
class LinkOutput:
    """What came out of a link, one entry an image.

    squared_error, structural_similarity: float64 (images,). probability: float32 (images, classes).
    sensing: float32 (images, 1 + ranges), with the symbols known (from the echo alone if the bundle has no
    network for more); sensing_echo: float32 (images, 2), from the echo alone (only where there is one range).
    hypothesis: int64 (images,).
    """

    squared_error: np.ndarray
    structural_similarity: np.ndarray
    probability: np.ndarray
    labels: np.ndarray
    sensing: np.ndarray
    sensing_echo: np.ndarray | None
    hypothesis: np.ndarray


def run_network(bundle: Bundle, name: str, **offered: np.ndarray) -> np.ndarray:
    """Run a network on what it takes of the inputs offered: a network declares only what it uses."""
    session = bundle.session(name)
    (result,) = session.run(**{key: offered[key] for key in session.inputs}).values()
    return result


def encode(bundle: Bundle, images: np.ndarray, snr_db: float) -> np.ndarray:
    """Symbols of images uint8 (count, 32, 32, 3), complex64 (count, channel_uses)."""
    unit = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
    snr = np.full(len(images), snr_db, np.float32)
    return as_complex(run_network(bundle, "encoder", image=unit, snr_db=snr))


def sense(bundle: Bundle, symbols: np.ndarray, echo: np.ndarray, conditions: Conditions) -> np.ndarray:
    """Posterior of no target and each range with the symbols known, float32 (frames, 1 + ranges)."""
    at = conditions
    prior = np.r_[1.0 - at.target_probability, np.full(at.ranges, at.target_probability / at.ranges)]
    inputs = {
        "symbols": as_pairs(symbols),
        "echo": as_pairs(echo),
        "range_snr_db": np.tile(at.range_snr_db(), (len(symbols), 1)),
        "range_delay": np.arange(at.ranges, dtype=np.int64) * at.delay_symbols_per_range,
        "prior": prior.astype(np.float32),
        "fading": np.array([FADING_MODELS.index(at.echo_of(bundle)["fading"])]),
    }
    return run_network(bundle, "sensing", **inputs)


def sense_echo_alone(bundle: Bundle, echo: np.ndarray, conditions: Conditions) -> np.ndarray:
    """Posterior from the echo alone, all hypotheses alike beforehand, float32 (frames, 1 + ranges).

    Raises ValueError if the bundle's network tells another number of ranges apart.
    """
    told_apart = bundle.session("sensing_echo").outputs["probability"].shape[1] - 1
    if told_apart != conditions.ranges:
        raise ValueError(
            f"{bundle.name} tells {told_apart} range(s) apart from the echo alone, not {conditions.ranges}: "
            f"choose {told_apart}, or a bundle with a network 'sensing'"
        )
    snr = np.full(len(echo), conditions.sensing_snr_db, np.float32)
    return run_network(bundle, "sensing_echo", echo=as_pairs(echo), sensing_snr_db=snr)


def reflect(
    bundle: Bundle, symbols: np.ndarray, conditions: Conditions, first_frame: int
) -> tuple[np.ndarray, np.ndarray]:
    """Echo of symbols in the bundle's sensing channel, and the true hypotheses."""
    echo = conditions.echo_of(bundle)
    return channel.echo_channel(symbols, **echo, seed=conditions.seed, first_frame=first_frame)


def run_link(bundle: Bundle, images: np.ndarray, labels: np.ndarray, conditions: Conditions) -> LinkOutput:
    """Send images through encoder, channel and decoders, without GNU Radio but with the same random draws.

    Parameters
    ----------
    images : uint8 (count, 32, 32, 3). labels : int64 (count,).
    """
    model = conditions.model or bundle.interface(ImageLink).channel.model
    parts: list[tuple[np.ndarray, ...]] = []
    for start in range(0, len(images), BATCH):
        chunk = images[start : start + BATCH]
        symbols = encode(bundle, chunk, conditions.snr_db)
        received, gain = channel.fading_channel(symbols, model, conditions.snr_db, conditions.seed, start)
        inputs = {
            "received": as_pairs(received),
            "channel_gain": as_pairs(gain),
            "snr_db": np.full(len(chunk), conditions.snr_db, np.float32),
        }
        picture = run_network(bundle, "reconstruction", **inputs).transpose(0, 2, 3, 1)
        picture = np.rint(picture * 255).astype(np.uint8)
        echo, hypothesis = reflect(bundle, symbols, conditions, start)
        knows_symbols = bundle.has("sensing")
        alone = np.zeros((len(chunk), 0), np.float32)
        if conditions.ranges == 1 or not knows_symbols:
            alone = sense_echo_alone(bundle, echo, conditions)
        sensing = sense(bundle, symbols, echo, conditions) if knows_symbols else alone
        parts.append(
            (
                metrics.mse(chunk, picture),
                metrics.ssim(chunk, picture),
                run_network(bundle, "task", **inputs),
                sensing,
                alone,
                hypothesis,
            )
        )
    error, similarity, probability, sensing, alone, hypothesis = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return LinkOutput(
        error, similarity, probability, labels, sensing, alone if conditions.ranges == 1 else None, hypothesis
    )


def summarise(output: LinkOutput, animal_classes: list[int]) -> dict[str, Metric]:
    """Figures of a link with 95 % intervals; PSNR is the mean over images of the PSNR of each image."""
    count = len(output.labels)
    animal = np.isin(output.labels, animal_classes)
    found = output.probability[:, animal_classes].sum(axis=1) >= 0.5
    present = output.hypothesis > 0
    alarm = 1.0 - output.sensing[:, 0] >= 0.5
    summary = {
        "psnr_db": metrics.mean(-10.0 * np.log10(np.maximum(output.squared_error, 1e-12))),
        "psnr_of_mean_mse_db": metrics.psnr_of_mean_mse(output.squared_error),
        "mse": metrics.mean(output.squared_error, least=0.0),
        "ssim": metrics.mean(output.structural_similarity, least=-1.0, most=1.0),
        "class_accuracy": _share(output.probability.argmax(axis=1) == output.labels),
        "animal_accuracy": _share(found == animal),
        "sensing_accuracy": _share(output.sensing.argmax(axis=1) == output.hypothesis),
    }
    if 0 < present.sum() < count:
        summary["false_alarm_rate"] = _share(alarm[~present])
        summary["miss_rate"] = _share(~alarm[present])
    if output.sensing_echo is not None:
        correct = output.sensing_echo.argmax(axis=1) == (output.hypothesis > 0)
        summary["echo_only_sensing_accuracy"] = _share(correct)
    return summary


def over_draws(summaries: Sequence[dict[str, Metric]]) -> dict[str, Metric]:
    """Figures of the same images over several draws of the channel: means, with the 95 % interval of these.

    What a draw does not have, such as a rate of misses without targets, is left out of its mean.
    """
    if len(summaries) == 1:
        return summaries[0]
    values: dict[str, list[float]] = {}
    for summary in summaries:
        for name, metric in summary.items():
            values.setdefault(name, []).append(metric.value)
    return {name: metrics.mean(own) for name, own in values.items()}


def _share(correct: np.ndarray) -> Metric:
    return metrics.proportion(int(correct.sum()), len(correct))


def evaluate_bundle(
    bundle: Bundle, images: np.ndarray, labels: np.ndarray, conditions: Conditions | None = None
) -> dict[str, Metric]:
    """Figures of a bundle on images uint8 (count, 32, 32, 3); conditions are the paper's if not given."""
    link = bundle.interface(ImageLink)
    if len(link.classes) == 2:  # its task is to tell animals from the rest
        labels = np.isin(labels, cifar10.ANIMALS).astype(np.int64)
    output = run_link(bundle, images, labels, conditions or Conditions())
    return summarise(output, link.animal_classes)


def bundle_metrics(bundle: Bundle, images: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, object]]:
    """Figures for the manifest, each with its conditions."""
    link = bundle.interface(ImageLink)
    ranges = 1 if bundle.has("sensing") else link.sensing.max_ranges
    at = Conditions(ranges=ranges, target_probability=ranges / (1 + ranges))
    kind = "images that it was trained on" if bundle.manifest.data.name == "sample" else "test images"
    several = f", {ranges} ranges" if ranges > 1 else ""
    stated = (
        f"{len(images)} {kind}, {link.channel.model}, SNR {at.snr_db:g} dB, sensing SNR "
        f"{at.sensing_snr_db:g} dB{several}, P(target) {at.target_probability:g}, 95 % interval"
    )
    summary = evaluate_bundle(bundle, images, labels, at)
    return {name: {**metric.as_dict(), "conditions": stated} for name, metric in summary.items()}
