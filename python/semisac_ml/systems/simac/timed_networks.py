# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks whose cost is measured, one at a time, in PyTorch and as ONNX files.

MSF, LSE and SSD of SIMAC's Table II, in the paper's size and in the small one, and encoder and decoder of the
tuned system. Between encoder and decoder of the paper's form bits are modulated, so that no bundle holds
them: they are exported to be measured alone. Weights are drawn and not trained, which changes no cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml import runtime
from semisac_ml.channels.digital import MODULATIONS
from semisac_ml.training.onnx_export import to_onnx

from . import channel_text
from .decoder import SensingDecoder
from .export import ROUNDING, TOLERANCE, Decoder, Encoder
from .language import CHANNEL_NUMBERS, LanguageEncoder
from .model import SemanticFusion, SimacSettings
from .samples import Limits
from .tensors import EchoSource, channel_state
from .tuned import SENSORS, TunedSettings, TunedSimac

NETWORKS = {
    "paper": ("MSF", "LSE", "SSD"),
    "small": ("MSF", "LSE", "SSD"),
    "tuned": ("encoder", "decoder"),
}
"""What there is to measure: the networks of each variant."""
LIMITS = Limits(np.array([0.0, -1.0, -30.0]), np.array([120.0, 1.0, 30.0]))
"""What 0 and 1 are of the states that the tuned encoder hears, in m, rad, m/s; of no scene in particular."""
NORMALISED = Limits(np.zeros(3), np.ones(3))
TARGET = np.array([40.0, 0.2, 5.0])
BROADSIDE_RAD = 0.5 * np.pi
SAMPLES = 2
"""In a network's inputs: of one alone the exporter would take the batch for a fixed size."""


class SentenceEncoder(nn.Module):
    """LSE that is told the channel in words: the numbers, which it would not hear, are no input."""

    def __init__(self, language: LanguageEncoder) -> None:
        super().__init__()
        self.language = language

    def forward(self, semantics: Tensor, places: Tensor) -> Tensor:
        return self.language(semantics, places, semantics.new_zeros(1, CHANNEL_NUMBERS))


@dataclass(frozen=True)
class TimedNetwork:
    """A network in evaluation mode.

    inputs: by name, of two samples. outputs: their names. tolerance: of outputs of its ONNX file.
    """

    network: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    tolerance: float = TOLERANCE

    @property
    def sample(self) -> dict[str, Tensor]:
        """Inputs of the first sample alone."""
        return {name: value[:1].contiguous() for name, value in self.inputs.items()}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The same for a session."""
        return {name: value.numpy() for name, value in self.sample.items()}

    def run(self) -> list[Tensor]:
        """Outputs of the first sample, by PyTorch."""
        found = self.network(*self.sample.values())
        return [found] if isinstance(found, Tensor) else list(found)

    def as_onnx(self) -> bytes:
        """The network as an ONNX file; the batch is of any size."""
        axes = dict.fromkeys([*self.inputs, *self.outputs], {0: "batch"})
        return to_onnx(self.network, self.inputs, self.outputs, axes)

    def interface(self) -> tuple[list[runtime.Tensor], list[runtime.Tensor]]:
        """Inputs and outputs as a manifest states them, without units."""
        with torch.inference_mode():
            found = dict(zip(self.outputs, self.run(), strict=True))
        return _stated(self.inputs), _stated(found)

    def difference(self, session: runtime.Session) -> float:
        """Largest difference of an output of the first sample from PyTorch's."""
        found = session.run(**self.arrays)
        with torch.inference_mode():
            expected = self.run()
        pairs = zip(self.outputs, expected, strict=True)
        return max(float(np.abs(found[name] - value.numpy()).max()) for name, value in pairs)


def _stated(tensors: dict[str, Tensor]) -> list[runtime.Tensor]:
    return [
        runtime.Tensor(name=name, shape=["batch", *value.shape[1:]], dtype=str(value.numpy().dtype))
        for name, value in tensors.items()
    ]


def timed_network(variant: str, name: str, seed: int = 0) -> TimedNetwork:
    """A network with drawn weights and inputs; seed: of both.

    Raises ValueError for a variant or a name that is not in NETWORKS.
    """
    if name not in NETWORKS.get(variant, ()):
        known = "; ".join(f"{one}: {', '.join(names)}" for one, names in NETWORKS.items())
        raise ValueError(f"network is {name!r} of {variant!r}, expected one of {known}")
    if variant == "tuned":
        return tuned_network(name, TunedSettings(), seed)
    return paper_network(name, SimacSettings.named(variant), seed)


def paper_network(name: str, settings: SimacSettings, seed: int = 0) -> TimedNetwork:
    """MSF, LSE or SSD in the paper's form, told the channel in a sentence."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == "MSF":
            network: nn.Module = SemanticFusion(settings)
            side, signal = settings.vision.picture, settings.signal
            inputs = {
                "frame": torch.rand(SAMPLES, 3, side, side, generator=generator),
                "echo": torch.randn(SAMPLES, signal.antennas, signal.length, 2, generator=generator),
            }
            outputs: Sequence[str] = ("semantics",)
        elif name == "LSE":
            network = SentenceEncoder(LanguageEncoder(settings.language))
            shape = (SAMPLES, settings.semantics, settings.language.size)
            words = np.stack([channel_text.places(5.0, modulation) for modulation in MODULATIONS[:SAMPLES]])
            inputs = {"semantics": torch.randn(shape, generator=generator), "places": torch.from_numpy(words)}
            outputs = ("encoding",)
        else:
            network = SensingDecoder(settings.decoder)
            shape = (SAMPLES, settings.decoder.side**2, settings.decoder.size)
            inputs = {"received": 2.0 * torch.rand(shape, generator=generator) - 1.0}
            outputs = settings.decoder.tasks
    return TimedNetwork(network.eval(), inputs, tuple(outputs))


def tuned_network(name: str, settings: TunedSettings, seed: int = 0) -> TimedNetwork:
    """Encoder or decoder of the tuned system, as a bundle holds it."""
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        system = TunedSimac(settings)
    system.normalise_by(LIMITS)
    if name == "encoder":
        source = EchoSource("lfm", settings.radar)
        echoes = np.stack([source.echo(TARGET, BROADSIDE_RAD, rng) for _ in range(SAMPLES)])
        inputs = {
            "frame": torch.rand(SAMPLES, 3, settings.frame, settings.frame, generator=generator),
            "echo": torch.from_numpy(echoes),
            "channel_state": channel_state(np.full(SAMPLES, 15.0), "awgn").numbers,
            "present": torch.ones(SAMPLES, len(SENSORS)),
        }
        return TimedNetwork(Encoder(system).eval(), inputs, ("symbols", "box"), ROUNDING)
    inputs = {
        "received": 0.5**0.5 * torch.randn(SAMPLES, settings.values, generator=generator),
        "worth": torch.full((SAMPLES,), 0.9),
    }
    return TimedNetwork(Decoder(system, NORMALISED).eval(), inputs, ("state", "deviation", "picture"))
