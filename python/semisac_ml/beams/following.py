# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tracker that asks a network before each frame, in the closed loop, on recorded sweeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from semisac_ml.beams import report
from semisac_ml.beams.baselines import beside
from semisac_ml.beams.bundles import BundlePredictor, drives_apart, sensors_of
from semisac_ml.beams.inputs import Presence
from semisac_ml.beams.protocol import Evaluation, SplitJob, test_baselines
from semisac_ml.beams.samples import BEAMS, BY_SEQUENCE, BeamSamples
from semisac_ml.beams.scores import Tested
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.data.splits import Split
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beam_tracking import BeamTracker
from semisac_ml.signal.beams import best_beams

NEW_SITES, TRACKING = "new-sites", "tracking"


def tracked(
    name: str,
    network: nn.Module,
    tensors: SampleTensors,
    split: Split,
    job: SplitJob,
    gps: bool,
    sensors: bool = False,
) -> Tested:
    """The track of a network on the test side of a split. gps, sensors: whether their values are known."""
    beam, measured = follow(network, tensors, split.test, gps, sensors)
    words = ["tracker", *["gps"] * gps, *tensors.samples.sensors * sensors]
    told = (name, job.kind, job.seed, split.name, ",".join(words), split.test, len(split.test))
    return Tested(*told, best_beams(beside(beam), 5), None, measured)


def follow(
    network: nn.Module, tensors: SampleTensors, rows: np.ndarray, gps: bool, sensors: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Beam and number of measured beams of each row, int64 and float64 [rows], in the closed loop.

    Every drive has a tracker of its own. The network is told positions and what sensors saw up to now, as far
    as they are known, and the beams that the tracker measured in the frames before; all drives go on
    together, one frame at a time.
    """
    samples = tensors.samples
    seen = np.zeros((len(samples), BEAMS), bool)
    beam, measured = np.zeros(len(samples), np.int64), np.zeros(len(samples))
    features = tensors.encode(network, rows)
    drives = [rows[samples.drive[rows] == drive] for drive in np.unique(samples.drive[rows])]
    trackers = [BeamTracker(beams=BEAMS) for _ in drives]
    for step in range(max(map(len, drives))):
        going = [(own[step], one) for own, one in zip(drives, trackers, strict=True) if step < len(own)]
        now = np.array([row for row, _ in going])
        there, frames = tensors.there[now], np.maximum(tensors.frames[now], 0)
        known = samples.recorded[frames] & there[..., None] & sensors
        presence = Presence(there & gps, seen[frames] & there[..., None], known)
        with torch.no_grad():
            said = network(*tensors.inputs(now, presence, features))[0]
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
    known = sorted(set(bundle.interface(BeamPrediction).beams.sites) & set(samples.names))
    if known:
        raise ValueError(f"{bundle.name} was trained at {', '.join(known)}, expected --scenarios of others")
    tested = list(tracks(bundle, asked, samples, ((True, False), (False, False))))
    return report.write_comparison(asked, NEW_SITES.replace("-", "_"), samples, tested)


def draw_tracking(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Tracks with a bundle of all sensors on drives that it has not seen, and without; CSV and picture."""
    bundle = Bundle.load(f"{asked.system.name}/{samples.source}")
    known = ((True, True), (False, True), (False, False))
    tested = list(tracks(bundle, asked, samples, known))
    return report.write_comparison(asked, f"{samples.source}_{TRACKING}", samples, tested)


def tracks(
    bundle: Bundle, asked: Evaluation, samples: BeamSamples, known: Iterable[tuple[bool, bool]]
) -> Iterator[Tested]:
    """Tracks with a bundle and without. known: whether positions are, and whether what sensors saw is."""
    network = BundlePredictor(bundle, sensors_of(bundle, asked.recordings))
    samples, beams = samples.with_sensors(network.sensors), bundle.interface(BeamPrediction).beams
    split, tensors = drives_apart(bundle, samples), SampleTensors(samples, 1.0, beams.frames)
    tensors.rename_sites(beams.sites)
    job = SplitJob(asked.recordings, BY_SEQUENCE, bundle.manifest.training.seed, ())
    for gps, sensors in known:
        yield tracked(bundle.name, network, tensors, split, job, gps, sensors)
    yield from (one for one in test_baselines(samples, split, job) if one.predictor == "tracker")
