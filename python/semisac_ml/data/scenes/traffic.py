# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who drives, rides and walks where: the intelligent driver model along routes, lights at crossroads.

Source of the model: Treiber, Hennecke and Helbing, "Congested traffic states in empirical observations and
microscopic simulations", Phys. Rev. E 62 (2000), with acceleration 1.5 m/s², deceleration 2.2 m/s², headway
1.3 s and a gap of 2.2 m at standstill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .layouts import Street
from .routes import Route
from .vehicles import KINDS, Kind

ACCELERATION, DECELERATION, HEADWAY_S, STANDSTILL_M = 1.5, 2.2, 1.3, 2.2
GREEN_S, CLEARING_S = 7.0, 3.5
TIME_STEP_S = 0.1
WARM_UP_S = 40.0


@dataclass
class Mover:
    """Somebody who moves: a vehicle, a cyclist or a walker."""

    number: int
    kind: str
    label: str
    length_m: float
    width_m: float
    height_m: float
    route: Route
    distance_m: float
    speed_mps: float
    eagerness: float
    acceleration: float = 0.0


@dataclass(frozen=True)
class Track:
    """Where one mover is in every step of a sequence; NaN while it is not there.

    position_m : ndarray [steps, 2]; heading_rad, speed_mps, acceleration : ndarray [steps]
    """

    number: int
    kind: str
    label: str
    size_m: tuple[float, float, float]
    position_m: np.ndarray
    heading_rad: np.ndarray
    speed_mps: np.ndarray
    acceleration: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """Whether it is in the street, bool [steps]."""
        return np.isfinite(self.heading_rad)


class Traffic:
    """Movers of a street, advanced in steps of TIME_STEP_S."""

    def __init__(self, street: Street, rng: np.random.Generator, density: float, people: bool) -> None:
        self._rng = rng
        self._density = density
        self._routes = [
            r for r in street.routes if r.users == "vehicles" or (people and r.users != "vehicles")
        ]
        self._sharing = {  # how many routes start at the same place
            id(r): sum(np.allclose(other.points_m[0], r.points_m[0]) for other in self._routes)
            for r in self._routes
        }
        self._phases = 1 + max(r.phase for r in self._routes)
        self._count = 0
        self._clock = rng.uniform(0, 60)
        self.movers: list[Mover] = []

    def advance(self) -> None:
        """One time step for everybody."""
        self._clock += TIME_STEP_S
        places = {id(m): m.route.at(m.distance_m) for m in self.movers}
        for mover in self.movers:
            mover.acceleration = self._acceleration(mover, places)
        for mover in self.movers:
            mover.speed_mps = max(0.0, mover.speed_mps + mover.acceleration * TIME_STEP_S)
            mover.distance_m += mover.speed_mps * TIME_STEP_S
        self.movers = [m for m in self.movers if m.distance_m < m.route.length_m - 1]
        for route in self._routes:
            self._perhaps_enter(route)

    def _acceleration(self, mover: Mover, places: dict) -> float:
        if mover.label in ("person", "cyclist"):
            return (mover.route.speed_mps * mover.eagerness - mover.speed_mps) * 0.5
        speed, wanted = mover.speed_mps, mover.route.bend_speed_mps(mover.distance_m) * mover.eagerness
        gap, closing = self._gap_ahead(mover, places)
        desired = STANDSTILL_M + max(
            0.0, speed * HEADWAY_S + speed * closing / (2 * np.sqrt(ACCELERATION * DECELERATION))
        )
        free = 1 - (speed / wanted) ** 4 if speed <= wanted else -min(1.0, (speed - wanted) / 2)
        return float(np.clip(ACCELERATION * (free - (desired / max(gap, 0.5)) ** 2), -6.0, ACCELERATION))

    def _gap_ahead(self, mover: Mover, places: dict) -> tuple[float, float]:
        """Room to the next vehicle or red light in metres, and how fast it shrinks in m/s."""
        gap, closing = 1e3, 0.0
        here, heading = places[id(mover)]
        others = [m for m in self.movers if m is not mover and m.label != "person"]
        if others:
            there = np.array([places[id(m)][0] for m in others]) - here
            turned = np.cos(np.array([places[id(m)][1] for m in others]) - heading)
            ahead = there @ [np.cos(heading), np.sin(heading)]
            away = np.hypot(*there.T)
            possible = np.flatnonzero((ahead > 0) & (ahead < 60) & (turned > -0.5))
            for k in possible[np.argsort(away[possible], kind="stable")]:
                where, _ = mover.route.at(mover.distance_m + away[k])
                if np.hypot(*(where - here - there[k])) < 1.9 + 0.3 * (others[k].width_m > 2.2):
                    gap = away[k] - (mover.length_m + others[k].length_m) / 2
                    closing = mover.speed_mps - others[k].speed_mps * turned[k]
                    break
        stop = mover.route.stop_m
        if stop is not None and not self._green(mover.route.phase):
            room = stop - mover.distance_m - mover.length_m / 2
            could_stop = mover.speed_mps**2 / (2 * 4.0) < room + 1.0
            if -0.5 < room < gap and could_stop:
                gap, closing = max(room + STANDSTILL_M - 0.5, 0.5), mover.speed_mps
        return gap, closing

    def _green(self, phase: int) -> bool:
        cycle = GREEN_S + CLEARING_S
        place = self._clock % (cycle * self._phases)
        return phase * cycle <= place < phase * cycle + GREEN_S

    def _perhaps_enter(self, route: Route) -> None:
        rates = {"vehicles": 0.16, "people": 0.06, "cyclists": 0.035}
        rate = rates[route.users] * self._density / self._sharing[id(route)]
        if self._rng.random() > rate * TIME_STEP_S:
            return
        kind = self._draw(route)
        for other in self.movers:
            where, _ = other.route.at(other.distance_m)
            if np.hypot(*(where - route.points_m[0])) < (other.length_m + kind.length_m) / 2 + 9:
                return
        eagerness = float(np.clip(self._rng.normal(1.0, 0.12), 0.7, 1.3))
        self._count += 1
        self.movers.append(
            Mover(
                self._count,
                kind.name,
                kind.label,
                kind.length_m,
                kind.width_m,
                kind.height_m,
                route,
                0.0,
                route.speed_mps * eagerness * 0.9,
                eagerness,
            )
        )

    def _draw(self, route: Route) -> Kind:
        if route.users == "people":
            return Kind("person", 0.6, 0.6, 1.75, 0.0, (), 0.0, "person")
        if route.users == "cyclists":
            return Kind("cyclist", 1.75, 0.6, 1.8, 0.0, (), 0.0, "cyclist")
        kinds = list(KINDS.values())
        shares = np.array([kind.share for kind in kinds])
        return kinds[self._rng.choice(len(kinds), p=shares / shares.sum())]


def simulate(
    street: Street, steps: int, interval_s: float, seed: int, density: float = 1.0, people: bool = True
) -> list[Track]:
    """Tracks of everybody who is in the street during a sequence.

    Parameters
    ----------
    interval_s : float
        Between two steps; a multiple of TIME_STEP_S.
    density : float
        1 is a street of medium traffic.
    """
    rng = np.random.default_rng([seed, 2])
    traffic = Traffic(street, rng, density, people)
    for _ in range(round(WARM_UP_S / TIME_STEP_S)):
        traffic.advance()
    substeps = max(1, round(interval_s / TIME_STEP_S))
    rows: dict[int, tuple[Mover, dict[int, tuple]]] = {}
    for step in range(steps):
        for mover in traffic.movers:
            position, heading = mover.route.at(mover.distance_m)
            entry = rows.setdefault(mover.number, (mover, {}))
            entry[1][step] = (*position, heading, mover.speed_mps, mover.acceleration)
        for _ in range(substeps):
            traffic.advance()
    return [_track(mover, states, steps) for mover, states in rows.values()]


def _track(mover: Mover, states: dict[int, tuple], steps: int) -> Track:
    table = np.full((steps, 5), np.nan)
    for step, row in states.items():
        table[step] = row
    size = (mover.length_m, mover.width_m, mover.height_m)
    return Track(
        mover.number, mover.kind, mover.label, size, table[:, :2], table[:, 2], table[:, 3], table[:, 4]
    )
