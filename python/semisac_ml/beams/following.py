# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tracker that asks a network before each frame, in the closed loop, on recorded sweeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from semisac_ml.beams import report
from semisac_ml.beams.baselines import beside
from semisac_ml.beams.bundles import BundlePredictor, drives_apart
from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.protocol import Evaluation, SplitJob, test_baselines
from semisac_ml.beams.samples import BEAMS, BY_SEQUENCE, BeamSamples
from semisac_ml.beams.scores import Tested
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.data.splits import Split
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beam_tracking import BeamTracker
from semisac_ml.signal.beams import best_beams

NEW_SITES = "new-sites"


def tracked(
    name: str, network: nn.Module, tensors: SampleTensors, split: Split, job: SplitJob, gps: bool
) -> Tested:
    """The track of a network on the test side of a split. gps: whether positions are known."""
    beam, measured = follow(network, tensors, split.test, gps)
    inputs = "tracker,gps" if gps else "tracker"
    told = (name, job.kind, job.seed, split.name, inputs, split.test, len(split.test))
    return Tested(*told, best_beams(beside(beam), 5), None, measured)


def follow(
    network: nn.Module, tensors: SampleTensors, rows: np.ndarray, gps: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Beam and number of measured beams of each row, int64 and float64 [rows], in the closed loop.

    Every drive has a tracker of its own. The network is told positions up to now, if gps, and the beams that
    the tracker measured in the frames before; all drives go on together, one frame at a time.
    """
    samples = tensors.samples
    seen = np.zeros((len(samples), BEAMS), bool)
    beam, measured = np.zeros(len(samples), np.int64), np.zeros(len(samples))
    drives = [rows[samples.drive[rows] == drive] for drive in np.unique(samples.drive[rows])]
    trackers = [BeamTracker(beams=BEAMS) for _ in drives]
    for step in range(max(map(len, drives))):
        going = [(own[step], one) for own, one in zip(drives, trackers, strict=True) if step < len(own)]
        now = np.array([row for row, _ in going])
        there, frames = tensors.there[now], np.maximum(samples.frames[now], 0)
        presence = Presence(there & gps, seen[frames] & there[..., None], np.zeros((*there.shape, 0), bool))
        with torch.no_grad():
            (said,) = network(*tensors.inputs(now, presence))
        for (row, tracker), probability in zip(going, said.numpy(), strict=True):
            power_db = samples.power_db[row]
            beam[row], measured[row] = tracker.step(lambda wanted, own=power_db: own[wanted], probability)
            seen[row, list(tracker.power_db())] = True
    return beam[rows], measured[rows]


def draw_new_sites(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Tracks with a bundle where it was not trained, and without; CSV and picture.

    Raises ValueError where it knows one of the sites.
    """
    bundle = Bundle.load(f"{asked.system.name}/{samples.source}")
    beams = bundle.interface(BeamPrediction).beams
    known = sorted(set(beams.sites) & set(samples.names))
    if known:
        raise ValueError(f"{bundle.name} was trained at {', '.join(known)}, expected --scenarios of others")
    split, tensors = drives_apart(bundle, samples), SampleTensors(samples, 1.0, beams.frames)
    tensors.rename_sites(beams.sites)
    job = SplitJob(asked.recordings, BY_SEQUENCE, bundle.manifest.training.seed, ())
    network = BundlePredictor(bundle, ())
    tested = [tracked(bundle.name, network, tensors, split, job, gps) for gps in (True, False)]
    tested += [one for one in test_baselines(samples, split, job) if one.predictor == "tracker"]
    return report.write_comparison(asked, NEW_SITES.replace("-", "_"), samples, tested)
