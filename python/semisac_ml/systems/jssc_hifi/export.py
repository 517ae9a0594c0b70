# SPDX-License-Identifier: GPL-3.0-or-later
"""Export of a trained picture code as the bundle jssc/hifi."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from semisac_ml.data import cifar10
from semisac_ml.layers import MatchedFilterDetector
from semisac_ml.runtime import Bundle, ImageLink, check_replaceable, write_bundle
from semisac_ml.shared_options import BundleExportOptions
from semisac_ml.signal import metrics
from semisac_ml.systems.jssc_hifi.model import (
    CODE_CHANNELS,
    SENT_CHANNELS,
    SNR_DB,
    STRIDE,
    HifiModel,
    HifiTask,
    bandwidth_ratio,
)
from semisac_ml.systems.jssc_hifi.train_code import HifiTraining, trained_model
from semisac_ml.systems.jssc_hifi.train_task import trained_task
from semisac_ml.training.checkpoint import read_counters
from semisac_ml.training.detector_export import (
    SENSING_MAX_RANGES,
    SENSING_SNR_DB,
    described_detector,
    detector_network,
)
from semisac_ml.training.images import some_images
from semisac_ml.training.onnx_export import round_weights, source_commit, to_onnx, training_record
from semisac_ml.training.quantisation import add_int8

CHANNEL_USES = 256  # of a packet
REFERENCE_SNR_DB = 10.0
CALIBRATION_IMAGES = 1000
DESCRIPTION = "Pictures of any size, fully convolutional, aware of SNR and bandwidth"

Parts = tuple[nn.Module, dict[str, Tensor], str, dict[str, dict[int, str]]]


def networks(model: HifiModel, task: HifiTask | None = None) -> dict[str, Parts]:
    """Each network: module, example inputs, name of the output, dynamic axes."""
    picture = {0: "batch", 2: "height", 3: "width"}
    code = {0: "batch", 2: "rows", 3: "columns"}
    batch = {0: "batch"}
    snr_db, sent = torch.tensor([3.0, 7.0]), torch.tensor([8.0, 16.0])
    received = torch.randn(2, CODE_CHANNELS, 10, 12)
    arrived = {
        "received": received,
        "worth": torch.rand_like(received),
        "snr_db": snr_db,
        "sent_channels": sent,
    }
    changing = {"received": code, "worth": code, "snr_db": batch, "sent_channels": batch}
    parts: dict[str, Parts] = {
        "encoder": (
            model.encoder,
            {"image": torch.rand(2, 3, 40, 48), "snr_db": snr_db, "sent_channels": sent},
            "code",
            {"image": picture, "snr_db": batch, "sent_channels": batch, "code": code},
        ),
        "reconstruction": (model.decoder, arrived, "image", {**changing, "image": picture}),
    }
    if task is not None:
        parts["task"] = (task, arrived, "probability", {**changing, "probability": batch})
    return parts


def described_tensors() -> dict[str, dict[str, list[dict[str, object]]]]:
    """Units, ranges and meanings of all tensors; shapes are read from the ONNX files."""
    image = {"name": "image", "unit": "1", "range": [0.0, 1.0], "description": "RGB picture"}
    snr = {
        "name": "snr_db",
        "unit": "dB, mean Es/N0",
        "range": list(SNR_DB),
        "description": "SNR of the link",
    }
    sent = {
        "name": "sent_channels",
        "unit": "1",
        "range": [SENT_CHANNELS[0], SENT_CHANNELS[-1]],
        "description": "channels of the code that are sent: " + ", ".join(map(str, SENT_CHANNELS)),
    }
    code = {
        "unit": "mean square 1 over the channels that are sent",
        "range": [-3.0, 3.0],
        "description": "real values, two to a complex symbol",
    }
    worth = {
        "name": "worth",
        "unit": "1",
        "range": [0.0, 1.0],
        "description": "snr / (1 + snr) of each value, 0 where nothing came",
    }
    arrived = [{"name": "received", **code, "range": [-5.0, 5.0]}, worth, snr, sent]
    probability = {
        "name": "probability",
        "unit": "1",
        "range": [0.0, 1.0],
        "description": "of each class of the data set, in its order",
    }
    return {
        "encoder": {"inputs": [image, snr, sent], "outputs": [{"name": "code", **code}]},
        "reconstruction": {"inputs": arrived, "outputs": [image]},
        "task": {"inputs": arrived, "outputs": [probability]},
    }


def export_bundle(
    model: HifiModel,
    settings: HifiTraining,
    folder: Path,
    *,
    task: HifiTask | None = None,
    command: str,
    commit: str,
    description: str = DESCRIPTION,
    figures: Mapping[str, Mapping[str, Any]] | None = None,
) -> Bundle:
    """Write a bundle and return it as loaded back, all its checks passed.

    The detector of targets is jssc's for echoes that do not turn within a packet.
    """
    for trained in (model, task):
        if trained is not None:
            round_weights(trained)
    contents = {name: to_onnx(*parts) for name, parts in networks(model, task).items()}
    described = {name: stated for name, stated in described_tensors().items() if name in contents}
    contents["sensing"] = to_onnx(*detector_network(MatchedFilterDetector(), CHANNEL_USES))
    described["sensing"] = described_detector()
    served = list(SNR_DB) if settings.snr_db is None else [settings.snr_db, settings.snr_db]
    sent = [settings.sent_channels] if settings.sent_channels else list(SENT_CHANNELS)
    return write_bundle(
        folder,
        networks=contents,
        tensors=described,
        system="jssc",
        name=folder.name,
        description=description,
        licence="GPL-3.0-or-later",
        interface={
            "symbols": {
                "channel_uses": CHANNEL_USES,
                "real_dimensions": 2 * CHANNEL_USES,
                "bandwidth_ratio": bandwidth_ratio(sent[-1]),
                "power": "unit mean |x|² a complex channel use, for each picture",
                "layout": "packets of a picture's code: two real values of it, a and b, are (a + jb)/√2",
                "code": {"channels": CODE_CHANNELS, "stride": STRIDE, "sent_channels": sent},
            },
            "channel": {
                "model": "awgn",
                "snr_db": served,
                "reference_snr_db": REFERENCE_SNR_DB if settings.snr_db is None else settings.snr_db,
                "gain_known_at_receiver": True,
            },
            "sensing": {
                "fading": "none",
                "snr_db": list(SENSING_SNR_DB),
                "reference_snr_db": 3.0,
                "range_step_db": 3.0,
                "max_ranges": SENSING_MAX_RANGES,
                "random_phase": True,
                "max_frequency_offset": 0.0,
            },
            "classes": list(cifar10.CLASSES),
            "animal_classes": list(cifar10.ANIMALS),
        },
        data={"name": settings.data, "split": "50000 for training, 10000 for testing"},
        training=training_record(command, settings.seed, commit),
        metrics=dict(figures or {}),
    )


def training_command(settings: HifiTraining) -> str:
    """The command line that trains with these settings; what equals the defaults is left out."""
    return " ".join(["semisac train jssc_hifi", *settings.words()])


def bundle_metrics(bundle: Bundle, images: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, Any]]:
    """PSNR, and accuracy where it has a task, at the reference SNR for each bandwidth, mean over pictures.

    images: uint8 (count, height, width, 3). labels: (count,).
    """
    from semisac_ml.systems.jssc_hifi.learned_code import LearnedCode

    code = LearnedCode(bundle)
    task = bundle.session("task") if "task" in bundle.manifest.networks else None
    figures = {}
    for sent in bundle.interface(ImageLink).symbols.code.sent_channels:
        at = REFERENCE_SNR_DB, sent, "awgn", 0
        conditions = f"AWGN {REFERENCE_SNR_DB:g} dB, k/n = {bandwidth_ratio(sent):.4g}"
        psnr_db = metrics.mean(metrics.psnr_db(images, code.reconstruct(images, *at)))
        figures[f"psnr_db_{sent}"] = {
            **psnr_db.as_dict(),
            "conditions": conditions + ", mean of each picture's PSNR",
        }
        if task is not None:
            said = [
                task.run(**arrival)["probability"].argmax(axis=1) for arrival in code.arrivals(images, *at)
            ]
            right = np.concatenate(said) == labels
            accuracy = metrics.proportion(int(right.sum()), len(right))
            figures[f"accuracy_{sent}"] = {**accuracy.as_dict(), "conditions": conditions}
    return figures


def _measured(bundle: Bundle, part: str) -> dict[str, dict[str, Any]]:
    """Figures of a bundle on test images, or on some that it was trained on."""
    most = CALIBRATION_IMAGES if part == "train" else None
    return bundle_metrics(bundle, *some_images(bundle.manifest.data.name, part, most))


def command(*, options: BundleExportOptions = BundleExportOptions()) -> None:
    """Export a trained picture code as a bundle: ONNX networks and a manifest that states what they are.

    Also of a training that is not finished: the description then says how far it came. Large weights are
    stored in half precision; arithmetic is float32.
    """
    console = Console()
    bundle = options.opened() or _exported(options)
    if options.precision == "int8":
        data = f"{CALIBRATION_IMAGES} images of {bundle.manifest.data.name} for training"
        bundle = add_int8(bundle, _measured, data, console, options.int8_networks)
    size = sum(file.stat().st_size for file in bundle.path.iterdir()) / 1e6
    console.print(f"{bundle.path}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")


def _exported(options: BundleExportOptions) -> Bundle:
    run, output = options.run, options.output or Path("models/jssc/hifi")
    check_replaceable(output)
    model, settings = trained_model(run)
    done = int(str(read_counters(run / "hifi.safetensors")["epochs_done"]))
    interim = f"; interim, after {done} of {settings.epochs} epochs" if done < settings.epochs else ""
    stated = {
        "task": trained_task(run),
        "command": training_command(settings),
        "commit": source_commit(),
        "description": DESCRIPTION + interim,
    }
    bundle = export_bundle(model, settings, output, **stated)
    if options.evaluate:
        bundle = export_bundle(model, settings, output, **stated, figures=_measured(bundle, "test"))
    return bundle
