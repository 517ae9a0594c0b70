# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which vehicle is served: directions against powers, tracks of boxes, a made-up street of three vehicles."""

from __future__ import annotations

import numpy as np
import pytest

from semisac_ml.signal.beam_codebook import BeamCodebook, Paths, snapshots_of_paths
from semisac_ml.signal.box_tracks import BoxTracks, overlap
from semisac_ml.signal.direction_fit import knows_no_direction, misfit, scattered

pytest.importorskip("torch", reason="training needs PyTorch")

from rich.console import Console  # noqa: E402

from semisac_ml.beams import which_vehicle  # noqa: E402
from semisac_ml.beams.recordings import Recordings  # noqa: E402
from semisac_ml.beams.seen_drives import SeenDrive, Sight, directions_rad, seen_drive  # noqa: E402
from semisac_ml.beams.which_vehicle import DRAWN, SAME, Evidence, Tally, beams_heard, told_once  # noqa: E402
from semisac_ml.data import DataError  # noqa: E402
from semisac_ml.data.scenes.camera import Camera  # noqa: E402
from semisac_ml.data.scenes.sample import sample  # noqa: E402

CODEBOOK = BeamCodebook()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sample(tmp_path_factory.mktemp("street"))


def made_up(azimuths_deg: np.ndarray, served: int, frames: int = 12, noise: float = 0.0) -> SeenDrive:
    """Vehicles that stay in their directions [vehicles]; power of one of them."""
    pattern = CODEBOOK.pattern(np.radians(azimuths_deg))
    rng = np.random.default_rng(0)
    vehicles = np.arange(len(pattern))
    sights = [
        Sight(
            vehicles,
            pattern,
            np.full(len(pattern), 10),
            served,
            int(pattern[served].argmax()),
            (pattern[served] + noise) * (rng.gamma(64, 1 / 64, 64) if noise else 1.0),
        )
        for _ in range(frames)
    ]
    return SeenDrive("canyon", "day", tuple(sights))


def choices(drive: SeenDrive, count: int, frames: int, draws: int) -> np.ndarray:
    """Choice of the last frame, by draw of the beams."""
    last = len(drive.frames) - 1
    heard = [beams_heard(count, DRAWN, last + 1, np.random.default_rng(draw)) for draw in range(draws)]
    return np.array([Evidence(drive, drive.power, own).choice(last, frames) for own in heard])


def test_pattern_is_the_power_of_a_single_path():
    """A plane wave of unit gain from 20 degrees, 5 degrees below: |w^H a|^2 and the patch squared."""
    path = Paths(np.ones(1), np.radians([20.0]), np.radians([-5.0]), np.zeros(1))
    heard = snapshots_of_paths(path, 16, 4, 20e6, 0.0, np.random.default_rng(0))
    wanted = CODEBOOK.power(CODEBOOK.covariance(heard), np.arange(64))
    np.testing.assert_allclose(CODEBOOK.pattern(*np.radians([20.0, -5.0])), wanted, rtol=1e-9, atol=1e-12)
    assert CODEBOOK.pattern(CODEBOOK.azimuths_rad[31])[31] == pytest.approx(16.0, rel=1e-3)


def test_misfit_is_what_the_likeliest_gain_leaves_of_the_likelihood():
    """Against exponential likelihoods on a fine grid of gains; 0 for the direction's own profile."""
    rng = np.random.default_rng(1)
    pattern, level = CODEBOOK.pattern(np.radians([-10.0, 3.0])), scattered(16.0)
    power = 7e-9 * rng.exponential(pattern[1] + 0.1)
    gain = np.geomspace(1e-11, 1e-5, 20_001)
    for direction in pattern:
        for one, found in zip(level, misfit(power, direction, level), strict=True):
            mean = gain[:, None] * (direction + one)
            worst = (np.log(mean) + power / mean).sum(axis=1).min() - (np.log(power) + 1.0).sum()
            assert found == pytest.approx(worst, abs=1e-4)
    exact = 3.0 * (pattern[0] + level[2])
    assert misfit(exact, pattern[0], level)[2] == pytest.approx(0.0, abs=1e-9)
    assert (misfit(1e3 * power, pattern, level) == pytest.approx(misfit(power, pattern, level))) and (
        misfit(power, np.ones(64), level) == pytest.approx(knows_no_direction(power))
    )


@pytest.mark.parametrize("served", [0, 1, 2])
def test_exact_powers_tell_the_vehicle(served):
    """Three directions a beam's width (7 degrees) and more apart; no noise: each draw of 8 beams is right."""
    drive = made_up(np.array([-25.0, 0.0, 7.0]), served)
    assert (choices(drive, 8, 12, 20) == served).all()


def test_more_frames_and_more_beams_tell_more():
    """Two vehicles 1.5 degrees apart, a fifth of the beam's width, noise 12 dB below the middle of a beam."""
    drive = made_up(np.array([10.0, 11.5]), 1, noise=1.0)
    share = {
        (count, frames): (choices(drive, count, frames, 200) == 1).mean()
        for count in (2, 8)
        for frames in (1, 12)
    }
    assert share[8, 12] > max(share[8, 1], share[2, 12]) and min(share[8, 1], share[2, 12]) > share[2, 1]
    assert share[8, 12] > 0.95


def test_equal_directions_are_chance():
    """The first of equals is named, whichever it is: one in three is right."""
    found = [choices(made_up(np.full(3, 12.0), served), 8, 12, 3) == served for served in range(3)]
    assert np.mean(found) == pytest.approx(1 / 3)


def test_power_of_nobody_here_says_nothing():
    """White noise in all beams: each of three vehicles is named in a share that is not told from 1/3.

    600 draws: four standard errors are 0.077.
    """
    drive, rng = made_up(np.array([-20.0, 0.0, 20.0]), 0, frames=1), np.random.default_rng(2)
    named = [
        Evidence(drive, rng.exponential(size=(1, 64)), beams_heard(8, DRAWN, 1, rng)).choice(0, 1)
        for _ in range(600)
    ]
    assert np.abs(np.bincount(named, minlength=3) / 600 - 1 / 3).max() < 0.077


def test_beams_that_were_not_heard_are_not_looked_at():
    drive = made_up(np.array([-25.0, 0.0, 7.0]), 2)
    heard = beams_heard(4, DRAWN, 12, np.random.default_rng(0))
    power = np.full((12, 64), np.nan)
    np.put_along_axis(power, heard, np.take_along_axis(drive.power, heard, axis=1), axis=1)
    assert Evidence(drive, power, heard).choice(11, 12) == 2


def test_beams_are_drawn_without_replacement_or_evenly_spread():
    drawn = beams_heard(8, DRAWN, 50, np.random.default_rng(0))
    assert all(len(set(row)) == 8 for row in drawn) and len(np.unique(drawn)) == 64
    assert (beams_heard(8, SAME, 2, np.random.default_rng(0)) == np.arange(4, 64, 8)).all()


def test_boxes_keep_their_track_through_a_gap_and_new_ones_are_new():
    tracks = BoxTracks()
    mover, parked = np.array([0.0, 0, 10, 5]), np.array([40.0, 0, 50, 5])
    found = [tracks.step([mover + (6 * k, 0, 6 * k, 0), parked]).tolist() for k in range(2)]
    found.append(tracks.step([parked]).tolist())  # the mover is hidden
    found.append(tracks.step([parked, mover + (18, 0, 18, 0), mover + 60]).tolist())
    assert found == [[0, 1], [0, 1], [1], [1, 0, 2]]
    assert overlap(np.array([mover]), np.array([mover + (5, 0, 5, 0), parked])) == pytest.approx(
        np.array([[1 / 3, 0.0]])
    )
    for _ in range(5):
        tracks.step(np.zeros((0, 4)))
    assert tracks.step([parked]).tolist() == [3]  # too long ago


def test_a_track_that_swaps_is_noticed():
    """Two that change places from one picture to the next look as if both had stood still."""

    class Moment:
        def __init__(self, left: int) -> None:
            picture = np.zeros((120, 160), np.uint8)
            picture[60:65, 20:30], picture[60:65, 100:110] = (1, 2) if left else (2, 1)
            self.drive = {"layout": "canyon", "time": "day", "camera": CAMERA}
            told = {"label": "car", "azimuth_deg": 0.0, "elevation_deg": 0.0}
            self.targets = [{"instance": k, "carrier": k, **told} for k in (1, 2)]
            self._arrays = {"instances": picture, "powers": np.ones((2, 64))}

        def arrays(self):
            return self._arrays

    steady, swapping = (seen_drive([Moment(1), Moment(1), Moment(last)]) for last in (1, 0))
    assert (steady.steps, steady.swapped) == (4, 0) and (swapping.steps, swapping.swapped) == (4, 2)
    # the choice is scored with who is there now
    assert [one.track[one.served] for one in steady.frames] == [0, 0, 0]
    assert [one.track[one.served] for one in swapping.frames] == [0, 0, 1]


CAMERA = {"pitch_rad": -0.14, "width": 160, "height": 120, "field_of_view_deg": 84.0}


@pytest.mark.parametrize("place_m", [(20.0, 5.0, -4.0), (40.0, -18.0, -6.0), (9.0, 0.0, -3.0)])
def test_directions_are_those_the_camera_projects(place_m):
    camera = Camera(np.zeros(3), 0.0, CAMERA["pitch_rad"], 160, 120)
    at, _ = camera.project(np.array(place_m))
    azimuth, elevation = directions_rad(CAMERA, np.array([[*(at - 2.0), *(at + 2.0)]]))
    assert azimuth[0] == pytest.approx(np.arctan2(place_m[1], place_m[0]))
    assert elevation[0] == pytest.approx(np.arctan2(place_m[2], np.hypot(*place_m[:2])))


def test_what_was_told_once_goes_on_with_its_track():
    """The last beam that pointed at it where it is hidden; nobody chosen: the other beam."""
    drive = made_up(np.array([-20.0, 15.0]), 1)
    hidden = Sight(np.array([0]), drive.frames[0].pattern[:1], np.array([10]), -1, 5, drive.frames[0].power)
    drive = SeenDrive("canyon", "day", (*drive.frames[:8], hidden, *drive.frames[9:]))
    beam = int(drive.frames[0].pattern[1].argmax())
    assert told_once(drive, 4, 1, 7).tolist() == [beam] * 5
    assert told_once(drive, 4, -1, 7).tolist() == [7] * 5


def test_hidden_frames_count_as_wrong_and_are_reported():
    """Of five tested frames one hides the vehicle; the others are right."""
    drive = made_up(np.array([-20.0, 15.0]), 1)
    hidden = Sight(np.array([0]), drive.frames[0].pattern[:1], np.array([10]), -1, 5, drive.frames[0].power)
    tally = Tally([SeenDrive("canyon", "day", (*drive.frames[:11], hidden))], {"system": "s", "figure": "f"})
    which_vehicle.add_choices(tally, 0, 16, DRAWN, 0, served="first radio")
    which_vehicle.add_baselines(tally, 0, served="first radio")
    rows = {
        (row.variant, row.metric, row.conditions["frames"], row.x): row.value
        for row in tally.rows()
        if row.conditions["layout"] == row.conditions["light"] == "all"
    }
    assert rows["power history", "right", "all", 12.0] == pytest.approx(0.8)
    assert rows["power history", "right", "vehicle seen", 12.0] == 1.0
    assert rows["camera", "seen", "all", None] == pytest.approx(0.8)
    assert rows["chance", "right", "all", None] == pytest.approx(4 * 0.5 / 5)
    assert rows["aimed at the choice", "power_loss_db", "vehicle seen", 12.0] == pytest.approx(0.0)


def test_shipped_street_is_read(folder):
    """Its two drives: boxes of the vehicles, the served one among them where it is seen."""
    drives = [seen_drive(moments) for moments in Recordings(None, folder, True).drives()]
    assert sorted(len(one.frames) for one in drives) == [4, 5] and {one.layout for one in drives} == {
        "canyon"
    }
    for drive in drives:
        assert drive.swapped == 0 and drive.power.shape == (len(drive.frames), 64)
        for sight in drive.frames:
            assert sight.pattern.shape == (len(sight.track), 64) and sight.served < len(sight.track)
            if sight.served >= 0:  # the middle of the box is within three beams (4 degrees) of the truth
                assert abs(int(sight.pattern[sight.served].argmax()) - sight.true_beam) <= 3


@pytest.mark.slow
def test_figure_of_the_shipped_street(folder, tmp_path, monkeypatch):
    from types import SimpleNamespace

    from semisac_ml.results import read_results

    monkeypatch.setattr(which_vehicle, "DRAWS", 1)
    asked = SimpleNamespace(
        system=SimpleNamespace(name="lam_msac"),
        recordings=Recordings(None, folder, True),
        results=tmp_path,
        console=Console(quiet=True),
        seed=0,
    )
    files = which_vehicle.draw_which_vehicle(asked, None)
    assert [file.name for file in files] == ["which_vehicle.csv", "which_vehicle.png"]
    rows = read_results(files[0])
    assert {row.figure for row in rows} == {"which_vehicle"} and all(file.is_file() for file in files)
    assert all(0.0 <= row.value <= 1.0 for row in rows if row.metric in ("right", "seen", "swapped"))
    assert all(row.value >= 0.0 for row in rows if row.metric == "power_loss_db")


def test_other_recordings_are_refused(tmp_path):
    with pytest.raises(DataError, match="is no ray-traced street"):
        Recordings(None, tmp_path, True).drives()
