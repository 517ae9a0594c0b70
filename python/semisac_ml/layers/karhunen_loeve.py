# SPDX-License-Identifier: GPL-3.0-or-later
"""Karhunen–Loève transform of images: the linear code that learned encoders start from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class KarhunenLoeve(nn.Module):
    """Project images on the strongest eigenvectors of their covariance, and back.

    size: number of values an image (3072 for CIFAR-10).
    coefficients: how many eigenvectors are kept.

    ``fit`` estimates mean, eigenvectors and eigenvalues from images; they are stored with the weights.
    """

    def __init__(self, size: int, coefficients: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.zeros(coefficients, size))
        self.register_buffer("deviation", torch.ones(coefficients))
        self.register_buffer("discarded_energy", torch.zeros(()))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Estimate the transform from images, float32 (count, size) in [0, 1]."""
        mean = images.mean(dim=0)
        covariance = torch.zeros(images.shape[1], images.shape[1], dtype=torch.float64)
        for chunk in (images - mean).split(5000):
            covariance += (chunk.T @ chunk).double()
        eigenvalues, vectors = torch.linalg.eigh(covariance / images.shape[0])
        kept = self.basis.shape[0]
        self.mean.copy_(mean)
        # The sign of an eigenvector is arbitrary: the largest component is made positive, so that every
        # machine finds the same code.
        strongest = vectors.flip(1)[:, :kept].T
        index = strongest.abs().argmax(dim=1, keepdim=True)
        self.basis.copy_(strongest * strongest.gather(1, index).sign())
        self.deviation.copy_(eigenvalues.flip(0)[:kept].clamp(min=0).sqrt())
        self.discarded_energy.copy_(eigenvalues.flip(0)[kept:].sum())

    def forward(self, images: Tensor) -> Tensor:
        """Coefficients of unit variance, (batch, coefficients), of flat images, (batch, size)."""
        return ((images - self.mean) @ self.basis.T) / self.deviation

    def inverse(self, coefficients: Tensor) -> Tensor:
        """Flat images, (batch, size), from coefficients of unit variance, (batch, coefficients)."""
        return self.mean + (coefficients * self.deviation) @ self.basis
