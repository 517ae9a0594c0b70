# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CFAR: thresholds against closed forms and published losses, false alarms against the rate asked for."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal import cfar, radar_trials
from semisac_ml.signal.cfar import CfarWindow
from semisac_ml.signal.radar_detection import DetectionSettings, Threshold


def test_ca_factor_of_one_look_is_the_closed_form():
    for count in (8, 16, 32):
        for rate in (1e-3, 1e-4, 1e-6):
            assert cfar.ca_factor(rate, count) == pytest.approx(count * (rate ** (-1 / count) - 1), rel=1e-9)


def test_ca_loss_at_a_detection_probability_of_nine_tenths():
    # Pfa 1e-4; 8, 16, 24, 32, 64 cells; and the 11.75 dB that a known noise level needs.
    losses = [cfar.ca_loss_db(1e-4, count) for count in (8, 16, 24, 32, 64)]
    np.testing.assert_allclose(losses, [2.8, 1.34, 0.87, 0.64, 0.32], atol=0.03)
    assert losses[3] <= 0.8
    assert cfar.ca_detection_probability(10**1.175, -np.log(1e-4), np.inf) == pytest.approx(0.9, abs=2e-3)


def test_os_rate_is_the_product_and_the_quadrature_agrees_with_it():
    # n = 2, rank 2, one look: P(X > factor max(a, b)) = 2/((2 + factor) (1 + factor)).
    assert cfar.os_false_alarm_rate(3.0, 2, 2) == pytest.approx(2 / (5 * 4))
    for rank in (8, 16, 24):
        factor = cfar.os_factor(1e-4, 32, rank)
        assert cfar.os_false_alarm_rate(factor, 32, rank) == pytest.approx(1e-4, rel=1e-9)
    # Rank n of n = 1 is the CA detector of one cell, for any number of looks.
    for looks in (2, 4):
        assert cfar.os_factor(1e-3, 1, 1, looks) == pytest.approx(cfar.ca_factor(1e-3, 1, looks), rel=1e-4)
    assert cfar.os_mean(2, 2) == pytest.approx(1.5)
    assert cfar.os_mean(1, 1, 3) == pytest.approx(3.0, rel=1e-4)


@pytest.mark.parametrize(("method", "looks"), [("ca", 1), ("ca", 4), ("os", 1), ("os", 3)])
def test_false_alarm_rate_of_independent_cells(method, looks):
    # CA: 3.3e6 cells at 1e-4 give 328 +- 18 false alarms; the bound of 20 % lies 3.6 deviations off. OS costs
    # more to compute: 1.3e6 cells at 1e-3, 1311 +- 36, 12 %.
    rate, maps, bound = (1e-4, 200, 0.2) if method == "ca" else (1e-3, 80, 0.12)
    window = CfarWindow(guard=(1, 1), reference=(8, 8))
    factor = cfar.ca_factor(rate, 32, looks) if method == "ca" else cfar.os_factor(rate, 32, 24, looks)
    rng = np.random.default_rng(3)
    count = radar_trials.false_alarms_of_white_maps((128, 128, looks), window, method, factor, 24, maps, rng)
    assert count / (128 * 128 * maps) == pytest.approx(rate, rel=bound)


def test_correlated_references_without_correlation():
    for looks in (1, 2, 5):
        factor = cfar.ca_factor(1e-5, 24, looks)
        assert cfar.correlated_false_alarm_rate(factor, np.eye(25), looks) == pytest.approx(1e-5, rel=1e-6)
        assert cfar.correlated_ca_factor(1e-5, np.eye(25), looks) == pytest.approx(factor, rel=1e-6)
    # References that are all the same are one reference.
    same = np.ones((9, 9))
    same[0, 1:] = same[1:, 0] = 0.0
    assert cfar.correlated_ca_factor(1e-3, same, 3) == pytest.approx(cfar.ca_factor(1e-3, 1, 3), rel=1e-6)


def test_false_alarm_rate_of_ofdm_maps():
    # Unused subcarriers, a window and oversampling correlate the cells; the threshold knows. 1.6e6 or 1.2e6
    # cells at 1e-3: +- 2.5 % for independent cells, more for clusters.
    for window, oversampling, stride, maps in (("rectangular", 1, (1, 1), 400), ("hamming", 2, (2, 2), 75)):
        geometry = radar_trials.ofdm_geometry(
            oversampling=oversampling, range_window=window, doppler_window=window
        )
        settings = DetectionSettings(
            false_alarm_rate=1e-3, false_alarms_per="cell", window=CfarWindow(stride=stride)
        )
        count = radar_trials.false_alarms(geometry, settings, maps, np.random.default_rng(4))
        cells = maps * geometry.doppler_bins * geometry.range_bins
        assert count / cells == pytest.approx(1e-3, rel=0.12)


@pytest.mark.parametrize(
    ("oversampling", "antennas", "window", "maps"),
    [(1, 1, "rectangular", 6000), (1, 4, "hamming", 2000), (2, 1, "rectangular", 1500)],
)
def test_one_map_of_noise_in_so_many_shows_a_target(oversampling, antennas, window, maps):
    # A rate of 5 %: 300 +- 17, 100 +- 10 or 75 +- 8 maps; the bounds lie four deviations off, and leave 16 %
    # for what the count of separate cells is known to be off with oversampling.
    geometry = radar_trials.ofdm_geometry(
        slow_times=32,
        oversampling=oversampling,
        antennas=antennas,
        range_window=window,
        doppler_window=window,
    )
    threshold = Threshold(geometry, DetectionSettings(false_alarm_rate=0.05))
    assert threshold.map_rate == pytest.approx(0.05, rel=1e-3)
    settings = DetectionSettings(false_alarm_rate=0.05)
    shown = radar_trials.maps_with_false_alarms(geometry, settings, maps, np.random.default_rng(6))
    deviation = np.sqrt(0.05 * 0.95 * maps)
    assert 0.84 * 0.05 * maps - 4 * deviation < shown < 0.05 * maps + 4 * deviation


def test_cells_of_an_axis_that_are_exceeded_one_without_the_other():
    flat = np.ones(64)
    assert cfar.separate_cells(64, flat, 14.0) == pytest.approx(64, rel=1e-4)  # none is like another
    # on a fine grid as many as the level is crossed: M sqrt(pi u/3) (Rice)
    assert cfar.separate_cells(64 * 64, flat, 14.0) == pytest.approx(64 * np.sqrt(np.pi * 14 / 3), rel=2e-3)
    assert cfar.separate_cells(2, np.ones(1), 14.0) == 1.0  # all rows are the same
    for cells in (1.0, 64.0, 1e6):
        assert cfar.map_rate(cfar.cell_rate(0.01, cells), cells) == pytest.approx(0.01, rel=1e-9)
    assert cfar.cell_rate(0.01, 4096) == pytest.approx(2.4537e-6, rel=1e-4)


def test_references_stand_beside_the_cell():
    window = CfarWindow(guard=(1, 2), reference=(2, 1), stride=(1, 2))
    assert {tuple(offset) for offset in window.offsets.tolist()} == {
        (0, -3),
        (0, -2),
        (0, 2),
        (0, 3),
        (-6, 0),
        (6, 0),
    }
    power = np.zeros((16, 16))
    power[5, 7] = 6.0
    level = cfar.noise_level(power, window)
    assert level[5, 7] == 0.0
    assert level[5, 9] == level[5, 4] == level[15, 7] == 1.0  # cyclic
    assert cfar.local_maxima(power)[5, 7] and not cfar.local_maxima(power)[5, 8]


def test_bad_settings():
    for arguments, message in (
        ((0.0, 8), "false_alarm_rate is 0.0, expected"),
        ((1.0, 8), "false_alarm_rate is 1.0, expected"),
    ):
        with pytest.raises(ValueError, match=message):
            cfar.ca_factor(*arguments)
    with pytest.raises(ValueError, match="rank is 9, expected 1 to 8"):
        cfar.os_factor(1e-3, 8, 9)
    with pytest.raises(ValueError, match="reach over 37 bins in range, expected at most 32"):
        CfarWindow(guard=(2, 2), reference=(16, 0)).check(64, 32)
    with pytest.raises(ValueError, match="expected at least 1"):
        CfarWindow(reference=(0, 0)).check(64, 64)
    with pytest.raises(ValueError, match="false_alarms_per is 'hour', expected map or cell"):
        Threshold(radar_trials.ofdm_geometry(), DetectionSettings(false_alarms_per="hour"))
    with pytest.raises(ValueError, match="CFAR method is 'go'"):
        cfar.noise_level(np.ones((32, 32)), CfarWindow(), "go")
