# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""SIMAC as the paper has it: fusion, language-model encoder, channel of bits, decoder with four heads.

What the paper leaves open, and what was taken: 35 vectors of semantics, which with the 14 tokens of the
sentence are a square grid of 7 x 7 and bring GPT-2 to the paper's 8.3 GFLOP (two a multiplication with
addition); BiFormer-T at 224 x 224 pixels; a picture of 14 x 14 patches of 16 pixels; 4 bits for each value.
The sizes of the complex convolutions, of the picture's transformer and of the three other heads follow from
Table II, see :mod:`.costs`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from semisac_ml.channels.digital import DigitalChannel

from .biformer import BiFormerSettings
from .channel_text import LENGTH
from .decoder import TASKS, DecoderSettings, SensingDecoder, named_outputs
from .fusion import CrossAttentionFusion, SignalExtractor, VisionExtractor
from .language import LanguageEncoder, LanguageSettings
from .samples import STATES

MODALITIES = ("camera", "radar")


@dataclass(frozen=True)
class SignalSettings:
    """Of the complex convolutions: echoes [antennas, length] come in."""

    antennas: int = 10
    length: int = 6000
    widths: tuple[int, int, int] = (64, 128, 256)
    kernels: tuple[int, int, int] = (9, 7, 5)
    pools: tuple[int, int, int] = (4, 4, 4)


@dataclass(frozen=True)
class SimacSettings:
    """Sizes of a whole system.

    semantics: L_s, vectors that fusion makes. bits: of a value that is sent. modalities: those that are seen;
    one alone is CV-S or RS-S. fusion_heads: of cross-attention.
    """

    signal: SignalSettings = field(default_factory=SignalSettings)
    vision: BiFormerSettings = field(default_factory=BiFormerSettings)
    language: LanguageSettings = field(default_factory=LanguageSettings)
    decoder: DecoderSettings = field(default_factory=DecoderSettings)
    semantics: int = 35
    bits: int = 4
    fusion_heads: int = 8
    modalities: tuple[str, ...] = MODALITIES

    def __post_init__(self) -> None:
        unknown = sorted(set(self.modalities) - set(MODALITIES))
        if unknown or not self.modalities:
            named = unknown[0] if unknown else "none"
            raise ValueError(f"modality is {named!r}, expected some of {', '.join(MODALITIES)}")
        cells, vectors = self.decoder.side**2, self.semantics + LENGTH
        if cells != vectors:
            raise ValueError(f"the grid has {cells} cells, expected {vectors}, one a vector of the encoding")
        if self.decoder.size != self.language.size // 2:
            raise ValueError(
                f"the decoder's size is {self.decoder.size}, expected {self.language.size // 2}, half of the "
                "language model's"
            )

    @property
    def frame_pixels(self) -> int:
        """Side of the frames that go in."""
        return self.vision.picture

    @property
    def picture_pixels(self) -> int:
        """Side of the pictures that come out."""
        return self.decoder.picture

    @property
    def values(self) -> int:
        """Real values of an encoding."""
        return self.decoder.side**2 * self.decoder.size

    @classmethod
    def named(cls, size: str) -> SimacSettings:
        """ "paper" or "small", which two processor cores can train. Raises ValueError for any other name."""
        if size == "paper":
            return cls()
        if size == "small":
            return cls(
                SignalSettings(length=64 * 32, widths=(16, 32, 64), kernels=(9, 7, 5)),
                BiFormerSettings(
                    128,
                    widths=(16, 32, 64, 96),
                    depths=(1, 1, 1, 1),
                    routed=(1, 2, 4, 16),
                    regions=4,
                    widening=2,
                ),
                LanguageSettings(size=128, layers=2, heads=4, whole_vocabulary=False, dropout=0.0),
                DecoderSettings(size=64, width=64, blocks=2, heads=4, patch=4, head_width=48),
                fusion_heads=4,
            )
        raise ValueError(f"size is {size!r}, expected paper or small")

    def for_echoes(self, antennas: int, length: int) -> SimacSettings:
        """The same for other echoes."""
        return dataclasses.replace(
            self, signal=dataclasses.replace(self.signal, antennas=antennas, length=length)
        )

    def variant(self, name: str) -> SimacSettings:
        """The paper's comparisons, and those that show what carries a gain.

        "simac"; "cv-s" and "rs-s" with one modality; "lstm" and "gru" and "perceptron" for GPT-2; "without
        lse", which is not told the channel; "numbers", told in numbers; "without ssd: TASK", trained for one
        task alone. Raises ValueError for any other name.
        """
        changed = {
            "simac": {},
            "cv-s": {"modalities": ("camera",)},
            "rs-s": {"modalities": ("radar",)},
            "without lse": {"language": dataclasses.replace(self.language, condition="nothing")},
            "numbers": {"language": dataclasses.replace(self.language, condition="numbers")},
        }
        for backbone in ("lstm", "gru", "perceptron"):
            changed[backbone] = {"language": dataclasses.replace(self.language, backbone=backbone)}
        for task in TASKS:
            changed[f"without ssd: {task}"] = {"decoder": dataclasses.replace(self.decoder, tasks=(task,))}
        if name not in changed:
            raise ValueError(f"variant is {name!r}, expected one of {', '.join(changed)}")
        return dataclasses.replace(self, **changed[name])


class SemanticFusion(nn.Module):
    """MSF: pictures [batch, 3, side, side] and echoes [batch, antennas, length, 2] to [batch, L_s, d].

    With one modality alone its semantics are the outcome.
    """

    def __init__(self, settings: SimacSettings) -> None:
        super().__init__()
        tokens, size, signal = settings.semantics, settings.language.size, settings.signal
        self.modalities = settings.modalities
        if "radar" in self.modalities:
            self.signal = SignalExtractor(
                signal.antennas, signal.length, tokens, size, signal.widths, signal.kernels, signal.pools
            )
        if "camera" in self.modalities:
            self.vision = VisionExtractor(settings.vision, tokens, size)
        if len(self.modalities) > 1:
            self.fusion = CrossAttentionFusion(size, settings.fusion_heads)

    def forward(self, pictures: Tensor, echoes: Tensor) -> Tensor:
        if self.modalities == ("camera",):
            return self.vision(pictures)
        if self.modalities == ("radar",):
            return self.signal(echoes)
        return self.fusion(self.signal(echoes), self.vision(pictures))


class SemanticEncoder(nn.Module):
    """MSF and LSE: what the transmitter runs."""

    def __init__(self, settings: SimacSettings, weights: str | None = None) -> None:
        super().__init__()
        self.fusion = SemanticFusion(settings)
        self.language = LanguageEncoder(settings.language, weights)

    def forward(self, pictures: Tensor, echoes: Tensor, places: Tensor, numbers: Tensor) -> Tensor:
        """Encoding, float32 [batch, side^2, size] in (-1, 1); the channel see LanguageEncoder."""
        return self.language(self.fusion(pictures, echoes), places, numbers)


@dataclass(frozen=True)
class ChannelState:
    """The channel of a batch, as the transmitter knows it.

    snr_db: float32 [batch]. modulation: int64 [batch], place in MODULATIONS. places, numbers: what the
    encoder is told.
    """

    snr_db: Tensor
    modulation: Tensor
    places: Tensor
    numbers: Tensor


class Simac(nn.Module):
    """Encoder and decoder; `forward` is the whole way, for training and measuring.

    weights: of GPT-2, see :func:`.language.gpt2`.
    """

    def __init__(self, settings: SimacSettings, weights: str | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = SemanticEncoder(settings, weights)
        self.decoder = SensingDecoder(settings.decoder)

    def forward(
        self, pictures: Tensor, echoes: Tensor, state: ChannelState, fading: str, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Outputs by task; fading is "awgn" or "rayleigh"."""
        encoding = self.encoder(pictures, echoes, state.places, state.numbers).float()
        channel = DigitalChannel(fading, self.settings.bits)
        received = channel(encoding.flatten(1), state.snr_db, state.modulation, generator)
        found = self.decoder(received.view_as(encoding))
        return named_outputs(found, self.settings.decoder.tasks)

    def losses(self, found: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
        """See :func:`task_losses`."""
        return task_losses(found, truth)


@dataclass(frozen=True)
class LossWeights:
    """l1 to l4 of Eq. (46). Eq. (17a) numbers them otherwise; the text gives the picture 100.

    box: of where the target is in the frame, which the tuned system learns besides.
    """

    picture: float = 100.0
    angle: float = 1.0
    velocity: float = 1.0
    distance: float = 1.0
    box: float = 20.0


def task_losses(found: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """Eqs. (13) to (16): mean squared errors of normalised states, mean absolute error of the picture."""
    return {
        task: (value - truth[task]).square().mean() if task in STATES else (value - truth[task]).abs().mean()
        for task, value in found.items()
    }


def total_loss(losses: dict[str, Tensor], weights: LossWeights | None = None) -> Tensor:
    """Eq. (46) over the tasks that there are."""
    weights = weights or LossWeights()
    return torch.stack([getattr(weights, task) * loss for task, loss in losses.items()]).sum()
