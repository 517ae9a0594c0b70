# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sensor that nobody knew is one file: it is read, trained with, exported, measured, shown and replayed."""

from __future__ import annotations

import csv
import importlib
import json
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from semisac_ml import sensors  # noqa: E402
from semisac_ml.beams import bundles  # noqa: E402
from semisac_ml.cli import main  # noqa: E402
from semisac_ml.data import beam_recordings, deepsense6g  # noqa: E402
from semisac_ml.data.scenes.sample import sample  # noqa: E402
from semisac_ml.runtime import Bundle  # noqa: E402
from semisac_ml.runtime.observations import Observations  # noqa: E402

MICROPHONE = '''
"""Loudness of six bands."""

import numpy as np

from semisac_ml.sensors import Sensor


class Microphone(Sensor):
    label = "microphone"
    column = "unit1_sound"
    endings = (".txt",)
    shape = (6,)

    def read(self, file):
        return np.loadtxt(file)
'''


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


@pytest.fixture
def microphone(tmp_path, monkeypatch):
    """The sensor's file, in a folder of its own."""
    place = tmp_path / "more_sensors"
    place.mkdir()
    (place / "microphone.py").write_text(MICROPHONE)
    monkeypatch.setattr(sensors, "__path__", [*sensors.__path__, str(place)])
    importlib.invalidate_caches()
    yield "microphone"
    sys.modules.pop("semisac_ml.sensors.microphone", None)
    vars(sensors).pop("microphone", None)


@pytest.fixture
def folder(tmp_path):
    """The street that ships, with a column of its tables that the sensor reads."""
    made = sample(tmp_path / "street")
    for table in made.glob("deepsense6g/scenario*/scenario*.csv"):
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for number, row in enumerate(rows):
            row["unit1_sound"] = f"unit1/sound_{number}.txt"
            np.savetxt(table.parent / row["unit1_sound"], np.arange(6.0) + number)
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return made


def test_a_sensor_is_found_where_its_file_is(microphone, folder):
    assert list(sensors.declared()) == ["camera", "lidar", "microphone", "radar"]
    assert len(deepsense6g.load(100, folder).files[microphone]) > 0
    told = beam_recordings.load(folder).sensed(microphone, 1)
    assert told.dtype == np.float32 and told.tolist() == (np.arange(6.0) + 1).tolist()


def test_without_its_file_nobody_knows_it(folder):
    assert "microphone" not in sensors.declared()
    assert set(deepsense6g.load(100, folder).files) == {"camera", "lidar", "radar"}
    with pytest.raises(ValueError, match="expected some of camera, lidar, radar"):
        sensors.chosen(["microphone"])


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("system", ["vi_beam", "lam_msac"])
def test_systems_learn_it_and_bundles_take_it(system, microphone, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(bundles, "LATENCY_CALLS", 3)
    where = ["--data", "sensors", "--folder", str(folder)]
    assert run(["train", system, *where, "--epochs", "1", "--run", "run"]) == 0
    assert run(["export", system, "--run", "run", "--output", f"models/{system}/hears"]) == 0
    bundle = Bundle.verify(f"models/{system}/hears")
    assert set(bundle.manifest.networks) == {"beams", "camera", "lidar", "microphone", "radar"}
    assert "microphone" in bundle.manifest.description
    told = ["--bundle", f"models/{system}/hears", "--inputs", "beams8,microphone", "--json", "told.json"]
    assert run(["evaluate", system, *where, *told]) == 0
    content = json.loads((tmp_path / "told.json").read_text())
    assert list(content["split_by_sequence"][system]) == ["beams8,microphone"]
    # at run time the bundle says itself what it takes
    seen = Observations(bundle, "beams", interval_s=0.1)
    seen.add(microphone, 0.0, np.arange(6.0))
    assert seen.counts[microphone]["taken"] == 1 and seen.inputs(0.0)["microphone_known"].any()


def test_the_replay_takes_it(microphone, folder):
    semisac = pytest.importorskip("gnuradio.semisac", reason="the replay needs GNU Radio and the module")
    replay = semisac.beam_replay(str(folder), frames_per_s=0, sensors=("position", microphone))
    with pytest.raises(ValueError, match="position, camera, lidar, microphone, radar"):
        replay.set_sensors(("sonar",))
