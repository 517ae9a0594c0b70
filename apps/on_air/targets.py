# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Targets seen by the detector, followed from map to map."""

from __future__ import annotations

import cmath
import math
import threading
from collections import deque
from dataclasses import dataclass, field

import pmt
from gnuradio import gr

from semisac_ml.signal.radar_parameters import RadarParameters

NEAR_CELLS = 1.5  # a detection within so many resolution cells of a target is taken as this target
MOST_TARGETS = 64
MEMORY = 0.1  # weight of the newest detection in range, speed and SNR
FORGOTTEN_MAPS = 200
SHARE_SHOWN = 0.2  # of the maps since a target appeared: less is taken as false alarms
WINDOW_MAPS = 50
LEAST_MAPS = 10  # before anything is said against them
LEAST_AGREEMENT = 0.5  # length of a mean of unit phasors from which it is a direction


@dataclass
class Target:
    """One target: running values, the map in which it appeared, that in which it was last seen, how often
    in all and in the last maps.
    """

    range_m: float
    velocity_mps: float
    phase: complex  # mean of exp(j phase from channel to channel)
    snr_db: float
    first: int
    last: int
    maps: int = 1
    range_squares: float = 0.0
    range_mean: float = 0.0
    recent: deque = field(default_factory=lambda: deque(maxlen=WINDOW_MAPS))

    def share(self, number: int) -> float:
        """Share of the last maps, since it appeared at the earliest, that show it; number: of the newest."""
        span = min(WINDOW_MAPS, number - self.first + 1)
        return sum(1 for seen in self.recent if seen > number - span) / span

    def azimuth_deg(self, element_spacing: float) -> float:
        """From the mean phase between channels, for phases near half a turn are both +90 and -90 degrees;
        not-a-number where they differ from map to map.
        """
        if not abs(self.phase) > LEAST_AGREEMENT:
            return math.nan
        sine = cmath.phase(self.phase) / (2.0 * math.pi * element_spacing)
        return math.degrees(math.asin(min(max(sine, -1.0), 1.0)))

    def plain(self, number: int, element_spacing: float) -> dict[str, float | int]:
        """For JSON; numbers that are not measured are not-a-number."""
        deviation = math.sqrt(self.range_squares / (self.maps - 1)) if self.maps > 1 else math.nan
        return {
            "range_m": self.range_mean,
            "range_deviation_m": deviation,
            "velocity_mps": self.velocity_mps,
            "azimuth_deg": self.azimuth_deg(element_spacing),
            "snr_db": self.snr_db,
            "maps": self.maps,
            "share": self.share(number),
        }


class target_list(gr.basic_block):
    """Follow the targets that `cfar_detector` reports.

    Message in ``detections``: {frame_id, detections: [{range_m, velocity_mps, ...}, ...]}.

    leakage: leave out what lies within half a resolution cell of range 0, where nothing can be told from the
        direct path of the transmitter.
    """

    def __init__(self, radar: RadarParameters, leakage: bool):
        gr.basic_block.__init__(self, "target_list", None, None)
        geometry = radar.geometry
        self._range_cell_m = geometry.range_bin_m * geometry.range_bins / (geometry.spectrum != 0).sum()
        self._least_range_m = 0.5 * self._range_cell_m if leakage else -math.inf
        self._velocity_cell_mps = math.inf
        if geometry.slow_times > 1:
            self._velocity_cell_mps = geometry.velocity_bin_mps * geometry.doppler_bins / geometry.slow_times
        self._element_spacing = geometry.element_spacing
        self._has_leakage = leakage
        self._early = Target(math.nan, math.nan, 0j, math.nan, first=1, last=0)  # before the direct path
        self._lock = threading.Lock()
        self._targets: list[Target] = []
        self._newest: list[dict] = []
        self.maps = 0
        self.detections = 0
        self.message_port_register_in(pmt.intern("detections"))
        self.set_msg_handler(pmt.intern("detections"), self._take)

    def _take(self, message) -> None:
        found = pmt.to_python(message)["detections"]
        with self._lock:
            self.maps += 1
            self.detections += len(found)
            self._newest = list(found)
            for detection in found:
                if detection["range_m"] >= self._least_range_m:
                    self._follow(detection)
            early = [one["range_m"] for one in found if one["range_m"] < -self._range_cell_m]
            if early and self._has_leakage:
                self._early.recent.append(self.maps)
                self._early.range_m = min(early)
            if self.maps % WINDOW_MAPS == 0:
                recent = self.maps - FORGOTTEN_MAPS
                self._targets = [
                    target for target in self._targets if target.last > recent or target.maps > 3
                ]

    def _follow(self, detection: dict) -> None:
        distances = [(self._distance(target, detection), target) for target in self._targets]
        distance, target = min(distances, key=lambda pair: pair[0], default=(math.inf, None))
        if distance < NEAR_CELLS and target.last < self.maps:
            self._update(target, detection)
        elif distance >= NEAR_CELLS and len(self._targets) < MOST_TARGETS:
            made = Target(
                detection["range_m"],
                detection["velocity_mps"],
                self._phase(detection),
                detection["snr_db"],
                first=self.maps,
                last=self.maps,
                range_mean=detection["range_m"],
            )
            made.recent.append(self.maps)
            self._targets.append(made)

    def _phase(self, detection: dict) -> complex:
        """exp(j phase from channel to channel)."""
        return cmath.exp(2j * math.pi * self._element_spacing * math.sin(detection["azimuth_rad"]))

    def _distance(self, target: Target, detection: dict) -> float:
        """In resolution cells."""
        distance = abs(target.range_m - detection["range_m"]) / self._range_cell_m
        if math.isfinite(self._velocity_cell_mps):
            speed = abs(target.velocity_mps - detection["velocity_mps"])
            distance = max(distance, speed / self._velocity_cell_mps)
        return distance

    def _update(self, target: Target, detection: dict) -> None:
        target.last = self.maps
        target.maps += 1
        target.recent.append(self.maps)
        step = detection["range_m"] - target.range_mean  # Welford's update
        target.range_mean += step / target.maps
        target.range_squares += step * (detection["range_m"] - target.range_mean)
        newest = detection | {"phase": self._phase(detection)}
        for name in ("range_m", "velocity_mps", "phase", "snr_db"):
            value = getattr(target, name)
            setattr(target, name, value + MEMORY * (newest[name] - value))

    def targets(self) -> list[dict[str, float | int]]:
        """Targets that are no passing false alarms, the one in most maps first."""
        with self._lock:
            shown = [target for target in self._targets if target.share(self.maps) >= SHARE_SHOWN]
            shown.sort(key=lambda target: -target.maps)
            return [target.plain(self.maps, self._element_spacing) for target in shown]

    def doubt(self) -> str | None:
        """Why ranges are not to be trusted; None where nothing speaks against them."""
        with self._lock:
            if self.maps < LEAST_MAPS or self._early.share(self.maps) < SHARE_SHOWN:
                return None
            return (
                f"echoes at {self._early.range_m:.0f} m, before the direct path: the delay of the radio was "
                "taken from an echo stronger than the leakage, or a target is beyond the end of the map; "
                "bring the antennas closer together and calibrate again"
            )

    def newest(self) -> list[dict]:
        """Detections of the newest map, as the detector gives them."""
        with self._lock:
            return list(self._newest)
