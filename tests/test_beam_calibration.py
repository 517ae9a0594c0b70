# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calibration of predicted beams by kind of evidence."""

from __future__ import annotations

import numpy as np
import pytest
from beam_samples import random_inputs

pytest.importorskip("torch", reason="training needs PyTorch")

import torch  # noqa: E402

from semisac_ml.beams.calibration import KINDS, calibrations, kinds_of  # noqa: E402
from semisac_ml.beams.ensemble import BeamEnsemble  # noqa: E402
from semisac_ml.beams.inputs import InputSet  # noqa: E402
from semisac_ml.signal.calibration import TwoTemperatures, reliability, softmax  # noqa: E402


@pytest.mark.parametrize("flat", [0.4, -300.0, 300.0])
def test_ensemble_applies_the_calibration_that_was_fitted(flat):
    """Also where a fit to predictions that say nothing leaves its limits."""

    class Said(torch.nn.Module):
        def forward(self, power_db, *rest):
            return (2.0 * power_db[:, -1],)

    given = random_inputs(batch=16)
    table = tuple(TwoTemperatures(-0.2 * place, 0.1, -1.0, 0.3, flat) for place in range(len(KINDS)))
    said = torch.log_softmax(2.0 * given.power_db[:, -1], dim=1).numpy()
    kind = kinds_of(given.measured.numpy(), given.position_known.numpy())
    wanted = [table[place].apply(said[k : k + 1])[0] for k, place in enumerate(kind)]
    np.testing.assert_allclose(BeamEnsemble([Said()], table)(*given)[0].numpy(), wanted, atol=1e-5)


def test_kinds_of_evidence_are_told_apart():
    there = np.ones((1, 5), bool)
    wanted = {
        "gps,beams8,history": 0,
        "beams8": 1,
        "gps,beams4": 1,
        "gps,sweep2": 2,
        "gps": 3,
        "gps,history": 3,
    }
    for text, place in wanted.items():
        one = InputSet.parse(text)
        shown = one.presence(there, np.zeros((1, 5, 0), bool))
        assert kinds_of(shown.measured, shown.position_known).tolist() == [place], text
        # networks that see one frame have no past
        alone = kinds_of(shown.measured[:, -1:], shown.position_known[:, -1:])
        assert alone.tolist() == [1 if one.beams else 3], text


def test_each_kind_of_evidence_is_calibrated_by_itself():
    """Two kinds whose predictions are too flat by different factors; a third has too few samples."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 2.0, (8_000, 6))
    truth = (softmax(logits).cumsum(axis=1) < rng.random((8_000, 1))).sum(axis=1).clip(max=5)
    kind = np.where(np.arange(8_000) < 50, 2, np.arange(8_000) % 2)
    too_flat = np.log(softmax(logits / np.where(kind == 0, 2.0, 4.0)[:, None]))
    table = calibrations(too_flat, truth, kind)

    def error(place: int, by: TwoTemperatures) -> float:
        own = kind == place
        return reliability(by.apply(too_flat[own]), truth[own]).expected_calibration_error

    for place in (0, 1):
        assert error(place, table[place]) < 0.03
    assert max(error(place, table[2]) for place in (0, 1)) > 0.05  # one fit for all does not serve both
    assert table[2] == table[3] not in table[:2]
