# SPDX-License-Identifier: GPL-3.0-or-later
"""How the comparison sends the learned code: labelled SNR, worth, order, and the same picture back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semisac_ml.data import cifar10
from semisac_ml.runtime import BundleError
from semisac_ml.systems.jssc_hifi import learned_code

SAMPLE = cifar10.sample()[0][:40]


class Recorder:
    """Networks that send noise of unit power, and remember what arrives."""

    def __init__(self) -> None:
        self.code = np.zeros(0)
        self.arrived: dict[str, np.ndarray] = {}

    def encode(self, image: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray) -> np.ndarray:
        count, _, height, width = image.shape
        self.code = np.random.default_rng(0).standard_normal((count, 16, height // 4, width // 4), np.float32)
        self.code[:, int(sent_channels[0]) :] = 0.0
        return self.code

    def decode(
        self, received: np.ndarray, worth: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray
    ) -> np.ndarray:
        self.arrived = {"received": received, "worth": worth, "snr_db": snr_db}
        return np.full((len(received), 3, 4 * received.shape[2], 4 * received.shape[3]), 0.5, np.float32)


def recording() -> tuple[learned_code.LearnedCode, Recorder]:
    code, recorder = learned_code.LearnedCode.__new__(learned_code.LearnedCode), Recorder()
    code.networks = recorder
    return code, recorder


@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
@pytest.mark.parametrize("sent_channels", [4, 16])
def test_noise_has_the_labelled_power(snr_db: float, sent_channels: int) -> None:
    code, recorder = recording()
    pictures = code.reconstruct(SAMPLE, snr_db, sent_channels, "awgn", seed=3)
    assert pictures.shape == SAMPLE.shape
    noise = (recorder.arrived["received"] - recorder.code)[:, :sent_channels]
    # each real value has variance 1 / snr; 4 standard errors of its estimate in dB
    bound = 4 * 4.343 * math.sqrt(2 / noise.size)
    assert -10 * np.log10(np.mean(noise**2)) == pytest.approx(snr_db, abs=bound)
    snr = 10 ** (snr_db / 10)
    np.testing.assert_allclose(recorder.arrived["worth"][:, :sent_channels], snr / (1 + snr), rtol=1e-5)
    for name in ("received", "worth"):
        assert not recorder.arrived[name][:, sent_channels:].any()
    assert (recorder.arrived["snr_db"] == np.float32(snr_db)).all()


def test_a_faded_picture_is_worth_less() -> None:
    code, recorder = recording()
    gains = np.repeat(np.linspace(0.1, 2.0, len(SAMPLE))[:, None], 256, axis=1)
    code.reconstruct(SAMPLE, 10.0, 8, "rayleigh", seed=3, gains=gains)
    expected = 10 * gains[:, 0] / (1 + 10 * gains[:, 0])
    for place in (0, 3, 7):
        np.testing.assert_allclose(recorder.arrived["worth"][:, place, 2, 5], expected, rtol=1e-5)


def test_neighbours_do_not_fade_together() -> None:
    """Of OFDM's gains each value gets one at random: neighbours are uncorrelated."""
    code, recorder = recording()
    code.reconstruct(SAMPLE, 10.0, 8, "ofdm", seed=3)
    worth = recorder.arrived["worth"][:, :8] - recorder.arrived["worth"][:, :8].mean((1, 2, 3), keepdims=True)
    correlation = np.mean(worth[..., 1:] * worth[..., :-1]) / np.mean(worth**2)
    assert abs(correlation) < 0.1


def test_a_bundle_of_another_kind_is_refused() -> None:
    with pytest.raises(BundleError, match="its encoder has no input sent_channels"):
        learned_code.LearnedCode("jssc/awgn")


@pytest.mark.slow
def test_bundle_and_training_receive_alike(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from semisac_ml.systems.jssc_hifi.export import export_bundle
    from semisac_ml.systems.jssc_hifi.model import HifiModel, HifiSettings
    from semisac_ml.systems.jssc_hifi.train import HifiTraining

    torch.manual_seed(0)
    model = HifiModel(HifiSettings(8, 16, (1, 1), (1, 1))).eval()
    folder = tmp_path / "jssc" / "hifi"
    export_bundle(model, HifiTraining(), folder, command="x", commit="y")
    exported = learned_code.LearnedCode(str(folder))
    trained = learned_code.LearnedCode.__new__(learned_code.LearnedCode)
    trained.networks = learned_code.TrainingNetworks.__new__(learned_code.TrainingNetworks)
    trained.networks._torch, trained.networks._model = torch, model
    for channel in ("awgn", "ofdm"):
        pictures = [code.reconstruct(SAMPLE[:3], 10.0, 8, channel, 5) for code in (exported, trained)]
        np.testing.assert_allclose(*pictures, atol=1e-4)
        assert pictures[0].std() > 0.01
