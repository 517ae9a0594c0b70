# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Complex-valued layers for radar frames. Complex tensors have a last axis of 2, I and Q."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FAINTEST = 1e-3
STANDING = 1  # Doppler bins to either side of 0 in which the street is heard


def fourier_matrix(size: int, *, centred: bool) -> Tensor:
    """Unitary Fourier matrix, float32 [size, size, 2]; centred: frequency 0 stands in the middle."""
    place = torch.arange(size, dtype=torch.float64)
    frequency = place - size // 2 if centred else place
    angle = -2.0 * math.pi * frequency[:, None] * place / size
    return (torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1) / math.sqrt(size)).float()


def unit_window(window: Tensor) -> Tensor:
    """A window scaled to mean power 1."""
    return window / window.square().mean().sqrt()


def complex_product(matrix: Tensor, frames: Tensor, axis: int) -> Tensor:
    """A complex matrix [outputs, inputs, 2] times frames [..., samples, chirps, 2] along samples or chirps.

    axis: -3 for samples, -2 for chirps.
    """
    real, imaginary = frames[..., 0], frames[..., 1]
    own_real, own_imaginary = matrix[..., 0], matrix[..., 1]
    if axis == -2:
        own_real, own_imaginary = own_real.T, own_imaginary.T
        return torch.stack(
            [
                real @ own_real - imaginary @ own_imaginary,
                real @ own_imaginary + imaginary @ own_real,
            ],
            dim=-1,
        )
    return torch.stack(
        [
            own_real @ real - own_imaginary @ imaginary,
            own_imaginary @ real + own_real @ imaginary,
        ],
        dim=-1,
    )


class RangeDoppler(nn.Module):
    """Window and Fourier transform of beat samples along samples and chirps, Eqs. (51) to (55) of vi_beam.

    The window may grow by exp(delta) and the matrices by an addend, both learned; `unitarity` says how far
    the matrices are from unitary. Where nothing is learned it is a Hann window and an ordinary transform.
    """

    def __init__(self, samples: int, chirps: int, *, learned: bool) -> None:
        super().__init__()
        for name, size in (("range", samples), ("doppler", chirps)):
            self.register_buffer(f"{name}_window", torch.hann_window(size + 2)[1:-1])
            self.register_buffer(f"{name}_fourier", fourier_matrix(size, centred=name == "doppler"))
            if learned:
                self.register_parameter(f"{name}_delta", nn.Parameter(torch.zeros(size)))
                self.register_parameter(f"{name}_addend", nn.Parameter(torch.zeros(size, size, 2)))
        moving = (torch.arange(chirps) - chirps // 2).abs() > STANDING
        self.register_buffer("moving", moving[:, None].float(), persistent=False)
        self.learned = learned

    def window(self, name: str) -> Tensor:
        """Window along "range" or "doppler", Eq. (53), scaled to mean power 1."""
        own = getattr(self, f"{name}_window")
        return unit_window(own * torch.exp(getattr(self, f"{name}_delta")) if self.learned else own)

    def matrix(self, name: str) -> Tensor:
        """Transform along "range" or "doppler", Eq. (55), [size, size, 2]."""
        own = getattr(self, f"{name}_fourier")
        return own + getattr(self, f"{name}_addend") if self.learned else own

    def forward(self, beat: Tensor) -> Tensor:
        """Range-Doppler maps of beat samples [..., samples, chirps, 2], of the same shape."""
        window = self.window("range")[:, None] * self.window("doppler")
        ranges = complex_product(self.matrix("range"), beat * window[..., None], -3)
        return complex_product(self.matrix("doppler"), ranges, -2)

    def without_background(self, maps: Tensor) -> Tensor:
        """Range-Doppler maps without what stands still, of the same shape."""
        return maps * self.moving

    def inverse(self, maps: Tensor) -> Tensor:
        """Beat samples of range-Doppler maps: the adjoint matrices, then the window undone."""
        turned = [self._adjoint(name) for name in ("range", "doppler")]
        beat = complex_product(turned[1], complex_product(turned[0], maps, -3), -2)
        window = self.window("range")[:, None] * self.window("doppler")
        return beat / (window + 0.05)[..., None]

    def _adjoint(self, name: str) -> Tensor:
        matrix = self.matrix(name).transpose(0, 1)
        return torch.stack([matrix[..., 0], -matrix[..., 1]], dim=-1)

    def unitarity(self) -> Tensor:
        """Squared distance of F^H F from the identity, mean over elements, of both transforms together."""
        found = self.range_window.new_zeros(())
        for name in ("range", "doppler"):
            gram = complex_product(self._adjoint(name), self.matrix(name), -3)
            identity = torch.eye(gram.shape[0], device=gram.device)
            found = found + (gram[..., 0] - identity).square().mean() + gram[..., 1].square().mean()
        return found


def compressed(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts with amplitudes as their logarithm, phases kept: echoes differ by 60 dB."""
    real, imaginary = maps.unbind(dim=-1)
    amplitude = torch.sqrt(real.square() + imaginary.square() + FAINTEST**2)
    gain = torch.log1p(amplitude) / amplitude
    return gain * real, gain * imaginary


class ComplexConvolution(nn.Module):
    """A convolution of complex maps: channels are all real parts, then all imaginary parts."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        deviation = 1.0 / math.sqrt(2 * inputs * kernel**2)
        self.real = nn.Parameter(deviation * torch.randn(outputs, inputs, kernel, kernel))
        self.imaginary = nn.Parameter(deviation * torch.randn(outputs, inputs, kernel, kernel))
        self.stride, self.padding = stride, kernel // 2

    def forward(self, maps: Tensor) -> Tensor:
        weight = torch.cat(
            [
                torch.cat([self.real, -self.imaginary], dim=1),
                torch.cat([self.imaginary, self.real], dim=1),
            ]
        )
        return nn.functional.conv2d(maps, weight, None, self.stride, self.padding)


class ComplexResidualBlock(nn.Module):
    """Complex convolution, batch normalisation and ReLU of either part, twice, beside a straight way."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ComplexConvolution(inputs, outputs, 3, stride),
            nn.BatchNorm2d(2 * outputs),
            nn.ReLU(),
            ComplexConvolution(outputs, outputs, 3),
            nn.BatchNorm2d(2 * outputs),
        )
        self.straight = ComplexConvolution(inputs, outputs, 1, stride)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.relu(self.layers(maps) + self.straight(maps))


class ComplexRadarEncoder(nn.Module):
    """Beat samples [batch, antennas, samples, chirps, 2] to vectors [batch, size].

    Range-Doppler maps of all antennas, a complex layer that starts as beams of the array, three complex
    residual blocks, amplitudes averaged over a grid; beside them what moves where. background: whether the
    blocks see what stands still.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        size: int,
        width: int = 8,
        grid: tuple[int, int] = (4, 4),
        *,
        background: bool = True,
    ) -> None:
        super().__init__()
        self.background = background
        antennas, samples, chirps = shape
        self.transform = RangeDoppler(samples, chirps, learned=False)
        self.beams = ComplexConvolution(antennas, width, 1)
        sine = torch.linspace(-0.8, 0.8, width)[:, None]
        angle = -math.pi * sine * torch.arange(antennas)
        with torch.no_grad():
            self.beams.real.copy_(torch.cos(angle)[..., None, None] / antennas)
            self.beams.imaginary.copy_(torch.sin(angle)[..., None, None] / antennas)
        self.blocks = nn.Sequential(
            ComplexResidualBlock(width, width, 2),
            ComplexResidualBlock(width, 2 * width, 2),
            ComplexResidualBlock(2 * width, 4 * width, 2),
        )
        self.first_norm = nn.BatchNorm2d(2 * width)
        self.moving = MovingEchoes(antennas, size)
        self.grid = grid
        self.projection = nn.Linear(4 * width * grid[0] * grid[1], size)

    def forward(self, beat: Tensor) -> Tensor:
        plain = self.transform(beat)
        maps = compressed(plain if self.background else self.transform.without_background(plain))
        maps = self.blocks(self.first_norm(self.beams(torch.cat(maps, dim=1))))
        real, imaginary = maps.chunk(2, dim=1)
        amplitude = torch.sqrt(real.square() + imaginary.square() + FAINTEST**2)
        told = nn.functional.adaptive_avg_pool2d(amplitude, self.grid).flatten(1)
        return self.projection(told) + self.moving(plain)


class MovingEchoes(nn.Module):
    """Where what moves is: the strongest echo of each of several beams and bands of range, to vectors.

    Maps [batch, antennas, ranges, dopplers, 2] as of RangeDoppler. Doppler bins next to standing still are
    left out: the street is there. beams: of the array, spread evenly in sine; bands: of range.
    """

    def __init__(self, antennas: int, size: int, beams: int = 16, bands: int = 8) -> None:
        super().__init__()
        sine = torch.linspace(-0.8, 0.8, beams)[:, None]
        angle = -math.pi * sine * torch.arange(antennas)
        self.register_buffer("steering", torch.stack([torch.cos(angle), torch.sin(angle)], -1) / antennas)
        self.bands = bands
        self.projection = nn.Linear(2 * beams * bands, size)

    def forward(self, maps: Tensor) -> Tensor:
        told = strongest_moving(maps, self.steering, self.bands)
        return self.projection(told.flatten(1))


def strongest_moving(maps: Tensor, steering: Tensor, bands: int) -> Tensor:
    """Echoes of what moves, in nepers over noise, [batch, 2 x bands, beams]: coming, then going.

    Of each range and direction the Doppler bin that is strongest over all antennas.

    Parameters
    ----------
    maps : Tensor [batch, antennas, ranges, dopplers, 2]
        As of RangeDoppler.
    steering : Tensor [beams, antennas, 2]
        Weights of the beams.
    bands : int
        Of range.
    """
    middle, power = maps.shape[3] // 2, maps.square().sum(dim=(1, 4))
    own_real, own_imaginary = steering[..., 0], steering[..., 1]
    found = []
    for side in (slice(0, middle - STANDING), slice(middle + STANDING + 1, None)):
        strongest = power[..., side].argmax(dim=2)[:, None, :, None, None].expand(-1, maps.shape[1], -1, 1, 2)
        echo = torch.gather(maps[..., side, :], 3, strongest)[..., 0, :]  # [batch, antennas, ranges, 2]
        real, imaginary = echo.unbind(dim=-1)
        heard = (own_real @ real - own_imaginary @ imaginary).square()
        heard = heard + (own_imaginary @ real + own_real @ imaginary).square()
        found.append(heard.unflatten(2, (bands, -1)).amax(dim=3).transpose(1, 2))
    return 0.5 * torch.log1p(torch.cat(found, dim=1))
