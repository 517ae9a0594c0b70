# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Training of SIMAC: batches, early stopping, resumption, figures of merit; on a made-up video."""

from __future__ import annotations

import io

import numpy as np
import pytest
from simac_testing import made_up, tiny_settings

from semisac_ml.signal import metrics
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar, lfm_simo_echo
from semisac_ml.systems.simac import scoring
from semisac_ml.systems.simac.samples import TEST, TRAIN, Limits
from semisac_ml.systems.simac.scoring import Outcome

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from rich.console import Console  # noqa: E402

from semisac_ml.systems.simac import tensors as simac_tensors  # noqa: E402
from semisac_ml.systems.simac import training  # noqa: E402
from semisac_ml.systems.simac.measuring import run  # noqa: E402
from semisac_ml.systems.simac.model import SimacSettings  # noqa: E402
from semisac_ml.systems.simac.training import SimacTraining, tensors_for, train, trained  # noqa: E402
from semisac_ml.training import CheckpointError  # noqa: E402
from semisac_ml.training.early_stopping import BestKept  # noqa: E402

QUICK = SimacTraining(epochs=2, batch=32, seed=3)


def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture()
def _tiny(monkeypatch):
    monkeypatch.setattr(SimacSettings, "named", classmethod(lambda cls, size: tiny_settings()))


@pytest.fixture(scope="module")
def scene():
    return made_up(vehicles=8, metres_per_pixel=1.0)


def test_batches(scene):
    found = simac_tensors.SampleTensors(scene, 32, 28)
    rows = scene.of(TRAIN)[:3]
    batch = found.batch(rows, np.random.default_rng(1))
    assert batch.pictures.shape == (3, 3, 32, 32) and batch.echoes.shape == (3, 10, 64 * 32, 2)
    assert batch.truth["picture"].shape == (3, 3, 28, 28)
    # the red of a frame is its number
    assert batch.pictures[1, 0].mean().item() == pytest.approx((scene.frame[rows[1]] % 200) / 255, abs=1e-6)
    # range bins one after the other, noise of variance one on the echo of the state
    echo = torch.view_as_complex(batch.echoes[2].contiguous()).numpy().reshape(10, 32, 64)
    clean = lfm_simo_echo(*scene.states[rows[2]], LfmSimoRadar()).transpose(0, 2, 1)
    assert np.mean(np.abs(echo - clean) ** 2) == pytest.approx(1.0, abs=0.05)
    normalised = Limits.of(scene).normalise(scene.states)[rows]
    np.testing.assert_allclose(batch.truth["velocity"].numpy(), normalised[:, 2], rtol=1e-5)


def test_frames_and_pictures_are_recoloured_alike(scene):
    found = simac_tensors.SampleTensors(scene, 32, 28)
    rows = scene.of(TRAIN)[60:]
    plain, new = (
        found.batch(rows, np.random.default_rng(1), recoloured=recoloured) for recoloured in (False, True)
    )
    colour, drawn = plain.pictures.amax(dim=(2, 3)), new.pictures.amax(dim=(2, 3))  # of frames of one colour
    torch.testing.assert_close(new.truth["picture"].amax(dim=(2, 3)), drawn, atol=0.01, rtol=0)
    assert (drawn[:, None] / colour[:, :, None] <= 1.2 + 1e-6).any(dim=1).all()
    assert (colour.argmax(dim=1) == 0).all() and len(drawn.argmax(dim=1).unique()) == 3
    black = (plain.truth["picture"] == 0).all(dim=1)
    assert black.any() and (new.truth["picture"].amax(dim=1)[black] == 0).all()


def test_both_channels_are_trained_and_validated(scene, _tiny):
    assert training.channels_of("both") == ("awgn", "rayleigh") and training.channels_of("awgn") == ("awgn",)
    settings = QUICK.replaced(fading="both")
    seen = []

    class Watched(type(settings.untrained())):
        def forward(self, pictures, echoes, state, fading, generator):
            seen.append((fading, round(float(state.snr_db[0]))))
            return super().forward(pictures, echoes, state, fading, generator)

    system = settings.untrained()
    system.__class__ = Watched
    training.validation_losses(system, tensors_for(settings, scene), settings)
    assert set(seen) == {(fading, snr) for fading in ("awgn", "rayleigh") for snr in (5, 15, 25)}


def test_the_papers_echo_shows_distance_in_its_strength(scene):
    source = simac_tensors.EchoSource("paper")
    rng = np.random.default_rng(0)
    near, far = (source.echo(np.array([d, 0.1, 3.0]), scene.broadside_rad[0], rng) for d in (50.0, 100.0))
    assert near.shape == (10, 6000, 2)
    assert np.hypot(*far[0].T).mean() == pytest.approx(1.0, rel=1e-3)
    assert np.hypot(*near[0].T).mean() == pytest.approx(4.0, rel=1e-3)
    with pytest.raises(ValueError, match="echo is 'real', expected lfm or paper"):
        simac_tensors.EchoSource("real")


def test_channels_are_told_as_they_are():
    state = simac_tensors.channel_state(np.array([5.0, 12.0, 20.0, 25.0]), "rayleigh")
    assert state.modulation.tolist() == [0, 1, 2, 3]
    assert state.numbers.tolist() == [[0.5, 1, 1], [1.2000000476837158, 2, 1], [2, 3, 1], [2.5, 4, 1]]
    other = simac_tensors.with_other_sentences(state, np.random.default_rng(0))
    assert not torch.equal(other.places, state.places)
    assert other.numbers is state.numbers and other.modulation is state.modulation
    drawn = simac_tensors.drawn_snr_db(20_000, np.random.default_rng(1))
    assert set(drawn) == set(range(26))


@pytest.mark.usefixtures("_tiny")
def test_an_interrupted_training_ends_in_the_same_weights(scene, tmp_path, monkeypatch):
    data = tensors_for(QUICK, scene)
    whole = train(QUICK, data, tmp_path / "whole", quiet())
    real = training.validation_losses

    def interrupted(*arguments):
        monkeypatch.setattr(training, "validation_losses", broken)
        return real(*arguments)

    def broken(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "validation_losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(QUICK, data, tmp_path / "parts", quiet())
    monkeypatch.setattr(training, "validation_losses", real)
    parts = train(QUICK, data, tmp_path / "parts", quiet())
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    again, settings = trained(tmp_path / "whole")
    assert settings == QUICK
    torch.testing.assert_close(again.state_dict(), whole.state_dict())
    log = (tmp_path / "whole" / "simac.csv").read_text().splitlines()
    assert len(log) == 3 and "validation_loss" in log[0] and "velocity" in log[0]
    with pytest.raises(CheckpointError, match="made with other settings .*fading"):
        train(QUICK.replaced(fading="rayleigh"), data, tmp_path / "whole", quiet())


@pytest.mark.usefixtures("_tiny")
@pytest.mark.parametrize("variant", ["rs-s", "shuffled sentence"])
def test_measuring_what_was_trained(scene, tmp_path, variant):
    settings = QUICK.replaced(epochs=1, variant=variant, fading="rayleigh")
    data = tensors_for(settings, scene)
    system = train(settings, data, tmp_path, quiet())
    outcome = run(system, data, 15.0, "rayleigh")
    assert (outcome.rows == scene.of(TEST)).all()
    found = scoring.figures(outcome, scene, data.limits)
    width = (data.limits.high - data.limits.low)[0]
    assert found["distance_rmse_m"].value == pytest.approx(width * found["distance_rmse"].value)
    assert set(found) == {
        *(
            f"{task}_rmse{unit}"
            for task, unit in zip(["distance", "angle", "velocity"], [""] * 3, strict=True)
        ),
        *("distance_rmse_m", "angle_rmse_deg", "velocity_rmse_mps", "psnr_db", "ssim"),
    }
    same = run(system, data, 15.0, "rayleigh")
    np.testing.assert_array_equal(outcome.states["angle"], same.states["angle"])


def test_the_best_is_kept_and_patience_ends():
    layer = torch.nn.Linear(2, 1)
    both = BestKept(layer, patience=2)
    for loss, weight in ((3.0, 1.0), (1.0, 2.0), (2.0, 3.0), (float("nan"), 4.0)):
        assert not both.stopped()
        torch.nn.init.constant_(both.model.weight, weight)
        both.tell(loss)
    assert both.stopped() and both.best.weight[0, 0] == 2.0
    other = BestKept(torch.nn.Linear(2, 1), patience=2)
    other.load_state_dict(both.state_dict())
    assert other.stopped() and other.least_loss == 1.0
    with pytest.raises(ValueError, match="patience is 0 epochs, expected 1 or more"):
        BestKept(layer, 0)


def test_figures_are_those_of_the_equations(scene):
    limits = Limits.of(scene)
    rows = scene.of(TEST)
    rng = np.random.default_rng(2)
    error = rng.normal(size=(len(rows), 3)) * [2.0, 0.01, 0.5]
    states = scene.states[rows] + error
    sent = rng.integers(0, 256, (len(rows), 16, 16, 3)).astype(np.uint8)
    shown = np.clip(sent.astype(int) + 9, 0, 255).astype(np.uint8)
    named = dict(zip(("distance", "angle", "velocity"), states.T, strict=True))
    found = scoring.figures(Outcome(rows, named, pictures=shown, sent=sent), scene, limits)
    assert found["distance_rmse_m"].value == pytest.approx(np.sqrt(np.mean(error[:, 0] ** 2)))
    assert found["angle_rmse_deg"].value == pytest.approx(np.degrees(np.sqrt(np.mean(error[:, 1] ** 2))))
    normalised = error[:, 2] / (limits.high - limits.low)[2]
    assert found["velocity_rmse"].value == pytest.approx(np.sqrt(np.mean(normalised**2)))
    assert found["psnr_db"].value == pytest.approx(metrics.psnr_db(sent, shown).mean())
    assert found["ssim"].value == pytest.approx(metrics.ssim(sent, shown).mean())
    named["distance"][0] = np.nan
    assert scoring.figures(Outcome(rows, named), scene, limits)["distance_share"].value == 1 - 1 / len(rows)


def test_intervals_are_over_groups():
    # 20 groups of 10 equal samples: the interval is that of 20 numbers, not of 200
    rng = np.random.default_rng(3)
    values = rng.normal(size=20)
    errors = np.sqrt(np.abs(values))
    found = scoring.root_mean_square(np.repeat(errors, 10), np.repeat(np.arange(20), 10))
    deviation = np.abs(values).std() / np.sqrt(19)
    assert found.n == 20
    assert found.high**2 - found.low**2 == pytest.approx(2 * 1.96 * deviation, rel=0.15)
    assert scoring.has_interval(found)
    assert not scoring.has_interval(scoring.root_mean_square(errors, np.zeros(20)))


def test_settings_that_cannot_be():
    with pytest.raises(ValueError, match="fading is 'rice', expected one of awgn, rayleigh"):
        SimacTraining(fading="rice")
    with pytest.raises(ValueError, match="epochs is 0, expected 1 or more"):
        SimacTraining(epochs=0)
    with pytest.raises(ValueError, match="variant is 'bert'"):
        SimacTraining(variant="bert")


def test_folders_that_hold_no_training(tmp_path):
    with pytest.raises(ValueError, match="holds no training of simac .*expected settings.json"):
        trained(tmp_path)
