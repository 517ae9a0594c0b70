# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pictures tell at each time of day, and a bundle that has nothing but them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from semisac_ml.beams.bundles import BundlePredictor, drives_apart, sensors_of
from semisac_ml.beams.inputs import InputSet
from semisac_ml.beams.protocol import Evaluation, SplitJob, test_network
from semisac_ml.beams.report import part_rows
from semisac_ml.beams.samples import BEAMS, BY_SEQUENCE, BeamSamples
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.results import Result, write_results
from semisac_ml.results.drawing import picture, side_by_side
from semisac_ml.runtime import BeamPrediction, Bundle
from semisac_ml.signal.beam_codebook import beam_azimuths_rad
from semisac_ml.signal.metrics import mean_over_groups

CAMERA = "camera"
NEAR = 2  # beams to either side of the strongest that count as the vehicle
VIEW_DEG = 84.0  # of a real recording, whose tables do not tell it
NO_CHANGE = 128  # in the channel that tells how brightness changed
SHOWN = ("dba", "brightness", "change", "change_at_vehicle")


def draw_light(asked: Evaluation, samples: BeamSamples) -> list[Path]:
    """Measure the bundle with its camera alone on drives that it has not seen; write CSV and picture."""
    bundle = Bundle.load(asked.bundle or f"{asked.system.name}/{samples.source}")
    predictor = BundlePredictor(bundle, sensors_of(bundle, asked.recordings))
    own = samples.with_sensors(predictor.sensors)
    split, beams = drives_apart(bundle, own), bundle.interface(BeamPrediction).beams
    tensors = SampleTensors(own, 1.0, beams.frames)
    tensors.rename_sites(beams.sites)
    inputs = (InputSet.parse(CAMERA, own.sensors),)
    job = SplitJob(asked.recordings, BY_SEQUENCE, bundle.manifest.training.seed, inputs)
    (tested,) = test_network(bundle.name, predictor, tensors, split, job, beams.tempering)
    told = {"system": asked.system.name, "figure": CAMERA}
    rows = list(part_rows(own, tested, {}, variant=bundle.name, inputs=CAMERA, **told))
    seen = split.test[own.recorded[split.test, own.sensors.index(CAMERA)]]
    names, part = own.parts
    for metric, values in pictures_tell(own, seen).items():
        for place, light in enumerate(names):
            some = part[seen] == place
            if some.any():
                found = mean_over_groups(values[some], own.drive[seen][some])
                conditions = {"light": light}
                rows.append(
                    Result(
                        **told, variant="pictures", conditions=conditions, metric=metric, **found.as_dict()
                    )
                )
    files = [asked.results / f"{CAMERA}{ending}" for ending in (".csv", ".png")]
    write_results(files[0], rows)
    with picture(files[1], 10, 3.2) as figure:
        for axis, metric in zip(figure.subplots(1, len(SHOWN)), SHOWN, strict=True):
            bars = [row for row in rows if row.metric == metric]
            side_by_side(axis, bars, lambda row: row.conditions["light"], lambda row: row.variant)
            axis.set_title(metric.replace("_", " "))
    return files


def pictures_tell(samples: BeamSamples, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Of the pictures of some samples, each float64 [rows].

    brightness: mean, 0 to 255. change: mean of how brightness changed since the frame before, as far as it
    did. change_at_vehicle: share of that in the directions of the strongest beam and two to either side.
    """
    pictures = samples.sensed[CAMERA][rows]
    change = np.abs(2.0 * (pictures[:, 3].astype(np.float64) - NO_CHANGE))
    columns = pictures.shape[3]
    place = (2.0 * np.arange(columns) + 1.0) / columns - 1.0  # from left to right
    seen_rad = -np.arctan(place * math.tan(math.radians(samples.camera_view_deg or VIEW_DEG) / 2.0))
    beam = np.abs(beam_azimuths_rad(BEAMS)[:, None] - seen_rad).argmin(axis=0)
    near = np.abs(beam - samples.beam[rows][:, None]) <= NEAR
    by_column = change.sum(axis=1)
    return {
        "brightness": pictures[:, :3].mean(axis=(1, 2, 3), dtype=np.float64),
        "change": change.mean(axis=(1, 2)),
        "change_at_vehicle": (by_column * near).sum(axis=1) / np.maximum(by_column.sum(axis=1), 1.0),
    }
