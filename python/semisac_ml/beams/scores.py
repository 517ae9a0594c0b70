# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scores of predictions over splits, with 95 % intervals.

A score is the mean over parts (scenarios or times of day) of each one's mean over samples, for each split;
then mean, standard deviation and Student's interval over splits. Calibration is pooled over splits and parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semisac_ml.beams.samples import BeamSamples
from semisac_ml.signal import beams
from semisac_ml.signal.calibration import Reliability, reliability
from semisac_ml.signal.metrics import mean

RESAMPLES = 200
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Tested:
    """What one predictor said of the test side of one split.

    predictor: name. kind, seed, split: of the split. inputs: as text, "" where a baseline has its own.
    rows: samples that were tested, int64 [rows]; asked: how many the split holds.
    best: reported beams, the best first, int64 [rows, 5].
    probability: float32 [rows, beams], None of what gives none.
    overhead: beams measured a frame.
    blockage: figures of whether the straight way was told to be blocked; none where nobody knows or tells.
    """

    predictor: str
    kind: str
    seed: int
    split: str
    inputs: str
    rows: np.ndarray
    asked: int
    best: np.ndarray
    probability: np.ndarray | None
    overhead: float
    blockage: dict[str, float] | None = None


def sample_scores(samples: BeamSamples, tested: Tested) -> dict[str, np.ndarray]:
    """Each score of each sample that was tested, float64 [rows]."""
    beam, best = samples.beam[tested.rows], tested.best
    power = 10.0 ** (samples.power_db[tested.rows].astype(np.float64) / 10.0)
    return {
        "dba": beams.dba_challenge(best, beam),
        "dba_thresholds": beams.dba_thresholds(best[:, 0], beam),
        **{f"top{k}": beams.within_best(best[:, :k], beam).astype(float) for k in (1, 2, 3, 5)},
        "power_loss_db": beams.power_loss_db(power, best[:, 0]),
        "power_loss_top3_db": beams.power_loss_db(power, best[:, :3]),
        "lost": (np.abs(best[:, 0] - beam) > beams.CHALLENGE_DISTANCE).astype(float),
    }


def blockage_figures(probability: np.ndarray, blocked: np.ndarray) -> dict[str, float]:
    """Share of right decisions; with both classes its mean over them, and the area below the ROC curve."""
    right = (probability > 0.5) == blocked
    count = int(blocked.sum())
    found = {"accuracy": float(right.mean()), "blocked_share": float(blocked.mean()), "n": len(blocked)}
    if 0 < count < len(blocked):
        from scipy.stats import rankdata

        rank = rankdata(probability)[blocked].sum() - count * (count + 1) / 2
        found["balanced_accuracy"] = float(0.5 * (right[blocked].mean() + right[~blocked].mean()))
        found["area_under_curve"] = float(rank / (count * (len(blocked) - count)))
    return found


def over_splits(values: list[float]) -> dict[str, float]:
    """Mean over splits with its interval; n is the number of splits."""
    return {**mean(values).as_dict(), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}


def summarise(samples: BeamSamples, tested: list[Tested]) -> tuple[Figures, dict[str, Figures]]:
    """Figures of one predictor over several splits: of all parts, and of each by its name."""
    names, part = samples.parts
    each: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    overall: dict[str, list[float]] = {}
    for one in tested:
        for score, values in sample_scores(samples, one).items():
            found = []
            for place, name in enumerate(names):
                own = values[part[one.rows] == place]
                if len(own):
                    each[name].setdefault(score, []).append(float(own.mean()))
                    found.append(float(own.mean()))
            overall.setdefault(score, []).append(float(np.mean(found)))
    figures = {score: over_splits(values) for score, values in overall.items()}
    figures["overhead_beams"] = over_splits([one.overhead for one in tested])
    per_scenario = {
        name: {score: over_splits(values) for score, values in scores.items()}
        for name, scores in each.items()
    }
    if tested[0].probability is not None:
        figures["ece"] = calibration_error(samples, tested)
        for place, name in enumerate(names):
            if not per_scenario[name]:
                continue  # none of its samples was tested
            per_scenario[name]["ece"] = calibration_error(samples, tested, place)
    return figures, per_scenario


def pooled_reliability(samples: BeamSamples, tested: list[Tested], part: int | None = None) -> Reliability:
    """Reliability of the likeliest beam over all splits, or of one part."""
    probability, beam = [], []
    for one in tested:
        own = slice(None) if part is None else samples.parts[1][one.rows] == part
        probability.append(one.probability[own])
        beam.append(samples.beam[one.rows][own])
    return reliability(np.concatenate(probability), np.concatenate(beam))


def calibration_error(
    samples: BeamSamples, tested: list[Tested], part: int | None = None
) -> dict[str, float]:
    """Expected calibration error pooled over splits; the interval resamples the splits."""
    value = pooled_reliability(samples, tested, part).expected_calibration_error
    rng = np.random.default_rng(0)
    drawn = [
        pooled_reliability(
            samples, [tested[k] for k in rng.integers(len(tested), size=len(tested))], part
        ).expected_calibration_error
        for _ in range(RESAMPLES if len(tested) > 1 else 0)
    ] or [value]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value), "n": len(tested)}
