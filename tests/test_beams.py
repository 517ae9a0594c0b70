# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inputs that may be absent, samples with their past, baselines, figures: what beam prediction shares."""

from __future__ import annotations

import io

import numpy as np
import pytest
from beam_samples import street
from rich.console import Console

pytest.importorskip("torch", reason="training needs PyTorch")

from semisac_ml.beams import baselines, protocol, report, scores
from semisac_ml.beams.inputs import BLUR_M, InputSet, random_presence, usual_sets
from semisac_ml.beams.recordings import Recordings
from semisac_ml.beams.samples import NOW, BeamSamples
from semisac_ml.beams.scores import summarise
from semisac_ml.beams.tensors import SampleTensors
from semisac_ml.data import deepsense6g
from semisac_ml.data.splits import Split

FRAMES_A_DRIVE = 40


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> BeamSamples:
    folder = tmp_path_factory.mktemp("street")
    street(folder, 1, drives=8, frames=FRAMES_A_DRIVE)
    street(folder, 2, drives=4, frames=FRAMES_A_DRIVE, seed=1)
    return BeamSamples.of([deepsense6g.load(number, folder) for number in (1, 2)])


def presence_of(text: str, samples: BeamSamples):
    return SampleTensors(samples, 0.3).presence(InputSet.parse(text), np.arange(len(samples)))


@pytest.mark.parametrize("text", ["gps", "gps,beams8,history", "beams4", "gps,sweep2", "beams16,sweep4"])
def test_inputs_are_written_as_they_are_read(text):
    assert str(InputSet.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gsp", "'gsp' is unknown"),
        ("beams9", "'beams9' is unknown"),
        ("sweep5", "'sweep5' is unknown"),
        ("gps,gps", "twice"),
        ("beams4,beams8", "twice"),
        ("history", "measure nothing"),
        ("", "unknown"),
    ],
)
def test_wrong_inputs_are_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        InputSet.parse(text)


def test_frames_are_those_before_in_the_same_drive(samples):
    place = np.arange(len(samples)) % FRAMES_A_DRIVE
    wanted = np.arange(len(samples))[:, None] - np.arange(5)[::-1]
    there = np.arange(5)[::-1] <= place[:, None]
    assert np.array_equal(samples.frames, np.where(there, wanted, -1))


def test_frames_missing_in_the_recording_are_absent(tmp_path):
    scenario = deepsense6g.load(1, street(tmp_path).parent)
    index = scenario.index.copy()
    index[3:] += 1  # a sample between the third and the fourth is lost
    found = BeamSamples.of([type(scenario)(**{**vars(scenario), "index": index})])
    assert found.frames[3].tolist() == [0, 1, 2, -1, 3]


def test_presence_of_partial_sweep_history_and_full_sweep(samples):
    found = presence_of("gps,beams8,history", samples)
    assert np.flatnonzero(found.measured[FRAMES_A_DRIVE - 1, NOW]).tolist() == list(range(4, 64, 8))
    assert found.measured[FRAMES_A_DRIVE - 1].sum() == 5 * 8
    assert found.position_known[1].tolist() == [False, False, False, True, True]
    assert (found.measured[:, NOW].sum(axis=1) == 8).all()
    found = presence_of("gps,sweep2", samples)
    assert found.measured[5].sum(axis=1).tolist() == [0, 0, 64, 0, 0]
    assert found.position_known[5].tolist() == [False] * 4 + [True]
    assert not found.measured[:, NOW].any()
    eligible = InputSet.parse("gps,sweep2").eligible(samples)
    assert eligible.sum() == len(samples) - 2 * 12  # two frames of each of 12 drives have no sweep before


def test_random_presence_gives_asked_sets_their_share_and_nobody_nothing():
    there = np.ones((4000, 5), dtype=bool)
    asked = (InputSet.parse("beams4"),)
    found = random_presence(there, np.random.default_rng(0), asked, 0.5)
    alone = (found.measured.sum(axis=(1, 2)) == 4) & ~found.position_known.any(axis=1)
    # half, and a few of the others by chance; 4000 samples: three deviations are 0.024
    assert 0.47 < alone.mean() < 0.62
    assert (found.measured.any(axis=(1, 2)) | found.position_known.any(axis=1)).all()


def test_a_share_of_the_samples_sees_what_a_tracker_saw(samples):
    there, rng = samples.frames >= 0, np.random.default_rng(0)
    best = samples.beam[np.maximum(samples.frames, 0)]
    asked = (InputSet.parse("beams4"),)
    found = random_presence(there, rng, asked, 1.0, best=best, tracked_share=1.0)
    assert (found.measured[:, NOW].sum(axis=1) == 4).all()  # those that get what is asked for keep it
    found = random_presence(there, rng, best=best, tracked_share=1.0)
    past = there[:, :NOW].any(axis=1)
    assert not found.measured[past, NOW].any() and not (found.measured & ~there[..., None]).any()
    assert (found.measured[past] | found.position_known[past][..., None]).any(axis=(1, 2)).all()
    seen = found.measured[past, :NOW][there[past, :NOW]]
    # two to seven beams and at most two guards; 9 of 10 frames hold the strongest, of more than 1,000
    assert seen.sum(axis=1).min() >= 2 and seen.sum(axis=1).max() <= 9
    held = np.take_along_axis(seen, best[past, :NOW][there[past, :NOW]][:, None], axis=1)
    assert len(held) > 1000 and 0.87 < held.mean() < 0.95
    assert 0.35 < found.position_known[past].any(axis=1).mean() < 0.65


def test_positions_are_misplaced_only_where_beams_contradict_them(samples):
    found = random_presence(samples.frames >= 0, np.random.default_rng(0), (), 0.0, 0.5)
    moved = np.hypot(*found.misplaced_m.T) > 4.0 * BLUR_M
    measures = found.measured.any(axis=(1, 2))
    # half of those that measure, of which 3.5 % move no further than others do; 3 deviations of 400 decisions
    # are 0.075
    assert not moved[~measures].any() and 0.40 < moved[measures].mean() < 0.57
    tensors, rows = SampleTensors(samples, 0.3), np.arange(len(samples))
    found = found.rows(rows)
    given = tensors.inputs(rows, found)
    known = found.position_known
    errors = given.position_m.numpy() - samples.position_m[np.maximum(samples.frames, 0)]
    assert np.allclose(errors[known], np.repeat(found.misplaced_m[:, None], 5, axis=1)[known], atol=1e-4)
    assert (given.position_m.numpy()[~known] == 0).all()


def test_absent_values_do_not_reach_the_network(samples):
    tensors = SampleTensors(samples, 0.3)
    rows = np.arange(10, 20)
    given = tensors.inputs(rows, tensors.presence(InputSet.parse("beams8"), rows))
    assert float(given.position_m.abs().max()) == 0.0
    assert float((given.power_db * (1.0 - given.measured)).abs().max()) == 0.0
    # soft labels: exp(-1 dB / 0.3 dB) of the best for a beam 1 dB weaker
    label = tensors.label(np.array([10]))[0]
    ratio = (label / label.max()).log() * 0.3
    assert np.allclose(ratio, samples.power_db[10] - samples.power_db[10].max(), atol=1e-3)


def test_splits_hold_drives_out_at_each_site(samples):
    split = samples.split("by sequence", 3)
    for site in (0, 1):
        own = samples.site == site
        sides = [set(samples.sequence[rows[own[rows]]]) for rows in (split.train, split.test)]
        assert sides[0] and sides[1] and not sides[0] & sides[1]
    kept, held = samples.held_out_drives(split.train, 0.1, seed=1)
    assert len(held) and np.array_equal(np.sort(np.concatenate([kept, held])), split.train)
    pairs = [{(samples.site[k], samples.sequence[k]) for k in rows} for rows in (kept, held)]
    assert not pairs[0] & pairs[1]


def test_folds_hold_each_drive_out_once(samples):
    """Site 2 has too few drives for five folds: then both sites are one part."""
    folds = [samples.split("in folds", fold) for fold in range(5)]
    tested = np.concatenate([fold.test for fold in folds])
    assert np.array_equal(np.sort(tested), np.arange(len(samples)))
    for fold in folds:
        assert not set(samples.drive[fold.train]) & set(samples.drive[fold.test])


def test_a_bundle_is_tested_on_drives_that_it_names_as_unseen(samples):
    from types import SimpleNamespace

    from semisac_ml.beams.bundles import drives_apart

    def bundle(*names: str) -> SimpleNamespace:
        data = SimpleNamespace(trained_drives=list(names)) if names else SimpleNamespace()
        return SimpleNamespace(name="x/y", path="models/x/y", manifest=SimpleNamespace(data=data))

    split = drives_apart(bundle("scenario1/2", "scenario2/4"), samples)
    assert samples.named_drives(split.train) == ["scenario1/2", "scenario2/4"]
    assert len(split.train) + len(split.test) == len(samples) and split.name.startswith("10 of 12 drives")
    with pytest.raises(ValueError, match="trained on all 12 drives"):
        drives_apart(bundle(*samples.drive_names), samples)
    with pytest.raises(ValueError, match="trained_drives is missing"):
        drives_apart(bundle(), samples)


def test_a_site_without_training_sample_is_told(samples):
    from semisac_ml.layers.beam_features import BeamFeatures

    tensors, rows = SampleTensors(samples, 0.3), np.flatnonzero(samples.site == 0)
    with pytest.raises(ValueError, match="no drive of scenario2 is on the training side"):
        tensors.fit(BeamFeatures(2), rows)
    # nearest neighbours are then those of the other site
    ranked, _ = baselines.nearest_neighbours(samples, rows, np.flatnonzero(samples.site == 1))
    assert np.isfinite(ranked).all()
    everything = Split("all", rows[:0], np.arange(len(samples)))
    job = protocol.SplitJob(Recordings((1, 2)), "by sequence", 0, ())
    named = {one.predictor for one in protocol.test_baselines(samples, everything, job)}
    assert named == {"exhaustive sweep", "hierarchical sweep", "tracker", "strongest of 8"}


def test_baselines_on_a_street_where_position_tells_the_beam(samples):
    split = samples.split("by sequence", 0)
    job = protocol.SplitJob(Recordings((1, 2)), "by sequence", 0, ())
    tested = {one.predictor: one for one in protocol.test_baselines(samples, split, job)}
    figures = {name: summarise(samples, [one])[0] for name, one in tested.items()}
    assert figures["exhaustive sweep"]["top1"]["value"] == 1.0
    assert figures["exhaustive sweep"]["power_loss_db"]["value"] == 0.0
    assert figures["nearest neighbours on GPS"]["dba"]["value"] > 0.9
    assert figures["tracker"]["overhead_beams"]["value"] < 10
    # lobes fall by 3 dB in 1.5 beams, by 12 in 3: of eight beams, 8 apart, some drives hit none
    assert figures["strongest of 8"]["power_loss_db"]["value"] > 2.0
    assert figures["tracker"]["dba"]["value"] > 0.9
    # a car moves up to 2.5 beams a frame here: the last best is near, but not the best
    assert figures["last best beam"]["top1"]["value"] < figures["tracker"]["top1"]["value"]


def test_nearest_neighbours_on_powers_tell_the_beam_between_those_measured(samples):
    """Every other beam is measured: the strongest of these is right in half of the samples."""
    split = samples.split("by sequence", 0)
    right = {}
    for name in ("nearest_by_power", "strongest_measured"):
        ranked, measured = getattr(baselines, name)(samples, split.train, split.test, 32)
        right[name] = np.mean(ranked.argmax(axis=1) == samples.beam[split.test])
        assert (measured == 32).all()
    assert right["strongest_measured"] == pytest.approx(0.5, abs=0.15)
    assert right["nearest_by_power"] > 0.75


def test_mean_over_scenarios_weighs_them_alike(samples):
    rows = np.arange(len(samples))
    beam = np.where(samples.site == 0, samples.beam, (samples.beam + 32) % 64)
    best = np.stack([beam, beam, beam, beam, beam], axis=1)
    one = scores.Tested("x", "by sequence", 0, "s", "", rows, len(rows), best, None, np.zeros(len(rows)))
    metrics, per_scenario = summarise(samples, [one])
    assert metrics["top1"]["value"] == 0.5  # site 0 holds two thirds of the samples
    assert [found["top1"]["value"] for found in per_scenario.values()] == [1.0, 0.0]
    assert metrics["top1"]["n"] == 12  # drives


def test_usual_sets_of_sensors_are_those_of_the_case_study():
    """In this order: networks draw from them in training."""
    named = [str(one) for one in usual_sets(("camera", "lidar", "radar"))]
    assert named[:4] == ["camera", "beams8", "lidar", "radar"] and len(set(named)) == len(named) == 15
    assert named[4:8] == ["beams8,camera", "beams8,lidar", "beams8,radar", "beams8,camera,lidar"]
    assert named[10:] == [
        "beams8,camera,lidar,radar",
        "gps",
        "gps,beams8,camera,lidar,radar",
        "beams16",
        "beams16,camera,lidar,radar",
    ]


def test_perceptron_is_one_of_the_baselines():
    assert baselines.MLP_RECIPE.members == 1


def test_table_of_figures_fits_a_console_of_80_columns():
    figure = {"value": 0.95, "low": 0.9, "high": 1.0, "n": 5, "sd": 0.004}
    metrics = dict.fromkeys(report.SHOWN, figure) | {"overhead_beams": figure | {"value": 64.0}}
    entry = {"metrics": metrics, "per_scenario": {}}
    sets = ("gps,beams8,history", "gps,sweep2")
    content = {
        "scenarios": [f"scenario{number}" for number in (1, 2, 5, 8)],
        "split_by_sequence": {
            "lam_msac": dict.fromkeys(sets, entry),
            "nearest neighbours on GPS": {"its own": entry},
        },
    }
    told = io.StringIO()
    Console(file=told, width=80).print(report.console_table(content, "by sequence"))
    lines = told.getvalue().splitlines()
    assert max(map(len, lines)) <= 80 and "…" not in told.getvalue()
    for inputs in sets:
        assert sum(line.strip().startswith(inputs) for line in lines) == 1
    assert told.getvalue().count("0.950") == 3 * (len(report.SHOWN) - 1)
    assert told.getvalue().count("64.0") == 3
