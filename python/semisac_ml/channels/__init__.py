# SPDX-License-Identifier: GPL-3.0-or-later
"""Differentiable channels: the torch twins of ``semisac_ml.signal.channel``.

Each channel is a deterministic function of its input and of its random draws, so that a test can feed the
draws of the numpy reference to the torch channel and compare the outputs number by number.
"""

from __future__ import annotations

from semisac_ml.channels.echo import EchoChannel, EchoDraws, apply_echo
from semisac_ml.channels.fading import FadingChannel, apply_fading, complex_normal, noise_variance

__all__ = [
    "EchoChannel",
    "EchoDraws",
    "FadingChannel",
    "apply_echo",
    "apply_fading",
    "complex_normal",
    "noise_variance",
]
