# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The generator in its own environment: the same files each time, also after a run was broken off."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from parallel_jobs import dask_cluster

import semisac_ml
from semisac_ml.cli import program
from semisac_ml.cli.scenes import scenes_python
from semisac_ml.data.scenes.reader import SceneSet


def python() -> Path | None:
    try:
        return scenes_python()
    except ValueError:
        return None


pytestmark = pytest.mark.skipif(python() is None, reason="no .venv-scenes: run 'make scenes-env'")
OPTIONS = (
    "--layout",
    "bend",
    "--time",
    "night",
    "--frames",
    "6",
    "--drive-frames",
    "6",
    "--size",
    "96x72",
    "--seed",
    "2",
    "--pairs-every",
    "2",
)


def digests(folder: Path) -> dict[str, str]:
    """Of all files."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "set"
    assert program.run(["data", "scenes", str(folder), *OPTIONS]) == 0
    return folder


def test_a_set_is_whole(made):
    scenes = SceneSet.open(made)
    assert len(scenes) == 6
    assert len(list((made / "mfnet" / "labels").iterdir())) == 3
    assert scenes.drives[0]["held_out"]
    assert not list(made.rglob("*.part*"))


def test_same_seed_same_files_also_after_it_was_broken_off(made, tmp_path):
    other = tmp_path / "set"
    (other / "truth").mkdir(parents=True)
    (other / "plan.json").write_bytes((made / "plan.json").read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(Path(semisac_ml.__file__).parents[1])}
    program_text = (
        "import sys; from pathlib import Path; from semisac_ml.data.scenes.plan import Plan;"
        "from semisac_ml.data.scenes import generate as g;"
        "folder = Path(sys.argv[1]); plan = Plan.from_json((folder / 'plan.json').read_text(), 'plan');"
        "drive = plan.drives()[0];"
        "done = [];\n"
        "def report(seconds):\n"
        "    done.append(seconds)\n"
        "    if len(done) == 3: sys.exit(7)\n"
        "g.make_drive(folder, 0, drive, report)"
    )
    broken = subprocess.run([python(), "-c", program_text, other], env=environment, check=False)
    assert broken.returncode == 7
    assert len(list(other.glob("truth/0000/*.npz"))) == 3
    assert program.run(["data", "scenes", str(other), *OPTIONS]) == 0
    assert digests(other) == digests(made)


def test_two_workers_of_a_cluster_make_what_one_process_makes(tmp_path):
    drives = [*OPTIONS, "--frames", "10", "--drive-frames", "5"]
    assert program.run(["data", "scenes", str(tmp_path / "one"), *drives, "--processes", "1"]) == 0
    with dask_cluster(tmp_path, python()) as address:
        assert program.run(["data", "scenes", str(tmp_path / "two"), *drives, "--scheduler", address]) == 0
    made = digests(tmp_path / "one")
    assert len(SceneSet.open(tmp_path / "one").drives) == 2
    assert digests(tmp_path / "two") == made
