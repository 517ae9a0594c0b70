# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system of one's own is one folder anywhere: all programs find it, its bundle and its link."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG_S

from semisac_ml.systems.jssc.baselines import energy_detector

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="export needs onnx")
pytest.importorskip("gnuradio.semisac", reason="the link runs in a flowgraph")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]
ROOT = Path(__file__).resolve().parents[1]
SEMISAC = ("-m", "semisac_ml.cli")


def call(folder: Path, *words: str, code: int = 0, systems: Path | str | None = None) -> str:
    """Run a program in a folder that holds systems and bundles, as a user would; what it prints."""
    named = {"SEMISAC_SYSTEMS": str(folder if systems is None else systems), "SEMISAC_MODELS": str(folder)}
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "COLUMNS": "120", **named},
        cwd=folder / "work",
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, own_home: Path) -> Path:
    """A folder that holds the system, its training and its bundle."""
    place = tmp_path_factory.mktemp("own")
    (place / "work").mkdir()
    shutil.copytree(ROOT / "tests" / "sixth_system", place, dirs_exist_ok=True)
    assert call(place, *SEMISAC, "train", "mosaic", "--run", "run", "--steps", "200").startswith("trained in")
    call(place, *SEMISAC, "export", "mosaic", "--run", "run", "--output", "../mosaic/first")
    return place


def test_all_programs_find_it_and_its_bundle(folder):
    assert "the mean colours of a picture's tiles" in call(folder, *SEMISAC, "train", "--help")
    assert "ok  mosaic/first" in call(folder, *SEMISAC, "bundle", "verify", "mosaic/first")
    shown = call(folder, *SEMISAC, "bundle", "show", "mosaic/first")
    assert "8 channel uses (16 reals)" in shown and "tiles" in shown
    told = json.loads(call(folder, *SEMISAC, "info", "--json"))
    (own,) = (system for system in told["systems"] if system["name"] == "mosaic")
    assert own == {"name": "mosaic", "path": str(folder / "mosaic"), "does": ["train", "evaluate", "export"]}
    assert {"jssc", "vi_beam"} < {system["name"] for system in told["systems"]}
    (bundle,) = (bundle for bundle in told["bundles"] if bundle["name"] == "mosaic/first")
    assert bundle["valid"] and bundle["path"] == str(folder / "mosaic" / "first")


def test_its_link_runs(folder):
    measured = json.loads(call(folder, *SEMISAC, "evaluate", "mosaic"))
    assert measured["tiles"] == 4
    link = ("--phy", "symbols", "--sensing-knowledge", "echo", "--images", "64", "--seed", "1", "--quiet")
    files = ("--json", "figures.json", "--report", "report.html")
    call(folder, str(ROOT / "apps" / "run_loopback.py"), "--bundle", "mosaic/first", *link, *files)
    figures = json.loads((folder / "work" / "figures.json").read_text())["metrics"]
    # the same draws of noise: what the flowgraph does is what the networks do
    assert figures["psnr_db"]["value"] == pytest.approx(measured["psnr_db"]["value"], abs=0.02)
    # it looks at the energy alone, and has learned most of what that tells
    sensing, best = figures["sensing_accuracy"], energy_detector("awgn", 16, 3.0)
    assert sensing["low"] < best < sensing["high"] + 0.1
    assert "8 channel uses" in (folder / "work" / "report.html").read_text()


def test_what_is_its_own_in_the_manifest_is_read_as_strictly(folder):
    file = folder / "mosaic" / "first" / "manifest.json"
    whole = file.read_text()
    for change, said in (
        (('"tiles": 4', '"tiles": 0'), "interface.tiles: "),
        (('"tiles": 4', '"bricks": 4'), "interface.tiles: is missing"),
        (('"tiles": 4', '"tiles": 4, "bricks": 4'), "interface.bricks: is not a field of format 2"),
    ):
        file.write_text(whole.replace(*change))
        assert said in call(folder, *SEMISAC, "bundle", "verify", "mosaic/first", code=2)
    file.write_text(whole)
    complaint = call(folder, *SEMISAC, "bundle", "verify", "mosaic/first", code=2, systems="")
    assert "system: is 'mosaic', which is not installed" in complaint and "SEMISAC_SYSTEMS" in complaint


def test_a_folder_of_ones_own_comes_first(folder, tmp_path):
    for system in ("first/jssc", "second/jssc", "second/other"):
        (tmp_path / system).mkdir(parents=True)
        (tmp_path / system / "__init__.py").touch()
    (tmp_path / "first" / "other").mkdir()  # a folder of bundles, say: no system
    program = (
        "from semisac_ml import systems; import semisac_ml.systems.jssc as used;"
        "print(used.__path__[0], systems.system_folders()['jssc'], systems.system_folders()['other'])"
    )
    places = os.pathsep.join(str(tmp_path / name) for name in ("absent", "first", "second"))
    first, other = tmp_path / "first" / "jssc", tmp_path / "second" / "other"
    assert call(folder, "-c", program, systems=places) == f"{first} {first} {other}\n"
