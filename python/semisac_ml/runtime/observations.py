# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sensors said lately, and a network's inputs made of it: what is missing is absent, what is old is out.

Which sensors a network takes is read from the interface in its bundle's manifest. An input ``X_known`` makes
X a modality: its values are the input ``X``, or the one whose name begins with ``X_`` (a unit follows), shape
[batch, frames, ...], and ``X_known`` [batch, frames] says in which frames it is there. Without the axis of
frames, the newest is taken. ``power_db`` and ``measured``, both [batch, frames, beams], are the modality
``power``, of which a frame holds as many beams as were measured. ``site`` [batch] is a setting.

A bundle may hold a network of the name of a sensor, with one input and one output: its encoder. What the
sensor says then goes through it once, when it comes, and the features are what is remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .bundle import Bundle
from .manifest import BundleError
from .session import Session

POWER = "power"
SITE = "site"
KNOWN = "_known"
MOST_REMEMBERED = 512  # of one sensor, if nobody asks for predictions


@dataclass(frozen=True)
class Modality:
    """Inputs of a network that belong to one sensor.

    values, known: their names. frames: 0 where the network sees one only. shape: of one frame's values.
    by_element: whether elements are known one by one, as beams are.
    """

    values: str
    known: str
    frames: int
    shape: tuple[int, ...]
    by_element: bool = False


@dataclass
class _Seen:
    time_s: float
    values: np.ndarray
    known: np.ndarray
    used: bool = False


def encoders(bundle: Bundle, sensors: Mapping[str, Modality]) -> dict[str, Session]:
    """Networks of a bundle through which a sensor's observations go first; raises BundleError."""
    found = {name: bundle.session(name) for name in sensors if bundle.has(name)}
    for name, session in found.items():
        if len(session.inputs) != 1 or len(session.outputs) != 1:
            raise BundleError(
                f"bundle {bundle.name}: network {name!r} has {len(session.inputs)} inputs and "
                f"{len(session.outputs)} outputs, expected one of each: export it again"
            )
    return found


def modalities(session: Session, name: str) -> dict[str, Modality]:
    """Sensors that a network takes, by their names. name: of the bundle, for errors; raises BundleError."""
    left = set(session.inputs) - {SITE}
    found: dict[str, Modality] = {}
    if {"power_db", "measured"} <= left:
        _, frames, *shape = session.inputs["power_db"].shape
        found[POWER] = Modality("power_db", "measured", int(frames), tuple(shape), by_element=True)
        left -= {"power_db", "measured"}
    for known in sorted(input_name for input_name in left if input_name.endswith(KNOWN)):
        modality = known.removesuffix(KNOWN)
        values = [other for other in left if other == modality or other.startswith(f"{modality}_")]
        values = [other for other in values if not other.endswith(KNOWN)]
        if len(values) == 1:
            framed = len(session.inputs[known].shape) == 2
            _, *shape = session.inputs[values[0]].shape
            frames = int(shape.pop(0)) if framed else 0
            found[modality] = Modality(values[0], known, frames, tuple(shape))
            left -= {known, values[0]}
    if left:
        raise BundleError(
            f"bundle {name}: network inputs {', '.join(sorted(left))} belong to no sensor, "
            f"expected X and X{KNOWN} of a sensor X, or power_db and measured: export it with these names"
        )
    return found


class Observations:
    """Observations by sensor and time stamp, for one network of a bundle.

    bundle, network: the network that predicts, and its encoders. interval_s: time between frames. site: place
    in the bundle's list, -1 for another. longest_s: age from which an observation is stale; never more than
    the frames that the network sees.

    counts: by sensor, how many observations were "taken"; came "late", after a prediction for their moment or
    a later one; were "stale", too old before any prediction used them; "refused", of a wrong shape or not
    finite. Those of sensors that the network does not take are "not used".
    """

    def __init__(
        self, bundle: Bundle, network: str, interval_s: float, site: int = -1, longest_s: float = np.inf
    ):
        if not interval_s > 0:
            raise ValueError(f"interval is {interval_s} s, expected a positive time between frames")
        if not longest_s > 0:
            raise ValueError(f"longest age is {longest_s} s, expected a positive time")
        session = bundle.session(network)
        self.modalities = modalities(session, bundle.name)
        self._encoders = encoders(bundle, self.modalities)
        self.counts: dict[str, Counter[str]] = {modality: Counter() for modality in self.modalities}
        self._session = session
        self._interval_s = float(interval_s)
        self._longest_s = float(longest_s)
        self.site = int(site)
        self._seen: dict[str, list[_Seen]] = {modality: [] for modality in self.modalities}
        self._now_s = -np.inf  # of the newest prediction

    def add(
        self, modality: str, time_s: float, values: np.ndarray, elements: np.ndarray | None = None
    ) -> None:
        """Take an observation.

        Parameters
        ----------
        modality : str
        time_s : float
            When it was made, on the clock of the predictions.
        values : ndarray
            As the network's (or the encoder's) input of one frame, flat or not; of power in dB, those of
            `elements`.
        elements : ndarray, int, optional
            Beams whose power it is; all when left out.
        """
        counts = self.counts.setdefault(modality, Counter())
        if modality not in self.modalities:
            counts["not used"] += 1
            return
        if modality in self._encoders:
            values = self._encoded(self._encoders[modality], values)
        made = self._checked(self.modalities[modality], time_s, values, elements)
        if made is None:
            counts["refused"] += 1
        elif self._slot(made.time_s, self._now_s) >= self._slots(modality) or self._too_old(made):
            counts["stale"] += 1
        else:
            counts["taken"] += 1
            counts["late"] += self._slot(made.time_s, self._now_s) > 0
            self._seen[modality].append(made)
            if len(self._seen[modality]) > MOST_REMEMBERED:
                self._drop(modality, self._seen[modality].pop(0))

    def inputs(self, now_s: float) -> dict[str, np.ndarray]:
        """Inputs of the network for a prediction at a moment, a batch of one.

        Where the clock begins anew, what was seen before is forgotten.
        """
        now_s = float(now_s)
        longest = max((modality.frames for modality in self.modalities.values()), default=1) or 1
        if self._now_s - now_s > longest * self._interval_s:
            self._seen = {
                name: [one for one in seen if one.time_s <= now_s] for name, seen in self._seen.items()
            }
        self._now_s = now_s
        feed = {
            name: np.zeros([1, *tensor.shape[1:]], tensor.dtype)
            for name, tensor in self._session.inputs.items()
        }
        if SITE in feed:
            feed[SITE][:] = self.site
        for name, modality in self.modalities.items():
            self._drop_old(name)
            for seen in sorted(self._seen[name], key=lambda one: one.time_s):
                slot = self._slot(seen.time_s, self._now_s)
                if slot >= 0:  # what is yet to come waits
                    seen.used = True
                    place = (0, modality.frames - 1 - slot) if modality.frames else (0,)
                    self._place(feed, modality, place, seen)
        return feed

    def usable(self) -> dict[str, int]:
        """How many observations of each sensor the last prediction had."""
        return {name: sum(one.used for one in seen) for name, seen in self._seen.items()}

    def forget(self, before_s: float = np.inf) -> None:
        """Drop what was observed before a moment, as of another vehicle; nothing of it counts as stale."""
        for modality, seen in self._seen.items():
            self._seen[modality] = [one for one in seen if one.time_s >= before_s]
        self._now_s = -np.inf

    def _place(self, feed: dict, modality: Modality, place: tuple[int, ...], seen: _Seen) -> None:
        values, known = feed[modality.values], feed[modality.known]
        if modality.by_element:
            values[place][seen.known] = seen.values[seen.known]
            known[place][seen.known] = 1
        else:
            values[place] = seen.values
            known[place] = 1

    @staticmethod
    def _encoded(encoder: Session, values: np.ndarray) -> np.ndarray:
        """Features of one frame; empty, hence refused, where it does not fit the encoder."""
        ((name, tensor),) = encoder.inputs.items()
        values = np.asarray(values)
        if values.size != int(np.prod(tensor.shape[1:])) or not np.isfinite(values).all():
            return np.empty(0)
        (features,) = encoder.run(
            **{name: values.reshape(1, *tensor.shape[1:]).astype(tensor.dtype)}
        ).values()
        return features[0]

    def _checked(self, modality: Modality, time_s: float, values, elements) -> _Seen | None:
        values = np.asarray(values)
        if values.dtype.kind not in "fiub":
            return None
        values = values.astype(np.float64).ravel()
        known = np.ones(modality.shape, dtype=bool)
        if modality.by_element:
            every = np.arange(modality.shape[0])
            chosen = every if elements is None else np.asarray(elements, dtype=np.int64)
            inside = len(chosen) == len(values) and ((chosen >= 0) & (chosen < modality.shape[0])).all()
            if not inside:
                return None
            spread = np.zeros(modality.shape)
            known = np.zeros(modality.shape, dtype=bool)
            spread[chosen], known[chosen] = values, True
            values = spread
        if values.size != int(np.prod(modality.shape)) or not np.isfinite([time_s, *values]).all():
            return None
        return _Seen(float(time_s), values.reshape(modality.shape), known)

    def _slots(self, modality: str) -> int:
        return self.modalities[modality].frames or max(m.frames for m in self.modalities.values()) or 1

    def _slot(self, time_s: float, now_s: float) -> int:
        """Frames ago, 0 is now; negative for what is yet to come."""
        return int(np.clip(np.floor((now_s - time_s) / self._interval_s + 0.5), -1e9, 1e9))

    def _too_old(self, seen: _Seen) -> bool:
        return self._now_s - seen.time_s > self._longest_s

    def _drop_old(self, modality: str) -> None:
        kept = []
        for seen in self._seen[modality]:
            if self._slot(seen.time_s, self._now_s) < self._slots(modality) and not self._too_old(seen):
                kept.append(seen)
            else:
                self._drop(modality, seen)
        self._seen[modality] = kept

    def _drop(self, modality: str, seen: _Seen) -> None:
        if not seen.used:
            self.counts[modality]["stale"] += 1
            self.counts[modality]["taken"] -= 1
