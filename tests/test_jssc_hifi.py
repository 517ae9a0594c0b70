# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture code: shapes, power, labelled SNR, what is not sent does not matter, export, resumption."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("onnx", reason="export needs onnx")

from rich.console import Console  # noqa: E402

from semisac_ml.runtime import ImageLink  # noqa: E402
from semisac_ml.systems.jssc_hifi.export import export_bundle, training_command  # noqa: E402
from semisac_ml.systems.jssc_hifi.link import transmit  # noqa: E402
from semisac_ml.systems.jssc_hifi.model import (  # noqa: E402
    CODE_CHANNELS,
    SENT_CHANNELS,
    HifiModel,
    HifiSettings,
    HifiTask,
    bandwidth_ratio,
)
from semisac_ml.systems.jssc_hifi.train_code import (  # noqa: E402
    CROP_PIXELS,
    HifiTraining,
    crops,
    load_photographs,
    train,
    trained_model,
)
from semisac_ml.systems.jssc_hifi.train_task import train_task, trained_task  # noqa: E402
from semisac_ml.training.images import ImageSet  # noqa: E402

SMALL = HifiSettings(fine_width=8, coarse_width=16, encoder_blocks=(1, 1), decoder_blocks=(1, 1))


def small_model(seed: int = 0) -> HifiModel:
    """Untrained, with weights that do something."""
    torch.manual_seed(seed)
    model = HifiModel(SMALL).eval()
    for name, weight in model.named_parameters():
        if "second" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return model


def test_the_ratios_are_those_of_published_work():
    assert [bandwidth_ratio(sent) for sent in SENT_CHANNELS] == [1 / 24, 1 / 12, 1 / 6]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 48), (4, 8)])
def test_a_picture_of_any_size_has_a_code_of_unit_power(height, width):
    model = small_model()
    images = torch.rand(3, 3, height, width)
    sent = torch.tensor(SENT_CHANNELS, dtype=torch.float32)
    with torch.no_grad():
        code = model.encoder(images, torch.zeros(3), sent)
        image = model.decoder(code, torch.full_like(code, 0.5), torch.zeros(3), sent)
    assert code.shape == (3, CODE_CHANNELS, height // 4, width // 4)
    assert image.shape == images.shape
    assert float(image.min()) >= 0.0 and float(image.max()) <= 1.0
    for picture, channels in zip(code, SENT_CHANNELS, strict=True):
        assert float(picture[:channels].square().mean()) == pytest.approx(1.0, abs=1e-4)
        assert not picture[channels:].any()


def test_a_labelled_snr_is_the_measured_one():
    """Within 0.05 dB: 1.6 million values, a standard error of 0.005 dB."""
    code = torch.ones(100, CODE_CHANNELS, 32, 32)
    count = len(code)
    sent = torch.full((count,), float(CODE_CHANNELS))
    steady = torch.zeros(count)
    for snr_db in (-5.0, 10.0):
        generator = torch.Generator().manual_seed(1)
        received, worth = transmit(code, torch.full((count,), snr_db), sent, steady.bool(), steady, generator)
        measured = -10.0 * math.log10(float((received - code).square().mean()))
        assert measured == pytest.approx(snr_db, abs=0.05)
        snr = 10.0 ** (snr_db / 10.0)
        assert float(worth.mean()) == pytest.approx(snr / (1.0 + snr), rel=1e-5)


def test_faded_frames_have_unit_mean_power_and_lost_ones_are_worth_nothing():
    code = torch.ones(4000, CODE_CHANNELS, 2, 2)
    sent = torch.full((4000,), 8.0)
    generator = torch.Generator().manual_seed(2)
    received, worth = transmit(
        code, torch.zeros(4000), sent, torch.ones(4000).bool(), torch.full((4000,), 0.25), generator
    )
    there = worth[:, :8] > 0
    snr = (worth / (1.0 - worth))[:, :8][there]
    assert float(snr.mean()) == pytest.approx(1.0, abs=0.03)
    # the first of eight frames always comes
    assert float(there.float().mean()) == pytest.approx(1.0 - 0.25 * 7 / 8, abs=0.01)
    assert not received[worth == 0].any()
    assert not worth[:, 8:].any()


def test_values_that_did_not_come_do_not_matter():
    model = small_model()
    code = torch.randn(2, CODE_CHANNELS, 8, 8)
    worth = torch.rand_like(code)
    worth[:, :, 3:5] = 0.0
    other = torch.where(worth == 0, 99.0, code)
    snr_db, sent = torch.zeros(2), torch.full((2,), 16.0)
    with torch.no_grad():
        assert torch.equal(
            model.decoder(code, worth, snr_db, sent), model.decoder(other, worth, snr_db, sent)
        )


@pytest.mark.slow
def test_the_exported_networks_are_the_trained_ones(tmp_path):
    model = small_model()
    task = HifiTask(classes=3, width=8, blocks=1).eval()
    bundle = export_bundle(
        model, HifiTraining(), tmp_path / "jssc" / "hifi", task=task, command="x", commit="y"
    )
    assert bundle.name == "jssc/hifi"
    assert bundle.interface(ImageLink).symbols.code.sent_channels == list(SENT_CHANNELS)
    rng = np.random.default_rng(3)
    for height, width in ((32, 32), (20, 64)):
        image = rng.random((2, 3, height, width), np.float32)
        snr_db, sent = np.array([1.0, 12.0], np.float32), np.array([4.0, 16.0], np.float32)
        code = bundle.session("encoder").run(image=image, snr_db=snr_db, sent_channels=sent)["code"]
        worth = rng.random(code.shape, np.float32)
        inputs = {"received": code, "worth": worth, "snr_db": snr_db, "sent_channels": sent}
        rebuilt = bundle.session("reconstruction").run(**inputs)["image"]
        said = bundle.session("task").run(**inputs)["probability"]
        with torch.no_grad():
            tensors = [torch.from_numpy(value) for value in (image, snr_db, sent)]
            assert np.allclose(model.encoder(*tensors), code, atol=1e-4)
            expected = model.decoder(*(torch.from_numpy(value) for value in inputs.values()))
            assert np.allclose(expected, rebuilt, atol=1e-4)
            expected = task(*(torch.from_numpy(value) for value in inputs.values()))
            assert np.allclose(expected, said, atol=1e-4)
            assert np.allclose(said.sum(axis=1), 1.0, atol=1e-5)
    # the detector serves packets of this length
    symbols = rng.standard_normal((2, 256, 2)).astype(np.float32)
    probability = bundle.session("sensing").run(
        symbols=symbols,
        echo=symbols,
        range_snr_db=np.full((2, 1), 3.0, np.float32),
        range_delay=np.zeros(1, np.int64),
        prior=np.full(2, 0.5, np.float32),
        fading=np.zeros(1, np.int64),
    )["probability"]
    assert probability[:, 1].min() > 0.99


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path):
    settings = HifiTraining(epochs=2, batch=32, data="sample")
    data = ImageSet.load("sample")
    console = Console(quiet=True)
    device = torch.device("cpu")

    def weights(folder, interrupted: bool):
        if interrupted:
            calls = []

            def stop(model, images, device):
                calls.append(1)
                if len(calls) == 2:
                    raise KeyboardInterrupt
                return {}

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("semisac_ml.systems.jssc_hifi.train_code.validation", stop)
                with pytest.raises(KeyboardInterrupt):
                    train(settings, data, folder, console, device)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("semisac_ml.systems.jssc_hifi.train_code.validation", lambda *arguments: {})
            return train(settings, data, folder, console, device).state_dict()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HifiSettings, "named", classmethod(lambda cls, size: SMALL))
        whole, resumed = weights(tmp_path / "a", False), weights(tmp_path / "b", True)
        (tmp_path / "a" / "settings.json").write_text('{"epochs": 2, "batch": 32, "data": "sample"}')
        loaded, kept = trained_model(tmp_path / "a")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert all(torch.equal(whole[name], value) for name, value in loaded.state_dict().items())
    assert training_command(kept) == "semisac train jssc_hifi --epochs 2 --batch 32 --data sample"


@pytest.mark.slow
def test_a_task_learns_from_the_code_and_leaves_the_encoder_alone(tmp_path):
    """Two classes told apart by brightness: right for all pictures after a few steps."""
    bright = torch.arange(64) % 2
    images = (bright[:, None, None, None] * 150 + 40).expand(64, 3, 32, 32).to(torch.uint8)
    data = ImageSet(images, bright, images, bright)
    settings = HifiTraining(batch=16, data="sample", task_epochs=15)
    model = small_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    task = train_task(model.encoder, settings, data, tmp_path, Console(quiet=True), torch.device("cpu"))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    log = (tmp_path / "task.csv").read_text().splitlines()
    assert [float(value) for value in log[-1].split(",")[2:]] == [1.0, 1.0, 1.0]
    again = trained_task(tmp_path).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in task.state_dict().items())
    assert trained_task(tmp_path / "none") is None


def test_photographs_are_trained_on_in_parts(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(4)
    for index, (height, width) in enumerate([(120, 200), (1100, 600), (40, 300)]):
        level = np.full((height, width, 3), 80 * index, np.uint8)
        level[:, :, 2] = rng.integers(0, 256, (height, width))
        Image.fromarray(level).save(tmp_path / f"{index}.png")
    console = Console(quiet=True)
    pictures = load_photographs(str(tmp_path), console)
    # the third is too small, the second was made smaller
    assert [tuple(picture.shape) for picture in pictures] == [(3, 120, 200), (3, 939, 512)]
    generator = torch.Generator().manual_seed(1)
    found = crops(pictures, 40, generator)
    assert found.shape == (40, 3, CROP_PIXELS, CROP_PIXELS)
    assert set(found[:, 0].unique().tolist()) == {0, 80}
    settings = HifiTraining(
        epochs=1, batch=32, data="sample", photographs=str(tmp_path), photograph_share=1.0
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HifiSettings, "named", classmethod(lambda cls, size: SMALL))
        train(settings, ImageSet.load("sample"), tmp_path / "run", console, torch.device("cpu"))
    for path in tmp_path.glob("[01].png"):
        path.unlink()
    with pytest.raises(ValueError, match="96 x 96"):
        load_photographs(str(tmp_path), console)


@pytest.mark.parametrize(
    "change", [{"size": "huge"}, {"sent_channels": 5}, {"epochs": 0}, {"photograph_share": 0.5}]
)
def test_settings_that_no_training_can_have_are_refused(change):
    with pytest.raises(ValueError, match="expected"):
        HifiTraining(**change)
