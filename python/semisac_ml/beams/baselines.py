# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the learned predictions are compared with; each ranks all beams of each sample.

A ranking is float [rows, beams], the larger the better; beside it stands how many beams of the present and
of earlier frames had to be measured for each, float [rows].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from semisac_ml.beams.samples import BEAMS, FRAMES, NOW, BeamSamples
from semisac_ml.beams.training import PowerRecipe, TrainingJob, train_network
from semisac_ml.layers.beam_features import BeamFeatures
from semisac_ml.signal.beam_choice import measured_beams
from semisac_ml.signal.beam_sweep import hierarchical_sweep
from semisac_ml.signal.beam_tracking import track

NEIGHBOURS = 5
MLP_RECIPE = PowerRecipe(
    epochs=30,
    batch=128,
    learning_rate=1.5e-3,
    weight_decay=0.02,
    members=1,
    asked_share=1.0,
    misplaced_share=0.0,
)

Ranking = tuple[np.ndarray, np.ndarray]


def nearest_neighbours(samples: BeamSamples, train: np.ndarray, test: np.ndarray) -> Ranking:
    """Mean power profile of the five training samples nearest by position at the same site."""
    return mean_of_nearest(samples, train, test, samples.position_m), np.zeros(len(test))


def nearest_by_power(samples: BeamSamples, train: np.ndarray, test: np.ndarray, count: int = 8) -> Ranking:
    """The same of those nearest by the power of evenly spread beams, in dB below the strongest of these."""
    measured = samples.power_db[:, measured_beams(count)]
    relative = measured - measured.max(axis=1, keepdims=True)
    return mean_of_nearest(samples, train, test, relative), np.full(len(test), float(count))


def mean_of_nearest(
    samples: BeamSamples, train: np.ndarray, test: np.ndarray, features: np.ndarray
) -> np.ndarray:
    """Mean power profile of the five training samples of the same site whose features are nearest.

    All sites are searched for one that has no training sample. features: float [samples, size].
    """
    from sklearn.neighbors import NearestNeighbors

    ranked = np.empty((len(test), BEAMS))
    for site in np.unique(samples.site[test]):
        own, asked = train[samples.site[train] == site], samples.site[test] == site
        known = own if len(own) else train
        search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(known))).fit(features[known])
        near = known[search.kneighbors(features[test[asked]], return_distance=False)]
        profile = 10.0 ** (samples.power_db[near] / 10.0)
        ranked[asked] = (profile / profile.max(axis=2, keepdims=True)).mean(axis=1)
    return ranked


def strongest_measured(samples: BeamSamples, train: np.ndarray, test: np.ndarray, count: int = 8) -> Ranking:
    """The strongest of some evenly spread beams, then those beside it."""
    spread = measured_beams(count)
    chosen = spread[samples.power_db[test][:, spread].argmax(axis=1)]
    return beside(chosen), np.full(len(test), float(count))


def beside(chosen: np.ndarray) -> np.ndarray:
    """A ranking in which the neighbours of a beam follow it. chosen: int [rows]."""
    return -np.abs(np.arange(BEAMS) - chosen[:, None]).astype(float)


def all_beams(test: np.ndarray) -> np.ndarray:
    """What sweeps measure."""
    return np.full(len(test), float(BEAMS))


def last_best_beam(samples: BeamSamples, train: np.ndarray, test: np.ndarray, age: int = 1) -> Ranking:
    """The full sweep of some frames ago, taken for that of now; of the first frames, the usual profile."""
    before = samples.frames[test, NOW - age]
    usual = samples.power_db[train].mean(axis=0)
    return np.where((before >= 0)[:, None], samples.power_db[np.maximum(before, 0)], usual), all_beams(test)


def exhaustive(samples: BeamSamples, train: np.ndarray, test: np.ndarray) -> Ranking:
    """All beams measured now: right by definition, at full overhead."""
    return samples.power_db[test], all_beams(test)


def hierarchical(samples: BeamSamples, train: np.ndarray, test: np.ndarray) -> Ranking:
    """Eight beams, then closer around the strongest; its neighbours follow it in the ranking."""
    chosen, measured = hierarchical_sweep(samples.power_db[test])
    return beside(chosen), measured.astype(float)


def tracker(samples: BeamSamples, train: np.ndarray, test: np.ndarray) -> Ranking:
    """The tracker that measures around the last best beam and a few guards, from each drive's start."""
    beam, measured = np.empty(len(samples), np.int64), np.empty(len(samples), np.int64)
    for site in np.unique(samples.site[test]):
        own = samples.site == site
        found = track(samples.power_db[own], samples.sequence[own])
        beam[own], measured[own] = found.beam, found.measured
    return beside(beam[test]), measured[test].astype(float)


BASELINES: dict[str, Callable[[BeamSamples, np.ndarray, np.ndarray], Ranking]] = {
    "nearest neighbours on GPS": nearest_neighbours,
    "nearest neighbours on 8 powers": nearest_by_power,
    "strongest of 8": strongest_measured,
    "last best beam": last_best_beam,
    "exhaustive sweep": exhaustive,
    "hierarchical sweep": hierarchical,
    "tracker": tracker,
}
LOOK_BACK = ("nearest neighbours on GPS", "nearest neighbours on 8 powers", "last best beam")


class Perceptron(nn.Module):
    """Two hidden layers of 512 on the features of all frames: the small network of the figures to beat."""

    def __init__(self, sites: int, width: int = 512, dropout: float = 0.1) -> None:
        super().__init__()
        self.features = BeamFeatures(sites, BEAMS)
        inputs = FRAMES * (self.features.sweep_size + self.features.position_size) + sites
        self.layers = nn.Sequential(
            nn.Linear(inputs, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, BEAMS),
        )

    def forward(
        self, power_db: Tensor, measured: Tensor, position_m: Tensor, position_known: Tensor, site: Tensor
    ) -> tuple[Tensor]:
        """Logits, float32 [batch, beams]."""
        sweep, position, at = self.features(power_db, measured, position_m, position_known, site)
        return (self.layers(torch.cat([sweep.flatten(1), position.flatten(1), at], dim=1)),)


def perceptron(job: TrainingJob) -> nn.Module:
    """Train the small network."""
    network = Perceptron(len(job.tensors.samples.names))
    job.tensors.fit(network.features, job.rows)
    return train_network(network, job, "perceptron")
