# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What SIMAC became: radar as a layer, analog symbols, sensors that fail, deviations that can be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar, lfm_simo_echo

torch = pytest.importorskip("torch")

from semisac_ml.systems.simac.echo_peak import EchoPeak  # noqa: E402

RADAR = LfmSimoRadar()


def echoes_of(states: np.ndarray, radar: LfmSimoRadar, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    found = np.stack([lfm_simo_echo(*state, radar, rng) for state in states])
    return torch.view_as_real(torch.from_numpy(found)).flatten(2, 3)


@pytest.mark.parametrize("distance_m", [25.0, 70.0])
def test_the_radar_layer_reaches_the_bounds(distance_m):
    # 43 and 25 dB; 200 trials tell a deviation to 5 %, 0.45 dB
    rng = np.random.default_rng(8)
    count = 200
    states = np.stack(
        [
            distance_m + rng.uniform(-2.5, 2.5, count),
            rng.uniform(-0.8, 0.8, count),
            rng.uniform(-25, 25, count),
        ],
        axis=1,
    )
    found, snr, power = EchoPeak(RADAR)(echoes_of(states, RADAR, 1))
    bounds = np.array([RADAR.deviations(*state[:2]) for state in states])
    sine_bounds = bounds[:, 2] * np.cos(states[:, 1])
    error = found.numpy() - np.stack([states[:, 0], np.sin(states[:, 1]), states[:, 2]], axis=1)
    ratio = error / np.stack([bounds[:, 0], sine_bounds, bounds[:, 1]], axis=1)
    loss_db = 20 * np.log10(np.sqrt(np.square(ratio).mean(axis=0)))
    assert loss_db.max() < 1.2, loss_db
    expected = np.array([RADAR.snr(state[0]) for state in states])
    assert np.median(snr.numpy() / expected) == pytest.approx(1.0, abs=0.1)
    assert power.shape == (200, 128, 32) and power.median() == pytest.approx(0.97, abs=0.05)
