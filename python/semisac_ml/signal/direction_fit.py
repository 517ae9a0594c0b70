# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How well a direction explains the power that a few beams received: a generalised likelihood ratio.

From direction d beam b receives g (A_b(d) + c) in the mean: A is the pattern of the codebook, g an unknown
gain, and c what arrives from everywhere, noise and reflections, relative to it. Powers are taken for
exponential about that mean, as the power of a complex Gaussian is, so that a fade costs little. The likeliest
gain is then the mean of P_b / (A_b + c), and what is left of the likelihood, below that of a mean which fits
every beam, is

    beams · ln(arithmetic mean / geometric mean of P_b / (A_b + c)),

0 where the profile is that of the direction, however strong. The gain is another in each frame; c stays
the same over a history and is the likeliest of a list. Directions are compared by their sums over frames.
The shape of other distributions of one scale (gamma) multiplies all sums and changes no choice.
"""

from __future__ import annotations

import numpy as np

SCATTERED_DB = tuple(range(-40, 1, 5))
"""What arrives from everywhere, relative to the middle of a beam: the last is as strong, so that nothing
can be told."""


def scattered(peak: float) -> np.ndarray:
    """The list of c for patterns of that peak, float64 [levels]."""
    return peak * 10.0 ** (np.array(SCATTERED_DB) / 10.0)


def misfit(power: np.ndarray, pattern: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Likelihood that is lost with each direction and each scattered level, in nats, float64 [..., levels].

    Parameters
    ----------
    power : ndarray, float [beams]
        Measured, linear.
    pattern : ndarray, float [..., beams]
        Of the same beams, from each direction.
    level : ndarray, float [levels]
        On the scale of the pattern, above 0.
    """
    ratio = power / (pattern[..., None, :] + level[:, None])
    return len(power) * np.log(ratio.mean(axis=-1)) - np.log(ratio).sum(axis=-1)


def knows_no_direction(power: np.ndarray) -> float:
    """The same where all directions are alike, which is the most that no direction need lose."""
    return len(power) * float(np.log(power.mean()) - np.log(power).mean())
