# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scores of predictions over splits, with 95 % intervals.

A score is the mean over splits and parts (scenarios or times of day) of each one's mean over samples; beside
it stands its standard deviation over splits. Frames of a drive resemble each other, and a drive may be held
out by several splits: intervals are from drawing whole drives with replacement, and n is their number.
Calibration is pooled over splits and parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semisac_ml.beams.samples import BeamSamples
from semisac_ml.signal import beams
from semisac_ml.signal.calibration import BINS, Reliability, calibration_bins, reliability
from semisac_ml.signal.metrics import drawn_groups, mean_over_groups

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Tested:
    """What one predictor said of the test side of one split.

    predictor: name. kind, seed, split: of the split. inputs: as text, "" where a baseline has its own.
    rows: samples that were tested, int64 [rows]; asked: how many the split holds.
    best: reported beams, the best first, int64 [rows, 5].
    probability: float32 [rows, beams], None of what gives none.
    overhead: beams measured for each, float64 [rows].
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
    overhead: np.ndarray
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
        "overhead_beams": tested.overhead,
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


def over_drives(
    values: np.ndarray, drive: np.ndarray, part: np.ndarray, split: np.ndarray
) -> dict[str, float]:
    """A score of samples of several splits; drive, part, split: numbers of each, int64 [samples]."""
    found = mean_over_groups(values, drive, part, split * (part.max() + 1) + part)
    each = [
        np.mean([values[own & (part == one)].mean() for one in np.unique(part[own])])
        for own in (split == number for number in np.unique(split))
    ]
    return {**found.as_dict(), "sd": float(np.std(each, ddof=1)) if len(each) > 1 else 0.0}


def summarise(samples: BeamSamples, tested: list[Tested]) -> tuple[Figures, dict[str, Figures]]:
    """Figures of one predictor over several splits: of all parts, and of each by its name."""
    names, part_of = samples.parts
    rows = np.concatenate([one.rows for one in tested])
    split = np.repeat(np.arange(len(tested)), [len(one.rows) for one in tested])
    drive, part = samples.drive[rows], part_of[rows]
    scored = [sample_scores(samples, one) for one in tested]
    scores = {name: np.concatenate([one[name] for one in scored]) for name in scored[0]}

    def scored_of(some: np.ndarray) -> dict[str, dict[str, float]]:
        return {
            name: over_drives(values[some], drive[some], part[some], split[some])
            for name, values in scores.items()
        }

    figures = scored_of(np.ones(len(rows), bool))
    by_part = [part == place for place in range(len(names))]
    per_scenario = {
        name: scored_of(own) if own.any() else {} for name, own in zip(names, by_part, strict=True)
    }
    if tested[0].probability is not None:
        figures["ece"] = calibration_error(samples, tested)
        for place, title in enumerate(names):
            if per_scenario[title]:  # else none of its samples was tested
                per_scenario[title]["ece"] = calibration_error(samples, tested, place)
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
    """Expected calibration error pooled over splits, with its interval."""
    rows = np.concatenate([one.rows for one in tested])
    said, right, place = calibration_bins(
        np.concatenate([one.probability for one in tested]), samples.beam[rows]
    )
    own = samples.parts[1][rows] == part if part is not None else np.ones(len(rows), bool)
    _, first, drive = np.unique(samples.drive[rows[own]], return_index=True, return_inverse=True)
    shape = (len(first), BINS)
    gap = np.bincount(drive * BINS + place[own], (right - said)[own], len(first) * BINS).reshape(shape)
    count = np.bincount(drive)
    times = drawn_groups(samples.parts[1][rows[own]][first])
    value = float(np.abs(gap.sum(axis=0)).sum() / count.sum())
    low, high = np.quantile(np.abs(times @ gap).sum(axis=1) / (times @ count), (0.025, 0.975))
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value), "n": len(first)}
