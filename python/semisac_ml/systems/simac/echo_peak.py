# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The strongest target of an echo, as a layer: range-Doppler map, angle, refinement; nothing is learned.

What semisac_ml.signal.radar_detection does for a map of many targets, for the one of SIMAC's echoes, in
batches and in operations that ONNX knows. The map is the power over all antennas; where it is greatest the
antennas' phases tell the angle, and what a beam in that direction hears tells Doppler and range on fine
grids, each with a parabola through the largest values. Then Doppler and angle once more, from all range bins
that the echo reaches: it may lie halfway between two.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from semisac_ml.layers.radar import complex_product
from semisac_ml.signal.lfm_simo_echo import BELOW_ZERO, LfmSimoRadar
from semisac_ml.signal.radar_bounds import velocity_from_doppler

OVERSAMPLING = 2
BEAMS_AN_ANTENNA = 8
FINE = 16
"""Points of a fine grid on each side of a bin of the map."""
LEAST_SNR = 1e-3


class EchoPeak(nn.Module):
    """Echoes [batch, antennas, range_bins * pulses, 2] to what they say of their strongest target."""

    def __init__(self, radar: LfmSimoRadar) -> None:
        super().__init__()
        self.radar = radar
        pulses, antennas, bins = radar.pulses, radar.antennas, radar.range_bins
        place = torch.arange(pulses, dtype=torch.float64) - (pulses - 1) / 2
        turns = (torch.arange(OVERSAMPLING * pulses, dtype=torch.float64) / (OVERSAMPLING * pulses)) - 0.5
        self.register_buffer("doppler", _waves(-turns[:, None] * place) / math.sqrt(pulses), persistent=False)
        self.register_buffer("turns", turns.float(), persistent=False)
        sine = (torch.arange(BEAMS_AN_ANTENNA * antennas, dtype=torch.float64) + 0.5) * (
            2.0 / (BEAMS_AN_ANTENNA * antennas)
        ) - 1.0
        number = torch.arange(antennas, dtype=torch.float64)
        self.register_buffer("beams", _waves(-sine[:, None] * number / 2), persistent=False)
        self.register_buffer("sine", sine.float(), persistent=False)
        self.register_buffer("antenna", number.float(), persistent=False)
        self.register_buffer("pulse", place.float(), persistent=False)
        self.register_buffer("bin", torch.arange(bins, dtype=torch.float32), persistent=False)
        fine = torch.arange(-FINE, FINE + 1, dtype=torch.float32) / FINE
        self.register_buffer("fine", fine, persistent=False)

    def forward(self, echoes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """State, SNR and map.

        Returns
        -------
        state : Tensor, float32 [batch, 3]
            Distance in m, sine of the azimuth, closing speed in m/s.
        snr : Tensor, float32 [batch]
            Behind the matched filter over everything, linear, noise included: about 10 where there is none.
        power : Tensor, float32 [batch, 2 pulses, range_bins]
            Mean over the antennas; 1 where there is noise alone.
        """
        radar = self.radar
        cube = echoes.unflatten(2, (radar.range_bins, radar.pulses)).transpose(2, 3)
        maps = complex_product(self.doppler, cube, -3)  # [batch, antennas, 2 pulses, range_bins, 2]
        power = maps.square().sum(dim=4).mean(dim=1)
        peak = power.flatten(1).argmax(dim=1)
        row = torch.div(peak, radar.range_bins, rounding_mode="floor")
        column = peak - row * radar.range_bins
        sine = self._sine(_picked(maps.flatten(2, 3), peak))
        beam = self._beam(cube, sine)
        turns = self._turns(_picked(beam, column), row)
        place, _ = self._bins(self._pulses_summed(beam, turns), column)
        weight = self._response(place[:, None])[:, 0]
        turns = self._turns(torch.einsum("bmri,br->bmi", beam, weight), row)
        angle = -2.0 * math.pi * turns[:, None] * self.pulse
        ranged = torch.einsum("bkmri,br->bkmi", cube, weight)
        sine = self._sine(_summed(ranged, angle[:, None]))
        distance_bins, snr = self._bins(self._pulses_summed(self._beam(cube, sine), turns), column)
        doppler_hz = turns / radar.pulse_interval_s
        distance_m = (distance_bins - BELOW_ZERO + turns) * radar.range_bin_m  # Doppler hid fd T bins
        velocity_mps = doppler_hz * velocity_from_doppler(1.0, radar.carrier_hz)
        return torch.stack([distance_m, sine, velocity_mps], dim=1), snr, power

    def _sine(self, heard: Tensor) -> Tensor:
        """Of the azimuth, from the antennas [batch, antennas, 2] in the peak."""
        power = complex_product(self.beams, heard[:, :, None], -3)[:, :, 0].square().sum(dim=2)
        place = power.argmax(dim=1)
        moved = place + _parabola(power, place)
        return (moved + 0.5) * (2.0 / len(self.sine)) - 1.0

    def _beam(self, cube: Tensor, sine: Tensor) -> Tensor:
        """What a beam hears, [batch, pulses, range_bins, 2]."""
        angle = -math.pi * sine[:, None] * self.antenna
        real, imaginary = torch.cos(angle)[:, :, None, None], torch.sin(angle)[:, :, None, None]
        own, other = cube[..., 0], cube[..., 1]
        pair = [(own * real - other * imaginary).sum(dim=1), (own * imaginary + other * real).sum(dim=1)]
        return torch.stack(pair, dim=-1) / math.sqrt(self.radar.antennas)

    def _turns(self, slow: Tensor, row: Tensor) -> Tensor:
        """Doppler in turns a pulse, from slow time [batch, pulses, 2] in the peak's range bin."""
        step = 1.0 / (OVERSAMPLING * self.radar.pulses)
        tried = self.turns[row][:, None] + step * self.fine  # [batch, tries]
        angle = -2.0 * math.pi * tried[:, :, None] * self.pulse
        power = _summed(slow[:, None], angle).square().sum(dim=2)
        place = power.argmax(dim=1)
        return self.turns[row] + step * self._offset(power, place)

    def _pulses_summed(self, beam: Tensor, turns: Tensor) -> Tensor:
        """Range profile at a Doppler shift, [batch, range_bins, 2], noise of variance 1."""
        angle = -2.0 * math.pi * turns[:, None] * self.pulse
        found = _summed(beam.transpose(1, 2), angle[:, None].expand(-1, self.radar.range_bins, -1))
        return found / math.sqrt(self.radar.pulses)

    def _bins(self, profile: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Place of the peak in range bins, and SNR."""
        response = self._response(column[:, None] + self.fine)
        heard = torch.einsum("btr,bri->bti", response, profile)
        power = heard.square().sum(dim=2) / response.square().sum(dim=2)
        place = power.argmax(dim=1)
        snr = power.amax(dim=1).clamp(min=LEAST_SNR)
        return column + self._offset(power, place), snr

    def _response(self, places: Tensor) -> Tensor:
        """Of the matched filter to echoes at places [batch, places] in bins, [batch, places, range_bins]."""
        off = math.pi * (self.bin - places[:, :, None])
        near = off.abs() < 1e-3
        return torch.where(near, 1.0, torch.sin(off) / torch.where(near, 1.0, off))

    def _offset(self, power: Tensor, place: Tensor) -> Tensor:
        """Of the largest value from the middle of a fine grid, in units of its half."""
        return (place + _parabola(power, place)) / FINE - 1.0


def _waves(turns: Tensor) -> Tensor:
    angle = 2.0 * math.pi * turns
    return torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1).float()


def _picked(values: Tensor, place: Tensor) -> Tensor:
    """Element `place` [batch] of axis 2, of [batch, a, b, 2]: [batch, a, 2]."""
    index = place[:, None, None, None].expand(-1, values.shape[1], 1, values.shape[3])
    return torch.gather(values, 2, index)[:, :, 0]


def _summed(values: Tensor, angle: Tensor) -> Tensor:
    """Sum over pulses of values [batch, a or 1, pulses, 2] times exp(j angle), [batch, a, 2]."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    real, imaginary = values.unbind(dim=-1)
    pair = [(real * cosine - imaginary * sine).sum(dim=2), (real * sine + imaginary * cosine).sum(dim=2)]
    return torch.stack(pair, dim=-1)


def _parabola(power: Tensor, place: Tensor) -> Tensor:
    """How far the vertex lies from the largest of [batch, places], in places; 0 at either end."""
    last = power.shape[1] - 1
    inner = place.clamp(1, last - 1)
    left, middle, right = (torch.gather(power, 1, (inner + side)[:, None])[:, 0] for side in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    vertex = 0.5 * (left - right) / torch.where(bend < 0, bend, -1.0)
    return torch.where((place == inner) & (bend < 0), vertex.clamp(-1.0, 1.0), 0.0)
