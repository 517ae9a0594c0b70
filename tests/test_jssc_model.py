# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the joint link: theory they must agree with, training, resumption, export."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats
from traced_export import traced_export

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402

from semisac_ml.cli import program  # noqa: E402
from semisac_ml.data import cifar10  # noqa: E402
from semisac_ml.layers import KarhunenLoeve, MatchedFilterDetector, equalise  # noqa: E402
from semisac_ml.layers.matched_filter import log_bessel_i0  # noqa: E402
from semisac_ml.results import Result, read_results  # noqa: E402
from semisac_ml.runtime import Bundle  # noqa: E402
from semisac_ml.signal import channel, detection, metrics, posterior  # noqa: E402
from semisac_ml.signal.complex_pairs import as_complex, as_pairs  # noqa: E402
from semisac_ml.systems.jssc import export, figures, sweeps, train, trained_figures  # noqa: E402
from semisac_ml.systems.jssc.drawing import draw_rows  # noqa: E402
from semisac_ml.systems.jssc.measuring import Conditions, evaluate_bundle, run_link  # noqa: E402
from semisac_ml.systems.jssc.model import JointModel, ModelSettings  # noqa: E402
from semisac_ml.systems.jssc.rows import Place  # noqa: E402
from semisac_ml.systems.jssc.settings import TrainingSettings, load_settings, parse_weights, save_settings  # noqa: E402
from semisac_ml.training import CheckpointError, load_checkpoint, save_checkpoint  # noqa: E402
from semisac_ml.training.images import ImageSet  # noqa: E402

QUIET = Console(quiet=True)
TINY = TrainingSettings(epochs=2, backbone_epochs=1, batch=32, data="sample")
PAPER_CLASSES = ModelSettings(variant="paper")
PAPER = TINY.replaced(model=PAPER_CLASSES)


@pytest.fixture(scope="module")
def sample() -> ImageSet:
    return ImageSet.load("sample")


def shaken(settings: ModelSettings) -> JointModel:
    """An untrained model in which no weight is zero, so that every path of it counts."""
    torch.manual_seed(0)
    model = JointModel(settings)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model.eval()


def test_karhunen_loeve_recovers_a_known_spectrum() -> None:
    generator = torch.Generator().manual_seed(0)
    deviation = torch.tensor([3.0, 2.0, 1.0, 0.5])
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator)).Q
    samples = (torch.randn(50_000, 4, generator=generator) * deviation) @ rotation.T + 5.0
    transform = KarhunenLoeve(4, 3)
    transform.fit(samples)
    torch.testing.assert_close(transform.deviation, deviation[:3], rtol=0.02, atol=0)
    coefficients = transform(samples)
    torch.testing.assert_close(coefficients.T @ coefficients / len(samples), torch.eye(3), atol=0.02, rtol=0)
    error = (transform.inverse(coefficients) - samples).square().sum(1).mean()
    assert float(error) == pytest.approx(float(transform.discarded_energy), rel=1e-3)


def test_equaliser_is_the_lmmse_estimate() -> None:
    received, gain, snr_db = torch.tensor([[[2.0, 1.0]]]), torch.tensor([[0.6, -0.8]]), torch.tensor([3.0])
    estimate, instantaneous = equalise(received, gain, snr_db)
    expected = np.conj(0.6 - 0.8j) * (2 + 1j) / (1.0 + 10 ** (-0.3))
    np.testing.assert_allclose(as_complex(estimate.numpy())[0, 0], expected, rtol=1e-6)
    assert float(instantaneous) == pytest.approx(3.0)


@pytest.mark.parametrize("fading", channel.FADING_MODELS)
@pytest.mark.parametrize(("delay", "offset"), [(0, 0.0), (1, 0.0), (1, 0.05)])
def test_detector_is_the_optimal_one(fading: str, delay: int, offset: float) -> None:
    # The reference is in double precision, with scipy's Bessel function.
    detector = MatchedFilterDetector(offset)
    generator = np.random.default_rng(1)
    symbols = as_complex(generator.standard_normal((200, 10, 2)).astype(np.float32) / np.float32(np.sqrt(2)))
    setting = {
        "sensing_snr_db": 3.0,
        "ranges": 3,
        "delay_symbols_per_range": delay,
        "fading": fading,
        "random_phase": True,
        "max_frequency_offset": offset,
    }
    echo, _ = channel.echo_channel(symbols, target_probability=0.75, seed=2, **setting)
    expected = posterior.range_posterior(echo, symbols, target_probability=0.75, **setting)
    scores = detector(
        torch.from_numpy(as_pairs(symbols)),
        torch.from_numpy(as_pairs(echo)),
        torch.tensor([[3.0, 0.0, -3.0]]).expand(200, 3),
        torch.arange(3) * delay,
        torch.full((4,), 0.25),
        torch.tensor([channel.FADING_MODELS.index(fading)]),
    )
    np.testing.assert_allclose(torch.softmax(scores, 1).numpy(), expected, atol=5e-5)


def test_thresholds_keep_the_rate_of_false_alarms() -> None:
    # Without a Doppler shift Marcum's Q tells how often a target of steady amplitude is found.
    bundle = Bundle.load("jssc/hifi")
    pairs = np.random.default_rng(3).standard_normal((20_000, 10, 2)).astype(np.float32)
    symbols = figures.learned_waveforms(as_complex(pairs).ravel(), 10, 20_000)
    at = Conditions(sensing_snr_db=0.0, target_probability=1.0)
    echo, _ = channel.echo_channel(symbols, **at.echo_of(bundle), seed=5)
    found = figures.log_likelihood_ratios(bundle, symbols, echo, at)
    thresholds = figures.false_alarm_thresholds(bundle, symbols, at)
    for rate, threshold in zip(figures.FALSE_ALARM_RATES, thresholds, strict=True):
        exact = float(detection.roc_unknown_phase(20, 0.0, rate))
        assert np.mean(found > threshold) == pytest.approx(exact, abs=0.02)
    noise, _ = channel.echo_channel(symbols, **{**at.echo_of(bundle), "target_probability": 0.0}, seed=6)
    alarms = np.sum(figures.log_likelihood_ratios(bundle, symbols, noise, at) > thresholds[0])
    assert alarms == pytest.approx(200, abs=4 * np.sqrt(200))


def test_logarithm_of_the_bessel_function() -> None:
    argument = np.r_[0.0, np.geomspace(1e-6, 1e4, 400), 3.7499, 3.75, 3.7501]
    expected = np.log(special.ive(0, argument)) + argument
    found = log_bessel_i0(torch.from_numpy(argument)).numpy()
    np.testing.assert_allclose(found, expected, atol=3e-7, rtol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [TINY, PAPER], ids=["residual", "paper"])
def test_interrupted_training_resumes_bit_exactly(
    settings: TrainingSettings, sample: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train.train(settings, sample, tmp_path / "a" / "run", QUIET)
    residual = settings.model.variant == "residual"
    backbones = ["backbone-sample-seed0.safetensors"] if residual else []
    assert [file.name for file in (tmp_path / "a").glob("backbone*.safetensors")] == backbones
    steps = 0
    real = train.JointTraining.losses

    def interrupted(self: train.JointTraining, *arguments: object) -> dict:
        nonlocal steps
        steps += 1
        per_epoch = 4 if residual else 2
        if steps == per_epoch + 2:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(train.JointTraining, "losses", interrupted)
    said = Console(file=io.StringIO(), width=200)
    with pytest.raises(KeyboardInterrupt):
        train.train(settings, sample, tmp_path / "b" / "run", said)
    assert "joint: interrupted; the same command goes on with epoch 2 of 2" in said.file.getvalue()
    monkeypatch.setattr(train.JointTraining, "losses", real)
    resumed = train.train(settings, sample, tmp_path / "b" / "run", QUIET)
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    logs = [(tmp_path / folder / "run" / "joint.csv").read_text() for folder in "ab"]
    assert logs[0] == logs[1] and logs[0].count("\n") == 3
    assert list((tmp_path / "b" / "run" / "tensorboard").glob("events*"))


def test_checkpoint_of_other_settings_is_refused(sample: ImageSet, tmp_path: Path) -> None:
    train.train(PAPER, sample, tmp_path / "run", QUIET)
    with pytest.raises(CheckpointError, match="seed: 0 there, 1 here"):
        train.train(PAPER.replaced(seed=1), sample, tmp_path / "run", QUIET)
    (tmp_path / "run" / "joint.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        train.train(PAPER, sample, tmp_path / "run", QUIET)


def test_checkpoint_of_another_model_names_one_difference(tmp_path: Path) -> None:
    def network(width: int) -> torch.nn.Module:
        return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(40)))

    save_checkpoint(tmp_path / "one.safetensors", network(3), None, {})
    with pytest.raises(CheckpointError, match="belongs to another model .size mismatch for 0.weight") as told:
        load_checkpoint(tmp_path / "one.safetensors", network(4))
    assert len(str(told.value)) < 400 + len(str(tmp_path))


@pytest.mark.slow
def test_training_learns(sample: ImageSet, tmp_path: Path) -> None:
    settings = PAPER.replaced(epochs=30, batch=4, snr_db=10.0, sensing_snr_db=10.0)
    train.train(settings, sample, tmp_path / "run", QUIET)
    lines = (tmp_path / "run" / "joint.csv").read_text().splitlines()
    first, last = ([float(cell) for cell in line.split(",")[1:4]] for line in (lines[1], lines[-1]))
    # reconstruction, task, sensing: far from where 480 steps on 64 images should leave each of them
    for before, after, limit in zip(first, last, (0.6, 0.9, 0.2), strict=True):
        assert after < limit * before


@pytest.mark.parametrize(
    "networks",
    [
        ModelSettings(),
        ModelSettings(gain_known_at_receiver=False),
        ModelSettings(variant="paper"),
        ModelSettings(variant="paper", gain_known_at_receiver=False, ranges=3, task="animal"),
    ],
)
@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.slow
def test_onnx_equals_torch(networks: ModelSettings, tmp_path: Path) -> None:
    settings = TrainingSettings(model=networks)
    model = shaken(settings.model)
    bundle = export.export_bundle(
        model, settings, tmp_path / "trial", description="a trial", command="none", commit="none"
    )
    for name, (network, inputs, output, _) in export.networks(model).items():
        with torch.no_grad():
            expected = network(*inputs.values()).numpy()
        declared = bundle.session(name).inputs
        assert declared.keys() <= inputs.keys()
        found = bundle.session(name).run(**{key: inputs[key].numpy() for key in declared})[output]
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=name)
        if name in ("reconstruction", "task"):  # untrained, the encoder begins with peaks that need 16 bits
            weights = sum(tensor.numel() for tensor in network.state_dict().values())
            assert (bundle.path / f"{name}.onnx").stat().st_size < 1.1 * weights + 30e3  # a byte each


@pytest.mark.slow
def test_exported_detector_takes_any_length_and_any_ranges(tmp_path: Path) -> None:
    settings = TrainingSettings()
    model = shaken(settings.model)
    detector = type(export.networks(model)["sensing"][0])
    with traced_export(but=lambda network: isinstance(network, detector)):
        bundle = export.export_bundle(
            model, settings, tmp_path / "trial", description="a trial", command="none", commit="none"
        )
    generator = np.random.default_rng(0)
    for uses, ranges, delay in ((1, 1, 0), (32, 8, 0), (10, 5, 2)):
        inputs = {
            "symbols": generator.standard_normal((3, uses, 2)).astype(np.float32),
            "echo": generator.standard_normal((3, uses + (ranges - 1) * delay, 2)).astype(np.float32),
            "range_snr_db": generator.uniform(-10, 10, (3, ranges)).astype(np.float32),
            "range_delay": np.arange(ranges, dtype=np.int64) * delay,
            "prior": np.full(1 + ranges, 1 / (1 + ranges), np.float32),
            "fading": np.array([ranges % 3]),
        }
        found = bundle.session("sensing").run(**inputs)["probability"]
        with torch.no_grad():
            scores = model.sensing(*(torch.from_numpy(value) for value in inputs.values()))
        np.testing.assert_allclose(found, torch.softmax(scores, 1).numpy(), atol=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
def test_bundle_is_measured_and_figures_agree_with_its_conditions(sample: ImageSet, tmp_path: Path) -> None:
    settings = TrainingSettings()
    bundle = export.export_bundle(
        shaken(settings.model),
        settings,
        tmp_path / "trial",
        description="a trial",
        command="none",
        commit="none",
    )
    images, labels = cifar10.sample()[:2]
    first = evaluate_bundle(bundle, images, labels, Conditions(seed=1))
    assert first == evaluate_bundle(bundle, images, labels, Conditions(seed=1))
    assert first["mse"].n == 64 and first["psnr_db"].low < first["psnr_db"].value < first["psnr_db"].high
    several = evaluate_bundle(bundle, images, labels, Conditions(ranges=4, delay_symbols_per_range=1))
    assert "echo_only_sensing_accuracy" not in several


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
def test_bundle_of_the_papers_networks_senses_by_the_echo_alone(tmp_path: Path) -> None:
    settings = TrainingSettings(model=ModelSettings(variant="paper", ranges=3, task="animal"))
    bundle = export.export_bundle(
        shaken(settings.model),
        settings,
        tmp_path / "trial",
        description="a trial",
        command="none",
        commit="none",
    )
    assert "snr_db" not in bundle.session("encoder").inputs and not bundle.has("sensing")
    images, labels = cifar10.sample()[:2]
    at = Conditions(ranges=3, target_probability=0.75)
    output = run_link(bundle, images, labels, at)
    assert output.sensing.shape == (64, 4) and len(np.unique(output.sensing[:, 1])) > 1
    measured = evaluate_bundle(bundle, images, labels, at)
    assert measured["class_accuracy"].value == measured["animal_accuracy"].value
    with pytest.raises(ValueError, match="tells 3 range"):
        evaluate_bundle(bundle, images, labels, Conditions())


def test_draws_are_means_of_commands_with_other_seeds(tiny_bundle, tmp_path, monkeypatch) -> None:
    from semisac_ml.systems.jssc import evaluate

    monkeypatch.setattr(cifar10, "load", lambda part: cifar10.sample()[:2])

    def measured(**asked: int) -> dict[str, dict[str, float]]:
        told = {"bundle": ["jssc/tiny"], "images": 20, "processes": 1, "json_file": tmp_path / "found.json"}
        evaluate.command(options=evaluate.EvaluateOptions(**told, **asked))
        (found,) = json.loads((tmp_path / "found.json").read_text())["bundles"].values()
        return found["metrics"]

    alone = [measured(seed=seed) for seed in (5, 6, 7)]
    drawn = measured(seed=5, draws=3)
    assert drawn.keys() == alone[0].keys()
    for name, found in drawn.items():
        values = [one[name]["value"] for one in alone]
        half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
        assert found["n"] == 3 and found["value"] == pytest.approx(np.mean(values))
        assert found["high"] - found["low"] == pytest.approx(2 * half)
    assert len({one["psnr_db"]["value"] for one in alone}) == 3


def test_settings_survive_the_disk(tmp_path: Path) -> None:
    settings = PAPER.replaced(weights=(0.5, 0.0, 0.5), snr_db=3.0)
    save_settings(settings, tmp_path)
    assert load_settings(tmp_path) == settings
    assert "--weights 0.5,0,0.5" in export.training_command(settings)
    with pytest.raises(ValueError, match="no finished training"):
        load_settings(tmp_path / "nowhere")


def test_training_never_opens_the_test_images(
    sample: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A CIFAR-10 of the shipped images whose test batch cannot be read.
    opened = []

    def load(split: str, root: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
        opened.append(split)
        assert split == "train"
        return cifar10.sample()[:2]

    monkeypatch.setattr(cifar10, "load", load)
    monkeypatch.setattr("semisac_ml.training.images.VALIDATION_IMAGES", 16)
    monkeypatch.chdir(tmp_path)
    data = ImageSet.load("cifar10")
    assert len(data.images) == 48 and len(data.validation_images) == 16
    assert torch.equal(data.validation_images, sample.images[48:])
    for variant in ("residual", "paper"):
        options = ["--variant", variant, "--epochs", "1", "--backbone-epochs", "1", "--batch", "16"]
        assert program.run(["train", "jssc", *options, "--run", variant]) == 0
    assert set(opened) == {"train"}


def test_networks_are_those_that_were_best_on_validation(sample: ImageSet, tmp_path: Path) -> None:
    # Labels of the validation part are wrong on purpose: it gets worse while the training part gets better.
    wrong = ImageSet(sample.images, sample.labels, sample.images, (sample.labels + 1) % 10)
    settings = PAPER.replaced(
        weights=(0.0, 1.0, 0.0), epochs=40, patience=3, learning_rate=1e-2, model=PAPER_CLASSES
    )
    best = train.train(settings, wrong, tmp_path / "run", QUIET)
    with (tmp_path / "run" / "joint.csv").open() as file:
        losses = [float(row["validation_loss"]) for row in csv.DictReader(file)]
    assert len(losses) == losses.index(min(losses)) + 1 + settings.patience < settings.epochs
    assert sweeps.epochs_of(tmp_path / "run") == (len(losses) - settings.patience, len(losses))
    loaded = train.trained_model(settings, tmp_path / "run")
    joint = train.JointTraining(settings, loaded)
    with torch.no_grad():
        again = train.validation(joint, *wrong.validation)["validation_loss"]
    assert again == pytest.approx(min(losses), rel=1e-5)
    for name, value in best.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"channel": "rician"}, "channel is 'rician'"),
        ({"sensing_fading": "rician"}, "sensing_fading is 'rician'"),
        ({"data": "imagenet"}, "data is 'imagenet'"),
        ({"snr_db": float("nan")}, "snr_db is nan"),
        ({"sensing_snr_db": 101.0}, "sensing_snr_db is 101.0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"weights": (0.0, 0.0, 0.0)}, "weights are"),
        ({"weights": (1.0, float("inf"), 0.0)}, "weights are"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
    ],
)
def test_impossible_settings_are_named(change: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PAPER.replaced(**change)


@pytest.mark.parametrize(
    "change", [{"ranges": 0}, {"task": "plants"}, {"max_frequency_offset": -1.0}, {"real_dimensions": 3}]
)
def test_impossible_networks_are_named(change: dict) -> None:
    with pytest.raises(ValueError, match=str(*change)):
        ModelSettings(**change)


@pytest.mark.parametrize(
    "options", [("--channel", "rician"), ("--snr-db", "nan"), ("--ranges", "0"), ("--data", "imagenet")]
)
def test_mistakes_in_a_training_leave_nothing_behind(
    options: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert program.run(["train", "jssc", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("semisac: ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_interrupted_training_says_where_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def interrupted(*_: object) -> dict:
        raise KeyboardInterrupt

    monkeypatch.setattr(train.JointTraining, "losses", interrupted)
    trial = ["--data", "sample", "--variant", "paper", "--epochs", "5", "--run", str(tmp_path / "run")]
    assert program.run(["train", "jssc", *trial]) == 130
    captured = capsys.readouterr()
    assert "the same command goes on with epoch 1 of 5" in " ".join(captured.out.split())
    assert "Traceback" not in captured.err


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
def test_trial_on_the_sample_is_kept_apart_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    trial = ["--data", "sample", "--variant", "paper", "--epochs", "1"]
    assert program.run(["train", "jssc", *trial]) == 0
    run = Path("runs") / "jssc" / "awgn-sample-seed0"
    assert program.run(["export", "jssc", "--run", str(run)]) == 0
    manifest = Bundle.load(Path("models") / "jssc" / "awgn-sample").manifest
    assert manifest.data.name == "sample"
    assert manifest.data.split == "64 images, for training and testing"
    assert "--data sample" in manifest.training.command
    assert "64 images that it was trained on" in manifest.metrics["mse"].conditions
    assert manifest.metrics["mse"].n == 64
    assert "Warning" not in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "0,0,0", "-1,1,1", "1/0,1,1"])
def test_wrong_weights_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="three numbers"):
        parse_weights(text)


@pytest.mark.parametrize("figure", ["4", "5", "6"])
@pytest.mark.parametrize("model", ["awgn", "rayleigh"])
def test_each_point_of_the_papers_figures_changes_one_parameter(figure: str, model: str) -> None:
    points = trained_figures.paper_points(figure, model, 1)
    assert len(points) >= 4
    for point in points:
        assert point.settings.channel == model and point.settings.model.variant == "paper"
        assert point.variant == "paper" and not point.panel
        defaults = trained_figures.paper_points("4", model, 1)[2].settings
        changed = [
            name
            for name in TrainingSettings.model_fields
            if getattr(point.settings, name) != getattr(defaults, name)
        ]
        assert len(changed) <= (3 if figure == "6" else 1), changed


def test_what_is_compared_differs_in_what_it_is_named_after() -> None:
    gain = trained_figures.paper_points("gain", "rayleigh", 1)
    assert not trained_figures.paper_points("gain", "awgn", 1)
    assert {one.settings.model.gain_known_at_receiver for one in gain if "not told" in one.variant} == {False}
    assert {one.settings.model.gain_known_at_receiver for one in gain if one.variant == "paper"} == {True}
    echoes = {
        one.panel: one.settings.echo_channel() for one in trained_figures.paper_points("echoes", "awgn", 1)
    }
    assert len({repr(channel) for channel in echoes.values()}) == len(trained_figures.ECHOES)
    assert echoes["steady in clutter of 0 dB"].clutter_db == 0.0
    shared = [
        one for one in trained_figures.paper_points("sharing", "awgn", 1) if one.variant == "time shared"
    ]
    for reals in trained_figures.SHARED_REALS:  # of both systems together as many as of a joint one
        lengths = [one.settings.model.real_dimensions for one in shared if one.x == reals]
        assert lengths == [reals, 20 - reals]


@pytest.mark.parametrize("figure", ["sharing", "echoes", "gain"])
def test_figures_beside_the_papers_are_drawn(figure: str, tmp_path: Path) -> None:
    rows = []
    for channel_name in ("awgn", "rayleigh"):
        for point in trained_figures.paper_points(figure, channel_name, 1):
            place = Place(figure, point.axis, channel_name, point.panel)
            rows += [
                place.row(point.variant, point.x, metric, metrics.proportion(4 + seed, 10), seed)
                for metric, weight in zip(trained_figures.METRICS, point.settings.weights, strict=True)
                for seed in (0, 1)
                if weight
            ]
    drawn = draw_rows(rows, tmp_path / "figure.png")
    assert drawn.stat().st_size > 5000


@pytest.mark.slow
def test_a_figure_that_trains_goes_on_where_it_was_broken_off(
    sample: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_figures, "_images", lambda: sample)
    monkeypatch.setattr(trained_figures, "held_out", lambda name: (sample.images, sample.labels))
    monkeypatch.setattr(trained_figures, "SENSING_WEIGHTS", (0.0, 1.0))
    monkeypatch.setattr(figures, "_bundle_rows", lambda *how: [])
    trained, train_one = [], trained_figures.train

    def counted(settings, *how, **more):
        if len(trained) == stop:
            raise KeyboardInterrupt
        trained.append((settings.channel, settings.weights[2], settings.seed))
        return train_one(settings, *how, **more)

    monkeypatch.setattr(trained_figures, "train", counted)

    def draw(epochs: int, seeds: int) -> list[Result]:
        how = epochs, seeds, None, None, QUIET
        figures.draw("4", [], tmp_path, tmp_path / "runs", *how)
        return read_results(tmp_path / "figure4.csv")

    stop = 3
    with pytest.raises(KeyboardInterrupt):
        draw(1, 2)
    kept = read_results(tmp_path / "figure4.csv")
    assert len({trained_figures.key_of(row) for row in kept} - {None}) == 3
    stop = None
    rows = draw(1, 2)
    assert sorted(trained) == sorted(
        (c, w, s) for c in ("awgn", "rayleigh") for w in (0.0, 1.0) for s in (0, 1)
    )
    assert trained_figures.untrained("4", tmp_path) > 0  # of 30 epochs
    again = [(row.place, row.value) for row in draw(1, 1)]
    assert again == [(row.place, row.value) for row in rows] and len(trained) == 8  # the other seed stays
    epochs = {row.metric: row.value for row in rows if row.metric.endswith("_epoch")}
    assert epochs == {"best_epoch": 1.0, "last_epoch": 1.0}
    own = [row for row in draw(2, 1) if row.variant == "paper"]
    assert len(trained) == 12 and {row.conditions["epochs"] for row in own} == {"2"}


@pytest.mark.parametrize("weights", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)])
def test_tasks_without_weight_are_left_alone(
    weights: tuple[float, float, float], sample: ImageSet, tmp_path: Path
) -> None:
    settings = PAPER.replaced(weights=weights, epochs=1)
    torch.manual_seed(settings.seed)
    untrained = JointModel(settings.model).state_dict()
    trained = train.train(settings, sample, tmp_path / "run", QUIET).state_dict()
    changed = {name.split(".")[0] for name in trained if not torch.equal(trained[name], untrained[name])}
    assert changed == {"encoder", "reconstruction" if weights[0] else "sensing_echo"}
