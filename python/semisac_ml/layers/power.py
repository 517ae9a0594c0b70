# SPDX-License-Identifier: GPL-3.0-or-later
"""Power constraint of the transmitter."""

from __future__ import annotations

from torch import Tensor


def normalise_power(symbols: Tensor) -> Tensor:
    """Scale each frame to unit mean power for each complex channel use.

    The constraint holds for every image on its own: normalised over the batch, the encoder would move power
    from one image to another.

    Parameters
    ----------
    symbols : float32 (batch, channel_uses, 2), in-phase and quadrature parts.

    Returns
    -------
    float32 of the same shape, with mean over the channel uses of I² + Q² equal to 1.
    """
    energy = symbols.square().sum(dim=(1, 2), keepdim=True)
    return symbols * (symbols.shape[1] / (energy + 1e-12)).sqrt()
