# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One measured or computed value, whatever figure or table it belongs to.

A line of a file of results has these columns:

- ``system``, ``figure``: who was measured, such as ``vi_beam`` or ``radar``, and what for.
- ``variant``: what is compared, the name of a curve or bar: a scheme, a predictor, a bound.
- ``inputs``: what a prediction was given, where that is asked.
- ``conditions``: what else tells rows apart, as ``key=value; key=value``. The other columns are the same for
  all systems, but one figure is told by channel and bandwidth, another by split and scenario, a third by how
  many antennas there are; a column for each would be empty nearly everywhere. Two keys mean the same in all
  files: ``x`` is the name of the quantity in the column ``x``, and ``goal`` is what the figure should be.
- ``x``: the number that is swept, if there is one.
- ``metric``, ``value``, ``unit``: what was measured; ``1`` is the unit of shares, counts and ratios.
- ``low``, ``high``: 95 % interval; without ``low``, ``high`` is a one-sided limit.
- ``n``: samples behind the value; 0: computed exactly, so the interval is a point.
- ``seed``: of what is random; several are separated by spaces.
- ``command``: the command line that measured it.

What is not known is empty.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from semisac_ml.signal.metrics import Metric

GOAL, X = "goal", "x"
DIMENSIONLESS = "1"
_UNITS = {"_db": "dB", "_ms": "ms", "_mb": "MB", "_beams": "beams", "_cycles": "cycles"}


def command_line() -> str:
    """What was typed to start this program, without the folder of an installed one."""
    program, *words = sys.argv
    name, module = Path(program).name, getattr(sys.modules["__main__"], "__spec__", None)
    if module is not None:
        typed = ["python", "-m", module.name.removesuffix(".__main__")]
    elif name.endswith(".py") and not Path(program).is_absolute():
        typed = ["python", program]
    else:
        typed = [name]
    return shlex.join([*typed, *words])


def number_text(number: float) -> str:
    """A number with all its digits, and no ``.0`` behind a whole one."""
    return repr(float(number)).removesuffix(".0")


def unit_of(metric: str) -> str:
    """Unit that the name of a metric ends with, be it of its deviation; "1" without one."""
    name = metric.removesuffix("_sd")
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), DIMENSIONLESS)


def conditions_text(conditions: Mapping[str, str]) -> str:
    """Conditions as they stand in a file. Raises ValueError for what could not be read back."""
    for key, value in conditions.items():
        if not key or "=" in key or "; " in f"{key}{value}" or value != value.strip():
            raise ValueError(f"condition {key}={value}: expected a key without =, and no '; ' in either")
    return "; ".join(f"{key}={value}" for key, value in conditions.items())


def read_conditions(text: str) -> dict[str, str]:
    """What :func:`conditions_text` wrote. Raises ValueError."""
    pairs = [part.partition("=") for part in text.split("; ")] if text else []
    if not all(key and equals for key, equals, _ in pairs):
        raise ValueError(f"conditions is {text!r}, expected key=value; key=value")
    return {key: value for key, _, value in pairs}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One value; its fields are the columns above. conditions: numbers that are given are text afterwards."""

    system: str
    figure: str
    variant: str = ""
    inputs: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    x: float | None = None
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str = ""
    seed: str = ""
    command: str = field(default_factory=command_line)

    def __post_init__(self) -> None:
        texts = {
            key: number_text(value) if isinstance(value, float) else str(value)
            for key, value in self.conditions.items()
        }
        object.__setattr__(self, "conditions", texts)
        object.__setattr__(self, "unit", self.unit or unit_of(self.metric))

    @classmethod
    def of(cls, found: Metric | float, **told: object) -> Result:
        """A measured figure with its interval, or an exact value."""
        if isinstance(found, Metric):
            return cls(**found.as_dict(), **told)
        return cls(value=float(found), low=float(found), high=float(found), n=0, **told)

    @property
    def axis(self) -> str:
        """Name of the quantity x."""
        return self.conditions.get(X, "")

    @property
    def curve(self) -> Hashable:
        """The same for all rows that differ in x alone."""
        told = tuple(sorted((key, value) for key, value in self.conditions.items() if key != GOAL))
        return self.system, self.figure, self.variant, self.inputs, self.metric, told

    @property
    def place(self) -> Hashable:
        """The same for two measurements of one thing, of which a file holds the later."""
        return self.curve, self.x


def unique(rows: Iterable[Result]) -> list[Result]:
    """The first row of each place."""
    found: dict[Hashable, Result] = {}
    for row in rows:
        found.setdefault(row.place, row)
    return list(found.values())
