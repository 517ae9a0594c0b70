# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the joint sensing and semantic link: the paper's, and the better ones that ship.

Shapes everywhere: images float32 (batch, 3, 32, 32) in [0, 1]; symbols and received symbols float32
(batch, channel_uses, 2), I and Q; n reals are n/2 complex channel uses.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from cyclopts import Parameter
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional

from semisac_ml.command_line import OnOff, OptionError, Options
from semisac_ml.layers import (
    KarhunenLoeve,
    MatchedFilterDetector,
    ResidualPerceptron,
    equalise,
    normalise_power,
)
from semisac_ml.systems.jssc.rows import MAX_FREQUENCY_OFFSET

IMAGE_SHAPE = (3, 32, 32)
IMAGE_SIZE = 3 * 32 * 32
CLASS_COUNT = 10
COEFFICIENTS = 128
SNR_FEATURES = 3


class ModelSettings(Options):
    """What fixes the networks."""

    variant: Literal["paper", "residual"] = Field(
        "residual",
        description="Networks: residual (the one that ships) or paper (Sagduyu et al., Fig. 3).",
    )
    real_dimensions: Annotated[int, Parameter(name="--n")] = Field(
        20, description="Encoder output size n: n/2 complex channel uses an image."
    )
    gain_known_at_receiver: Annotated[OnOff, Parameter(name="--gain-known")] = Field(
        True, description="The receiver knows the channel gain."
    )
    ranges: int = Field(1, ge=1, description="Ranges that the paper's decoder 2 tells apart.")
    task: Literal["classes", "animal"] = Field(
        "classes", description="Decoder 3: classes (ten) or animal (or not)."
    )
    max_frequency_offset: float = Field(
        MAX_FREQUENCY_OFFSET,
        ge=0,
        le=0.5,
        description="Largest Doppler shift of the echo, in cycles a symbol.",
    )

    @field_validator("real_dimensions")
    @classmethod
    def _pairs(cls, value: int) -> int:
        if value < 2 or value % 2:
            raise OptionError(
                "real_dimensions",
                f"is {value}, expected an even number of 2 or more: two reals make one complex channel use",
            )
        return value

    @property
    def channel_uses(self) -> int:
        return self.real_dimensions // 2

    @property
    def task_outputs(self) -> int:
        return CLASS_COUNT if self.task == "classes" else 2


def snr_features(snr_db: Tensor) -> Tensor:
    """Smooth features of an SNR in dB, float32 (batch, 3): logarithmic, and steep where its effect is."""
    snr = 10.0 ** (snr_db / 10.0)
    high = torch.sigmoid((snr_db - 10.0) / 4.0)
    return torch.stack([(snr_db - 5.0) / 15.0, snr / (1.0 + snr), high], dim=1)


class ConditionalGain(nn.Module):
    """Scale each component of a vector by a gain that depends on the SNR and starts at one."""

    def __init__(self, condition: int, size: int) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(condition, 32), nn.GELU(), nn.Linear(32, size))
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def forward(self, vector: Tensor, condition: Tensor) -> Tensor:
        return vector * (1.0 + self.network(condition))


class HalvingBlock(nn.Module):
    """Convolution, pooling by two, then a residual convolution; batch normalisation and GELU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.down_norm = nn.BatchNorm2d(outputs, momentum=0.4)
        self.same = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.same_norm = nn.BatchNorm2d(outputs, momentum=0.4)
        for convolution in (self.down, self.same):
            nn.init.dirac_(convolution.weight.data[: convolution.weight.shape[1]])
        for norm in (self.down_norm, self.same_norm):
            norm.weight.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        features = functional.gelu(self.down_norm(functional.max_pool2d(self.down(features), 2)))
        return features + functional.gelu(self.same_norm(self.same(features)))


class SemanticBackbone(nn.Module):
    """Residual network that reads an image's meaning: 3 × 32 × 32 → feature vector and class scores.

    The first convolution is fixed and whitens 2 × 2 patches, convolutions start as identities, and the recipe
    of training is short: the ideas of K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
    arXiv:2404.00498, with residual connections added.
    """

    FEATURES = 256

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pixel_mean", torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1))
        self.register_buffer("pixel_deviation", torch.tensor([0.2470, 0.2435, 0.2616]).view(1, 3, 1, 1))
        self.whitening = nn.Conv2d(3, 24, 2)
        self.whitening.requires_grad_(False)
        self.blocks = nn.Sequential(
            HalvingBlock(24, 64), HalvingBlock(64, 256), HalvingBlock(256, self.FEATURES)
        )
        self.classify = nn.Linear(self.FEATURES, CLASS_COUNT, bias=False)

    @torch.no_grad()
    def fit_whitening(self, images: Tensor) -> None:
        """Set the fixed first convolution from the covariance of 2 × 2 patches of images."""
        normalised = (images - self.pixel_mean) / self.pixel_deviation
        patches = normalised.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12)
        eigenvalues, vectors = torch.linalg.eigh(patches.T @ patches / patches.shape[0])
        filters = (vectors / (eigenvalues + 5e-4).sqrt()).T.reshape(12, 3, 2, 2)
        self.whitening.weight.copy_(torch.cat([filters, -filters]))
        self.whitening.bias.zero_()

    def features(self, images: Tensor) -> Tensor:
        normalised = (images - self.pixel_mean) / self.pixel_deviation
        hidden = self.blocks(functional.gelu(self.whitening(normalised)))
        return functional.max_pool2d(hidden, 3).flatten(1)

    def scores(self, features: Tensor) -> Tensor:
        return self.classify(features) / 9.0

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(self.features(images))


class ResidualEncoder(nn.Module):
    """Encoder that ships: linear Karhunen–Loève code plus what a residual network adds to it.

    The linear code is a good analog code for pixels; the network adds the meaning (from the semantic
    backbone) and bends the code to the SNR. ``analyse`` (image → features) is fixed during joint training, so
    that its output can be computed once for a training set; ``encode`` (features, SNR → symbols) is trained.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.transform = KarhunenLoeve(IMAGE_SIZE, COEFFICIENTS)
        self.backbone = SemanticBackbone()
        inputs = COEFFICIENTS + SemanticBackbone.FEATURES + CLASS_COUNT
        self.linear = nn.Linear(COEFFICIENTS, settings.real_dimensions, bias=False)
        self.linear_gain = ConditionalGain(SNR_FEATURES, settings.real_dimensions)
        self.network = ResidualPerceptron(inputs, SNR_FEATURES, settings.real_dimensions)

    @torch.no_grad()
    def start_at_linear_code(self) -> None:
        """Begin at the linear analog code: amplitudes in proportion to the square root of each deviation."""
        self.linear.weight.zero_()
        dimensions = min(self.settings.real_dimensions, COEFFICIENTS)
        amplitude = self.transform.deviation[:dimensions].sqrt()
        amplitude = amplitude / amplitude.square().mean().sqrt()
        self.linear.weight[torch.arange(dimensions), torch.arange(dimensions)] = amplitude

    def analyse(self, images: Tensor) -> Tensor:
        """Fixed features of images, float32 (batch, 128 + 256): code coefficients and semantic features."""
        return torch.cat([self.transform(images.flatten(1)), self.backbone.features(images)], dim=1)

    def encode(self, analysis: Tensor, snr_db: Tensor) -> Tensor:
        coefficients, features = analysis[:, :COEFFICIENTS], analysis[:, COEFFICIENTS:]
        probabilities = torch.softmax(3.0 * self.backbone.scores(features), dim=1)
        condition = snr_features(snr_db)
        inputs = torch.cat([coefficients / 2.0, features, probabilities], dim=1)
        reals = self.linear_gain(self.linear(coefficients), condition) + self.network(inputs, condition)
        return normalise_power(reals.unflatten(1, (self.settings.channel_uses, 2)))

    def forward(self, image: Tensor, snr_db: Tensor) -> Tensor:
        return self.encode(self.analyse(image), snr_db)


class ReceiverFeatures(nn.Module):
    """What the receiver's networks see: equalised symbols (batch, n), and features of the SNR (batch, 6)."""

    CONDITION = 2 * SNR_FEATURES

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.gain_known = settings.gain_known_at_receiver

    def forward(self, received: Tensor, channel_gain: Tensor | None, snr_db: Tensor) -> tuple[Tensor, Tensor]:
        if self.gain_known:
            estimate, instantaneous_snr_db = equalise(received, channel_gain, snr_db)
        else:
            snr = 10.0 ** (snr_db / 10.0)
            estimate = received * (snr / (1.0 + snr))[:, None, None]
            # the energy received is all that such a receiver knows about the fade
            power = received.square().sum(dim=2).mean(dim=1)
            instantaneous_snr_db = snr_db + 10.0 * torch.log10(power.clamp(min=1e-3))
        condition = torch.cat([snr_features(instantaneous_snr_db), snr_features(snr_db)], dim=1)
        return estimate.flatten(1), condition


class ResidualReconstruction(nn.Module):
    """Decoder 1 that ships: a linear estimate of the code's coefficients plus what a network adds to it."""

    def __init__(self, settings: ModelSettings, transform: KarhunenLoeve) -> None:
        super().__init__()
        self.receiver = ReceiverFeatures(settings)
        self.transform = transform
        self.linear = nn.Linear(settings.real_dimensions, COEFFICIENTS, bias=False)
        self.linear_gain = ConditionalGain(ReceiverFeatures.CONDITION, COEFFICIENTS)
        self.network = ResidualPerceptron(settings.real_dimensions, ReceiverFeatures.CONDITION, COEFFICIENTS)
        nn.init.zeros_(self.linear.weight)

    @torch.no_grad()
    def start_at_linear_code(self, encoder: ResidualEncoder) -> None:
        """Begin at the pseudo-inverse of the encoder's linear code."""
        self.linear.weight.copy_(torch.linalg.pinv(encoder.linear.weight) * 2.0**0.5)

    def coefficients(self, received: Tensor, channel_gain: Tensor | None, snr_db: Tensor) -> Tensor:
        symbols, condition = self.receiver(received, channel_gain, snr_db)
        return self.linear_gain(self.linear(symbols), condition) + self.network(symbols, condition)

    def forward(self, received: Tensor, channel_gain: Tensor | None, snr_db: Tensor) -> Tensor:
        flat = self.transform.inverse(self.coefficients(received, channel_gain, snr_db))
        return flat.clamp(0.0, 1.0).unflatten(1, IMAGE_SHAPE)


class ResidualTask(nn.Module):
    """Decoder 3 that ships: class scores (natural logarithms, unnormalised) from the received symbols."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.receiver = ReceiverFeatures(settings)
        self.network = ResidualPerceptron(
            settings.real_dimensions, ReceiverFeatures.CONDITION, settings.task_outputs
        )

    def forward(self, received: Tensor, channel_gain: Tensor | None, snr_db: Tensor) -> Tensor:
        return self.network(*self.receiver(received, channel_gain, snr_db))


class EchoOnlySensing(nn.Module):
    """Decoder 2 of the paper with the SNR given: target or not, from the echo alone.

    Echo float32 (batch, channel_uses, 2) of noise variance 1; returns scores (batch, 2).
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.network = ResidualPerceptron(settings.real_dimensions + 2, SNR_FEATURES, 2, width=256)

    def forward(self, echo: Tensor, sensing_snr_db: Tensor) -> Tensor:
        snr = 10.0 ** (sensing_snr_db / 10.0)
        energy = echo.square().sum(dim=(1, 2)) / echo.shape[1]
        scaled = echo / (1.0 + snr).sqrt()[:, None, None]
        # energy against what noise alone would bring, and against what an echo of full strength would
        excess = torch.stack([torch.log(energy + 1e-3), energy / (1.0 + snr)], dim=1)
        return self.network(torch.cat([scaled.flatten(1), excess], dim=1), snr_features(sensing_snr_db))


class PaperEncoder(nn.Module):
    """The paper's encoder: convolution, ReLU, max-pooling and dropout, linear output of n reals.

    The text of Fig. 3 gives the kinds of layers, not their sizes; the sizes here follow its rule of small
    layers that grow until the performance does not. The SNR is not given to the network.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        layers: list[nn.Module] = []
        channels = 3
        for width in (16, 32, 64):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.05)]
            channels = width
        layers += [nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Linear(128, settings.real_dimensions)]
        self.network = nn.Sequential(*layers)

    def forward(self, image: Tensor, snr_db: Tensor) -> Tensor:
        reals = self.network(image - 0.5)
        return normalise_power(reals.unflatten(1, (self.settings.channel_uses, 2)))


def feedforward(inputs: int, outputs: int, widths: tuple[int, ...]) -> nn.Sequential:
    """The paper's feedforward decoder: linear layers with ReLU between them, linear output."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class PaperReceiver(nn.Module):
    """The paper's decoders 1 and 3: a feedforward network on received symbols."""

    def __init__(self, settings: ModelSettings, outputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.gain_known = settings.gain_known_at_receiver
        self.network = feedforward(settings.real_dimensions, outputs, widths)

    def forward(self, received: Tensor, channel_gain: Tensor | None, snr_db: Tensor) -> Tensor:
        if self.gain_known:
            received, _ = equalise(received, channel_gain, snr_db)
        return self.network(received.flatten(1))


class PaperReconstruction(PaperReceiver):
    """Decoder 1 of the paper: linear output of 3072 pixels, float32 (batch, 3, 32, 32)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings, IMAGE_SIZE, (128, 512))

    def forward(self, received: Tensor, channel_gain: Tensor | None, snr_db: Tensor) -> Tensor:
        return super().forward(received, channel_gain, snr_db).unflatten(1, IMAGE_SHAPE) + 0.5


class PaperSensing(nn.Module):
    """Decoder 2 of the paper: scores (batch, 1 + ranges) from the echo alone."""

    def __init__(self, settings: ModelSettings, echo_samples: int) -> None:
        super().__init__()
        self.network = feedforward(2 * echo_samples, 1 + settings.ranges, (64, 64))

    def forward(self, echo: Tensor, sensing_snr_db: Tensor) -> Tensor:
        return self.network(echo.flatten(1))


class JointModel(nn.Module):
    """Encoder and decoders of one system, trained together.

    encoder(image, snr_db) → symbols; reconstruction and task(received, channel_gain, snr_db);
    sensing(symbols, echo, range_snr_db, range_delay, prior, fading), residual variant only, without weights;
    sensing_echo(echo, sensing_snr_db).
    """

    def __init__(self, settings: ModelSettings, echo_samples: int | None = None) -> None:
        super().__init__()
        self.settings = settings
        if settings.variant == "paper":
            self.encoder: nn.Module = PaperEncoder(settings)
            self.reconstruction: nn.Module = PaperReconstruction(settings)
            self.task: nn.Module = PaperReceiver(settings, settings.task_outputs, (128, 64))
            self.sensing: nn.Module | None = None
            self.sensing_echo: nn.Module = PaperSensing(settings, echo_samples or settings.channel_uses)
        else:
            self.encoder = ResidualEncoder(settings)
            self.reconstruction = ResidualReconstruction(settings, self.encoder.transform)
            self.task = ResidualTask(settings)
            self.sensing = MatchedFilterDetector(settings.max_frequency_offset)
            self.sensing_echo = EchoOnlySensing(settings)
