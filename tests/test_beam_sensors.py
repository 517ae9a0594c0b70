# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beam prediction from all sensors: inputs by physics, layers by theory, both systems on a sample."""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from traced_export import traced_export

from semisac_ml.sensors import declared
from semisac_ml.sensors.lidar import FARTHEST_POINT_M, cells

pytest.importorskip("torch", reason="training needs PyTorch")

import onnxruntime  # noqa: E402
import torch  # noqa: E402
from rich.console import Console  # noqa: E402

from semisac_ml.beams import bundles, report, scores  # noqa: E402
from semisac_ml.beams.bundles import BundlePredictor, check_settings  # noqa: E402
from semisac_ml.beams.ensemble import BeamEnsemble  # noqa: E402
from semisac_ml.beams.inputs import InputSet, random_sensors, swapped, usual_sets  # noqa: E402
from semisac_ml.beams.recordings import Recordings, load_sensors  # noqa: E402
from semisac_ml.beams.samples import BY_SEQUENCE  # noqa: E402
from semisac_ml.beams.tensors import BEAM_SPACING_RAD, SampleTensors, View  # noqa: E402
from semisac_ml.beams.training import SensorRecipe, TrainingJob, predict  # noqa: E402
from semisac_ml.cli import main  # noqa: E402
from semisac_ml.data import DataError  # noqa: E402
from semisac_ml.data.scenes.sample import sample  # noqa: E402
from semisac_ml.layers import azimuth_maps  # noqa: E402
from semisac_ml.layers.mixture_of_experts import MixtureOfExperts  # noqa: E402
from semisac_ml.layers.radar import STANDING, RangeDoppler  # noqa: E402
from semisac_ml.layers.residual import (  # noqa: E402
    RESNET_50,
    PointNet,
    ResidualDecoder,
    ResidualEncoder,
)
from semisac_ml.results import read_results  # noqa: E402
from semisac_ml.runtime import BeamPrediction, Bundle  # noqa: E402
from semisac_ml.signal.beam_codebook import beam_azimuths_rad  # noqa: E402
from semisac_ml.systems.lam_msac.costs import executed_flops  # noqa: E402
from semisac_ml.systems.vi_beam.stages import Plan, train_plan  # noqa: E402
from semisac_ml.training.onnx_export import to_onnx  # noqa: E402

pytestmark = pytest.mark.slow

SYSTEMS = ("vi_beam", "lam_msac")
SENSORS = ("camera", "lidar", "radar")
FIGURES = (
    ("lam_msac", "case-study", "case_study"),
    ("lam_msac", "camera", "camera"),
    ("lam_msac", "blockage", "street_blockage"),
    ("vi_beam", "ablation", "street_ablation"),
    ("vi_beam", "tracking", "street_tracking"),
)


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_camera_input_keeps_brightness_and_tells_change():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    found = declared()["camera"].frame(picture, picture)
    assert found.shape == (4, 64, 128) and found.dtype == np.uint8
    assert np.allclose(found[:3].mean(axis=(1, 2)), picture.mean(axis=(0, 1)), atol=0.5)
    assert (found[3] == 128).all()
    darker = np.full((240, 320, 3), 40, np.uint8)
    assert (declared()["camera"].frame(darker + 60, darker)[3] == 158).all()


def test_radar_input_keeps_range_and_velocity():
    """A tone at range bin 20 and Doppler bin 5 of 128 x 128 is at bins 20 and 5 of 64 x 64."""
    sample_place, chirp = np.arange(128)[:, None], np.arange(128)
    tone = np.exp(2j * np.pi * (20 * sample_place + 5 * chirp) / 128)
    found = declared()["radar"].frame(np.tile(tone, (4, 1, 1)))
    assert found.shape == declared()["radar"].shape
    cube = found[..., 0] + 1j * found[..., 1]
    peak = np.unravel_index(np.abs(np.fft.fft2(cube[0])).argmax(), (64, 64))
    assert peak == (20, 5)


def test_lidar_input_finds_what_moved():
    rng = np.random.default_rng(0)
    wall = np.column_stack([np.full(4000, 20.0), rng.uniform(-20, 20, 4000), rng.uniform(0, 5, 4000)])
    ground = np.column_stack([rng.uniform(3, 20, 4000), rng.uniform(-9, 9, 4000), np.zeros(4000)])
    car = np.column_stack([rng.uniform(9, 11, 60), rng.uniform(1, 3, 60), rng.uniform(0.5, 1.5, 60)])
    before, now = np.vstack([wall, ground]), np.vstack([wall, ground, car])
    found = declared()["lidar"].frame(now, before)
    assert found.shape == declared()["lidar"].shape
    moved = found[found[:, 4] > 1.0]
    assert len(moved) and (np.hypot(moved[:, 0] - 10.0, moved[:, 1] - 2.0) < 2.0).all()
    still = found[(found[:, 4] < 0.5) & (np.abs(found[:, :3]).sum(axis=1) > 0)]
    assert (still[:, 2] > 0.3).all()


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: declared()["camera"].frame(np.zeros((4, 4), np.uint8)), "expected uint8"),
        (lambda: declared()["lidar"].frame(np.zeros((4, 2))), "expected [points"),
        (lambda: declared()["radar"].frame(np.zeros((2, 8, 8), complex)), "expected complex"),
        (lambda: InputSet.parse("camera,thermal", SENSORS), "expected some of"),
        (lambda: InputSet.parse("camera,camera", SENSORS), "camera twice"),
        (lambda: InputSet.parse("beams8,history", SENSORS), "expected some of"),
    ],
)
def test_wrong_inputs_are_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint.replace("[", r"\[")):
        call()


def test_sets_are_written_as_they_are_read():
    for text in (*map(str, usual_sets(SENSORS)), "gps,beams16,camera,lidar,radar", "gps"):
        assert str(InputSet.parse(text, SENSORS)) == text


def test_range_doppler_is_a_fourier_transform_that_can_be_undone():
    torch.manual_seed(0)
    transform = RangeDoppler(16, 8, learned=True)
    beat = torch.randn(2, 3, 16, 8, 2)
    window = (transform.window("range")[:, None] * transform.window("doppler")).detach().numpy()
    wanted = np.fft.fft2((beat[..., 0] + 1j * beat[..., 1]).numpy() * window, norm="ortho")
    found = transform(beat).detach().numpy()
    assert np.allclose(found[..., 0] + 1j * found[..., 1], np.fft.fftshift(wanted, axes=-1), atol=1e-4)
    assert transform.unitarity().item() < 1e-10
    undone = transform.inverse(transform(beat)).detach()
    share = torch.from_numpy(window / (window + 0.05)).float()[..., None]
    assert torch.allclose(undone, beat * share, atol=1e-4)
    with torch.no_grad():
        transform.range_addend += 0.1
    assert transform.unitarity().item() > 1e-3


def test_residual_networks_are_those_of_the_literature():
    """ResNet-50 without its last layer has 23,508,032 weights with three channels."""
    network = ResidualEncoder(3, 8, RESNET_50)
    assert sum(one.numel() for one in network.layers.parameters()) == 23_508_032
    decoder = ResidualDecoder(8, 4, 32, 64, 3, 4)
    assert decoder(torch.zeros(2, 8)).shape == (2, 4, 32, 64)


def test_cells_count_points_by_azimuth_and_distance():
    points = torch.zeros(1, 384, 5)
    points[0, :8, 0] = 20.0  # straight ahead: azimuth column 8 of 16, distance row 2 of 8
    found = cells(points)[0].reshape(16, 8)
    assert float(found[8, 2]) == pytest.approx(np.tanh(1.0), rel=1e-5)
    assert float(found.sum()) == pytest.approx(np.tanh(1.0), rel=1e-5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sample(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def street(folder, tmp_path_factory):
    return load_sensors(folder, None, Console(quiet=True), tmp_path_factory.mktemp("kept"))


def test_street_is_read_with_its_truth(street, folder, tmp_path):
    assert len(street) == 9 and street.names == ("canyon",)
    assert sorted(set(street.light)) == ["day", "night"] and len(np.unique(street.drive)) == 2
    assert street.recorded.all() and set(street.blocked) <= {0.0, 1.0}
    # nothing moved before the first frame; afterwards the traffic does
    first = street.frames[:, -2] < 0
    assert (street.sensed["camera"][first, 3] == 128).all()
    assert not (street.sensed["camera"][~first, 3] == 128).all(axis=(1, 2)).any()
    keep = tmp_path / "kept"
    once = load_sensors(folder, None, Console(quiet=True), keep)
    stamp = {file: file.stat().st_mtime_ns for file in keep.rglob("*.npy")}
    again = load_sensors(folder, None, Console(quiet=True), keep)
    assert stamp == {file: file.stat().st_mtime_ns for file in keep.rglob("*.npy")} and len(stamp) == 3
    for kind in SENSORS:
        assert np.array_equal(once.sensed[kind], again.sensed[kind])


def test_recording_without_truth_is_read_from_its_table_alone(folder, street, tmp_path):
    """As scenarios 31 to 34 are: nobody knows who is hidden, and sites are scenarios."""
    shutil.copytree(folder / "deepsense6g", tmp_path / "deepsense6g")
    found = load_sensors(tmp_path, None, Console(quiet=True), tmp_path / "kept")
    assert found.names == ("scenario100", "scenario120") and found.camera_view_deg is None
    assert np.isnan(found.blocked).all() and np.array_equal(found.drive, street.drive)
    for kind in SENSORS:
        assert np.array_equal(found.sensed[kind], street.sensed[kind])
    tensors = SampleTensors(found, 0.5, 1)
    assert tensors.hides("camera", View(turned=2)) and not tensors.hides("camera", View(mirrored=True))


def test_damaged_samples_are_left_out_and_told(folder, tmp_path):
    shutil.copytree(folder / "deepsense6g", tmp_path / "deepsense6g")
    for number in (100, 120):
        broken = sorted((tmp_path / f"deepsense6g/scenario{number}").rglob("*power*.txt"))[1]
        broken.write_text("nan\n" * 64)
    console = Console(record=True, width=400, file=io.StringIO())
    found = load_sensors(tmp_path, None, console, tmp_path / "kept")
    assert len(found) == 9 - 2 and len(found.left_out) == 2
    first = found.left_out[0]
    assert first.startswith("scenario100, line ") and "is not finite" in first
    assert f"damaged, left out: 2 samples: {first}; and 1 more" in " ".join(console.export_text().split())
    rows, best = np.arange(len(found)), np.tile(np.arange(5), (len(found), 1))
    said, overhead = ("always the first", BY_SEQUENCE, 0, "all, seed 0", ""), np.zeros(len(rows))
    tested = scores.Tested(*said, rows, len(rows), best, None, overhead)
    content = report.as_json(found, [tested], {})
    assert (content["samples_left_out"], content["left_out"]) == (2, list(found.left_out))
    trained = {**content, "cpu_hours": 1.5, "recipe": {"epochs": 30}}
    (hours,) = (
        row
        for row in report.rows_of("vi_beam", "street", found, [tested], trained)
        if row.metric == "cpu_hours"
    )
    assert (hours.value, hours.unit, hours.conditions) == (1.5, "h", {"epochs": "30"})


def test_a_folder_without_scenarios_says_what_belongs_there(tmp_path):
    (tmp_path / "deepsense6g").mkdir()
    with pytest.raises(DataError, match="holds no scenario, expected a street .semisac data scenes."):
        load_sensors(tmp_path, None, Console(quiet=True), tmp_path / "kept")


def test_mirror_turns_left_and_right(street):
    """In the mirror the angle spectrum of the radar is reversed, and so are points and beams."""
    tensors, rows = SampleTensors(street, 0.5, 1), np.arange(3)
    plain, turned = (tensors.frame("radar", rows, View(flag)) for flag in (False, True))
    spectrum = [
        np.abs(np.fft.fft(one[..., 0].numpy() + 1j * one[..., 1].numpy(), axis=1)) for one in (plain, turned)
    ]
    assert np.allclose(spectrum[0][:, 1], spectrum[1][:, 3], rtol=1e-3, atol=1e-2)
    points = [tensors.frame("lidar", rows, View(flag)) for flag in (False, True)]
    assert torch.equal(points[0][..., 1], -points[1][..., 1])
    assert torch.equal(tensors.label(rows), tensors.label(rows, View(True)).flip(1))


def test_turn_moves_every_sensor_to_the_same_side(street):
    """Turned by six beams, points and the strongest beam stand 8.4 degrees further to the left."""
    tensors, rows = SampleTensors(street, 0.5, 1), np.arange(9)
    view = View(turned=6)
    beams = tensors.label(rows, view).argmax(dim=1) - tensors.label(rows).argmax(dim=1)
    assert (beams == 6).all()
    points = [tensors.frame("lidar", rows, one)[0] for one in (View(), view)]
    azimuth = [torch.atan2(one[:, 1], one[:, 0]) for one in points]
    assert torch.allclose(azimuth[1] - azimuth[0], torch.tensor(6 * BEAM_SPACING_RAD), atol=1e-3)
    # column 64 looks 1/128 of tan(42 deg) to the right, and now shows what stood 8.4 deg further to the right
    picture = [tensors.frame("camera", rows, one)[0, 0] for one in (View(), view)]
    edge = np.tan(np.radians(42.0))
    column = int(64 * (1 + np.tan(np.arctan(edge / 128) + 6 * BEAM_SPACING_RAD) / edge))
    assert torch.equal(picture[1][:, 64], picture[0][:, column])
    # and in the radar a source straight ahead gains the phase of its new azimuth from antenna to antenna
    beat = [tensors.frame("radar", rows, one)[0] for one in (View(), view)]
    gained = torch.view_as_complex(beat[1][1].contiguous()) / torch.view_as_complex(beat[0][1].contiguous())
    assert torch.allclose(
        gained.angle(), torch.tensor(np.pi * np.sin(6 * BEAM_SPACING_RAD)).float(), atol=1e-2
    )


@pytest.mark.parametrize("view", [View(), View(mirrored=True), View(turned=6), View(True, -4)])
def test_position_stands_where_its_beam_points_in_every_view(view, street):
    """What is told as position lies in the direction of the strongest beam, as seen from where it aims."""
    clear = street.blocked == 0.0
    tensors, rows = SampleTensors(street.with_sensors(()), 0.5, 1), np.flatnonzero(clear)
    given = tensors.inputs(rows, tensors.presence(InputSet.parse("gps"), rows), view=view)
    assert (given.position_known == 1).all() and (given.site == tensors.site[rows]).all()
    east, north = (given.position_m[:, 0].numpy() - street.station_m[rows]).T
    azimuth = np.angle(np.exp(1j * (np.arctan2(north, east) - street.boresight_rad[rows])))
    pointed = beam_azimuths_rad()[tensors.label(rows, view).argmax(dim=1).numpy()]
    # satellite positions are off by metres, and beams of 16 elements are 6 degrees wide
    assert np.abs(np.degrees(azimuth - pointed)).max() < 8.0
    distance_m = np.linalg.norm(street.position_m[rows] - street.station_m[rows], axis=1)
    assert np.allclose(np.hypot(east, north), distance_m, rtol=1e-4)


def test_position_stays_hidden_in_a_view_of_a_base_station_whose_aim_nobody_knows(street):
    unknown = dataclasses.replace(street.with_sensors(()), boresight_rad=None)
    tensors, rows = SampleTensors(unknown, 0.5, 1), np.arange(9)
    presence = tensors.presence(InputSet.parse("gps"), rows)
    for view, known in ((View(), 1.0), (View(mirrored=True), 0.0), (View(turned=2), 0.0)):
        given = tensors.inputs(rows, presence, view=view)
        assert (given.position_known == known).all() and ((given.site >= 0) == bool(known)).all()


def network_of(system: str) -> BeamEnsemble:
    own = importlib.import_module(f"semisac_ml.systems.{system}.train").SYSTEM.sensors
    torch.manual_seed(0)
    return own.network(1, next(iter(own.trainers)), 1, SENSORS).eval()


@pytest.mark.parametrize("azimuth_deg", [-31.0, -4.0, 22.0])
def test_maps_see_a_target_at_the_beam_that_points_at_it(azimuth_deg):
    """Points, and the echo of a car that moves, before any weights: the fullest place is that of the beam."""
    pointed = np.degrees(beam_azimuths_rad())
    azimuth_rad = np.radians(azimuth_deg)
    lidar, radar = (declared()[name].azimuth_map(64) for name in ("lidar", "radar"))
    lidar.head = radar.head = torch.nn.Identity()
    points = torch.zeros(1, 384, 5)
    points[0, :20] = torch.tensor([30 * np.cos(azimuth_rad), 30 * np.sin(azimuth_rad), 1.0, 0.5, 1.0])
    points[0, 20:30] = torch.tensor([10.0, 1.0, 1.0, 0.5, 0.0])  # stands still: the background
    seen = lidar(points)[0]
    band = int(30.0 / (FARTHEST_POINT_M / azimuth_maps.BANDS))
    assert abs(pointed[int(seen[band].argmax())] - azimuth_deg) < 90 / 64
    assert torch.expm1(seen).sum() == pytest.approx(20, rel=1e-3)  # all that moved
    antenna, sample, chirp = np.meshgrid(np.arange(4), np.arange(64), np.arange(64), indexing="ij")
    tone = np.exp(2j * np.pi * (21 * sample + 9 * chirp) / 64 + 1j * np.pi * np.sin(azimuth_rad) * antenna)
    beat = torch.view_as_real(torch.from_numpy(tone.astype(np.complex64)))[None]
    seen = radar(beat)[0]
    strongest = np.unravel_index(int(seen.argmax()), seen.shape)
    # what moves away is in the second half; range bin 21 is in band 2
    assert strongest[0] == azimuth_maps.BANDS + 21 // (64 // azimuth_maps.BANDS)
    assert abs(pointed[strongest[1]] - azimuth_deg) < 90 / 64
    assert declared()["camera"].azimuth_map(64)(torch.rand(2, 4, 64, 128)).shape == (
        2,
        azimuth_maps.CHANNELS,
        64,
    )


def test_without_background_only_what_moves_is_told():
    generator = torch.Generator().manual_seed(0)
    points = 20.0 * torch.randn(1, 384, 5, generator=generator)
    points[..., 4] = 0.0
    points[0, :9, 4] = 1.0
    other = torch.cat([points[:, :9], 20.0 * torch.randn(1, 375, 5, generator=generator)], dim=1)
    other[0, 9:, 4] = 0.0
    told, every = PointNet(8, background=False).eval(), PointNet(8).eval()
    assert torch.allclose(told(points), told(other)) and not torch.allclose(every(points), every(other))
    transform = RangeDoppler(64, 64, learned=False)
    maps = transform(torch.randn(1, 4, 64, 64, 2, generator=generator))
    left = transform.without_background(maps)
    middle = slice(32 - STANDING, 32 + STANDING + 1)
    assert not left[..., middle, :].any() and torch.equal(left[..., 34:, :], maps[..., 34:, :])


@pytest.mark.parametrize("system", SYSTEMS)
def test_absent_sensors_change_nothing_and_are_not_encoded(system, street):
    network = network_of(system)
    frames = 5 if system == "vi_beam" else 1
    tensors, rows = SampleTensors(street, 0.5, frames), np.arange(9)
    ran: list[str] = []
    for kind, encoder in network.encoders.items():
        encoder.register_forward_hook(lambda *_, kind=kind: ran.append(kind))
    presence = tensors.presence(InputSet.parse("beams8,lidar", SENSORS), rows)
    with torch.no_grad():
        given = tensors.inputs(rows, presence, network)
        said = network(*given)
        hidden = given._replace(
            power_db=given.power_db + 50.0 * (1.0 - given.measured),
            position_m=given.position_m + 300.0 * (1.0 - given.position_known[..., None]),
        )
        assert ran == ["lidar"]
        for one, other in zip(said, network(*hidden), strict=True):
            assert torch.allclose(one, other, atol=1e-5)
        alone = [network(*(one[k : k + 1] for one in given))[0] for k in range(9)]
        assert torch.allclose(said[0], torch.cat(alone), atol=1e-4)
        assert torch.allclose(said[0].sum(dim=1), torch.ones(9), atol=1e-4)


@pytest.mark.parametrize("system", SYSTEMS)
def test_features_made_before_say_the_same(system, street):
    network = network_of(system)
    tensors, rows = SampleTensors(street, 0.5, 5 if system == "vi_beam" else 1), np.arange(9)
    one = InputSet.parse("gps,beams8,camera,radar", SENSORS)
    presence = tensors.presence(one, rows)
    with torch.no_grad():
        wanted = network(*tensors.inputs(rows, presence, network))[0].numpy()
    assert np.allclose(predict(network, tensors, rows, (one,))[0].beams, wanted, atol=1e-5)


def test_swapped_samples_are_shown_the_sensors_of_others(street):
    """What a batch is told of each sensor is what the sample that stands there would be told."""
    tensors = SampleTensors(street, 0.5, 1)
    rows = np.arange(len(street))
    rng = np.random.default_rng(0)
    shown_of = swapped(np.ones(4000, bool), 3, 0.3, rng)
    # 3 deviations of 16,000 decisions are 0.011; a few draw themselves
    assert (shown_of != np.arange(4000)[:, None]).mean() == pytest.approx(0.3, abs=0.012)
    plain = tensors.presence(InputSet(True, 8, sensors=SENSORS), rows)
    network = network_of("lam_msac")
    usual = tensors.inputs(rows, plain, network)
    # without a beam of now that contradicts it, another's sensor would be a wrong label
    half = np.arange(len(rows)) % 2 == 0
    shown_of = swapped(half, 3, 0.5, rng)
    assert (shown_of[~half] == rows[~half, None]).all() and (shown_of[half] != rows[half, None]).any()
    given = tensors.inputs(rows, dataclasses.replace(plain, shown_of=shown_of), network)
    assert torch.equal(given.power_db, usual.power_db)  # beams are each sample's own
    for place, name in enumerate(("position_m", *SENSORS)):
        expected = getattr(usual, name)[torch.from_numpy(shown_of[:, place])]
        assert torch.allclose(getattr(given, name), expected, atol=1e-5), name


def test_checkpoints_and_settings_of_old_are_understood(tmp_path):
    """Of when one network of all sensors had a class of its own, and recordings were called a street."""
    network, other = network_of("lam_msac"), network_of("lam_msac")
    old = {key.replace("networks.0.", "network."): 2.0 * own for key, own in network.state_dict().items()}
    assert any(key.startswith("network.") for key in old)
    other.load_state_dict(old)
    for key, own in network.state_dict().items():
        assert torch.equal(other.state_dict()[key], 2.0 * own), key
    told = {"system": "lam_msac", "data": "street", "folder": "there", "scenarios": None, "sites": ["canyon"]}
    told |= {"seed": 0, "split": "s", "variant": "mixture", "frames": 1, "command": "semisac train"}
    (tmp_path / "settings.json").write_text(json.dumps(told))
    found = check_settings(tmp_path)
    assert found.sensors == SENSORS and found.recordings == Recordings(None, Path("there"), sensors=True)
    (tmp_path / "settings.json").write_text(json.dumps({**told, "data": "deepsense6g", "scenarios": [1, 2]}))
    assert check_settings(tmp_path).recordings.scenarios == (1, 2)
    assert not check_settings(tmp_path).sensors


def test_random_presence_gives_nobody_nothing():
    there, recorded = np.ones((2000, 1), bool), np.ones((2000, 1, 3), bool)
    asked = (InputSet.parse("camera", SENSORS),)
    found = random_sensors(there, recorded, SENSORS, np.random.default_rng(0), asked)
    anything = found.measured.any(axis=(1, 2)) | found.position_known.any(axis=1)
    assert (anything | found.known.any(axis=(1, 2))).all()
    alone = found.known[:, 0, 0] & ~anything & ~found.known[:, 0, 1:].any(axis=1)
    assert 0.7 < alone.mean() < 0.85  # three of four, and a few of the others by chance


@pytest.mark.parametrize("system", SYSTEMS)
def test_street_trains_ships_and_is_measured(system, folder, street, tmp_path, monkeypatch, request):
    """Train, export, measure by command line; the bundle says what the trained network says, to 1e-3."""
    if system == "lam_msac":  # whose mixture the newer exporter has below, and in test_beam_systems.py
        request.getfixturevalue("traced")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(bundles, "LATENCY_CALLS", 3)
    where = ["--data", "sensors", "--folder", str(folder)]
    assert run(["train", system, *where, "--epochs", "1", "--run", "run"]) == 0
    assert run(["export", system, "--run", "run", "--output", f"models/{system}/made_up"]) == 0
    bundle = Bundle.verify(tmp_path / "models" / system / "made_up")
    assert set(bundle.manifest.networks) == {"camera", "lidar", "radar", "beams"}
    figures = tmp_path / "figures.json"
    told = ["--bundle", f"models/{system}/made_up", "--inputs", "beams8,camera", "--inputs", "radar"]
    assert run(["evaluate", system, *where, *told, "--json", str(figures)]) == 0
    content = json.loads(figures.read_text())
    assert {"dba", "top1", "ece"} <= set(content["metrics"])
    assert set(content["split_by_sequence"][system]) == {"beams8,camera", "radar"}
    assert set(content["blockage"]) == {"beams8,camera", "radar"}

    from semisac_ml.training import load_checkpoint
    from semisac_ml.training.onnx_export import round_weights

    network = network_of(system)
    load_checkpoint(tmp_path / "run" / "trained.safetensors", network)
    round_weights(network)
    tensors = SampleTensors(street, 0.5, bundle.interface(BeamPrediction).beams.frames)
    texts = ("gps,beams8,camera,lidar,radar", "lidar")
    sets = tuple(InputSet.parse(text, SENSORS) for text in texts)
    rows = np.arange(9)
    for one, other in zip(
        predict(network, tensors, rows, sets),
        predict(BundlePredictor(bundle, SENSORS), tensors, rows, sets),
        strict=True,
    ):
        assert np.allclose(one.beams, other.beams, atol=1e-3)
        assert np.allclose(one.blocked, other.blocked, atol=1e-3)


def has_several_experts(network: torch.nn.Module) -> bool:
    mixtures = [part for part in network.modules() if isinstance(part, MixtureOfExperts)]
    return any(len(one.experts) > 1 for one in mixtures)


@pytest.mark.parametrize(("system", "figure", "file"), FIGURES)
def test_figures_are_drawn_from_what_they_train(system, figure, file, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    where = ["--data", "street", "--folder", str(folder), "--figure", figure, "--epochs", "1"]
    with traced_export(but=has_several_experts):
        assert run(["evaluate", system, *where, "--results", "results"]) == 0
    rows = read_results(tmp_path / "results" / f"{file}.csv")
    assert all(0.0 <= row.value <= 1.0 for row in rows if row.metric == "dba")
    assert {row.system for row in rows} == {system} and {row.figure for row in rows} == {file}
    assert (tmp_path / "results" / f"{file}.png").is_file()
    if figure == "blockage":  # two drives of five and four frames: nobody sees 0.5 s ahead
        assert {row.x for row in rows} <= {0.0} and rows
    if figure == "case-study":
        shares = [row.value for row in rows if row.metric == "expert_load"]
        assert len(shares) == 4 and sum(shares) == pytest.approx(1.0, abs=1e-3)
        cost = {(row.conditions["setting"], row.variant): row.value for row in rows if row.metric == "flops"}
        # more sensors cost more, and two of four experts less than one as wide as all
        assert (
            cost["FISAC", "one network"] > cost["TISAC-PIC", "one network"] > cost["DISAC-PI", "one network"]
        )
        assert cost["FISAC", "one network"] < cost["FISAC", "one network w/o MoE"]


@pytest.mark.parametrize("chosen", [1, 2])
def test_an_exported_mixture_runs_the_chosen_experts_alone(chosen):
    """Of a single sample; each costs the products of its layers. Of many it says what PyTorch says."""
    if torch.torch_version.TorchVersion(torch.__version__) < (2, 9):
        pytest.skip("the exporter that traces knows no branches")
    torch.manual_seed(0)
    size, inputs, tokens, queries, experts = 16, 8, 5, 2, 3
    mixture = MixtureOfExperts(size, inputs, experts=experts, chosen=chosen, heads=2).eval()

    def given(batch: int) -> dict[str, torch.Tensor]:
        return {
            "queries": torch.randn(batch, queries, size),
            "tokens": torch.randn(batch, tokens, size),
            "absent": torch.zeros(batch, tokens, dtype=torch.bool),
            "gate_input": torch.randn(batch, inputs),
        }

    axes = {name: {0: "batch"} for name in (*given(3), "fused", "gate")}
    content = to_onnx(mixture, given(3), ["fused", "gate"], axes)
    feeds = {name: value.numpy() for name, value in given(1).items()}
    projections = (2 * queries + 2 * tokens) * size**2
    attention, feed_forward = 2 * queries * tokens * size, 2 * queries * size * 2 * size
    wanted = 2 * (inputs * experts + chosen * (projections + attention + feed_forward))
    assert executed_flops(content, feeds) == wanted
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for batch in (1, 7):
        own = given(batch)
        with torch.no_grad():
            said = mixture(*own.values())
        found = session.run(None, {name: value.numpy() for name, value in own.items()})
        assert all(np.allclose(a, b.numpy(), atol=1e-4) for a, b in zip(found, said, strict=True))


@pytest.mark.parametrize("kept", [1, 2])
def test_staged_training_ends_in_the_same_bytes_wherever_it_was_interrupted(kept, street, tmp_path):
    """The first stages are there already; whatever was drawn since then does not matter."""
    recipe = SensorRecipe(epochs=1, batch=64, frames=5, chunk=4)
    asked = (InputSet.parse("beams8,radar", SENSORS),)

    def train(folder: Path) -> dict[str, torch.Tensor]:
        tensors, rows = SampleTensors(street, 0.5, 5), np.arange(9)
        job = TrainingJob(tensors, rows, recipe, asked, 3, folder, Console(quiet=True))
        torch.manual_seed(3)
        return train_plan(Plan(), "own", job).state_dict()

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    expected = train(whole)
    for name in ("own-unimodal-3", "own-fused-3")[:kept]:
        (broken / f"{name}.safetensors").write_bytes((whole / f"{name}.safetensors").read_bytes())
    found = train(broken)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_pictures_tell_how_much_changed_where_the_vehicle_is(street):
    """A picture that changes in one column alone changes at the vehicle whose beam points there."""
    from semisac_ml.systems.lam_msac.light import pictures_tell

    pictures = np.full((2, 4, 64, 128), 128, np.uint8)
    pictures[:, 3, :, 64] = 138  # just right of the middle, where beam 31 points: brightness rose by 20
    made = dataclasses.replace(street, sensed={"camera": pictures}, beam=np.array([30, 40]))
    found = pictures_tell(made, np.arange(2))
    assert found["change_at_vehicle"].tolist() == [1.0, 0.0]
    assert found["brightness"].tolist() == [128.0, 128.0]
    assert found["change"] == pytest.approx(20.0 / 128)


def test_mistakes_are_one_line(capfd, folder):
    where = ["--data", "street", "--folder", str(folder)]
    assert run(["evaluate", "lam_msac", *where, "--figure", "no"]) == 2
    assert "unknown figure 'no', expected one of: case-study" in capfd.readouterr().err
    assert run(["evaluate", "vi_beam", *where, "--splits", "2"]) == 2
    assert "--splits" in capfd.readouterr().err
    assert run(["train", "vi_beam", *where, "--members", "2"]) == 2
    assert "--members" in capfd.readouterr().err
    assert run(["train", "vi_beam", "--data", "street", "--folder", str(folder / "nowhere")]) == 2
    assert "semisac data scenes" in capfd.readouterr().err
    assert run(["evaluate", "vi_beam", "--folder", str(folder)]) == 2
    assert "--data sensors" in capfd.readouterr().err
