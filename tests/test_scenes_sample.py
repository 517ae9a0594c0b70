# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sample that ships: read by the loaders of the real data sets, and true to physics throughout."""

from __future__ import annotations

import json
import shutil
from importlib import resources

import numpy as np
import pytest

from semisac_ml.cli import program
from semisac_ml.data import DataError, deepsense6g, mfnet, virat
from semisac_ml.data.scenes import beams, channel, radar
from semisac_ml.data.scenes.plan import Plan, claim
from semisac_ml.data.scenes.reader import SceneSet
from semisac_ml.data.scenes.sample import ARCHIVE, sample
from semisac_ml.data.scenes.show import camera_of, range_doppler_db
from semisac_ml.data.scenes.world import CLASSES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sample(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="module")
def scenes(folder):
    return SceneSet.open(folder)


def carriers(scenes):
    """Every step and carrier that is there: (moment, index of the carrier, its truth)."""
    for moment in scenes:
        for target in moment.targets:
            if target["carrier"]:
                yield moment, target["carrier"] - 1, target


def test_the_sample_is_small_and_holds_day_and_night(scenes):
    assert (resources.files("semisac_ml.data") / "samples" / ARCHIVE).stat().st_size <= 3_000_000
    assert {moment.drive["time"] for moment in scenes} == {"day", "night"}
    assert len(scenes) >= 8


def test_it_is_unpacked_once(folder):
    before = (folder / "index.json").stat().st_mtime_ns
    assert sample(folder.parent) == folder
    assert (folder / "index.json").stat().st_mtime_ns == before


def test_the_loader_of_deepsense_reads_it(folder, scenes):
    root = folder / "deepsense6g"
    assert deepsense6g.verify(root) == root
    numbers = deepsense6g.scenarios(root)
    assert numbers == sorted({drive["scenario"] for drive in scenes.drives})
    day = deepsense6g.load(numbers[0], root)
    windows = day.frame_sequences()
    assert len(windows) == 1
    assert windows.camera(0).shape == (5, 120, 160, 3)
    assert windows.radar(0).shape == (5, 4, 128, 64)
    assert windows.lidar(0)[0].shape[1] == 4


def test_measured_positions_are_near_the_true_ones(folder, scenes):
    moments = [m for m in scenes if m.drive["scenario"] == deepsense6g.scenarios(folder / "deepsense6g")[0]]
    loaded = deepsense6g.load(moments[0].drive["scenario"], folder / "deepsense6g")
    from semisac_ml.data.deepsense6g.sensors import east_north_m

    measured = east_north_m(loaded.vehicle, loaded.base_station)
    true = [t["position_m"] for m in moments for t in m.targets if t["carrier"] == 1]
    assert np.abs(measured - true).max() < 6.0
    assert np.abs(measured - true).max() > 0.01


def test_the_loader_of_mfnet_reads_it(folder):
    root = folder / "mfnet"
    assert mfnet.verify(root) == root
    pair = mfnet.load("train", root)[0]
    assert pair.colour.shape == (120, 160, 3)
    assert pair.thermal.shape == pair.label.shape == (120, 160)
    assert set(np.unique(pair.label)) <= {0, 1, 2, 3}
    assert 1 in pair.label


def test_the_loader_of_virat_reads_it(folder, scenes):
    pytest.importorskip("av")
    root = folder / "virat"
    assert virat.verify(root) == root
    clips = virat.clips(root)
    assert len(clips) == len(scenes.drives)
    boxes, kind = virat.load_objects(clips[0], root)
    assert len(boxes.frame) == len(kind)


def test_radar_shows_the_carriers_at_their_range_and_speed(scenes):
    """A carrier in sight, moving, within 60 m has an echo within its own size and a bin of its speed."""
    settings = radar.RadarSettings()
    checked = 0
    for moment, _, target in carriers(scenes):
        if target["blocked"] or abs(target["radial_velocity_mps"]) < 3 or target["distance_m"] > 60:
            continue
        level = range_doppler_db(moment.beat())
        rate = (np.arange(settings.chirps) - settings.chirps // 2) * settings.doppler_bin_mps
        distance = np.arange(settings.samples) * settings.range_bin_m
        near = np.abs(distance - target["distance_m"]) < 0.6 * target["size_m"][0] + settings.range_bin_m
        alike = np.abs(rate - target["radial_velocity_mps"]) < 1.5 * settings.doppler_bin_mps
        assert level[np.ix_(near, alike)].max() > 12.0
        checked += 1
    assert checked >= 3


def test_the_strongest_beam_points_at_the_carrier_in_sight(scenes):
    checked = 0
    for moment, carrier, target in carriers(scenes):
        paths = moment.paths(carrier, 60)
        sight = paths.line_of_sight.any() and np.abs(paths.gain[paths.line_of_sight]).max() > 2 * np.abs(
            paths.gain[~paths.line_of_sight]
        ).max(initial=0)
        if sight and abs(target["azimuth_deg"]) < 42:
            pointed = np.degrees(beams.beam_azimuths_rad()[moment.powers(carrier).argmax()])
            assert pointed == pytest.approx(target["azimuth_deg"], abs=2.2)  # a beam and a half
            checked += 1
    assert checked >= 2


def test_blocked_means_that_no_path_is_straight(scenes):
    states = []
    for moment, carrier, target in carriers(scenes):
        paths = moment.paths(carrier, 28)
        if target["blocked"]:
            assert paths.line_of_sight.sum() <= 1  # the antenna is 20 cm above the point that is judged
        else:
            assert paths.line_of_sight.sum() == 1
        states.append(target["blocked"])
    assert not all(states)


def test_a_straight_path_has_the_delay_loss_and_shift_of_its_length(scenes):
    light = 299_792_458.0
    for moment, carrier, target in carriers(scenes):
        for carrier_ghz in (28, 60):
            paths = moment.paths(carrier, carrier_ghz)
            for k in np.flatnonzero(paths.line_of_sight):
                distance = light * paths.delay_s[k]
                # the antenna is above the middle of the body, by half its height and 25 cm
                assert distance == pytest.approx(target["distance_m"], abs=0.6)
                loss = light / (carrier_ghz * 1e9) / (4 * np.pi * distance)
                assert np.abs(paths.gain[k]) == pytest.approx(loss, rel=0.02)
                shift = -target["radial_velocity_mps"] * carrier_ghz * 1e9 / light
                assert paths.doppler_hz[k] == pytest.approx(shift, abs=0.02 * abs(shift) + 3.0)


def test_doppler_of_every_path_is_within_the_speeds_of_the_street(scenes):
    fastest = max(target["speed_mps"] for moment in scenes for target in moment.targets)
    for moment, carrier, _ in carriers(scenes):
        paths = moment.paths(carrier, 28)
        limit = 5 * fastest * channel.CARRIER_HZ / 299_792_458.0  # mirrors that move add twice their speed
        assert (np.abs(paths.doppler_hz) <= limit).all()


def test_channels_follow_from_the_paths(scenes):
    moment, carrier, _ = next(carriers(scenes))
    h = moment.channel(carrier)
    assert h.shape == (14, 100, 64, 8)
    strongest = np.abs(moment.paths(carrier).gain).max()
    assert 0.05 * strongest < np.sqrt((np.abs(h) ** 2).mean()) < 5 * strongest


def test_lidar_points_lie_on_the_depth_image(scenes):
    for moment in scenes:
        camera, depth = camera_of(moment), moment.depth_m()
        c, s = np.cos(moment.drive["boresight_rad"]), np.sin(moment.drive["boresight_rad"])
        level = moment.points()[:, :3] @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
        place, away = camera.project(level + moment.drive["station_m"])
        inside = (away > 2) & (place >= 1).all(-1) & (place < (camera.width - 1, camera.height - 1)).all(-1)
        x, y = place[inside].astype(int).T
        around = np.array([depth[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        fits = (away[inside] > around.min(0) - 0.2) & (away[inside] < around.max(0) + 0.2)
        assert inside.sum() > 1000
        assert fits.mean() > 0.99


def test_masks_boxes_and_classes_agree(scenes):
    for moment in scenes:
        arrays = moment.arrays()
        for target in moment.targets:
            mask = arrays["instances"] == target["instance"]
            assert mask.sum() == target["visible_pixels"]
            if target["box_px"] is not None:
                x, y, width, height = target["box_px"]
                assert mask[y : y + height, x : x + width].sum() == mask.sum()
                assert {CLASSES[k] for k in np.unique(arrays["classes"][mask])} == {target["label"]}


def test_contact_sheet(folder, tmp_path, capsys):
    assert (
        program.run(["data", "show", str(folder), "--steps", "0,6", "--output", str(tmp_path / "sheet.png")])
        == 0
    )
    from PIL import Image

    with Image.open(tmp_path / "sheet.png") as image:
        assert image.width > 1500
    capsys.readouterr()


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("index.json", None, "index.json: cannot be read"),
        ("index.json", "{", "index.json: is no index"),
        ("index.json", "{}", "index.json: is no index"),
        ("steps.jsonl", None, "steps.jsonl: cannot be read"),
        ("steps.jsonl", "{}", "steps.jsonl: line 1: is no step"),
        ("steps.jsonl", "nonsense", "steps.jsonl: line 1: is no step"),
        ("truth/0000/000.npz", "cut off", "000.npz: is damaged|000.npz: cannot be read"),
        ("truth/0000/000.npz", None, "000.npz: cannot be read"),
    ],
)
def test_damaged_sets_are_refused_by_file(folder, tmp_path, file, content, named):
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    if content is None:
        (damaged / file).unlink()
    else:
        (damaged / file).write_text(content)
    with pytest.raises(DataError, match=named):
        SceneSet.open(damaged).moments[0].arrays()


def test_plan_survives_json_and_names_what_is_wrong():
    plan = Plan(layouts=("bend",), frames=95, sequence_frames=40)
    assert Plan.from_json(plan.to_json(), "here") == plan
    assert [drive.steps for drive in plan.drives()] == [40, 40, 15]
    assert len({drive.seed for drive in plan.drives()}) == 3
    for changed, message in (
        ({"frames": 0}, "frames is 0"),
        ({"interval_s": 0.25}, "interval_s is 0.25, expected a multiple of 0.1"),
        ({"layouts": ["x"]}, "layouts holds 'x'"),
        ({"x": 1}, "x: miss"),
    ):
        with pytest.raises(DataError, match=message):
            Plan.from_json(json.dumps(json.loads(plan.to_json()) | changed), "here")
    with pytest.raises(DataError, match="here: is no plan"):
        Plan.from_json("[]", "here")


def test_every_layout_is_met_at_every_time_of_day():
    drives = Plan(frames=9 * 40).drives()
    assert len({(drive.layout, drive.time) for drive in drives}) == 9


def test_a_folder_keeps_its_plan(tmp_path):
    claim(tmp_path / "set", Plan(frames=10))
    claim(tmp_path / "set", Plan(frames=10))
    with pytest.raises(DataError, match="frames: is 10, expected 20"):
        claim(tmp_path / "set", Plan(frames=20))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(DataError, match="not empty"):
        claim(tmp_path / "other", Plan())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--layout", "motorway"), "layouts holds 'motorway'"),
        (("--size", "big"), "--size is 'big'"),
        (("--time", "noon"), "times holds 'noon'"),
        ((), "run 'make scenes-env'"),
    ],
)
def test_mistakes_at_the_command_line_are_one_line(options, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEMISAC_SCENES_PYTHON", str(tmp_path / "absent"))
    assert program.run(["data", "scenes", str(tmp_path / "set"), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--steps", "nan"), "--steps is 'nan', expected numbers of steps such as 0,25,50"),
        (("--steps", "0,-1"), "--steps is '0,-1', expected numbers"),
        (("--steps", "1000"), "step is 1000, expected 0 to 8"),
        (("--output", "none/sheet.png"), "the folder none does not exist"),
    ],
)
def test_mistakes_of_show_are_one_line(folder, tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    assert program.run(["data", "show", str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error
    assert list(tmp_path.iterdir()) == []


def test_show_of_something_else_is_one_line(tmp_path, capsys):
    assert program.run(["data", "show", str(tmp_path)]) == 2
    assert "index.json" in capsys.readouterr().err
