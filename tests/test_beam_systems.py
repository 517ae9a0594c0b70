# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks of vi_beam and lam_msac: theory of their parts, learning on a made-up street, bundles."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json

import numpy as np
import pytest
from beam_samples import random_inputs, street
from parallel_jobs import dask_cluster

pytest.importorskip("torch", reason="training needs PyTorch")

import torch  # noqa: E402
from rich.console import Console  # noqa: E402

from semisac_ml.beams.bundles import example_inputs  # noqa: E402
from semisac_ml.beams.inputs import InputSet, given, random_presence  # noqa: E402
from semisac_ml.beams.mixed import FramePerceptron  # noqa: E402
from semisac_ml.beams.protocol import Predictors, SplitJob, run_splits  # noqa: E402
from semisac_ml.beams.recordings import Recordings  # noqa: E402
from semisac_ml.beams.report import over_scenarios  # noqa: E402
from semisac_ml.beams.tensors import PLAIN, SampleTensors  # noqa: E402
from semisac_ml.beams.training import (  # noqa: E402
    Batch,
    PowerRecipe,
    SensorRecipe,
    TrainingJob,
    train_network,
)
from semisac_ml.cli import main  # noqa: E402
from semisac_ml.layers.beam_features import BEARING_OCTAVES, BeamFeatures  # noqa: E402
from semisac_ml.layers.mixture_of_experts import MixtureOfExperts, load_balance  # noqa: E402
from semisac_ml.parallel import Workers  # noqa: E402
from semisac_ml.results import read_results  # noqa: E402
from semisac_ml.runtime import BeamPrediction, Bundle  # noqa: E402
from semisac_ml.signal import beams  # noqa: E402
from semisac_ml.signal.beam_choice import measured_beams  # noqa: E402
from semisac_ml.systems.lam_msac.model import MixtureBeamModel, MixtureSettings  # noqa: E402
from semisac_ml.systems.vi_beam.model import (  # noqa: E402
    Gaussian,
    VariationalBeamModel,
    VariationalSettings,
    product_of_experts,
)

pytestmark = pytest.mark.slow

STEPS = 100
MODELS = {
    "vi_beam": lambda: VariationalBeamModel(VariationalSettings(sites=2)),
    "lam_msac": lambda: MixtureBeamModel(MixtureSettings(sites=2)),
}
NETWORKS = {**MODELS, "perceptron": lambda: FramePerceptron(2)}


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_product_of_experts_is_the_precision_weighted_mean():
    """Prior N(0, 1), experts N(2, 1/4) and N(5, 1), weights 1 and 2: precision 1 + 4 + 2, mean 18/7."""
    prior = Gaussian(torch.zeros(1, 1), torch.zeros(1, 1))
    experts = [
        Gaussian(torch.full((1, 1), 2.0), torch.full((1, 1), float(np.log(0.25)))),
        Gaussian(torch.full((1, 1), 5.0), torch.zeros(1, 1)),
    ]
    weight = torch.tensor([1.0, 2.0])
    both = product_of_experts(prior, experts, weight, torch.ones(1, 2))
    assert float(both.mean) == pytest.approx(18 / 7, rel=1e-5)
    assert float(both.log_variance.exp()) == pytest.approx(1 / 7, rel=1e-5)
    one = product_of_experts(prior, experts, weight, torch.tensor([[1.0, 0.0]]))
    assert float(one.mean) == pytest.approx(8 / 5, rel=1e-5)
    none = product_of_experts(prior, experts, weight, torch.zeros(1, 2))
    assert float(none.mean) == 0.0 and float(none.log_variance) == 0.0


def test_divergence_of_gaussians():
    """KL(N(1, 1) || N(0, 4)) = ln 2 + (1 + 1)/8 - 1/2."""
    found = Gaussian(torch.ones(1, 1), torch.zeros(1, 1)).divergence(
        Gaussian(torch.zeros(1, 1), torch.full((1, 1), float(np.log(4.0))))
    )
    assert float(found) == pytest.approx(np.log(2.0) + 0.25 - 0.5, rel=1e-5)


def test_gate_uses_as_many_experts_as_chosen_and_balance_is_a_divergence():
    torch.manual_seed(0)
    mixture = MixtureOfExperts(16, 8, experts=4, chosen=2, heads=2).eval()
    weights, probability = mixture.gate_weights(torch.randn(50, 8))
    assert ((weights > 0).sum(dim=1) == 2).all()
    assert torch.allclose(weights.sum(dim=1), torch.ones(50))
    assert float(load_balance(torch.full((10, 4), 0.25))) == pytest.approx(0.0, abs=1e-6)
    collapsed = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(10, 1)
    assert float(load_balance(collapsed)) == pytest.approx(np.log(4.0), rel=1e-4)
    assert probability.shape == (50, 4)


def test_only_chosen_experts_run():
    torch.manual_seed(0)
    mixture = MixtureOfExperts(16, 8, experts=4, chosen=1, heads=2).eval()
    ran: list[int] = []
    for place, expert in enumerate(mixture.experts):
        expert.register_forward_hook(lambda *_, place=place: ran.append(place))
    gate_input = torch.randn(1, 8)
    mixture(torch.randn(1, 2, 16), torch.randn(1, 3, 16), torch.zeros(1, 3, dtype=torch.bool), gate_input)
    assert ran == [int(mixture.gate(gate_input).argmax())]


@pytest.mark.parametrize(("power_db", "position_m"), [(77.0, 1e3), (torch.nan, torch.inf)])
def test_features_know_levels_from_measured_beams_alone(power_db, position_m):
    features = BeamFeatures(2)
    given = random_inputs()
    known = given.position_known[..., None] > 0
    hidden = given._replace(
        power_db=torch.where(given.measured > 0, given.power_db, power_db),
        position_m=torch.where(known, given.position_m, position_m),
    )
    for one, other in zip(features(*given), features(*hidden), strict=True):
        assert torch.equal(one, other)


def test_features_tell_the_bearing_whatever_the_distance_and_the_way_that_the_street_lies():
    features = BeamFeatures(1)
    features.middle_m[:] = 20.0 * torch.tensor([np.cos(2.0), np.sin(2.0)])
    turned, distance_m = torch.tensor([0.3, 0.3, -0.7]), torch.tensor([10.0, 40.0, 15.0])
    bearing = 2.0 + turned
    position_m = distance_m[:, None] * torch.stack([torch.cos(bearing), torch.sin(bearing)], dim=1)
    found = features.bearing(position_m[:, None], features.middle_m[:1].expand(3, 2))[:, 0]
    angles = turned[:, None] * 2.0 ** torch.arange(BEARING_OCTAVES)
    wanted = torch.stack([torch.cos(angles), torch.sin(angles)], dim=2).flatten(1)
    assert torch.allclose(found, wanted, atol=1e-4)
    assert features.bearing(torch.zeros(1, 1, 2), torch.zeros(1, 2)).isfinite().all()


@pytest.mark.parametrize("system", NETWORKS)
def test_absent_values_change_nothing(system):
    torch.manual_seed(0)
    network = NETWORKS[system]().eval()
    given = random_inputs()
    hidden = given._replace(
        power_db=given.power_db + 50.0 * (1.0 - given.measured),
        position_m=given.position_m + 500.0 * (1.0 - given.position_known[..., None]),
    )
    with torch.no_grad():
        assert torch.allclose(network(*given)[0], network(*hidden)[0], atol=1e-5)
        assert network(*given)[0].shape == (6, 64)


@pytest.mark.parametrize("system", NETWORKS)
def test_samples_of_a_batch_do_not_mix(system):
    torch.manual_seed(0)
    network = NETWORKS[system]().eval()
    given = random_inputs()
    with torch.no_grad():
        alone = torch.cat([network(*(one[k : k + 1] for one in given))[0] for k in range(6)])
        assert torch.allclose(network(*given)[0], alone, atol=1e-4)


@pytest.mark.parametrize("system", MODELS)
def test_frames_that_nobody_has_may_be_skipped(system):
    """Training skips frames that the whole batch lacks; what it says is what evaluation says."""
    torch.manual_seed(0)
    network = MODELS[system]()
    for part in network.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        if isinstance(part, torch.nn.MultiheadAttention):
            part.dropout = 0.0
    given = random_inputs()
    mark = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0])
    given = given._replace(
        measured=given.measured * mark[:, None], position_known=given.position_known * mark
    )
    with torch.no_grad():
        assert torch.allclose(network.train()(*given)[0], network.eval()(*given)[0], atol=1e-5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    street(folder, 1, drives=12, frames=20)
    return folder


@pytest.mark.parametrize("system", MODELS)
def test_training_learns_the_street_and_ships(system, data, tmp_path, monkeypatch, request):
    """Both evaluate and export; the exported network says what the trained one says, to 1e-4."""
    if system == "vi_beam":  # the newer exporter has it, with sensors, in test_beam_sensors.py
        request.getfixturevalue("traced")
    monkeypatch.setenv("SEMISAC_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    trainer = importlib.import_module(f"semisac_ml.systems.{system}.train")
    quick = dataclasses.replace(trainer.SYSTEM.power.recipe, batch=64, least_steps=STEPS)
    monkeypatch.setattr(trainer.SYSTEM.power, "recipe", quick)
    words = ["--scenarios", "1", "--epochs", "2", "--members", "2"]
    figures = tmp_path / "figures.json"
    told = ["evaluate", system, "--data", "deepsense6g", *words, "--inputs", "gps,beams8,history"]
    more = ["--splits", "1", "--random-splits", "1", "--retrain", "--no-perceptron", "--processes", "1"]
    assert run([*told, *more, "--json", str(figures), "--results", str(tmp_path / "results")]) == 0
    content = json.loads(figures.read_text())
    metrics = content["metrics"]
    assert {"dba", "dba_thresholds", "top1", "top2", "top3", "top5", "power_loss_db", "ece"} <= set(metrics)
    assert {"value", "low", "high", "n"} <= set(metrics["dba"])
    assert metrics["dba"]["value"] > 0.8
    assert content["split"].startswith("by sequence, 20 % for testing")
    assert "random_split" in content and list(content["per_scenario"]) == ["scenario1"]
    rows = read_results(tmp_path / "results" / "deepsense6g.csv")
    (dba,) = (row for row in over_scenarios(rows, "dba") if row.variant == system)
    assert dba.value == pytest.approx(metrics["dba"]["value"], rel=1e-5) and dba.seed == "0"
    # what is drawn stands in the file: right ones of all samples, and the error of calibration
    told = [row for row in over_scenarios(rows, "reliability") if row.variant == system]
    confidence, right, count = (
        np.array([getattr(row, name) for row in told]) for name in ("x", "value", "n")
    )
    assert (count * right).sum() / count.sum() == pytest.approx(metrics["top1"]["value"], abs=1e-4)
    error = (count * np.abs(right - confidence)).sum() / count.sum()
    assert error == pytest.approx(metrics["ece"]["value"], abs=1e-4)

    assert run(["train", system, *words, "--run", "run"]) == 0
    assert run(["export", system, "--run", "run", "--output", f"models/{system}/made_up"]) == 0
    bundle = Bundle.verify(tmp_path / "models" / system / "made_up")
    assert bundle.interface(BeamPrediction).beams.sites == ["scenario1"]
    assert bundle.manifest.licence == "CC-BY-NC-SA-4.0"
    drives = bundle.manifest.data.trained_drives
    assert all(name.startswith("scenario1/") for name in drives) and 8 <= len(drives) < 12
    assert (
        run(["evaluate", system, "--bundle", str(bundle.path), "--scenarios", "1", "--json", "own.json"]) == 0
    )
    own = json.loads((tmp_path / "own.json").read_text())
    assert own["rows"].startswith(f"{12 - len(drives)} of 12 drives, none of which")
    assert own["samples_left_out"] == 0 and own["metrics"]["dba"]["n"] == 12 - len(drives)
    given = random_inputs()._replace(site=torch.tensor([0, -1, 0, 0, -1, 0]))
    said = bundle.session("beams").run(**{name: one.numpy() for name, one in given._asdict().items()})
    probability = said["probability"]
    assert probability.shape == (6, 64) and np.allclose(probability.sum(axis=1), 1.0, atol=1e-4)
    trained = trained_network(system, tmp_path / "run")
    with torch.no_grad():
        assert np.abs(trained(*given)[0].numpy() - probability).max() < 1e-4


def trained_network(system: str, run):
    from semisac_ml.training import load_checkpoint
    from semisac_ml.training.onnx_export import round_weights

    variant = json.loads((run / "settings.json").read_text())["variant"]
    trainer = importlib.import_module(f"semisac_ml.systems.{system}.train")
    network = trainer.SYSTEM.power.network(1, variant, 2, ())
    load_checkpoint(run / "trained.safetensors", network)
    round_weights(network)
    return network.eval()


def test_example_inputs_have_the_shapes_of_a_batch():
    assert [tuple(one.shape) for one in example_inputs(3)] == [
        (3, 5, 64),
        (3, 5, 64),
        (3, 5, 2),
        (3, 5),
        (3,),
    ]


def test_mistakes_are_one_line(capsys, data, monkeypatch):
    monkeypatch.setenv("SEMISAC_DATA", str(data))
    assert run(["evaluate", "vi_beam", "--scenarios", "1,1", "--retrain"]) == 2
    assert "each once" in capsys.readouterr().err
    assert run(["evaluate", "vi_beam", "--scenarios", "7", "--retrain"]) == 2
    assert "scenario 7 is not there" in capsys.readouterr().err
    assert run(["evaluate", "lam_msac", "--inputs", "lidar", "--retrain"]) == 2
    assert "'lidar' is unknown" in capsys.readouterr().err
    assert run(["evaluate", "lam_msac", "--splits", "2", "--no-perceptron", "--run", "x"]) == 2
    told = capsys.readouterr().err
    assert "--perceptron, --splits, --run" in told and "--retrain" in told
    for more in ("--retrain", "--figure=ablation", "--figure=few-drives"):  # others measure a bundle
        assert run(["evaluate", "vi_beam", more, "--bundle", "vi_beam/deepsense"]) == 2
        assert "--bundle" in capsys.readouterr().err


def test_dba_of_the_challenge_is_what_is_reported():
    """Predicted 10, 12, 20, true 11: Y = (1 - 1/5) three times."""
    assert beams.dba_challenge(np.array([[10, 12, 20]]), np.array([11]))[0] == pytest.approx(0.8)


def test_progress_goes_on_behind_a_break(tmp_path, data, monkeypatch):
    """The regularisers' warm-up sees 0 to 1 once, whether a training was stopped or not."""
    monkeypatch.setenv("SEMISAC_DATA", str(data))
    samples = Recordings((1,)).samples(Console(quiet=True))
    tensors, rows = SampleTensors(samples, 0.3), np.arange(len(samples))
    asked = (InputSet.parse("gps"),)

    def progress(epochs: list[int], folder) -> list[float]:
        seen = []
        for count in epochs:
            network = torch.nn.Linear(1, 1)

            def objective(network, tensors, batch, stop=count):
                if len(seen) >= stop:
                    raise KeyboardInterrupt
                seen.append(batch.progress)
                return {"loss": network(torch.ones(1, 1)).square().sum()}

            recipe = PowerRecipe(epochs=4, batch=len(rows), least_steps=1, members=1)
            job = TrainingJob(tensors, rows, recipe, asked, 0, folder, Console(quiet=True))
            try:
                train_network(network, job, "x", objective)
            except KeyboardInterrupt:
                pass
        return seen

    whole = progress([100], tmp_path / "whole")
    assert whole == [0.0, 0.25, 0.5, 0.75]
    assert progress([2, 100], tmp_path / "broken") == whole


@pytest.mark.parametrize("rows", [12, 240, 700, 1224])
def test_a_stage_has_as_many_steps_on_few_samples_as_on_many(rows):
    job = TrainingJob(None, np.arange(1224), SensorRecipe(epochs=60), (), 0, None, None)
    part = job.part(np.arange(rows), 0.8)
    assert abs(part.recipe.epochs * part.batches - 0.8 * 60 * 19) <= part.batches / 2


def test_task_models_of_all_sensors_learn_for_as_long():
    from semisac_ml.systems.vi_beam.stages import PLANS

    assert {plan.shares[2] for plan in PLANS.values()} == {PLANS["tuned"].shares[2]}


@pytest.mark.parametrize("inputs", ["gps,beams8,history", "gps,sweep1"])
def test_pretraining_without_labels_cannot_tell_the_strongest_beam(inputs, data, monkeypatch):
    """Powers that were not measured may be any, and those of a whole sweep; with labels they count."""
    from semisac_ml.systems.vi_beam.objective import Weights, bound_losses

    monkeypatch.setenv("SEMISAC_DATA", str(data))
    samples = Recordings((1,)).samples(Console(quiet=True))
    asked, rows = InputSet.parse(inputs), np.arange(30, 50)
    rows = rows[asked.eligible(samples)[rows]]
    network = VariationalBeamModel(VariationalSettings(sites=1))
    SampleTensors(samples, 0.3).fit(network.features, np.arange(len(samples)))
    other = samples.power_db + 7.0 * np.random.default_rng(0).random(samples.power_db.shape)
    if asked.beams:
        other[:, measured_beams(asked.beams)] = samples.power_db[:, measured_beams(asked.beams)]
    changed = dataclasses.replace(samples, power_db=other.astype(np.float32))

    def loss(own, labelled: bool) -> float:
        torch.manual_seed(0)
        tensors = SampleTensors(own, 0.3)
        batch = Batch(rows, tensors.presence(asked, rows), PLAIN, 1.0)
        losses = bound_losses(network, tensors, batch, weights=Weights(), labelled=labelled)
        assert labelled == ("beams" in losses)
        return float(losses["loss"].detach())

    assert loss(samples, False) == loss(changed, False) > 0.0
    assert loss(samples, True) != loss(changed, True)


def test_a_share_of_the_drives_is_whole_drives_and_part_of_a_larger_share(data, monkeypatch):
    from semisac_ml.systems.vi_beam import stages

    monkeypatch.setenv("SEMISAC_DATA", str(data))
    samples = Recordings((1,)).samples(Console(quiet=True))
    tensors, rows = SampleTensors(samples, 0.3), np.arange(len(samples))
    job = TrainingJob(tensors, rows, PowerRecipe(), (), 3, None, None)
    few, others = stages.by_drive(job, 0.01)
    more, _ = stages.by_drive(job, 0.25)
    assert len(np.unique(samples.drive[few])) == 1 and len(np.unique(samples.drive[more])) == 3
    assert set(few) < set(more) and not set(samples.drive[few]) & set(samples.drive[others])
    assert sorted([*few, *others]) == list(rows)


def test_sites_alone_keep_their_frames_and_drives(data, tmp_path, monkeypatch):
    for number in (1, 2, 3):
        street(tmp_path, number, drives=3 + number, frames=6, seed=number)
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    every = Recordings((1, 2, 3)).samples(Console(quiet=True))
    own, rows = every.at_sites(["scenario3", "scenario1"])
    assert len(own) == (4 + 6) * 6 and own.names == ("scenario3", "scenario1")
    assert [own.names[site] for site in own.site] == [every.names[site] for site in every.site[rows]]
    assert np.array_equal(own.power_db, every.power_db[rows])
    assert own.named_drives(np.arange(len(own))) == every.named_drives(rows)
    there = own.frames >= 0
    assert np.array_equal(there, every.frames[rows] >= 0)
    assert np.array_equal(rows[own.frames][there], every.frames[rows][there])


def test_blockage_ahead_is_that_of_a_later_frame_of_the_drive(data, monkeypatch):
    monkeypatch.setenv("SEMISAC_DATA", str(data))
    samples = Recordings((1,)).samples(Console(quiet=True))
    blocked = np.random.default_rng(0).integers(2, size=len(samples)).astype(np.float32)
    found = dataclasses.replace(samples, blocked=blocked).blocked_after(5).blocked.reshape(12, 20)
    assert np.array_equal(found[:, :15], blocked.reshape(12, 20)[:, 5:]) and np.isnan(found[:, 15:]).all()


def test_few_drives_of_a_new_site_adapt_a_network_of_others(tmp_path, monkeypatch):
    """Tested are the drives of each site from which nobody learnt, and the same ones for all."""
    from semisac_ml.beams import following

    street(tmp_path, 1, drives=8, frames=12)
    street(tmp_path, 2, drives=4, frames=12, seed=2)
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(following, "DRIVES", (2, 10))
    monkeypatch.setattr(following, "ADAPTATION", {**following.ADAPTATION, "epochs": 1, "least_steps": 2})
    trainer = importlib.import_module("semisac_ml.systems.vi_beam.train")
    quick = PowerRecipe(epochs=1, batch=64, least_steps=2)
    monkeypatch.setattr(trainer.SYSTEM.power, "recipe", quick)
    words = [
        "evaluate",
        "vi_beam",
        "--figure",
        "few-drives",
        "--inputs",
        "gps,beams8",
        "--results",
        "results",
    ]
    assert run([*words, "--scenarios", "1,2"]) == 0
    rows = read_results(tmp_path / "results" / "few_drives.csv")
    assert {row.variant for row in rows} == {
        *("trained at other sites", "adapted to 2 drives", "trained on 2 drives alone", "tracker")
    }
    assert {row.n for row in rows if row.metric == "dba" and row.conditions["scenario"] == "scenario2"} == {2}
    assert run([*words, "--scenarios", "1"]) == 2


@pytest.mark.parametrize("figure", ["ablation", "labels"])
def test_ablations_train_what_they_compare(figure, data, tmp_path, monkeypatch):
    from semisac_ml.systems.vi_beam import figures, stages

    monkeypatch.setenv("SEMISAC_DATA", str(data))
    monkeypatch.setattr(figures, "RECIPE", PowerRecipe(epochs=2, members=1, least_steps=1))
    few = dict(itertools.islice(figures.FIGURES[figure].items(), 5))
    monkeypatch.setitem(figures.FIGURES, figure, few)
    words = ["--scenarios", "1", "--splits", "1", "--inputs", "gps,beams8", "--processes", "1"]
    assert run(["evaluate", "vi_beam", *words, "--figure", figure, "--results", str(tmp_path)]) == 0
    rows = read_results(tmp_path / f"{figure}.csv")
    assert {row.variant for row in rows} == set(figures.FIGURES[figure])
    assert (tmp_path / f"{figure}.png").stat().st_size > 10_000
    aligned, apart = stages.separated(np.arange(240), 0.25, 0)
    assert len(aligned) == 60
    assert sorted([*aligned, *apart]) == list(range(240))


def test_one_network_is_compared_with_one_for_each_set(data, tmp_path, monkeypatch):
    from semisac_ml.systems.lam_msac import figures

    monkeypatch.setenv("SEMISAC_DATA", str(data))
    few = PowerRecipe(epochs=1, members=1, least_steps=1)
    monkeypatch.setattr(figures, "RECIPE", few)
    monkeypatch.setattr(figures, "RECIPE_EACH", dataclasses.replace(few, asked_share=1.0))
    words = ["--scenarios", "1", "--splits", "1", "--inputs", "gps,beams8", "--inputs", "gps"]
    words += ["--figure", "alone", "--processes", "1", "--results", str(tmp_path)]
    assert run(["evaluate", "lam_msac", *words]) == 0
    found = {(row.variant, row.inputs) for row in read_results(tmp_path / "alone.csv")}
    assert found == {
        (label, inputs) for label in (figures.ONE, figures.EACH) for inputs in ("gps,beams8", "gps")
    }
    assert (tmp_path / "alone.png").stat().st_size > 10_000


def test_samples_that_are_not_aligned_show_one_modality_by_turns():
    from semisac_ml.systems.vi_beam import stages

    shown = []
    there = np.ones((6, 5), bool)
    everything = InputSet.parse("gps,beams8,history")

    def objective(network, tensors, batch):
        shown.append(batch.presence)
        return {}

    every = random_presence(there, np.random.default_rng(0), (everything,), 1.0)
    batch = Batch(np.array([10, 11, 12, 1, 2, 3]), every, PLAIN, 0.0)
    stages.one_modality(objective, np.array([10, 11, 12]))(None, None, batch)
    assert shown[0].measured.any(axis=(1, 2)).tolist() == [True, False, True, True, True, True]
    assert shown[0].position_known.any(axis=1).tolist() == [False, True, False, True, True, True]


def test_pretraining_takes_each_modality_from_its_own_network(monkeypatch):
    """Encoders, decoders and private priors as they were trained; state and shared prior are means."""
    from semisac_ml.systems.vi_beam import stages

    seen = []

    def train(network, job, name, objective):
        seen.append(name)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(float(len(seen)))
        return network

    monkeypatch.setattr(stages, "train_network", train)
    network = VariationalBeamModel(VariationalSettings(sites=2))
    stages.pretrain(network, TrainingJob(None, None, PowerRecipe(), (), 0, None, None), stages.frozen_task)
    assert seen == ["unimodal-power", "unimodal-position"]
    for part in (network.experts, network.decoders, network.private_prior):
        assert [set(next(own.parameters()).detach().flatten().tolist()) for own in part] == [{1.0}, {2.0}]
    for part in (network.transition, network.shared_prior):
        assert all(bool((value == 1.5).all()) for value in part.parameters())
    assert network.reliability.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("kept", ["unimodal-power-3", "unimodal-position-3", "fused-3"])
def test_staged_training_ends_in_the_same_bytes_wherever_it_was_interrupted(
    kept, data, tmp_path, monkeypatch
):
    """Stages up to `kept` are there already; whatever was drawn since then does not matter."""
    from semisac_ml.systems.vi_beam import stages

    monkeypatch.setenv("SEMISAC_DATA", str(data))
    samples = Recordings((1,)).samples(Console(quiet=True))
    recipe = PowerRecipe(epochs=3, batch=128, least_steps=1, members=1)

    def train(folder) -> dict[str, torch.Tensor]:
        asked, rows = (InputSet.parse("gps,beams8"),), np.arange(len(samples))
        job = TrainingJob(SampleTensors(samples, 0.3), rows, recipe, asked, 3, folder, Console(quiet=True))
        torch.manual_seed(3)
        return stages.train_staged(stages.STAGED, job).state_dict()

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir(), broken.mkdir()
    expected = train(whole)
    names = ["unimodal-power-3", "unimodal-position-3", "fused-3"]
    for name in names[: names.index(kept) + 1]:
        (broken / f"{name}.safetensors").write_bytes((whole / f"{name}.safetensors").read_bytes())
    found = train(broken)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_pretraining_leaves_out_samples_without_the_modality():
    from semisac_ml.systems.vi_beam import stages

    seen = []

    def objective(network, tensors, batch):
        seen.append((batch.rows.tolist(), batch.presence))
        return {}

    shown = given(
        np.ones((3, 5), bool),
        np.zeros((3, 5, 0), bool),
        gps=np.array([True, True, False]),
        beams=np.array([8, 0, 8]),
        history=np.ones(3, bool),
        sweep_age=np.zeros(3, int),
        sensors=np.zeros((3, 0), bool),
    )
    for modality in (0, 1):
        stages.single(objective, modality)(None, None, Batch(np.array([5, 6, 7]), shown, PLAIN, 0.0))
    (powers, shown_power), (positions, shown_position) = seen
    assert powers == [5, 7] and positions == [5, 6]
    assert shown_power.measured.any(axis=(1, 2)).all() and not shown_power.position_known.any()
    assert shown_position.position_known.any(axis=1).all() and not shown_position.measured.any()


@pytest.mark.usefixtures("traced")
def test_ladder_takes_a_bundle_to_pieces_and_puts_it_together(data, tmp_path, monkeypatch):
    """Its networks and their calibration anew say what the bundle says; the tracker follows each of them."""
    from semisac_ml.beams import ladder

    monkeypatch.setenv("SEMISAC_DATA", str(data))
    monkeypatch.chdir(tmp_path)
    trainer = importlib.import_module("semisac_ml.systems.vi_beam.train")
    monkeypatch.setattr(trainer.SYSTEM.power, "recipe", PowerRecipe(epochs=2, batch=64, least_steps=60))
    assert run(["train", "vi_beam", "--scenarios", "1", "--run", "run"]) == 0
    assert run(["export", "vi_beam", "--run", "run", "--output", "models/vi_beam/made_up"]) == 0
    words = ["evaluate", "vi_beam", "--scenarios", "1", "--bundle", "models/vi_beam/made_up"]
    assert run([*words, "--inputs", "gps,beams8", "--json", "own.json"]) == 0
    more = ["--inputs", "gps,beams8", "--inputs", "beams8", "--splits", "2", "--run", "run"]
    assert run([*words, "--figure", "ladder", *more, "--results", "results"]) == 0
    every = read_results(tmp_path / "results" / "ladder.csv")
    against = {
        (row.variant, row.inputs): row.value for row in every if row.metric == "power_loss_against_control_db"
    }
    rows = [row for row in every if row.metric == "power_loss_db"]
    rows = [row for row in rows if row.conditions["scenario"] == "mean"]
    loss = {(row.variant, row.inputs): row for row in rows if row.conditions["split"] == "by sequence"}
    stated = json.loads((tmp_path / "own.json").read_text())["metrics"]["power_loss_db"]
    ensemble = loss["vi_beam and three perceptrons", "gps,beams8"]
    assert ensemble.value == pytest.approx(stated["value"], rel=1e-3)
    for network in ("vi_beam alone", "one perceptron", "four perceptrons", "vi_beam and three perceptrons"):
        assert {(network, "gps,beams8"), (network, "tracker,gps"), (network, "tracker")} <= set(loss)
        assert loss[network, "tracker,gps"].value < loss["strongest of 8", "its own"].value
    control = loss["four perceptrons", "gps,beams8"].value
    assert against["vi_beam alone", "gps,beams8"] == pytest.approx(
        loss["vi_beam alone", "gps,beams8"].value - control, abs=1e-4
    )
    assert "nearest neighbours on 16 powers" in {row.variant for row in rows}
    folds = [row for row in rows if row.conditions["split"] == "in folds" and row.variant == "tracker"]
    assert len(folds) == 1 and folds[0].seed == "0 1"

    # training anew writes files of its own, and those of the bundle stay
    before = (tmp_path / "results" / "ladder.csv").read_bytes()
    anew = [word for word in words if word not in ("--bundle", "models/vi_beam/made_up")]
    more = ["--retrain", "--splits", "1", "--inputs", "gps,beams8", "--run", "anew", "--results", "results"]
    with monkeypatch.context() as quick:
        quick.setattr(ladder, "MEMBERS", 2)
        recipe = PowerRecipe(epochs=1, batch=64, least_steps=1, members=1)
        quick.setattr(trainer.SYSTEM.power, "recipe", recipe)
        assert run([*anew, "--figure", "ladder", *more]) == 0
    assert (tmp_path / "results" / "ladder.csv").read_bytes() == before
    rows = read_results(tmp_path / "results" / "ladder_retrained.csv")
    assert {row.conditions["split"] for row in rows} == {"in folds"}
    assert {row.figure for row in rows} == {"ladder_retrained"}
    assert "vi_beam alone" in {row.variant for row in rows}

    # precisions add up, Eq. (47): every modality makes the posterior surer
    from semisac_ml.systems.vi_beam import gate

    samples = Recordings((1,)).samples(Console(quiet=True))
    session = gate.with_precision(Bundle.load("models/vi_beam/made_up"))
    known = [
        gate.said_of(session, SampleTensors(samples, 1.0), np.arange(20), InputSet.parse(text))
        for text in ("gps", "beams8", "gps,beams8")
    ]
    gps, power, both = (precision for _, precision in known)
    assert (both > gps).all() and (both > power).all() and (both < gps + power).all()
    assert all(np.allclose(probability.sum(axis=1), 1.0, atol=1e-4) for probability, _ in known)

    street(tmp_path, 2, drives=5, frames=20, seed=3)
    monkeypatch.setenv("SEMISAC_DATA", str(tmp_path))
    monkeypatch.setenv("SEMISAC_MODELS", str(tmp_path / "models"))
    (tmp_path / "models/vi_beam/made_up").rename(tmp_path / "models/vi_beam/deepsense")
    new = ["evaluate", "vi_beam", "--figure", "new-sites", "--results", "results", "--scenarios"]
    assert run([*new, "2"]) == 0
    rows = read_results(tmp_path / "results" / "new_sites.csv")
    assert {row.inputs for row in rows} == {"tracker,gps", "tracker", "its own"}
    assert run(["evaluate", "vi_beam", "--figure", "gate", "--scenarios", "2", "--inputs", "gps,beams8"]) == 0
    rows = read_results(tmp_path / "results" / "vi_beam" / "gate.csv")
    left = {row.variant: row.value for row in rows if row.metric == "area_db"}
    assert left["the loss itself"] <= min(left.values())
    assert ladder.frontier([(8, 2.0), (4, 3.0), (6, 3.5), (7, 1.0)]) == [(4, 3.0), (7, 1.0)]


@pytest.mark.slow
def test_splits_of_a_cluster_are_those_of_one_process(data, tmp_path, monkeypatch):
    """Networks are trained by two workers of Dask, to the same figures."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'semisac[cluster]'")
    monkeypatch.setenv("SEMISAC_DATA", str(data))
    system = importlib.import_module("semisac_ml.systems.vi_beam.train").SYSTEM
    recipe = PowerRecipe(epochs=1, batch=64, least_steps=5, members=1)
    predictors = Predictors("vi_beam", system.power.trainer("joint"), recipe)
    jobs = [
        SplitJob(Recordings((1,)), kind, seed, (InputSet.parse("gps,beams8"),))
        for kind, seed in (("by sequence", 0), ("at random", 0))
    ]
    quiet = Console(quiet=True)
    alone = run_splits(predictors, jobs, Workers(1), quiet)
    with dask_cluster(tmp_path) as address:
        together = run_splits(predictors, jobs, Workers(scheduler=address), quiet)
    assert len(together) == len(alone) >= 4
    for one, other in zip(alone, together, strict=True):
        assert (one.predictor, one.kind, one.seed) == (other.predictor, other.kind, other.seed)
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.best, other.best)
