# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Figures of a track against a sweep of all beams."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal.tracking_score import TrackingScore


def test_figures_of_three_frames():
    """One right, one 1 dB and a beam off, one 6 dB and six beams off; 4, 8 and 0 of 16 beams measured."""
    power_db = np.full(16, -20.0)
    power_db[[3, 4, 9]] = -10.0, -11.0, -16.0
    score = TrackingScore(16)
    for beam, measured in ((3, 4), (4, 8), (9, 0)):
        score.add(beam, measured, power_db)
    figures = {name: metric.value for name, metric in score.figures().items()}
    assert figures == pytest.approx(
        {
            "beams_per_frame": 4.0,
            "overhead_saved": 0.75,
            "power_loss_db": 7.0 / 3,
            "best_beam": 1 / 3,
            "lost": 1 / 3,
        }
    )
    assert score.off().tolist() == [0, 1, 6]


def test_five_beams_off_is_not_lost():
    power_db = np.zeros(16)
    power_db[8] = 1.0
    score = TrackingScore(16)
    score.add(3, 1, power_db)
    assert score.figures()["lost"].value == 0.0


def test_no_frames_no_figures():
    assert TrackingScore(64).figures() == {}
