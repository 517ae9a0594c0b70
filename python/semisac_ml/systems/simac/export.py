# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export of a tuned SIMAC as a bundle: encoder and decoder, with states in metres, radians and m/s."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from semisac_ml.runtime import Bundle, check_replaceable, write_bundle
from semisac_ml.shared_options import MeasuredExportOptions
from semisac_ml.training.onnx_export import round_weights, to_onnx, training_record
from semisac_ml.training.quantisation import add_int8

from .channel_text import HIGHEST_DB, LOWEST_DB
from .comparison import BundleSystem
from .measuring import run
from .model import ChannelState
from .samples import TEST, TRAIN, Limits
from .scenes import trained_scene
from .scoring import figures, has_interval
from .tensors import SampleTensors, channel_state
from .train import label, training_command
from .training import SimacTraining, tensors_for, trained
from .tuned import SENSORS, TunedSettings, TunedSimac, in_turns, in_vectors

MEASURED_SNR_DB = (5.0, 10.0, 15.0, 20.0, 25.0)
REFERENCE_SNR_DB = 15.0
TOLERANCE = 1e-4
"""Of outputs of a bundle, of which the widest range is 1, against those of PyTorch."""
ROUNDING = 1e-3
"""The same of the encoder's symbols: sines of up to 128 turns of the radar's estimate, which in single
precision differs by some 5e-7 with the order of its sums. Noise at 25 dB is 40 times as large."""
UNITS = {"distance": "m", "angle": "rad", "velocity": "m/s"}


class Encoder(nn.Module):
    """The encoder as a bundle holds it."""

    def __init__(self, system: TunedSimac) -> None:
        super().__init__()
        self.encoder = system.encoder
        there = [float(name in system.settings.sensors) for name in SENSORS]
        self.register_buffer("there", torch.tensor(there), persistent=False)

    def forward(
        self, frame: Tensor, echo: Tensor, channel_state: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Symbols, I and Q in turn [batch, 2 * channel uses], and the box [batch, 4]."""
        symbols, boxes = self.encoder(frame, echo, channel_state, present * self.there)
        return in_turns(symbols), boxes[:, -1]


class Decoder(nn.Module):
    """The decoder as a bundle holds it: in units, and pictures between 0 and 1."""

    def __init__(self, system: TunedSimac, limits: Limits) -> None:
        super().__init__()
        self.decoder = system.decoder
        low, span = (torch.as_tensor(ends).float() for ends in (limits.low, limits.high - limits.low))
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("span", span, persistent=False)

    def forward(self, received: Tensor, worth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States and deviations [batch, 3] in m, rad, m/s, and pictures."""
        state, deviation, picture = self.decoder(in_vectors(received), worth)
        return self.low + self.span * state, self.span * deviation, picture.clamp(0.0, 1.0)


def made_for(system: TunedSimac, tensors: SampleTensors) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs of encoder and decoder, of three samples with both sensors, without camera, without radar."""
    rows = np.resize(tensors.samples.of(TEST), 3)
    batch = tensors.batch(rows, np.random.default_rng(0))
    state: ChannelState = channel_state(np.array([5.0, 12.0, 25.0]), "awgn")
    encoder = {
        "frame": batch.pictures,
        "echo": batch.echoes,
        "channel_state": state.numbers,
        "present": torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]),
    }
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(rows), system.settings.values, generator=generator)
    decoder = {"received": noise * 0.5**0.5, "worth": torch.tensor([0.7, 0.9, 0.99])}
    return encoder, decoder


def described_tensors(limits: Limits) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Units, ranges and meanings; names and shapes are read from the ONNX files."""
    unit, symbols = {"unit": "1", "range": [0.0, 1.0]}, {"unit": "unit mean power a channel use"}
    ends = [float(limits.low.min()), float(limits.high.max())]
    wide = [0.0, float((limits.high - limits.low).max())]
    states = {"unit": "m, rad, m/s"}
    return {
        "encoder": {
            "inputs": [
                {"name": "frame", **unit, "description": "RGB picture of the camera"},
                {
                    "name": "echo",
                    "unit": "noise variance 1",
                    "range": [-10.0, 10.0],
                    "description": "of each antenna one range bin after the other, in it all pulses; I and Q",
                },
                {
                    "name": "channel_state",
                    "unit": "1",
                    "range": [0.0, 4.0],
                    "description": "SNR in dB / 10, bits of the modulation by Eq. (50), 1 if it fades",
                },
                {"name": "present", **unit, "description": "1 where camera, radar work"},
            ],
            "outputs": [
                {"name": "symbols", **symbols, "range": [-5.0, 5.0], "description": "I and Q in turn"},
                {"name": "box", "unit": "sides of the picture", "range": [0.0, 1.0]},
            ],
        },
        "decoder": {
            "inputs": [
                {"name": "received", **symbols, "range": [-5.0, 5.0], "description": "equalised, I and Q"},
                {"name": "worth", **unit, "description": "1 - mean squared error of a symbol"},
            ],
            "outputs": [
                {"name": "state", **states, "range": ends},
                {"name": "deviation", **states, "range": wide},
                {"name": "picture", **unit, "description": "RGB picture of the target"},
            ],
        },
    }


def networks(system: TunedSimac, tensors: SampleTensors) -> dict[str, bytes]:
    """ONNX files of encoder and decoder."""
    for_encoder, for_decoder = made_for(system, tensors)
    found = {}
    for name, network, inputs, outputs in (
        ("encoder", Encoder(system), for_encoder, ("symbols", "box")),
        ("decoder", Decoder(system, tensors.limits), for_decoder, ("state", "deviation", "picture")),
    ):
        axes = dict.fromkeys([*inputs, *outputs], {0: "batch"})
        found[name] = to_onnx(network, inputs, outputs, axes)
    return found


@torch.no_grad()
def differences(bundle: Bundle, system: TunedSimac, tensors: SampleTensors) -> dict[str, float]:
    """Largest difference of each output from PyTorch's; of states in their normalised form."""
    for_encoder, for_decoder = made_for(system, tensors)
    span = tensors.limits.high - tensors.limits.low
    worst = {}
    for name, network, inputs in (
        ("encoder", Encoder(system), for_encoder),
        ("decoder", Decoder(system, tensors.limits), for_decoder),
    ):
        session = bundle.session(name)
        found = session.run(**{key: inputs[key].contiguous().numpy() for key in session.inputs})
        expected = network.eval()(*inputs.values())
        for (output, value), other in zip(found.items(), expected, strict=True):
            scale = span if output in ("state", "deviation") else 1.0
            worst[output] = float(np.abs((value - other.numpy()) / scale).max())
    return worst


def measured(
    system: TunedSimac | BundleSystem, tensors: SampleTensors, fading: str, part: int = TEST
) -> dict[str, dict[str, object]]:
    """Figures on a part at five SNRs, as a manifest states them."""
    found = {}
    for snr_db in MEASURED_SNR_DB:
        outcome = run(system, tensors, snr_db, fading, part)
        conditions = {"scene": tensors.samples.name, "channel": fading, "snr_db": snr_db}
        for name, metric in figures(outcome, tensors.samples, tensors.limits).items():
            if has_interval(metric) and math.isfinite(metric.value):
                found[f"{name}_at_{snr_db:g}_db"] = {**metric.as_dict(), "conditions": conditions}
    return found


def export_bundle(
    system: TunedSimac,
    settings: SimacTraining,
    tensors: SampleTensors,
    folder: Path,
    *,
    command: str,
    licence: str,
    provenance: str,
    metrics: Mapping[str, Mapping[str, object]] | None = None,
) -> Bundle:
    """Write a bundle and return it as loaded back, checked against PyTorch.

    licence, provenance: as the scenes say.

    Large weights of the system are rounded to half precision. Raises ValueError if the system's symbols are
    not analog, or an output differs.
    """
    sizes: TunedSettings = system.settings
    if not sizes.analog:
        raise ValueError(f"variant is {settings.variant!r}, which sends bits: expected one of analog symbols")
    round_weights(system)
    samples, limits = tensors.samples, tensors.limits
    bundle = write_bundle(
        folder,
        networks=networks(system, tensors),
        tensors=described_tensors(limits),
        system="simac",
        name=folder.name,
        description=f"A target by camera and radar, {samples.name}, {settings.fading} channel",
        licence=licence,
        interface={
            "symbols": {
                "channel_uses": sizes.values // 2,
                "real_dimensions": sizes.values,
                "bandwidth_ratio": sizes.values / 2 / (3 * sizes.picture**2),
                "power": "unit mean |x|² a complex channel use, for each frame",
                "layout": "one complex symbol a channel use: I = even, Q = odd real; vectors take turns",
            },
            "channel": {
                "model": settings.fading,
                "snr_db": [float(LOWEST_DB), float(HIGHEST_DB)],
                "reference_snr_db": REFERENCE_SNR_DB,
                "gain_known_at_receiver": True,
            },
            "radar": dataclasses.asdict(sizes.radar),
            "frame_pixels": sizes.frame,
            "picture_pixels": sizes.picture,
            "states": [
                {"name": name, "unit": unit, "trained": [float(limits.low[k]), float(limits.high[k])]}
                for k, (name, unit) in enumerate(UNITS.items())
            ],
        },
        data={"name": provenance, "split": _split(tensors)},
        training=training_record(command, settings.seed),
        metrics=dict(metrics or {}),
    )
    for output, worst in differences(bundle, system, tensors).items():
        most = ROUNDING if output == "symbols" else TOLERANCE
        if worst > most:
            raise ValueError(
                f"{folder}: {output} differs from PyTorch's by {worst:.2g}, expected at most {most:g}"
            )
    return bundle


def _split(tensors: SampleTensors) -> str:
    part = tensors.samples.part
    counts = [int((part == number).sum()) for number in range(TEST + 1)]
    return "samples of {} for training, {} for validation, {} for testing; no drive or vehicle in two".format(
        *counts
    )


def command(*, options: MeasuredExportOptions) -> None:
    """Export a tuned SIMAC as a bundle: ONNX networks and a manifest that states what they are.

    Large weights are stored in half precision; arithmetic is float32. Needs the scene it was trained on.
    """
    console = Console()
    system, settings = trained(options.run)
    if not isinstance(system, TunedSimac):
        raise ValueError(f"{options.run}: variant is {settings.variant!r}, expected tuned")
    if settings.fading == "both":
        raise ValueError(
            f"{options.run}: fading is 'both', expected awgn or rayleigh: a bundle is for one channel"
        )
    scene = trained_scene(options.run)
    folder = options.output or Path("models") / "simac" / label(settings, scene)
    check_replaceable(folder)
    tensors = tensors_for(settings, scene.load())
    metrics = None
    if options.evaluate:
        console.print("measuring the networks on the test part …")
        round_weights(system)
        metrics = measured(system, tensors, settings.fading)
    typed = training_command(settings, scene)
    told = {"command": typed, "licence": scene.licence, "provenance": scene.provenance, "metrics": metrics}
    bundle = export_bundle(system, settings, tensors, folder, **told)
    if options.precision == "int8":

        def measure(bundle: Bundle, part: str) -> dict[str, dict[str, object]]:
            own = BundleSystem(bundle, tensors.limits)
            return measured(own, tensors, settings.fading, TRAIN if part == "train" else TEST)

        data = f"{tensors.samples.name}: the training part"
        bundle = add_int8(bundle, measure, data, console, options.int8_networks)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    console.print(f"{folder}: {bundle.name} {bundle.fingerprint}, {size:.1f} MB")
