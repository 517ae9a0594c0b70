# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""FMCW cubes: a made-up one always, the recorded ones where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from semisac_ml.data import DataError, openradar_fmcw
from semisac_ml.signal import radar_detection
from semisac_ml.signal.cfar import CfarWindow
from semisac_ml.signal.range_doppler import range_doppler_map, remove_leakage

LIGHT_MPS = 299792458.0
SETTINGS = radar_detection.DetectionSettings(
    method="os", window=CfarWindow(guard=(3, 3), reference=(12, 12), stride=(2, 2)), most_targets=6
)

pytestmark = pytest.mark.slow


def recorded(name: str) -> np.ndarray:
    try:
        return openradar_fmcw.load(name)
    except DataError as error:
        pytest.skip(str(error))


def detections(
    cube: np.ndarray, most_targets: int = 16, leakage_removal: str = "none"
) -> list[radar_detection.Detection]:
    cells, geometry = openradar_fmcw.cells_and_geometry(cube, openradar_fmcw.ChirpSettings())
    sent = np.broadcast_to(geometry.spectrum, cells.shape[1:])
    cells = remove_leakage(cells, sent, leakage_removal)
    settings = replace(SETTINGS, most_targets=most_targets)
    return radar_detection.detect(range_doppler_map(cells, geometry), geometry, settings)


def test_a_made_up_cube_shows_its_targets():
    # The beat signal of points at (range, velocity, azimuth), straight from the delay of each sample.
    chirp = openradar_fmcw.ChirpSettings()
    targets = [(2.0, 0.65, 0.2), (3.3, -1.1, -0.4)]
    cube = np.zeros((8, 128, 128), dtype=complex)
    antenna, number, sample = np.ogrid[:8, :128, :128]
    t = sample / chirp.sample_rate_hz
    start_s = number * chirp.transmitters * chirp.interval_s
    for range_m, velocity_mps, azimuth_rad in targets:
        delay_s = 2 * (range_m - velocity_mps * (start_s + t)) / LIGHT_MPS
        phase = chirp.start_hz * delay_s + chirp.slope_hz_per_s * delay_s * t
        cube += np.exp(2j * np.pi * (phase - 0.5 * np.sin(azimuth_rad) * antenna))
    rng = np.random.default_rng(1)
    cube += rng.normal(size=cube.shape, scale=5) + 1j * rng.normal(size=cube.shape, scale=5)
    found = sorted(detections(cube), key=lambda one: one.range_m)
    assert len(found) == 2
    middle_s = 128 * chirp.interval_s
    for one, (range_m, velocity_mps, azimuth_rad) in zip(found, targets, strict=True):
        # range in the middle of the frame; the beat of a mover is off by its Doppler over the slope
        assert one.range_m == pytest.approx(range_m - velocity_mps * middle_s, abs=0.003)
        assert one.velocity_mps == pytest.approx(velocity_mps, abs=0.005)
        assert one.azimuth_rad == pytest.approx(azimuth_rad, abs=0.01)


def test_one_person_walks_towards_the_radar():
    # The tutorial's account: leakage at range zero, a wall, and a person at range bin 40 of 128 (1.95 m).
    found = detections(recorded("simple_frame_1"))
    moving = [one for one in found if abs(one.velocity_mps) > 0.1]
    assert moving[0].range_m == pytest.approx(1.98, abs=0.05)
    assert 0.4 < moving[0].velocity_mps < 0.9
    limbs = [one for one in moving if one.snr_db > 30]
    assert len(limbs) > 3 and all(abs(one.range_m - 1.98) < 0.15 for one in limbs)
    still = [one for one in found if abs(one.velocity_mps) <= 0.1 and one.snr_db > 30]
    assert all(abs(one.velocity_mps) < 0.01 for one in still)
    assert {round(one.range_m / 0.25) * 0.25 for one in still} <= {0.0, 0.25, 5.25}


def test_two_people_pass_each_other_before_the_same_wall():
    cube = recorded("doppler_example_1")
    found = detections(cube[:4], most_targets=6, leakage_removal="static")  # of the first transmitter
    alone, before = (detections(one, most_targets=16) for one in (cube[:1], recorded("simple_frame_1")))
    walls_m = [
        min((one.range_m for one in each if abs(one.velocity_mps) < 0.02), key=lambda r: abs(r - 5.2))
        for each in (alone, before)
    ]
    assert walls_m[0] == pytest.approx(walls_m[1], abs=0.01)
    moving = [one for one in found if abs(one.velocity_mps) > 0.1 and one.snr_db > 40]
    assert {np.sign(one.velocity_mps) for one in moving} == {-1.0, 1.0}
    assert all(one.range_m == pytest.approx(2.95, abs=0.2) for one in moving)
    sides = {np.sign(one.azimuth_rad) * np.sign(one.velocity_mps) for one in moving}
    assert len(sides) == 1  # one on the left, one on the right


def test_the_third_cube_in_bins():
    # Its chirp is not stated: walking people at bin 15, in both directions, and still things at 30 and 45.
    cells, geometry = openradar_fmcw.cells_and_geometry(recorded("doppler_example"), None)
    assert geometry.range_bin_m == pytest.approx(0.5) and geometry.velocity_bin_mps == pytest.approx(0.5)
    found = radar_detection.detect(range_doppler_map(cells, geometry), geometry, SETTINGS)
    moving = [one for one in found if abs(one.velocity_mps) > 4 and one.snr_db > 40]
    assert moving and all(one.range_m == pytest.approx(15, abs=2.5) for one in moving)


def test_missing_cubes(tmp_path):
    with pytest.raises(DataError, match="simple_frame_1.npy not found in"):
        openradar_fmcw.load("simple_frame_1", tmp_path)
    with pytest.raises(DataError, match="cube is 'car', expected one of"):
        openradar_fmcw.load("car")
