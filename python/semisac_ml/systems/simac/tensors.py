# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples as tensors: frames and pictures kept, echoes made anew for every batch, channels drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from semisac_ml.channels.digital import MODULATIONS
from semisac_ml.signal.digital_modulation import CONSTELLATIONS
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar, lfm_simo_echo
from semisac_ml.signal.simo_echo import EchoSettings, simo_echo

from . import channel_text
from .link_budget import modulation_at
from .model import ChannelState
from .samples import STATES, Limits, TargetSet, cut_out, part_of_frame, shrunk

ECHOES = ("lfm", "paper")
UNIT_DISTANCE_M = 100.0
"""Echoes of Eq. (1), which have no noise to compare with, are scaled to amplitude 1 from here."""
GAINS = (0.7, 1.2)
"""Of a colour, where pictures are recoloured."""


@dataclass(frozen=True)
class EchoSource:
    """Echoes of targets as a network hears them, float32 [antennas, length, 2].

    kind: "lfm", chirps behind their matched filter, with noise, one range bin after the other and in each all
    pulses: what is convolved and pooled is then slow time, and a range bin is a place in the sequence. Or
    "paper", Eq. (1) as printed, a tone without noise.
    """

    kind: str = "lfm"
    radar: LfmSimoRadar = LfmSimoRadar()
    printed: EchoSettings = EchoSettings()

    def __post_init__(self) -> None:
        if self.kind not in ECHOES:
            raise ValueError(f"echo is {self.kind!r}, expected {' or '.join(ECHOES)}")

    @property
    def shape(self) -> tuple[int, int]:
        """Antennas and length."""
        if self.kind == "lfm":
            return self.radar.antennas, self.radar.pulses * self.radar.range_bins
        return self.printed.antennas, self.printed.samples

    def echo(self, state: np.ndarray, broadside_rad: float, rng: np.random.Generator) -> np.ndarray:
        """Echo of a target at (distance_m, azimuth_rad, velocity_mps)."""
        distance, azimuth, velocity = (float(value) for value in state)
        if self.kind == "lfm":
            found = lfm_simo_echo(distance, azimuth, velocity, self.radar, rng)
            found = found.transpose(0, 2, 1).reshape(self.shape)
        else:
            found = simo_echo(distance, azimuth + broadside_rad, velocity, self.printed)
            found = found / np.abs(simo_echo(UNIT_DISTANCE_M, 0.0, 0.0, self.printed)[0, 0])
        return found.astype(np.complex64).view(np.float32).reshape(*self.shape, 2)


@dataclass(frozen=True)
class Batch:
    """Inputs and truth of some samples; truth by task, states normalised, "box" as part_of_frame says."""

    pictures: Tensor
    echoes: Tensor
    truth: dict[str, Tensor]


class SampleTensors:
    """Samples of a scene, ready for a network.

    frame_pixels, picture_pixels: sides of what is seen and of what is to be shown. limits: by default of the
    samples' training part.
    """

    def __init__(
        self,
        samples: TargetSet,
        frame_pixels: int,
        picture_pixels: int,
        echoes: EchoSource | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.samples, self.limits = samples, limits or Limits.of(samples)
        self.echoes = echoes or EchoSource()
        numbers, self._frame_of = np.unique(samples.frame, return_inverse=True)
        frames = np.empty((len(numbers), frame_pixels, frame_pixels, 3), np.uint8)
        pictures = np.empty((len(samples), picture_pixels, picture_pixels, 3), np.uint8)
        boxes = np.empty((len(samples), 4), np.float32)
        for place, number in enumerate(numbers):
            frame = samples.read_frame(int(number))
            frames[place] = shrunk(frame, frame_pixels)
            for row in np.flatnonzero(self._frame_of == place):
                mask = samples.read_mask(int(row))
                boxes[row] = part_of_frame(samples.box_px[row], frame.shape[:2])
                pictures[row] = cut_out(frame, mask, samples.box_px[row], picture_pixels)
        self._frames, self._pictures = (
            torch.from_numpy(part).permute(0, 3, 1, 2) for part in (frames, pictures)
        )
        self._boxes = torch.from_numpy(boxes)
        self._states = torch.from_numpy(self.limits.normalise(samples.states)).float()

    def heard(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Echoes of samples, float32 [rows, antennas, length, 2]."""
        states, broadside = self.samples.states, self.samples.broadside_rad
        return np.stack([self.echoes.echo(states[row], broadside[row], rng) for row in rows])

    def batch(self, rows: np.ndarray, rng: np.random.Generator, *, recoloured: bool = False) -> Batch:
        """Samples by their indices; rng draws the noise of the radar.

        recoloured: frames and pictures alike, at random, for a scene has few vehicles, and cars any colour.
        """
        echoes = self.heard(rows, rng)
        truth = {name: self._states[rows, place] for place, name in enumerate(STATES)}
        truth["box"] = self._boxes[rows]
        truth["picture"] = self._pictures[rows].float() / 255.0
        pictures = self._frames[self._frame_of[rows]].float() / 255.0
        if recoloured:
            order = torch.from_numpy(rng.permuted(np.tile(np.arange(3), (len(rows), 1)), axis=1))
            gain = torch.from_numpy(rng.uniform(*GAINS, (len(rows), 3, 1, 1))).float()
            each = torch.arange(len(rows))[:, None]
            pictures = (pictures[each, order] * gain).clamp(max=1.0)
            truth["picture"] = (truth["picture"][each, order] * gain).clamp(max=1.0)
        return Batch(pictures, torch.from_numpy(echoes), truth)


def channel_state(snr_db: np.ndarray, fading: str, device: torch.device | None = None) -> ChannelState:
    """What is known of channels at these SNRs, whole decibels: modulation by Eq. (50), words, numbers.

    Parameters
    ----------
    snr_db : ndarray [batch]
    fading : str
        "awgn" or "rayleigh".
    """
    names = [modulation_at(float(snr)) for snr in snr_db]
    places = np.stack(
        [channel_text.places(float(snr), name) for snr, name in zip(snr_db, names, strict=True)]
    )
    numbers = np.stack(
        [
            np.asarray(snr_db) / 10.0,
            [CONSTELLATIONS[name].bits for name in names],
            np.full(len(names), float(fading == "rayleigh")),
        ],
        axis=1,
    )
    return ChannelState(
        torch.as_tensor(np.asarray(snr_db), dtype=torch.float32, device=device),
        torch.tensor([MODULATIONS.index(name) for name in names], device=device),
        torch.as_tensor(places, device=device),
        torch.as_tensor(numbers, dtype=torch.float32, device=device),
    )


def with_other_sentences(state: ChannelState, rng: np.random.Generator) -> ChannelState:
    """The same channels, of which the words tell another SNR and its modulation, drawn."""
    other = channel_state(drawn_snr_db(len(state.snr_db), rng), "awgn", state.places.device)
    return replace(state, places=other.places)


def drawn_snr_db(count: int, rng: np.random.Generator) -> np.ndarray:
    """SNRs of a training batch: whole decibels from 0 to 25, all alike."""
    return rng.integers(channel_text.LOWEST_DB, channel_text.HIGHEST_DB + 1, count).astype(np.float64)
