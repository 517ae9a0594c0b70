# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples as the tensors that a network is given; each frame of a sensor is encoded once, whoever sees it."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.inputs import InputSet, Presence
from semisac_ml.beams.samples import BEAMS, FRAMES, BeamSamples
from semisac_ml.layers.beam_features import BeamFeatures
from semisac_ml.sensors import declared

FRAMES_AT_ONCE = 128
BEAM_SPACING_RAD = math.pi / 2 / BEAMS  # the beams of DeepSense 6G span a quarter turn


class BeamInputs(NamedTuple):
    """What a network is given, oldest frame first; the names are those of the ONNX inputs.

    power_db: float32 [batch, frames, beams], counted only where measured.
    measured: float32 [batch, frames, beams], 1 or 0.
    position_m: float32 [batch, frames, 2], to the east and north of the base station.
    position_known: float32 [batch, frames], 1 or 0.
    site: int64 [batch], place in the list of sites trained for, -1 for another.

    With sensors (:func:`inputs_with`), two more of each: its name, float32 [batch, frames, features], as its
    encoder made them, zero where the frame is absent; and NAME_known, float32 [batch, frames], 1 or 0.
    """

    power_db: Tensor
    measured: Tensor
    position_m: Tensor
    position_known: Tensor
    site: Tensor


@lru_cache
def inputs_with(sensors: tuple[str, ...]) -> type[tuple]:
    """The inputs of networks that take these sensors."""
    named = (name for sensor in sensors for name in (sensor, f"{sensor}_known"))
    return namedtuple("BeamInputs", (*BeamInputs._fields, *named))


class View(NamedTuple):
    """How a street is seen in training, so that a few drives are as many.

    mirrored: left is right of where the base station aims, for all sensors, beams and positions. turned: it
    aims so many beams further to the right, so that everything stands further to the left. Where nobody knows
    where it aims, positions stay hidden in either case. A view is of no site, apart from the samples that are
    told a position: that has a meaning only beside the map of the site.
    """

    mirrored: bool = False
    turned: int = 0

    @property
    def azimuth_rad(self) -> float:
        """Angle by which it is turned."""
        return self.turned * BEAM_SPACING_RAD


PLAIN = View()


class SampleTensors:
    """All samples, of which networks see the last `frames` frames.

    label_scale_db: soft labels are softmax(power in dB / label_scale_db), so that beams within the noise of
        a sweep (0.2 dB) share the label.
    """

    def __init__(self, samples: BeamSamples, label_scale_db: float, frames: int = FRAMES) -> None:
        if not 1 <= frames <= FRAMES:
            raise ValueError(f"networks see {frames} frames, expected 1 to {FRAMES}")
        self.samples = samples
        self.frames = samples.frames[:, FRAMES - frames :]
        self.there = self.frames >= 0  # frames that the drive of each sample has, bool [samples, frames]
        self.power_db = torch.from_numpy(samples.power_db)
        self.position_m = torch.from_numpy(samples.position_m)
        self.site = torch.from_numpy(samples.site)
        self.blocked = torch.from_numpy(samples.blocked)
        aims, stations = samples.boresight_rad, samples.station_m
        self._ahead = None if aims is None else torch.from_numpy(np.exp(1j * aims.astype(np.float64)))
        self._station_m = (
            torch.zeros_like(self.position_m) if stations is None else torch.from_numpy(stations)
        )
        self._label_scale_db = label_scale_db
        self._place = np.maximum(self.frames, 0)
        self._sensed = {name: torch.from_numpy(own) for name, own in samples.sensed.items()}

    @property
    def recorded(self) -> np.ndarray:
        """Sensors that recorded the frames of each sample, bool [samples, frames, sensors]."""
        return self.samples.recorded[self._place] & self.there[..., None]

    @property
    def best_beams(self) -> np.ndarray:
        """The strongest beam in the frames of each sample, int64 [samples, frames]."""
        return self.samples.beam[self._place]

    def fit(self, features: BeamFeatures, rows: np.ndarray) -> None:
        """Let features know what is usual at the sites, from some samples. Raises ValueError without any."""
        names = self.samples.names
        missing = [names[k] for k in np.setdiff1d(np.arange(len(names)), self.samples.site[rows])]
        if missing:
            raise ValueError(
                f"no drive of {', '.join(missing)} is on the training side, expected one or more of each "
                "site: take another --seed, more drives, or leave the site out"
            )
        features.fit(self.power_db[rows], self.position_m[rows], self.site[rows])

    def rename_sites(self, known: Sequence[str]) -> None:
        """Number the sites as a bundle does; -1 for those that it does not know."""
        place = [known.index(name) if name in known else -1 for name in self.samples.names]
        self.site = torch.tensor(place)[self.site]

    def presence(self, inputs: InputSet, rows: np.ndarray) -> Presence:
        """What some samples are given of a set of inputs."""
        return inputs.presence(self.there[rows], self.recorded[rows], self.samples.sensors)

    def frame(self, sensor: str, rows: np.ndarray, view: View = PLAIN) -> Tensor:
        """What one sensor recorded, float32 [rows, ...]."""
        found = self._sensed[sensor][torch.from_numpy(rows)].float()
        return declared()[sensor].seen(found, **self._seen_as(view))

    def hides(self, sensor: str, view: View) -> bool:
        """Whether a sensor must stay hidden in a view: a camera of unknown width cannot be turned."""
        return declared()[sensor].hidden(**self._seen_as(view))

    def _seen_as(self, view: View) -> dict[str, Any]:
        wide = self.samples.camera_view_deg
        return {"mirrored": view.mirrored, "azimuth_rad": view.azimuth_rad, "view_deg": wide}

    def powers_db(self, rows: Tensor | np.ndarray, view: View = PLAIN) -> Tensor:
        """Power of all beams, float32 [..., beams] of sample numbers [...]."""
        found = self.power_db[torch.as_tensor(rows)]
        found = found.flip(-1) if view.mirrored else found
        if not view.turned:
            return found
        turned = found.roll(view.turned, dims=-1)
        gone = slice(0, view.turned) if view.turned > 0 else slice(BEAMS + view.turned, BEAMS)
        turned[..., gone] = found.amin(dim=-1, keepdim=True)
        return turned

    def positions_m(self, rows: Tensor | np.ndarray, view: View = PLAIN) -> Tensor:
        """Positions to the east and north, float32 [..., 2] of sample numbers [...], as they are in a view.

        Those of a base station whose aim nobody knows are as they were.
        """
        rows = torch.as_tensor(rows)
        found = self.position_m[rows]
        if view == PLAIN or self._ahead is None:
            return found
        ahead, station_m = self._ahead[rows], self._station_m[rows].double()
        place = torch.view_as_complex(found - station_m) * ahead.conj()  # ahead and to the left
        place = place.conj() if view.mirrored else place
        turned = place * ahead * np.exp(1j * view.azimuth_rad)
        return (station_m + torch.view_as_real(turned.resolve_conj())).float()

    def label(self, rows: np.ndarray, view: View = PLAIN) -> Tensor:
        """Soft labels, float32 [rows, beams]."""
        return torch.softmax(self.powers_db(rows, view) / self._label_scale_db, dim=1)

    def inputs(
        self,
        rows: np.ndarray,
        presence: Presence,
        sensed: nn.Module | Mapping[str, Tensor] | None = None,
        view: View = PLAIN,
    ) -> tuple[Tensor, ...]:
        """Inputs of some samples, as :func:`inputs_with` names them; what is absent is zero.

        presence: of these rows alone. sensed: a network with the `encoders` of the sensors, or what
        :meth:`encode` made of all frames.
        """
        sensors = self.samples.sensors
        sources = [rows] * (1 + len(sensors))
        if presence.shown_of is not None:
            sources = [rows[own] for own in presence.shown_of.T]
        measured = torch.from_numpy(presence.measured).float()
        located = (
            presence.position_known & self.there[sources[0]] & (view == PLAIN or self._ahead is not None)
        )
        position_known = torch.from_numpy(located).float()
        position_m = self.positions_m(self._place[sources[0]], view)
        if presence.misplaced_m is not None:
            position_m = position_m + torch.from_numpy(presence.misplaced_m)[:, None]
        site = self.site[torch.from_numpy(rows)]
        found = [
            self.powers_db(self._place[rows], view) * measured,
            measured,
            position_m * position_known[..., None],
            position_known,
            site if view == PLAIN else torch.where(position_known.amax(dim=1) > 0, site, -1),
        ]
        for number, (name, source) in enumerate(zip(sensors, sources[1:], strict=True)):
            frames = self._place[source]
            recorded = self.samples.recorded[frames, number] & self.there[source]
            known = presence.known[..., number] & recorded & (not self.hides(name, view))
            mark = torch.from_numpy(known).float()
            if isinstance(sensed, nn.Module):
                found.append(self._encoded(sensed.encoders[name], name, frames, known, view))
            else:
                found.append(sensed[name][torch.from_numpy(frames)] * mark[..., None])
            found.append(mark)
        return inputs_with(sensors)(*found)

    def _encoded(
        self, encoder: nn.Module, sensor: str, frames: np.ndarray, known: np.ndarray, view: View
    ) -> Tensor:
        needed, place = np.unique(frames[known], return_inverse=True)
        if not len(needed):
            return torch.zeros(*frames.shape, encoder.size)
        features = encoder(self.frame(sensor, needed, view))
        found = features.new_zeros(frames.size, encoder.size)
        spots = torch.from_numpy(np.flatnonzero(known.ravel()))
        return found.index_copy(0, spots, features[torch.from_numpy(place)]).reshape(
            *frames.shape, encoder.size
        )

    @torch.no_grad()
    def encode(self, network: nn.Module, rows: np.ndarray) -> dict[str, Tensor]:
        """Features of every frame that some samples see, float32 [all samples, features]; others are zero."""
        needed = np.unique(self.frames[rows][self.there[rows]])
        found = {}
        for number, name in enumerate(self.samples.sensors):
            encoder = network.encoders[name]
            own = needed[self.samples.recorded[needed, number]]
            features = torch.zeros(len(self.samples), encoder.size)
            for some in np.array_split(own, max(len(own) // FRAMES_AT_ONCE, 1)):
                if len(some):
                    features[torch.from_numpy(some)] = encoder(self.frame(name, some))
            found[name] = features
        return found
