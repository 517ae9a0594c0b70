# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""semisac train, export and evaluate simac, on the made-up road; and its bundle over the air."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from patience import HANG_S
from traced_export import traced_export

pytest.importorskip("torch")
pytest.importorskip("transformers")

from semisac_ml.cli.program import run as semisac
from semisac_ml.results import read_results
from semisac_ml.runtime import Bundle, TargetLink
from semisac_ml.systems.simac import export, practitioners
from semisac_ml.systems.simac.export import ROUNDING, TOLERANCE, differences, export_bundle
from semisac_ml.systems.simac.samples import TEST, TRAIN, Limits
from semisac_ml.systems.simac.scenes import SceneOptions, trained_scene
from semisac_ml.systems.simac.train import training_command
from semisac_ml.systems.simac.training import SimacTraining, tensors_for, trained

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).resolve().parents[1] / "apps" / "run_loopback.py"
SETTINGS = ("--variant", "tuned", "--scene", "sample", "--epochs", "1", "--seed", "4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """With a training in "run" and its bundle in "simac/tiny"."""
    place = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch, traced_export():
        patch.setattr(export, "MEASURED_SNR_DB", (15.0,))
        for action, words in (("train", SETTINGS), ("export", ("--output", str(place / "simac" / "tiny")))):
            assert semisac([action, "simac", "--run", str(place / "run"), *words]) == 0
    return place


def test_a_finished_training_is_not_repeated(folder, capsys):
    before = (folder / "run" / "best.safetensors").read_bytes()
    assert semisac(["train", "simac", *SETTINGS, "--run", str(folder / "run")]) == 0
    assert "1 of 1 epochs were done already" in " ".join(capsys.readouterr().out.split())
    assert (folder / "run" / "best.safetensors").read_bytes() == before


def test_a_bundle_says_what_it_is(folder):
    assert semisac(["bundle", "verify", str(folder / "simac" / "tiny")]) == 0
    bundle = Bundle.load(folder / "simac" / "tiny")
    link, limits = bundle.interface(TargetLink), Limits.of(SceneOptions(scene="sample").load())
    assert link.symbols.channel_uses == 3136 and link.channel.snr_db == [0.0, 25.0]
    for place, state in enumerate(link.states):
        assert state.trained == pytest.approx([limits.low[place], limits.high[place]])
    metric = bundle.manifest.metrics["distance_rmse_m_at_15_db"]
    assert metric.low < metric.value < metric.high and metric.n == 2  # cars
    assert bundle.manifest.licence == "GPL-3.0-or-later"
    assert bundle.manifest.data.name.startswith("sample: made up")
    videos = SceneOptions(scene="sample,highway")
    assert videos.licence == "LicenseRef-academic-use" and "highway: CDnet 2014" in videos.provenance
    training = bundle.manifest.training
    assert training.command == "semisac train simac --variant tuned --epochs 1 --seed 4 --scene sample"


def test_a_bundle_gives_what_pytorch_gives(folder):
    system, settings = trained(folder / "run")
    tensors = tensors_for(settings, trained_scene(folder / "run").load())
    other = Bundle.load(folder / "simac" / "tiny")
    # weights of the bundle are rounded to half precision, those of the training are not
    assert TOLERANCE < max(differences(other, system, tensors).values()) < 0.05
    from semisac_ml.training.onnx_export import round_weights

    round_weights(system)
    found = differences(other, system, tensors)
    assert found.pop("symbols") <= ROUNDING
    assert max(found.values()) <= TOLERANCE


def test_figures_of_a_training_and_its_bundle(folder, tmp_path):
    bundle = ("--bundle", folder / "simac" / "tiny", "--scene", "sample", "--without", "none")
    how = ("--snr-db", "15", "--fading", "awgn", "--results", tmp_path)
    both = (*bundle, "--run", folder / "run", "--without", "camera")
    for told in (both, bundle):  # rows of the second time stand in place of the first
        assert semisac(["evaluate", "simac", *map(str, (*told, *how))]) == 0
    rows = read_results(tmp_path / "snr.csv")
    found = {(row.variant, row.inputs, row.metric): row for row in rows}
    assert len(found) == len(rows)
    assert {key[:2] for key in found} == {
        ("span of the training part", ""),
        *((name, inputs) for name in ("tuned", "simac/tiny") for inputs in ("camera,radar", "radar")),
    }
    measured = Bundle.load(folder / "simac" / "tiny").manifest.metrics
    for name in ("distance_rmse_m", "angle_rmse_deg", "velocity_rmse_mps", "psnr_db"):
        row, stated = found["simac/tiny", "camera,radar", name], measured[f"{name}_at_15_db"]
        assert row.value == pytest.approx(stated.value, rel=1e-3), name
        assert (row.low, row.high) == pytest.approx((stated.low, stated.high), rel=1e-2), name
        assert row.unit == {"distance_rmse_m": "m", "angle_rmse_deg": "deg", "psnr_db": "dB"}.get(name, "mps")
    assert (tmp_path / "snr.png").stat().st_size > 5000


def with_other_seeds(run, folder) -> list[Path]:
    """Two copies of a training, of which the seed alone is another."""
    places = [shutil.copytree(run, folder / str(seed)) for seed in (4, 5)]
    for place in places:
        settings = json.loads((place / "settings.json").read_text())
        (place / "settings.json").write_text(json.dumps({**settings, "seed": int(place.name)}))
    return places


def test_trainings_that_are_elsewhere_stay_in_the_results(folder, tmp_path):
    told = []
    for place in with_other_seeds(folder / "run", tmp_path):
        how = ("--runs", place, "--figure", "training", "--results", tmp_path / "results")
        assert semisac(["evaluate", "simac", *map(str, how)]) == 0
        rows = read_results(tmp_path / "results" / "training.csv")
        told.append({row.conditions["training_seed"] for row in rows})
    assert told == [{"4"}, {"4", "5"}]


def test_two_processes_measure_what_one_does(folder, tmp_path):
    with_other_seeds(folder / "run", tmp_path)
    how = ("--runs", tmp_path, "--snr-db", "15", "--fading", "awgn", "--without", "none")
    found = []
    for processes in ("1", "2"):
        results = tmp_path / f"results{processes}"
        told = (*how, "--processes", processes, "--results", results)
        assert semisac(["evaluate", "simac", *map(str, told)]) == 0
        rows = [replace(row, command="") for row in read_results(results / "snr.csv")]
        found.append(sorted(map(str, rows)))
    assert found[0] == found[1] and len(found[0]) > 15


def test_figures_that_are_drawn(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(practitioners, "PICTURES", 3)
    names = ("4", "5", "6", "12", "training")
    figures = [word for name in names for word in ("--figure", name)]
    how = ("--snr-db", "15", "--fading", "awgn", "--without", "none", "--results", str(tmp_path))
    assert semisac(["evaluate", "simac", "--runs", str(folder), *figures, *how]) == 0
    for name in ("figure4", "figure5", "figure6", "figure12", "training"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000, name
    found = {(row.variant, row.metric): row for row in read_results(tmp_path / "figure6.csv")}
    tuned, bound = found["tuned", "distance_rmse"], found["Cramér-Rao bound", "distance_rmse"]
    assert tuned.seed == "4" and tuned.x == 15.0 and bound.x is None
    spans = {row.metric: row.value for row in read_results(tmp_path / "snr.csv") if "_span_" in row.metric}
    metres = found["tuned", "distance_rmse_m"].value
    assert tuned.value == pytest.approx(metres / spans["distance_span_m"], rel=1e-4)
    assert 0.5 < found["matched filter", "distance_rmse"].value / bound.value < 1.5
    pictures = {row.variant for row in read_results(tmp_path / "figure12.csv")}
    assert pictures == {"tuned", "JPEG + ideal code", "JPEG + polar code, best mode", "jssc/hifi"}
    # what is measured is not measured again: its rows stay
    before = (tmp_path / "snr.csv").read_bytes()
    assert semisac(["evaluate", "simac", "--runs", str(folder), "--figure", "7", *how]) == 0
    assert (tmp_path / "snr.csv").read_bytes() == before


@pytest.mark.usefixtures("own_home")
def test_a_bundle_over_the_air(folder, tmp_path):
    pytest.importorskip("gnuradio.semisac", reason="run_loopback.py needs GNU Radio and the module")
    told = ["--bundle", str(folder / "simac" / "tiny"), "--images", "6", "--no-report", "--quiet"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *told, "--json", "figures.json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text())["metrics"]
    assert found["frames_sent"]["value"] == 6 and found["frames_lost"]["value"] == 0
    assert 0.0 < found["distance_rmse_m"]["value"] < 100.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("train", "simac", "--scene", "canyon"),
            "--scenes is missing, expected the folder of the street with scene 'canyon'",
        ),
        (("train", "simac", "--variant", "bert"), "variant is 'bert', expected one of simac, cv-s"),
        (("train", "simac", "--variant", "tuned", "--size", "paper"), "--size is 'paper', expected"),
        (("train", "simac", "--variant", "tuned", "--echo", "paper"), "--echo is 'paper', expected 'lfm'"),
        (("evaluate", "simac"), "--run is missing, expected the folder of a training, or --bundle"),
        (
            ("evaluate", "simac", "--run", "none", "--scene", "sample"),
            "--scene does nothing without --bundle, expected",
        ),
        (("evaluate", "simac", "--figure", "19"), "--figure is '19', expected one of 4, 5, 6"),
        (("evaluate", "simac", "--runs", "none"), "none holds no finished training of simac, expected"),
        (("evaluate", "simac", "--figure", "bounds"), "no training of tuned is given, expected --runs"),
        (("evaluate", "simac", "--run", "none", "--snr-db", "5,x"), "--snr-db is '5,x', expected numbers"),
        (("export", "simac", "--run", "none"), "none holds no training of simac"),
    ],
)
def test_a_mistake_is_one_line(capsys, arguments, said):
    assert semisac(list(arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert printed.err.startswith(f"semisac: {said}")


def test_the_command_of_a_training_can_be_typed():
    settings = SimacTraining(variant="tuned, radar", fading="rayleigh")
    typed = training_command(settings, SceneOptions(scene="canyon", scenes=Path("/data/street")))
    assert typed == (
        "semisac train simac --variant 'tuned, radar' --fading rayleigh --scene canyon --scenes FOLDER"
    )


def test_scenes_have_parts_and_only_analog_symbols_are_exported(tmp_path):
    scene = SceneOptions(scene="sample").load()
    cars = [set(scene.target[scene.of(part)].tolist()) for part in (TRAIN, TEST)]
    assert cars[0] and len(cars[1]) == 2 and not cars[0] & cars[1]
    settings = SimacTraining(variant="tuned, not analog")
    with pytest.raises(ValueError, match="which sends bits: expected one of analog symbols"):
        told = {"command": "", "licence": "", "provenance": ""}
        export_bundle(settings.untrained(), settings, tensors_for(settings, scene), tmp_path, **told)
