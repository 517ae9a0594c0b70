# SPDX-License-Identifier: GPL-3.0-or-later
"""Export of a trained joint sensing and semantic link as a bundle of ONNX networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from rich.console import Console
from torch import Tensor, nn

from semisac_ml.data import cifar10
from semisac_ml.runtime import Bundle, check_replaceable, write_bundle
from semisac_ml.shared_options import BundleExportOptions
from semisac_ml.systems.jssc.model import IMAGE_SIZE, JointModel
from semisac_ml.systems.jssc.settings import (
    COMMUNICATION_SNR_DB,
    TrainingSettings,
    load_settings,
)
from semisac_ml.systems.jssc.train import trained_model
from semisac_ml.training.detector_export import (
    DETECTED,
    DETECTOR_TENSORS,
    SENSING_MAX_RANGES,
    SENSING_SNR_DB,
    Probabilities,
    detector_network,
)
from semisac_ml.training.images import some_images
from semisac_ml.training.onnx_export import round_weights, source_commit, to_onnx, training_record
from semisac_ml.training.quantisation import add_int8

CALIBRATION_IMAGES = 1000
WEIGHT_BITS = 8
"""Of large weights in a bundle: half the size of 16."""


class WithoutGain(nn.Module):
    """A receiver's network for a bundle whose receiver does not know the channel gain."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, received: Tensor, snr_db: Tensor) -> Tensor:
        return self.network(received, None, snr_db)


def networks(
    model: JointModel,
) -> dict[str, tuple[nn.Module, dict[str, Tensor], str, dict[str, dict[int, str]]]]:
    """Each network of a bundle: module, example inputs, name of the output, dynamic axes."""
    uses = model.settings.channel_uses
    batch = {0: "batch"}
    snr = torch.tensor([3.0, 7.0])
    received: dict[str, Tensor] = {"received": torch.randn(2, uses, 2)}
    if model.settings.gain_known_at_receiver:
        received["channel_gain"] = torch.randn(2, 2)
    received["snr_db"] = snr

    def receiver(network: nn.Module) -> nn.Module:
        return network if model.settings.gain_known_at_receiver else WithoutGain(network)

    found = {
        "encoder": (model.encoder, {"image": torch.rand(2, 3, 32, 32), "snr_db": snr}, "symbols"),
        "reconstruction": (receiver(model.reconstruction), received, "image"),
        "task": (Probabilities(receiver(model.task)), received, "probability"),
        "sensing_echo": (
            Probabilities(model.sensing_echo),
            {"echo": torch.randn(2, uses, 2), "sensing_snr_db": snr},
            "probability",
        ),
    }
    described = {
        name: (network, inputs, output, dict.fromkeys([*inputs, output], batch))
        for name, (network, inputs, output) in found.items()
    }
    if model.sensing is not None:
        described["sensing"] = detector_network(model.sensing, uses)
    return described


def described_tensors(contents: Mapping[str, bytes]) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Units, ranges and meanings of all tensors; names and shapes are read from the ONNX files.

    A network has no input that it does not use: the paper's are not given the SNR.
    """
    snr = {"unit": "dB, mean Es/N0", "range": list(COMMUNICATION_SNR_DB), "description": "SNR of the link"}
    symbols = {
        "unit": "unit mean power a channel use",
        "range": [-3.0, 3.0],
        "description": "transmitted symbols, I and Q",
    }
    image = {"unit": "1", "range": [0.0, 1.0], "description": "RGB picture"}
    probability = {"unit": "1", "range": [0.0, 1.0]}
    described = {
        "image": image,
        "snr_db": snr,
        "symbols": symbols,
        "received": {"unit": "as transmitted", "range": [-5.0, 5.0], "description": "y = h·x + w, I and Q"},
        "channel_gain": {"unit": "1", "range": [-2.0, 2.0], "description": "h, real and imaginary part"},
        **DETECTOR_TENSORS,
    }
    inputs = {
        name: [tensor.name for tensor in onnx.load_from_string(content).graph.input]
        for name, content in contents.items()
    }
    outputs = {
        "encoder": {"name": "symbols", **symbols},
        "reconstruction": {"name": "image", **image},
        "task": {"name": "probability", **probability, "description": "of each class"},
        "sensing": DETECTED,
        "sensing_echo": {"name": "probability", **probability, "description": "of no target, of a target"},
    }
    return {
        name: {
            "inputs": [{"name": tensor, **described[tensor]} for tensor in inputs[name]],
            "outputs": [outputs[name]],
        }
        for name in contents
    }


def export_bundle(
    model: JointModel,
    settings: TrainingSettings,
    folder: Path,
    *,
    description: str,
    command: str,
    commit: str,
    metrics: Mapping[str, Mapping[str, Any]] | None = None,
) -> Bundle:
    """Write a bundle and return it as loaded back, all its checks passed.

    Parameters
    ----------
    model : trained networks; their large weights are rounded to ``WEIGHT_BITS``.
    folder : models/jssc/NAME.
    command, commit : how the training is repeated, and with which state of the source.
    metrics : measured figures, {name: {value, low, high, n, conditions}}.
    """
    round_weights(model, WEIGHT_BITS)
    contents = {name: to_onnx(*parts) for name, parts in networks(model).items()}
    n = settings.model.real_dimensions
    every_class = settings.model.task == "classes"
    return write_bundle(
        folder,
        networks=contents,
        tensors=described_tensors(contents),
        system="jssc",
        name=folder.name,
        description=description,
        licence="GPL-3.0-or-later",
        interface={
            "symbols": {
                "channel_uses": n // 2,
                "real_dimensions": n,
                "bandwidth_ratio": n / 2 / IMAGE_SIZE,
                "power": "unit mean |x|² a complex channel use, for each image",
                "layout": "one complex symbol a channel use: I = even, Q = odd real",
            },
            "channel": {
                "model": settings.channel,
                "snr_db": _served(settings.snr_db, COMMUNICATION_SNR_DB),
                "reference_snr_db": 3.0,
                "gain_known_at_receiver": settings.model.gain_known_at_receiver,
            },
            "sensing": {
                "fading": settings.sensing_fading,
                "snr_db": _served(settings.sensing_snr_db, SENSING_SNR_DB),
                "reference_snr_db": 3.0,
                "range_step_db": 3.0,
                "max_ranges": SENSING_MAX_RANGES if model.sensing is not None else settings.model.ranges,
                "random_phase": settings.random_phase,
                "max_frequency_offset": settings.model.max_frequency_offset,
            },
            "classes": list(cifar10.CLASSES) if every_class else ["no animal", "animal"],
            "animal_classes": list(cifar10.ANIMALS) if every_class else [1],
        },
        data={"name": settings.data, "split": _SPLITS[settings.data]},
        training=training_record(command, settings.seed, commit),
        metrics=dict(metrics or {}),
    )


_SPLITS = {
    "cifar10": "45000 for training, 5000 for validation, 10000 for testing",
    "sample": "64 images, for training and testing",
}


def _served(fixed: float | None, limits: tuple[float, float]) -> list[float]:
    return list(limits) if fixed is None else [fixed, fixed]


def training_command(settings: TrainingSettings) -> str:
    """The command line that trains with these settings; what equals the defaults is left out."""
    usual = TrainingSettings(channel=settings.channel)
    return " ".join(["semisac train jssc --channel", settings.channel, *settings.words(usual)])


def _measured(bundle: Bundle, part: str) -> dict[str, dict[str, Any]]:
    """Figures of a bundle on test images, or on some that it was trained on."""
    from semisac_ml.systems.jssc.measuring import bundle_metrics

    most = CALIBRATION_IMAGES if part == "train" else None
    return bundle_metrics(bundle, *some_images(bundle.manifest.data.name, part, most))


def command(*, options: BundleExportOptions = BundleExportOptions()) -> None:
    """Export a trained link as a bundle: ONNX networks and a manifest that states what they are.

    Large weights are stored in 8 bits; arithmetic is float32.
    """
    console = Console()
    bundle = options.opened() or _exported(options, console)
    if options.precision == "int8":
        data = f"{CALIBRATION_IMAGES} images of {bundle.manifest.data.name} for training"
        bundle = add_int8(bundle, _measured, data, console, options.int8_networks)
    size = sum(file.stat().st_size for file in bundle.path.iterdir()) / 1e6
    console.print(f"{bundle.path}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")


def _exported(options: BundleExportOptions, console: Console) -> Bundle:
    settings = load_settings(options.run)
    model = trained_model(settings, options.run)
    label = settings.channel if settings.data == "cifar10" else f"{settings.channel}-{settings.data}"
    folder = options.output or Path("models") / "jssc" / label
    check_replaceable(folder)
    stated = {
        "description": f"Joint sensing and semantic link, {settings.channel} channel, "
        f"n = {settings.model.real_dimensions}, {settings.model.variant} variant",
        "command": training_command(settings),
        "commit": source_commit(),
    }
    bundle = export_bundle(model, settings, folder, **stated)
    if options.evaluate:
        console.print("measuring the bundle on its test images …")
        bundle = export_bundle(model, settings, folder, **stated, metrics=_measured(bundle, "test"))
    return bundle
