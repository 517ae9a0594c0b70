# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tracker that asks a network before each frame, in the closed loop, on recorded sweeps.

At sites that a bundle knows or not, and at new sites with networks that some drives there have adapted.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from semisac_ml.beams import report
from semisac_ml.beams.baselines import beside
from semisac_ml.beams.bundles import BundlePredictor, drives_apart, sensors_of
from semisac_ml.beams.ensemble import BeamEnsemble, train_ensemble, train_member
from semisac_ml.beams.inputs import Presence, usual_sets
from semisac_ml.beams.protocol import Evaluation, SplitJob, test_baselines, test_network, training_job
from semisac_ml.beams.samples import BEAMS, BY_SEQUENCE, BeamSamples
from semisac_ml.beams.scores import Tested
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.beams.training import Trainer, TrainingJob, train_network
from semisac_ml.data.splits import Split
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beam_tracking import BeamTracker
from semisac_ml.signal.beams import best_beams

NEW_SITES, TRACKING, FEW_DRIVES = "new-sites", "tracking", "few-drives"
DRIVES = (1, 2, 5, 10)
ADAPTATION = {"epochs": 5, "learning_rate": 5e-4, "least_steps": 200}
UNADAPTED = "trained at other sites"


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
    bundle = Bundle.load(asked.bundle or f"{asked.system.name}/{samples.source}")
    known = sorted(set(bundle.interface(BeamPrediction).beams.sites) & set(samples.names))
    if known:
        raise ValueError(f"{bundle.name} was trained at {', '.join(known)}, expected --scenarios of others")
    tested = list(tracks(bundle, asked, samples, ((True, False), (False, False))))
    return report.write_comparison(asked, NEW_SITES.replace("-", "_"), samples, tested)


def draw_tracking(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Tracks with a bundle of all sensors on drives that it has not seen, and without; CSV and picture."""
    bundle = Bundle.load(asked.bundle or f"{asked.system.name}/{samples.source}")
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


def draw_few_drives(trainer: Trainer, asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """What few drives of a new site are worth, each site in turn being the new one; CSV and picture.

    Raises ValueError for a single site.
    """
    if len(samples.names) < 2:
        raise ValueError(f"{samples.names[0]} is the only site, expected --scenarios of two or more")
    tested: list[Tested] = []
    for site in samples.names:
        tested += NewSite(asked, samples, site).tested(trainer)
    return report.write_comparison(asked, FEW_DRIVES.replace("-", "_"), samples, tested)


@dataclasses.dataclass
class NewSite:
    """A site that was not trained for. samples: of all sites."""

    asked: Evaluation
    samples: BeamSamples
    site: str

    def tested(self, trainer: Trainer) -> Iterator[Tested]:
        """Predictions and tracks of one network of the other sites, as it is and adapted, and of new ones.

        All on the same drives, which none of them has seen.
        """
        others = [name for name in self.samples.names if name != self.site]
        known, _ = self.samples.at_sites(others)
        new, numbers = self.samples.at_sites([self.site])
        order = np.random.default_rng([self.asked.seed, 3]).permutation(np.unique(new.drive))
        counts = [count for count in DRIVES if count < len(order)]
        if not counts:
            raise ValueError(f"{self.site} has a single drive, expected two or more")
        rest = np.flatnonzero(~np.isin(new.drive, order[: counts[-1]]))
        kept = {count: np.flatnonzero(np.isin(new.drive, order[:count])) for count in counts}
        split = Split(f"{self.site} new, seed {self.asked.seed}", kept[counts[-1]], rest)
        every = Split("all drives of the others", np.arange(len(known)), np.arange(0))
        network = train_ensemble(trainer, self._job(known, every, UNADAPTED.replace(" ", "-")))
        tensors = SampleTensors(new, self.asked.recipe.label_scale_db, self.asked.recipe.frames)
        own = SampleTensors(new, self.asked.recipe.label_scale_db, self.asked.recipe.frames)
        tensors.rename_sites(others)
        told = SplitJob(self.asked.recordings, BY_SEQUENCE, self.asked.seed, self.asked.inputs)

        def said(name: str, one: nn.Module, given: SampleTensors) -> Iterator[Tested]:
            found = [*test_network(name, one, given, split, told, self.asked.recipe.tempering)]
            found.append(tracked(name, one, given, split, told, gps=True))
            yield from (dataclasses.replace(part, rows=numbers[part.rows]) for part in found)

        yield from said(UNADAPTED, network, tensors)
        for count, rows in kept.items():
            drives = f"{count} drive{'s' * (count > 1)}"
            yield from said(f"adapted to {drives}", self._adapted(network, tensors, rows, count), tensors)
            job = self._job(new, dataclasses.replace(split, train=rows), f"alone-{count}")
            alone = BeamEnsemble([train_member(trainer, job, rows, 0)]).eval()
            yield from said(f"trained on {drives} alone", alone, own)
        for one in test_baselines(new, split, told):
            if one.predictor == "tracker":
                yield dataclasses.replace(one, rows=numbers[one.rows])

    def _job(self, samples: BeamSamples, split: Split, name: str, **changes: Any) -> TrainingJob:
        recipe = dataclasses.replace(self.asked.recipe, members=1, **changes)
        folder = (self.asked.run or Path("runs") / self.asked.system.name / FEW_DRIVES) / self.site / name
        return training_job(samples, split, recipe, usual_sets(), self.asked.seed, folder, self.asked.console)

    def _adapted(
        self, network: BeamEnsemble, tensors: SampleTensors, rows: np.ndarray, count: int
    ) -> BeamEnsemble:
        """The network after more steps on drives of the new site, whose level and middle it is told."""
        found = copy.deepcopy(network)
        (own,) = found.networks
        own.features.fit_unknown(tensors.power_db[rows], tensors.position_m[rows])
        torch.manual_seed(self.asked.seed)
        job = self._job(tensors.samples, Split("", rows, rows[:0]), f"adapted-{count}", **ADAPTATION)
        train_network(own, dataclasses.replace(job, tensors=tensors), "adapted")
        return found.eval()
