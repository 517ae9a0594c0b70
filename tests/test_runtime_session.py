# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions: inputs are checked, results do not depend on batching or threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from semisac_ml.runtime import PROVIDERS, Bundle, BundleError, installed_providers, providers
from semisac_ml.signal import channel, detection


@pytest.fixture
def bundle(tiny_bundle):
    return Bundle.load(tiny_bundle)


def images(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        "image": generator.random((count, 3, 32, 32), dtype=np.float32),
        "snr_db": np.full(count, 3.0, dtype=np.float32),
    }


def test_batch_gives_what_singles_give(bundle):
    session, inputs = bundle.session("encoder"), images(7)
    together = session.run(**inputs)["symbols"]
    for k in range(7):
        alone = session.run(image=inputs["image"][k : k + 1], snr_db=inputs["snr_db"][k : k + 1])["symbols"]
        assert alone[0] == pytest.approx(together[k], abs=1e-6)


def test_inputs_may_be_strided(bundle):
    inputs = images(4)
    strided = np.asfortranarray(inputs["image"])
    assert np.array_equal(
        bundle.session("encoder").run(**inputs)["symbols"],
        bundle.session("encoder").run(image=strided, snr_db=inputs["snr_db"])["symbols"],
    )


def test_several_threads_share_a_session(bundle):
    session = bundle.session("encoder")
    batches = [images(5, seed) for seed in range(16)]
    expected = [session.run(**b)["symbols"] for b in batches]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda b: session.run(**b)["symbols"], batches * 4))
    assert all(np.array_equal(a, b) for a, b in zip(found, expected * 4, strict=True))


def test_threads_of_an_inference_do_not_change_it(bundle):
    inputs = images(8)
    one, two = (bundle.session("encoder", threads=n).run(**inputs)["symbols"] for n in (1, 2))
    assert one == pytest.approx(two, abs=1e-6)


def changed(**changes):
    return {**images(2), **changes}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"image": images(2)["image"]}, "input snr_db is missing"),
        (changed(snr=np.zeros(2)), "input snr is unknown"),
        (changed(snr_db=np.zeros(2)), "snr_db is float64, expected a float32 array"),
        (changed(snr_db=[0.0, 0.0]), "snr_db is list"),
        (changed(snr_db=np.zeros(3, np.float32)), "snr_db has shape"),
        (changed(snr_db=np.zeros((2, 1), np.float32)), "snr_db has shape"),
        (changed(image=np.zeros((2, 32, 32, 3), np.float32)), "image has shape"),
        (changed(image=np.full((2, 3, 32, 32), np.nan, np.float32)), "image is not finite"),
        (changed(snr_db=np.array([0, np.inf], np.float32)), "snr_db is not finite"),
    ],
)
def test_wrong_inputs_are_refused(bundle, inputs, said):
    with pytest.raises(ValueError, match=said) as caught:
        bundle.session("encoder").run(**inputs)
    assert "networks.encoder" in str(caught.value)


def test_named_axes_must_agree_between_inputs(bundle):
    inputs = {
        "symbols": np.zeros((2, 10, 2), np.float32),
        "echo": np.zeros((2, 10, 2), np.float32),
        "range_snr_db": np.zeros((2, 3), np.float32),
        "range_delay": np.zeros(2, np.int64),
        "prior": np.full(4, 0.25, np.float32),
    }
    with pytest.raises(ValueError, match="range_delay has shape"):
        bundle.session("sensing").run(**inputs)


def test_delay_outside_the_echo_is_refused_not_fatal(bundle):
    inputs = {
        "symbols": np.zeros((2, 10, 2), np.float32),
        "echo": np.zeros((2, 10, 2), np.float32),
        "range_snr_db": np.zeros((2, 1), np.float32),
        "range_delay": np.full(1, 5, np.int64),
        "prior": np.full(2, 0.5, np.float32),
    }
    with pytest.raises(ValueError, match="inference failed"):
        bundle.session("sensing").run(**inputs)


def test_unknown_provider_and_threads_are_refused(bundle):
    with pytest.raises(ValueError, match="provider is 'abacus'"):
        bundle.session("task", provider="abacus")
    with pytest.raises(ValueError, match="threads is 0"):
        bundle.session("task", threads=0)


NOT_HERE = [name for name in PROVIDERS if name not in installed_providers()]


@pytest.mark.parametrize("provider", NOT_HERE)
def test_a_provider_that_is_not_installed_is_one_line(bundle, provider):
    with pytest.raises(BundleError, match=f"^jssc/tiny: provider {provider} is not installed"):
        Bundle.load(bundle.path, provider=provider)
    package = "onnxruntime-openvino" if provider == "openvino" else "onnxruntime-gpu"
    said = (
        rf"networks.encoder: provider {provider} is not installed, this ONNX Runtime [\d.]+ has .*cpu.*: pip"
    )
    with pytest.raises(BundleError, match=said) as caught:
        bundle.session("encoder", provider=provider)
    assert package in str(caught.value) and str(caught.value).endswith("; or choose cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("provider", NOT_HERE)
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_does_not_start_is_one_line(bundle, provider, monkeypatch):
    """As where its package is installed and its device or libraries are not: ONNX Runtime takes the CPU."""
    own = [providers._OWN_NAMES[name] for name in PROVIDERS]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: own)
    with pytest.raises(
        BundleError, match=f"provider {provider} is installed and does not start: get .* choose"
    ):
        bundle.session("encoder", provider=provider)


@pytest.mark.parametrize("provider", [name for name in installed_providers() if name != "cpu"])
@pytest.mark.parametrize("network", ["encoder", "reconstruction", "task", "sensing", "sensing_echo"])
def test_other_providers_give_what_the_cpu_gives(bundle, network, provider):
    axes = {"batch": 5, "ranges": 2, "hypotheses": 3, "channel_uses": 10, "echo_samples": 10}
    reference = bundle.session(network).probe(axes)
    found = bundle.session(network, provider=provider).probe(axes)
    for name, value in reference.items():
        assert found[name] == pytest.approx(value, abs=1e-4)


class OtherDevice:
    """What another provider gives: the CPU's numbers, and something more."""

    def __init__(self, session, more: float):
        self._run, self._more = session._runtime.run, more

    def run(self, names, feed):
        return [value + np.float32(self._more) for value in self._run(names, feed)]


@pytest.mark.parametrize(("more", "refused"), [(0.5, True), (np.nan, True), (1e-3, True), (5e-5, False)])
def test_a_provider_that_gives_other_numbers_is_refused(bundle, more, refused):
    session = bundle.session("task")
    session.provider, session._cpu = "openvino", OtherDevice(session, more)
    feed = session.made_up({"batch": 2})
    outputs = session.infer(feed)
    if refused:
        with pytest.raises(
            BundleError, match="provider openvino gives other numbers than the CPU, output prob"
        ):
            session.compare(feed, outputs)
    else:
        session.compare(feed, outputs)
    assert session._cpu is None  # compared once


def test_a_bundle_says_where_its_networks_run(tiny_bundle):
    bundle = Bundle.load(tiny_bundle, threads=2)
    assert (bundle.provider, bundle.threads) == ("cpu", 2)
    assert bundle.session("task").threads == 2
    assert bundle.session("task") is bundle.session("task", threads=2)
    assert bundle.session("task", threads=1).threads == 1
    assert bundle.placed() is bundle is bundle.placed("cpu", 2)
    other = bundle.placed(threads=1)
    assert (other.fingerprint, other.session("task").threads) == (bundle.fingerprint, 1)
    with pytest.raises(
        ValueError, match="provider is 'abacus', expected one of cpu, openvino, cuda, tensorrt"
    ):
        bundle.placed("abacus")
    with pytest.raises(ValueError, match="threads is 0"):
        Bundle.load(tiny_bundle, threads=0)


@pytest.mark.parametrize(("name", "fading"), [("jssc/tiny", "none"), ("jssc/tiny_rayleigh", "rayleigh")])
@pytest.mark.parametrize("delay", [0, 4])
def test_made_up_sensing_network_is_the_optimal_detector(tiny_bundle, name, fading, delay):
    frames, ranges = 200, 3
    sent = np.exp(2j * np.pi * np.random.default_rng(3).random((frames, 10)))
    options = {"sensing_snr_db": 3.0, "ranges": ranges, "delay_symbols_per_range": delay, "fading": fading}
    options["random_phase"] = True
    echo, _ = channel.echo_channel(sent, target_probability=0.75, **options)

    def pairs(values: np.ndarray) -> np.ndarray:
        return np.stack([values.real, values.imag], axis=-1).astype(np.float32)

    found = (
        Bundle.load(name)
        .session("sensing")
        .run(
            symbols=pairs(sent),
            echo=pairs(echo),
            range_snr_db=np.tile(channel.range_snr_db(3.0, ranges), (frames, 1)).astype(np.float32),
            range_delay=delay * np.arange(ranges),
            prior=np.full(1 + ranges, 0.25, np.float32),
        )["probability"]
    )
    expected = detection.range_posterior(echo, sent, target_probability=0.75, **options)
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("ir_version", "opset", "operator", "reason"),
    [
        (99, 17, "Identity", "Unsupported model IR version: 99, max supported IR version: "),
        (8, 99, "Identity", "ONNX Runtime only \\*guarantees\\* support for models stamped with"),
        (8, 17, "NoSuch", "This is an invalid model. In Node, .* Error No Op registered for NoSuch"),
    ],
)
def test_why_a_network_cannot_be_read_is_not_cut(ir_version, opset, operator, reason):
    onnx = pytest.importorskip("onnx", reason="makes the network")
    from semisac_ml.runtime.session import onnx_tensors

    make = onnx.helper
    ends = [make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "ab"]
    graph = make.make_graph([make.make_node(operator, ["a"], ["b"])], "graph", ends[:1], ends[1:])
    opsets = [make.make_opsetid("", opset)]
    model = make.make_model(graph, opset_imports=opsets, ir_version=ir_version)
    said = rf"network: ONNX Runtime [\d.]+ cannot read it \({reason}.*\): get the bundle again, or a newer"
    with pytest.raises(BundleError, match=said):
        onnx_tensors(model.SerializeToString())
