# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a base station sees with, besides its beams and the position that a vehicle tells: one file a sensor.

A sensor is whatever module of this package holds a class of :class:`Sensor`, under the module's name. From it
come the column of tables that is read, the words of command lines, the inputs and encoders of networks, what
decoders are measured by. Nothing here imports torch before a network is made.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn


class Sensor:
    """One sensor. Only :meth:`read` must be told; a network then takes what was read as it is.

    name: of the module. label: as people write it. column: of DeepSense's tables, of which `endings` are read
    (all by default). shape, dtype: of a frame as networks are given it. scale: by which its values are
    divided for an encoder. kept: type in which frames are kept between trainings. one_shape: whether all
    frames of a recording must have the same. described: what a network sees, in words.
    """

    name: str
    label: str
    column: str
    endings: tuple[str, ...] = ()
    shape: tuple[int, ...]
    dtype: type = np.float32
    scale: float = 1.0
    kept: type = np.float16
    one_shape: bool = True
    described: str = ""

    def read(self, file: Path) -> np.ndarray:
        """What a file of the data set holds; raises DataError."""
        raise NotImplementedError

    def frame(self, now: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """A frame for networks, `dtype` of `shape`; raises ValueError.

        now, before: what was read of this frame and of the one before, if there is one.
        """
        return np.asarray(now, self.dtype).reshape(self.shape)

    def hidden(self, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> bool:
        """Whether what a sensor saw cannot be told in a mirror, or turned to the left by an angle.

        view_deg: width of the camera's view, None where nobody knows it.
        """
        return mirrored or azimuth_rad != 0.0

    def seen(self, frames: Tensor, *, mirrored: bool, azimuth_rad: float, view_deg: float | None) -> Tensor:
        """Frames, float32 as kept, in a mirror and turned, divided by `scale`; not where it is `hidden`."""
        return frames / self.scale

    def encoder(self, size: int, sizes: Any) -> nn.Module:
        """Network from frames to vectors [frames, size]; sizes: layers.sensor_encoders.EncoderSizes."""
        from torch import nn

        values = prod(self.shape)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(values, sizes.width), nn.ReLU(), nn.Linear(sizes.width, size)
        )

    def azimuth_map(self, beams: int) -> nn.Module:
        """Network from frames to what is seen where each beam points: see layers.azimuth_maps."""
        from semisac_ml.layers.azimuth_maps import PlainMap

        return PlainMap(prod(self.shape), beams)

    def told(self, size: int) -> int:
        """Values that a decoder tells of a frame: the frame's own, or `size` of which `mirror` makes more."""
        return prod(self.shape)

    def mirror(self, size: int, width: int) -> nn.Module | None:
        """Network from what a decoder tells to what `residual` takes; width: of its last stage."""
        return None

    def residual(self, truth: Tensor, told: Tensor) -> Tensor:
        """Frames minus what is told of them, in standard deviations, [frames, values]."""
        return truth.flatten(1) - told


@lru_cache(maxsize=1)
def _declared(folders: tuple[str, ...]) -> dict[str, Sensor]:
    found = {}
    for entry in sorted(pkgutil.iter_modules(folders), key=lambda entry: entry.name):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, Sensor) and kind.__module__ == module.__name__:
                found[entry.name] = kind()
                found[entry.name].name = entry.name
    return found


def declared() -> dict[str, Sensor]:
    """All sensors by their names, in the order of these."""
    return _declared(tuple(__path__))


def chosen(names: Sequence[str]) -> tuple[Sensor, ...]:
    """Some of them; raises ValueError for one that is not declared."""
    known = declared()
    strange = [name for name in names if name not in known]
    if strange:
        raise ValueError(f"sensors are {', '.join(names)}, expected some of {', '.join(known)}")
    return tuple(known[name] for name in names)
