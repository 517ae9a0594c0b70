# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples of all sensors as tensors, encoded frame by frame: each frame once, however many samples see it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.samples import BEAMS, FRAMES
from semisac_ml.beams.sensors.samples import SENSORS, SensorSamples
from semisac_ml.beams.sensors.sets import SensorPresence
from semisac_ml.beams.tensors import BeamInputs, SampleTensors
from semisac_ml.sensors import declared

ROWS_AT_ONCE = 128
BEAM_SPACING_RAD = math.pi / 2 / BEAMS  # the beams of DeepSense 6G span a quarter turn


class SensorInputs(NamedTuple):
    """What a network is given, oldest frame first; the names are those of the ONNX inputs.

    The first five: see BeamInputs. camera, lidar, radar: float32 [batch, frames, features], as the encoder of
    the sensor made them, zero where the frame is absent; camera_known, ...: float32 [batch, frames], 1 or 0.
    """

    power_db: Tensor
    measured: Tensor
    position_m: Tensor
    position_known: Tensor
    site: Tensor
    camera: Tensor
    camera_known: Tensor
    lidar: Tensor
    lidar_known: Tensor
    radar: Tensor
    radar_known: Tensor

    @property
    def beams(self) -> BeamInputs:
        """Power and position."""
        return BeamInputs(*self[:5])

    def present(self) -> Tensor:
        """Which modalities each frame has, float32 [batch, frames, 5]: power, position, then the sensors."""
        marks = [self.measured.amax(dim=2), self.position_known]
        return torch.stack([*marks, self.camera_known, self.lidar_known, self.radar_known], dim=2)


class View(NamedTuple):
    """How a street is seen in training, so that a few drives are as many.

    mirrored: left is right for camera, LiDAR, radar and beams. turned: the base station aims so many beams
    further to the right, so that everything stands further to the left. Positions stay hidden in either case,
    since a map does not turn with the base station.
    """

    mirrored: bool = False
    turned: int = 0

    @property
    def azimuth_rad(self) -> float:
        """Angle by which it is turned."""
        return self.turned * BEAM_SPACING_RAD


PLAIN = View()


class SensorTensors:
    """All samples, of which networks see the last `frames` frames."""

    def __init__(self, samples: SensorSamples, frames: int, label_scale_db: float) -> None:
        if not 1 <= frames <= FRAMES:
            raise ValueError(f"networks see {frames} frames, expected 1 to {FRAMES}")
        self.samples = samples
        self.beams = SampleTensors(samples.beams, label_scale_db)
        self._label_scale_db = label_scale_db
        self.frames = samples.beams.frames[:, FRAMES - frames :]
        self.blocked = torch.from_numpy(samples.blocked)
        self._sensed = {kind: torch.from_numpy(samples.sensed[kind]) for kind in SENSORS}

    @property
    def there(self) -> np.ndarray:
        """Frames that the drive of each sample has, bool [samples, frames]."""
        return self.frames >= 0

    @property
    def recorded(self) -> np.ndarray:
        """Sensors that recorded these, bool [samples, frames, 3]."""
        return self.samples.there[np.maximum(self.frames, 0)] & self.there[..., None]

    def rename_sites(self, known: list[str]) -> None:
        """Number the sites as a bundle does; -1 for those that it does not know."""
        place = torch.tensor(
            [known.index(name) if name in known else -1 for name in self.samples.beams.names]
        )
        self.beams.site = place[self.beams.site]

    def frame(self, kind: str, rows: np.ndarray, view: View = PLAIN) -> Tensor:
        """What one sensor recorded, float32 [rows, ...]."""
        found = self._sensed[kind][torch.from_numpy(rows)].float()
        return declared()[kind].seen(found, **self._seen_as(view))

    def hides(self, kind: str, view: View) -> bool:
        """Whether a sensor must stay hidden in a view: a camera of unknown width cannot be turned."""
        return declared()[kind].hidden(**self._seen_as(view))

    def _seen_as(self, view: View) -> dict[str, Any]:
        wide = self.samples.camera_view_deg
        return {"mirrored": view.mirrored, "azimuth_rad": view.azimuth_rad, "view_deg": wide}

    def power_db(self, rows: Tensor, view: View = PLAIN) -> Tensor:
        """Power of all beams, float32 [..., beams] of sample numbers [...]."""
        found = self.beams.power_db[rows]
        found = found.flip(-1) if view.mirrored else found
        if not view.turned:
            return found
        turned = found.roll(view.turned, dims=-1)
        gone = slice(0, view.turned) if view.turned > 0 else slice(BEAMS + view.turned, BEAMS)
        turned[..., gone] = found.amin(dim=-1, keepdim=True)
        return turned

    def label(self, rows: np.ndarray, view: View = PLAIN) -> Tensor:
        """Soft labels, float32 [rows, beams]."""
        return torch.softmax(self.power_db(torch.from_numpy(rows), view) / self._label_scale_db, dim=1)

    def inputs(
        self, encoders: nn.ModuleDict, rows: np.ndarray, presence: SensorPresence, view: View = PLAIN
    ) -> SensorInputs:
        """Inputs of some samples, their frames encoded; presence is of these rows alone."""
        place = torch.from_numpy(np.maximum(self.frames[rows], 0))
        measured = torch.from_numpy(presence.measured).float()
        site = self.beams.site[torch.from_numpy(rows)]
        sources = [rows] * (1 + len(SENSORS))
        if presence.shown_of is not None:
            sources = [rows[own] for own in presence.shown_of.T]
        located = presence.position_known & self.there[sources[0]] & (view == PLAIN)
        position_known = torch.from_numpy(located).float()
        positions = torch.from_numpy(np.maximum(self.frames[sources[0]], 0))
        found = [
            self.power_db(place, view) * measured,
            measured,
            self.beams.position_m[positions] * position_known[..., None],
            position_known,
            site if view == PLAIN else torch.full_like(site, -1),
        ]
        for number, (kind, source) in enumerate(zip(SENSORS, sources[1:], strict=True)):
            frames = np.maximum(self.frames[source], 0)
            recorded = self.samples.there[frames, number] & self.there[source]
            known = presence.known[..., number] & recorded & (not self.hides(kind, view))
            found += [
                self._encoded(encoders[kind], kind, frames, known, view),
                torch.from_numpy(known).float(),
            ]
        return SensorInputs(*found)

    def _encoded(
        self, encoder: nn.Module, kind: str, frames: np.ndarray, known: np.ndarray, view: View
    ) -> Tensor:
        needed, place = np.unique(frames[known], return_inverse=True)
        size = encoder.size
        if not len(needed):
            return torch.zeros(*frames.shape, size)
        features = encoder(self.frame(kind, needed, view))
        found = features.new_zeros(frames.size, size)
        spots = torch.from_numpy(np.flatnonzero(known.ravel()))
        return found.index_copy(0, spots, features[torch.from_numpy(place)]).reshape(*frames.shape, size)

    @torch.no_grad()
    def encode_all(self, encoders: nn.ModuleDict, rows: np.ndarray) -> dict[str, Tensor]:
        """Features of every frame that some samples see, float32 [all samples, features]; others are zero."""
        needed = np.unique(self.frames[rows][self.there[rows]])
        found = {}
        for number, kind in enumerate(SENSORS):
            own = needed[self.samples.there[needed, number]]
            features = torch.zeros(len(self.samples), encoders[kind].size)
            for some in np.array_split(own, max(len(own) // ROWS_AT_ONCE, 1)):
                if len(some):
                    features[torch.from_numpy(some)] = encoders[kind](self.frame(kind, some))
            found[kind] = features
        return found

    def encoded_inputs(
        self, features: dict[str, Tensor], rows: np.ndarray, presence: SensorPresence
    ) -> SensorInputs:
        """Inputs of some samples from features that were made before."""
        place = torch.from_numpy(np.maximum(self.frames[rows], 0))
        measured = torch.from_numpy(presence.measured).float()
        position_known = torch.from_numpy(presence.position_known).float()
        found = [
            self.beams.power_db[place] * measured,
            measured,
            self.beams.position_m[place] * position_known[..., None],
            position_known,
            self.beams.site[torch.from_numpy(rows)],
        ]
        for number, kind in enumerate(SENSORS):
            known = torch.from_numpy(presence.known[..., number]).float()
            found += [features[kind][place] * known[..., None], known]
        return SensorInputs(*found)
