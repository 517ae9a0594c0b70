# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Charts of the report as SVG, drawn by CSS classes so that they follow the page's colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gnuradio.semisac import map_drawing
from markupsafe import Markup, escape

from semisac_ml.signal.range_doppler import MapGeometry

SIZE = 420
LEFT, RIGHT, TOP, BOTTOM = 62, 26, 12, 52


@dataclass(frozen=True)
class Scale:
    """One axis from `low` to `high`; `ticks` are (position, text)."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    label: str

    def share(self, value: np.ndarray | float):
        """Place of a value between the ends, 0 to 1."""
        return (np.clip(value, self.low, self.high) - self.low) / (self.high - self.low)


def even_scale(low: float, high: float, label: str) -> Scale:
    """Scale with ticks at round numbers."""
    return Scale(low, high, [(float(p), f"{p:g}") for p in map_drawing.ticks(low, high)], label)


@dataclass(frozen=True)
class Axes:
    """Square plot area with two scales."""

    horizontal: Scale
    vertical: Scale

    def x(self, value: np.ndarray | float):
        """Horizontal place of a value, pixels."""
        return LEFT + self.horizontal.share(value) * self.width

    def y(self, value: np.ndarray | float):
        """Vertical place of a value, pixels."""
        return TOP + (1.0 - self.vertical.share(value)) * self.height

    @property
    def width(self) -> float:
        """Pixels."""
        return SIZE - LEFT - RIGHT

    @property
    def height(self) -> float:
        """Pixels."""
        return SIZE - TOP - BOTTOM

    def frame(self) -> list[str]:
        """Grid, ticks and labels."""
        parts = []
        bottom = TOP + self.height
        for position, text in self.horizontal.ticks:
            x = self.x(position)
            parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>')
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{text}</text>'
            )
        for position, text in self.vertical.ticks:
            y = self.y(position)
            parts.append(
                f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + self.width}" y2="{y:.1f}"/>'
            )
            parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        middle = TOP + self.height / 2
        parts.append(
            f'<text class="label" x="{LEFT + self.width / 2}" y="{SIZE - 12}" text-anchor="middle">'
            f"{escape(self.horizontal.label)}</text>"
        )
        parts.append(
            f'<text class="label" x="14" y="{middle}" text-anchor="middle" '
            f'transform="rotate(-90 14 {middle})">{escape(self.vertical.label)}</text>'
        )
        parts.append(
            f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{self.width}" height="{self.height}"/>'
        )
        return parts

    def line(self, x: np.ndarray, y: np.ndarray, kind: str) -> str:
        """Line through points; `kind` is its CSS class."""
        places = zip(np.atleast_1d(self.x(x)), np.atleast_1d(self.y(y)), strict=True)
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        return f'<polyline class="curve {kind}" points="{points}"/>'

    def dots(self, x: np.ndarray, y: np.ndarray, kind: str, radius: float) -> str:
        """Points."""
        places = zip(np.atleast_1d(self.x(x)), np.atleast_1d(self.y(y)), strict=True)
        circles = "".join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{radius}"/>' for px, py in places)
        return f'<g class="dots {kind}">{circles}</g>'


def svg(parts: Sequence[str], title: str) -> Markup:
    """Picture of the given parts."""
    body = "".join(parts)
    return Markup(
        f'<svg viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def probability_axes(x_label: str, y_label: str) -> Axes:
    """Normal-deviate axes, 0.01 % to 99.99 %; transform values with `deviate`."""
    shares = (0.0001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999)
    ticks = [(float(deviate(share)), f"{100 * share:g} %") for share in shares]
    limit = ticks[-1][0] * 1.04
    return Axes(Scale(-limit, limit, ticks, x_label), Scale(-limit, limit, ticks, y_label))


def deviate(share: np.ndarray | float) -> np.ndarray:
    """Standard normal quantile of a probability; 0 and 1 go to the edge of the axes."""
    from scipy import special

    return np.clip(special.ndtri(np.asarray(share, dtype=np.float64)), -9.0, 9.0)


def roc_chart(
    optimal: tuple[np.ndarray, np.ndarray],
    others: Sequence[tuple[np.ndarray, np.ndarray]],
    measured: tuple[np.ndarray, np.ndarray],
    working_point: dict[str, tuple[float, float, float]],
) -> Markup:
    """Detection against false alarm.

    optimal, others, measured: (false alarm, detection) of each curve. working_point: value, low and high of
    "false_alarm" and "detection" at the threshold.
    """
    axes = probability_axes("false alarms, share of frames without target", "detections, share of targets")
    parts = axes.frame()
    parts += [axes.line(deviate(x), deviate(y), "other") for x, y in others]
    if len(optimal[0]):
        parts.append(axes.line(deviate(optimal[0]), deviate(optimal[1]), "optimal"))
    false_alarm, detection = measured
    steps_x = np.repeat(false_alarm, 2)[1:]
    steps_y = np.repeat(detection, 2)[:-1]
    parts.append(axes.line(deviate(steps_x), deviate(steps_y), "measured"))
    x, x_low, x_high = (deviate(share) for share in working_point["false_alarm"])
    y, y_low, y_high = (deviate(share) for share in working_point["detection"])
    parts.append(axes.line(np.array([x_low, x_high]), np.array([y, y]), "interval"))
    parts.append(axes.line(np.array([x, x]), np.array([y_low, y_high]), "interval"))
    parts.append(axes.dots(x, y, "point", 4.5))
    return svg(parts, "Receiver operating characteristic of the sensing decoder")


def constellation_chart(sent: np.ndarray, received: np.ndarray) -> Markup:
    """Complex symbols, received below sent."""
    reach = 3.5
    ticks = [(float(tick), f"{tick}") for tick in range(-3, 4)]
    axes = Axes(Scale(-reach, reach, ticks, "in phase"), Scale(-reach, reach, ticks, "quadrature"))
    parts = axes.frame()
    for symbols, kind, radius in ((received, "received", 1.6), (sent, "sent", 1.6)):
        inside = symbols[(np.abs(symbols.real) < reach) & (np.abs(symbols.imag) < reach)]
        parts.append(axes.dots(inside.real, inside.imag, kind, radius))
    return svg(parts, "Constellation of sent and received symbols")


def channel_chart(subcarriers: np.ndarray, gain: np.ndarray) -> Markup:
    """Power gain of the channel over the subcarriers, dB."""
    gain_db = 20.0 * np.log10(np.maximum(np.abs(gain), 1e-6))
    middle = 5.0 * round(float(np.median(gain_db)) / 5.0)
    axes = Axes(
        even_scale(float(subcarriers[0]), float(subcarriers[-1]), "subcarrier"),
        even_scale(middle - 20.0, middle + 10.0, "estimated gain of the channel, dB"),
    )
    return svg([*axes.frame(), axes.line(subcarriers, gain_db, "measured")], "Channel estimate")


def range_doppler_axes(geometry: MapGeometry, rows: int, columns: int) -> Axes:
    """Axes of the part of a map around speed zero that has so many rows, and begins with range zero."""
    ends = [(edge - 0.5) * geometry.velocity_bin_mps for edge in (-rows / 2, rows / 2)]
    return Axes(
        even_scale(-0.5 * geometry.range_bin_m, (columns - 0.5) * geometry.range_bin_m, "range, m"),
        even_scale(*ends, "closing speed, m/s"),
    )


def map_chart(
    picture: str,
    axes: Axes,
    found: Sequence[tuple[float, float]],
    truth: Sequence[tuple[float, float]],
    title: str,
) -> Markup:
    """Map with rings around what was found and crosses at the truth.

    picture: data URL, as large as the axes. found, truth: places along them.
    """
    image = (
        f'<image href="{picture}" x="{LEFT}" y="{TOP}" width="{axes.width}" height="{axes.height}" '
        'preserveAspectRatio="none" style="image-rendering: pixelated"/>'
    )
    rings = "".join(
        f'<circle class="ring" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="8"/>' for x, y in found
    )
    crosses = "".join(
        f'<path class="cross" d="M{axes.x(x) - 5:.1f} {axes.y(y):.1f}h10m-5 -5v10"/>' for x, y in truth
    )
    return svg([*axes.frame(), image, rings, crosses], title)
