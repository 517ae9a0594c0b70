# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measured beams and positions of several frames as numbers that a network learns from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

JUMP_M = 3.0  # between frames a tenth of a second apart: a gap in the recording or a fault of GPS
DECIBEL_SCALE = 5.0
POSITION_SCALE_M = 20.0
DISPLACEMENT_SCALE_M = 1.0
WAVES_PER_KM = (25.0, 50.0, 100.0)
BEARING_OCTAVES = 6  # the last repeats every 11 degrees, eight beams


def leading_absent_frames(measured: Tensor, position_known: Tensor) -> int:
    """How many of the first frames none of the batch has; all but the last may be skipped.

    measured: [batch, frames, beams]. position_known: [batch, frames].
    """
    seen = (measured.amax(dim=(0, 2)) + position_known.amax(dim=0)).nonzero()
    return int(seen[0]) if len(seen) else measured.shape[1] - 1


class BeamFeatures(nn.Module):
    """Features of each frame from what was measured in it; absent values become zeros with a mark.

    Power is told relative to the strongest measured beam of the frame, and that beam's level relative to
    what is usual at the site; positions relative to the middle of the site's street, as they are, as sines,
    and as sines of their bearing. The step from the last known position is told apart from jumps, which are
    flagged.

    sites: number of base stations; `site` outside 0 to sites - 1 is one that was not trained for.
    beams: of the codebook.
    """

    def __init__(self, sites: int, beams: int = 64) -> None:
        super().__init__()
        self.sites, self.beams = sites, beams
        # one more: the mean of all, for a site that is unknown
        self.register_buffer("level_db", torch.zeros(sites + 1))
        self.register_buffer("middle_m", torch.zeros(sites + 1, 2))
        self.register_buffer("waves", 2e-3 * torch.pi * torch.tensor(WAVES_PER_KM))

    @property
    def sweep_size(self) -> int:
        """Features of the measured beams of a frame."""
        return 2 * self.beams + 2

    @property
    def position_size(self) -> int:
        """Features of the position of a frame."""
        return 2 + 4 * len(WAVES_PER_KM) + 2 * BEARING_OCTAVES + 4

    @torch.no_grad()
    def fit(self, power_db: Tensor, position_m: Tensor, site: Tensor) -> None:
        """Learn what is usual at each site; of samples: power [.., beams], position [.., 2], site [..]."""
        best_db = power_db.max(dim=1).values
        for place in range(self.sites + 1):
            own = site == place if place < self.sites else torch.ones_like(site, dtype=torch.bool)
            self.level_db[place] = best_db[own].median()
            self.middle_m[place] = position_m[own].median(dim=0).values

    @torch.no_grad()
    def fit_unknown(self, power_db: Tensor, position_m: Tensor) -> None:
        """Learn the same of a site that was not trained for, in the place of the mean of all."""
        self.level_db[-1] = power_db.max(dim=1).values.median()
        self.middle_m[-1] = position_m.median(dim=0).values

    def forward(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Features of sweep and position [batch, frames, size], and of the site [batch, sites].

        Parameters
        ----------
        power_db, measured : float32 [batch, frames, beams]
            Power where measured is 1; what stands elsewhere is not used.
        position_m : float32 [batch, frames, 2]
        position_known : float32 [batch, frames]
        site : int64 [batch]
        """
        known_site = (site >= 0) & (site < self.sites)
        place = torch.where(known_site, site, torch.full_like(site, self.sites))
        # what is absent may be anything, and must not reach a neighbour even by the rounding of a vector
        power_db = torch.where(measured > 0, power_db, torch.zeros_like(power_db))
        position_m = torch.where(position_known[..., None] > 0, position_m, torch.zeros_like(position_m))
        onehot = (place[:, None] == torch.arange(self.sites, device=site.device)).to(power_db.dtype)
        sweep = self._sweep(power_db, measured, self.level_db[place])
        position = self._position(position_m, self.middle_m[place], position_known)
        return sweep, position, onehot

    def _sweep(self, power_db: Tensor, measured: Tensor, level_db: Tensor) -> Tensor:
        best_db = torch.where(measured > 0, power_db, torch.full_like(power_db, -300.0)).amax(dim=2)
        swept = measured.amax(dim=2)
        relative = measured * (power_db - best_db[..., None]) / DECIBEL_SCALE
        level = swept * (best_db - level_db[:, None]) / DECIBEL_SCALE
        return torch.cat([relative + measured, measured, level[..., None], swept[..., None]], dim=2)

    def bearing(self, position_m: Tensor, middle_m: Tensor) -> Tensor:
        """Cosine and sine of the bearing from the middle of the street and of 2, 4, … times that angle.

        position_m: [batch, frames, 2], from the base station. middle_m: [batch, 2]. Returns [batch, frames,
        2 · octaves], counterclockwise.
        """
        ahead = functional.normalize(middle_m, dim=1)[:, None]
        unit = functional.normalize(position_m, dim=2)
        cosine = (unit * ahead).sum(dim=2)
        sine = unit[..., 1] * ahead[..., 0] - unit[..., 0] * ahead[..., 1]
        found = []
        for _ in range(BEARING_OCTAVES):
            found += [cosine, sine]
            cosine, sine = cosine.square() - sine.square(), 2.0 * cosine * sine
        return torch.stack(found, dim=2)

    def _position(self, from_base_m: Tensor, middle_m: Tensor, known: Tensor) -> Tensor:
        position_m = from_base_m - middle_m[:, None]
        step, flag, marked = self._steps(position_m, known)
        angle = (position_m[..., None] * self.waves).flatten(2)
        waves = [torch.sin(angle), torch.cos(angle), self.bearing(from_base_m, middle_m)]
        place = torch.cat([position_m / POSITION_SCALE_M, *waves], dim=2)
        return torch.cat(
            [place * known[..., None], step / DISPLACEMENT_SCALE_M, flag[..., None], marked[..., None]], dim=2
        )

    def _steps(self, position_m: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Displacement from the frame before [batch, frames, 2], whether it is a jump, whether known."""
        both = known[:, 1:] * known[:, :-1]
        moved = (position_m[:, 1:] - position_m[:, :-1]) * both[..., None]
        jumped = (moved.square().sum(dim=2) > JUMP_M**2).to(moved.dtype)
        moved = moved * (1.0 - jumped)[..., None]
        first = torch.zeros_like(known[:, :1])
        return (
            torch.cat([torch.zeros_like(position_m[:, :1]), moved], dim=1),
            torch.cat([first, jumped], dim=1),
            known,
        )
