# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of a trained CSC-SA-Net as a bundle: pilots, both users' networks and the station's."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from rich.console import Console

from semisac_ml.data import mfnet
from semisac_ml.runtime import Bundle, check_replaceable, write_bundle
from semisac_ml.shared_options import MeasuredExportOptions
from semisac_ml.signal.metrics import Metric
from semisac_ml.signal.segmentation import confusion, mean_iou_of_scenes
from semisac_ml.training.onnx_export import round_weights, to_onnx, training_record
from semisac_ml.training.quantisation import add_int8

from .bundled import BundledLink
from .deployed import Deployed, channel_network, deployed
from .model import CHANNELS, CscSaNet
from .narrowed import narrowed
from .samples import PARTS, SAMPLE, PictureOptions, PictureSet
from .settings import CLASS_COUNT, CscSaSettings
from .train import PICTURES_FILE, label
from .training import CscSaTraining, trained

MEASURED_SNR_DB = (-25.0, -20.0, -15.0, -10.0, -5.0)
REFERENCE_SNR_DB = -15.0
CALIBRATION_SCENES = 32
TOLERANCE = 1e-4
"""Of outputs against those of PyTorch, over the largest of them where that is above 1."""
ON_THE_EDGE = 1e-3
"""Share of bits that may differ: numbers on the edge of a cell of the quantiser."""
OWN = "GPL-3.0-or-later"
RESEARCH = "LicenseRef-research-use"
"""Of what is learned from MFNet's pictures."""


class CscSaExportOptions(MeasuredExportOptions):
    """What else the bundle is."""

    feedback_bits: int | None = Field(
        None,
        ge=1,
        description="Most bits of feedback of a user, of a network for any number: fewer make the bundle "
        "smaller [default: all].",
    )
    weight_bits: Literal[16, 8] = Field(8, description="Bits in which large weights are stored, 16 or 8.")


def described_tensors(settings: CscSaSettings) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Units, ranges and meanings; names and shapes are read from the ONNX files."""
    share, unit = {"range": [0.0, 1.0], "unit": "1"}, {"range": [-1.0, 1.0], "unit": "1"}
    link = {
        "name": "link",
        "range": [1.0, 4.0],
        "description": "SNR in dB, pilots, bits of feedback, symbols, largest Doppler shift in Hz",
    }
    beams = {"name": "beams", **unit, "description": "cosine and sine of phases"}
    found = {
        "pilots": {
            "inputs": [{"name": "number", "range": [0.0, settings.pilots - 1.0]}],
            "outputs": [
                {"name": "analog", **unit, "description": "X_RF, phases"},
                {"name": "digital", "unit": "power 1 a subcarrier behind X_RF", "description": "x_BB"},
                {"name": "combiner", **unit, "description": "V_RF, phases"},
            ],
        },
        "station": {
            "inputs": [
                {"name": "bits", **share},
                {"name": "heard", **share, "description": "1 for users whose feedback came"},
                link,
            ],
            "outputs": [beams, {"name": "semantics"}],
        },
        "segmentation": {
            "inputs": [
                {"name": "received", "unit": "any power"},
                *([beams] if settings.references else []),
                {"name": "semantics"},
                link,
            ],
            "outputs": [{"name": "scores", "description": "of each class and pixel, not normalised"}],
        },
    }
    for user, name in enumerate(CHANNELS):
        found[channel_network(settings, user)] = {
            "inputs": [{"name": "received", "unit": "any power"}, link],
            "outputs": [beams, {"name": "bits", **share}, {"name": "semantics"}],
        }
        found[name] = {
            "inputs": [{"name": "picture", **share}, {"name": "semantics"}, beams, link],
            "outputs": [{"name": "symbols", "unit": "a user's power is 1 a subcarrier behind its beams"}],
        }
    if not settings.flexible:  # what changes nothing is no input
        for network in found.values():
            network["inputs"] = [one for one in network["inputs"] if one is not link]
    return found


def networks(model: CscSaNet, weight_bits: int) -> tuple[dict[str, bytes], dict[str, Deployed]]:
    """ONNX files, and what they were made of."""
    made = deployed(model, weight_bits=weight_bits)
    return {name: to_onnx(one.network, one.inputs, one.outputs, one.axes) for name, one in made.items()}, made


@torch.no_grad()
def differences(bundle: Bundle, made: Mapping[str, Deployed]) -> dict[str, float]:
    """Largest difference of each network's output from PyTorch's, over its size; of bits their share."""
    worst = {}
    for name, one in made.items():
        session = bundle.session(name)
        found = session.run(**{key: one.inputs[key].contiguous().numpy() for key in session.inputs})
        wanted = one.network.eval()(*one.inputs.values())
        wanted = (wanted,) if isinstance(wanted, torch.Tensor) else wanted
        for output, value in zip(one.outputs, wanted, strict=True):
            value = value.numpy()
            difference = np.abs(found[output] - value)
            size = max(1.0, float(np.abs(value).max()))
            is_bits = output == "bits"
            worst[f"{name}.{output}"] = float(difference.mean() if is_bits else difference.max() / size)
    return worst


def interface_of(settings: CscSaSettings, snr_db: tuple[float, float]) -> dict[str, object]:
    """The section of the manifest."""
    cell = settings.cell
    return {
        "cell": dataclasses.asdict(cell),
        "frame": {
            "pilots": settings.pilots,
            "feedback_bits": settings.feedback_bits,
            "number_bits": settings.preset.bits,
            "symbols": settings.symbols,
            "gap_symbols": settings.preset.gap_symbols,
            "flexible": settings.flexible,
            "pilot_power_db": 10.0 * float(np.log10(cell.user_antennas)),
        },
        "users": [
            {
                "modality": name,
                "channels": channels,
                "channel_network": channel_network(settings, user),
                "picture_network": name,
            }
            for user, (name, channels) in enumerate(CHANNELS.items())
        ],
        "access": settings.access,
        "snr_db": list(snr_db),
        "reference_snr_db": float(np.clip(REFERENCE_SNR_DB, *snr_db)),
        "height": settings.height,
        "width": settings.width_pixels,
        "classes": list(mfnet.CLASSES),
    }


def export_bundle(
    model: CscSaNet,
    settings: CscSaTraining,
    folder: Path,
    *,
    command: str,
    licence: str,
    provenance: str,
    split: str,
    weight_bits: int = 8,
    metrics: Mapping[str, Mapping[str, object]] | None = None,
) -> Bundle:
    """Write a bundle and return it as loaded back, checked against PyTorch.

    The model's large weights are rounded to ``weight_bits``. Raises ValueError for pilots without noise,
    which no radio hears, or where an output differs.
    """
    sizes = model.settings
    if not sizes.preset.noisy_pilots:
        raise ValueError(
            f"preset is {settings.preset!r}, expected printed: pilots without noise are not heard"
        )
    round_weights(model, weight_bits)
    files, made = networks(model, weight_bits)
    bundle = write_bundle(
        folder,
        networks=files,
        tensors=described_tensors(sizes),
        system="csc_sa_net",
        name=folder.name,
        description=f"Colour and thermal pictures of two users, {sizes.access}, fused into one segmentation",
        licence=licence,
        interface=interface_of(sizes, settings.snr_range_db("3")),
        data={"name": provenance, "split": split},
        training=training_record(command, settings.seed),
        metrics=dict(metrics or {}),
    )
    for output, worst in differences(bundle, made).items():
        most = ON_THE_EDGE if output.endswith(".bits") else TOLERANCE
        if worst > most:
            raise ValueError(
                f"{folder}: {output} differs from PyTorch's by {worst:.2g}, expected at most {most:g}"
            )
    return bundle


def measured(bundle: Bundle, part: PictureSet, snrs_db: tuple[float, ...]) -> dict[str, dict[str, object]]:
    """Mean IoU of a part over the whole protocol, as a manifest states it: the bundle itself, in numpy."""
    link = BundledLink(bundle)
    pictures = [one.permute(0, 2, 3, 1).numpy() for one in part.pictures]
    groups = [mfnet.drive_of(name) for name in part.names]
    frame = link.interface.frame
    found = {}
    for symbols in dict.fromkeys((frame.symbols, 1 if frame.flexible else frame.symbols)):
        for snr_db in snrs_db:
            outcome = link.run(pictures, symbols=symbols, snr_db=snr_db)
            pairs = zip(outcome.classes, part.labels.numpy(), strict=True)
            counts = np.stack([confusion(predicted, truth, CLASS_COUNT) for predicted, truth in pairs])
            metric: Metric = mean_iou_of_scenes(counts, groups)
            found[f"mean_iou_at_{snr_db:g}_db_{symbols}_symbols"] = {
                **metric.as_dict(),
                "conditions": {
                    "snr_db": snr_db,
                    "pilots": frame.pilots,
                    "feedback_bits": frame.feedback_bits,
                    "symbols": symbols,
                    "scenes": len(part),
                    "interval": "over drives" if metric.n < len(part) else "over scenes",
                },
            }
    return found


def origin(pictures: PictureOptions) -> tuple[str, str]:
    """Licence of networks trained on pictures, and where these come from."""
    made = "made up or ray-traced (semisac data scenes): no real sensor was seen"
    if pictures.data is not None and str(pictures.data) == SAMPLE:
        return OWN, f"{SAMPLE}: {made}"
    folder = mfnet.find_folder(pictures.data)
    lists = (folder / f"{name}.txt" for name in mfnet.SPLITS)
    names = [name for file in lists for name in file.read_text().split()]
    if all(mfnet.OF_STREET.fullmatch(name) for name in names):
        return OWN, f"street, pairs in MFNet's layout: {made}"
    return RESEARCH, "MFNet (Ha et al. 2017), for research"


def training_command(settings: CscSaTraining, pictures: PictureOptions) -> str:
    """What to type for the same networks; where pictures lie is anybody's own."""
    folders = {name: Path("FOLDER") for name in ("encoders", "beams") if getattr(settings, name) is not None}
    words = ["semisac train csc_sa_net", *settings.replaced(**folders).words()]
    if pictures.data is not None:
        words.append(f"--data {SAMPLE if str(pictures.data) == SAMPLE else 'FOLDER'}")
    return " ".join(words)


def trained_pictures(folder: Path) -> PictureOptions:
    """What a training was given. Raises ValueError if it is not finished."""
    try:
        return PictureOptions(**json.loads((folder / PICTURES_FILE).read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{folder} holds no finished training of csc_sa_net ({error}), expected {PICTURES_FILE}: "
            f"run `semisac train csc_sa_net --run {folder}`"
        ) from error


def command(*, options: CscSaExportOptions) -> None:
    """Export a trained CSC-SA-Net as a bundle: ONNX networks and a manifest that states what they are.

    Large weights are stored in few bits; arithmetic is float32. Needs the pictures it was trained on.
    """
    console = Console()
    model, settings = trained(options.run)
    pictures = trained_pictures(options.run)
    folder = options.output or Path("models") / "csc_sa_net" / label(settings)
    check_replaceable(folder)
    model = narrowed(model, options.feedback_bits or model.settings.feedback_bits)
    sizes = model.settings
    parts = {part: pictures.load(part, sizes.height, sizes.width_pixels) for part in PARTS}
    licence, provenance = origin(pictures)
    counts = ", ".join(f"{len(own)} scenes for {part}" for part, own in parts.items())
    told = {
        "command": training_command(settings, pictures),
        "licence": licence,
        "provenance": provenance,
        "split": f"{counts}; no drive in two",
        "weight_bits": options.weight_bits,
    }
    low, high = settings.snr_range_db("3")
    snrs_db = tuple(snr_db for snr_db in MEASURED_SNR_DB if low <= snr_db <= high) or (low,)
    bundle = export_bundle(model, settings, folder, **told)
    if options.evaluate:
        console.print("measuring the bundle on the test part …")
        told["metrics"] = measured(bundle, parts["test"], snrs_db)
        bundle = export_bundle(model, settings, folder, **told)
    if options.precision == "int8":
        few = parts["train"].first(CALIBRATION_SCENES)

        def measure(bundle: Bundle, part: str) -> dict[str, dict[str, object]]:
            return measured(bundle, few if part == "train" else parts["test"], snrs_db)

        data = f"{len(few)} scenes for training"
        bundle = add_int8(bundle, measure, data, console, options.int8_networks)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    console.print(f"{folder}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")
