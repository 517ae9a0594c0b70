# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on the way up, of which networks are told nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from semisac_ml.channels.mimo_ofdm import MimoPaths

PREFIX_S = 144.0 / 2048.0 / 120e3
"""Normal cyclic prefix of 5G at a spacing of 120 kHz: 586 ns."""


@dataclass(frozen=True)
class Faults:
    """Of one user's data, and of the feedback of all.

    user: whose data. weaker_db: by how much they arrive weaker; infinity: not at all. late_s: by how much
    they arrive late, which with the delays of paths must stay within the prefix, as what lies beyond it
    is not modelled. carrier_hz: how far the carrier is off, which must be little beside the spacing of
    subcarriers for the same reason. flipped: chance that a bit that is fed back arrives as the other one.
    """

    user: int = 0
    weaker_db: float = 0.0
    late_s: float = 0.0
    carrier_hz: float = 0.0
    flipped: float = 0.0

    def uplink(self, paths: MimoPaths) -> MimoPaths:
        """Paths as the data meet them."""
        if not (self.weaker_db or self.late_s or self.carrier_hz):
            return paths
        own = torch.zeros_like(paths.delay_s)
        own[:, self.user] = 1.0
        return dataclasses.replace(
            paths,
            gain=paths.gain * (1.0 - own * (1.0 - 10.0 ** (-self.weaker_db / 20.0))),
            delay_s=paths.delay_s + own * self.late_s,
            doppler_hz=paths.doppler_hz + own * self.carrier_hz,
        )


NO_FAULTS = Faults()
