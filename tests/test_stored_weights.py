# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Weights of networks in fewer bits: how near they are, that they are found again; bundles made smaller."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="networks are read and written with the onnx package")
pytest.importorskip("torch", reason="it is part of what trains and exports")

from onnx import helper, numpy_helper  # noqa: E402

from semisac_ml.cli import program  # noqa: E402
from semisac_ml.runtime import Bundle, BundleError  # noqa: E402
from semisac_ml.training import stored_weights  # noqa: E402
from semisac_ml.training.stored_weights import (  # noqa: E402
    LARGE,
    as_levels,
    convert_weights,
    restore_weights,
    rounded,
    store_weights,
)


def gaussian(*shape: int) -> np.ndarray:
    """Weights whose channels, along the first axis, differ in scale by up to 100."""
    generator = np.random.default_rng(5)
    scale = np.geomspace(0.01, 1.0, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    return (scale * generator.standard_normal(shape)).astype(np.float32)


def rms(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.sqrt(np.mean(values.astype(float) ** 2, axis=axis))


def test_levels_err_by_their_step_over_the_root_of_twelve():
    """Uniform quantisation; 64 channels of 512 values: the error's RMS is known to 1 % at 95 % confidence."""
    weights = gaussian(64, 512)
    step = np.abs(weights).max(axis=1) / 127
    error = rounded(weights, 8) - weights
    assert np.abs(error / step[:, None]).max() < 0.501
    np.testing.assert_allclose(rms(rms(error, axis=1) / step), 1 / np.sqrt(12), rtol=0.01)


def test_half_precision_errs_by_half_a_bit_of_eleven():
    weights = gaussian(64, 512)
    large = np.abs(weights) > 2.0**-14  # below, float16 has fewer bits
    assert np.abs(rounded(weights, 16) / weights - 1)[large].max() <= 2.0**-11


@pytest.mark.parametrize("bits", [16, 8])
def test_small_weights_stay(bits):
    small = gaussian(LARGE)
    assert rounded(small, bits) is small
    assert not np.array_equal(rounded(gaussian(LARGE + 1), bits), gaussian(LARGE + 1))


@pytest.mark.parametrize("shape", [(40, 60), (16, 8, 3, 3), (3, 700)])
@pytest.mark.parametrize("bits", [16, 8])
def test_what_is_rounded_is_stored_and_found_again_to_the_bit(shape, bits):
    """Also lying the other way round, as the exporter turns a matrix."""
    values = rounded(gaussian(*shape), bits)
    assert np.array_equal(rounded(values, bits), values)
    for weight in (values, np.ascontiguousarray(values.T)):
        network = of_one_weight(weight)
        store_weights(network)
        assert weight.size * bits / 8 <= stored_bytes(network) < 1.1 * weight.size * bits / 8 + 4 * max(shape)
        restore_weights(network)
        (tensor,) = network.graph.initializer
        assert tensor.name == "weight" and [node.op_type for node in network.graph.node] == ["Identity"]
        assert np.array_equal(numpy_helper.to_array(tensor), weight)


def test_weights_that_levels_would_spoil_are_in_half_precision():
    """Of 200 values in each row and column one is 1: an error of 1/127/sqrt(12) of an RMS of 1/sqrt(200)."""
    spiky = 0.01 * np.random.default_rng(6).standard_normal((200, 200)).astype(np.float32)
    np.fill_diagonal(spiky, 1.0)
    assert as_levels(spiky) is None
    for weights in (spiky, gaussian(2 * LARGE)):
        assert np.array_equal(rounded(weights, 8), rounded(weights, 16))
    assert not rounded(np.zeros((64, 64), np.float32), 8).any()


def of_one_weight(values: np.ndarray) -> onnx.ModelProto:
    output = helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, list(values.shape))
    node = helper.make_node("Identity", ["weight"], ["output"])
    weight = numpy_helper.from_array(values, "weight")
    return helper.make_model(helper.make_graph([node], "one", [], [output], initializer=[weight]))


def stored_bytes(network: onnx.ModelProto) -> int:
    return sum(numpy_helper.to_array(tensor).nbytes for tensor in network.graph.initializer)


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of a bundle with weights in 32 bits."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "tiny"))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("bits, share, near", [(16, 0.5, 2.0**-11), (8, 0.25, 0.02)])
def test_a_bundle_becomes_smaller_and_does_the_same(folder, bits, share, near):
    before, files = Bundle.load(folder), contents(folder)
    after, change = convert_weights(folder, bits)
    assert Bundle.verify(folder).fingerprint == after.fingerprint != before.fingerprint
    smaller = contents(folder)
    for name in ("encoder.onnx", "reconstruction.onnx"):  # almost all of them is one matrix
        assert len(smaller[name]) / len(files[name]) == pytest.approx(share, abs=0.06)
    assert change < near
    for name, network in before.manifest.networks.items():
        old, new = (one.session(name).probe(one.probe_axes(batch=7)) for one in (before, after))
        for output in old:
            assert rms(new[output] - old[output]) <= 2 * near * rms(old[output])
        assert after.manifest.networks[name].inputs == network.inputs
    same = {"format_version", "interface", "data", "training", "metrics", "description", "licence"}
    old, new = (one.manifest.model_dump(include=same) for one in (before, after))
    assert old == new


@pytest.mark.parametrize("bits", [16, 8])
def test_a_bundle_that_would_not_become_smaller_stays(folder, bits):
    convert_weights(folder, bits)
    files = contents(folder)
    with pytest.raises(BundleError, match=f"large weights are in {bits} bits or fewer already"):
        convert_weights(folder, bits)
    if bits == 8:
        with pytest.raises(BundleError, match="in 16 bits or fewer already"):
            convert_weights(folder, 16)
    assert contents(folder) == files


def test_a_bundle_in_half_precision_becomes_one_of_levels(folder):
    convert_weights(folder, 16)
    half = len(contents(folder)["encoder.onnx"])
    convert_weights(folder, 8)
    assert 0.5 < len(contents(folder)["encoder.onnx"]) / half < 0.65  # with a scale for each channel


def test_a_bundle_whose_outputs_would_change_too_much_stays(folder, monkeypatch):
    files = contents(folder)
    monkeypatch.setitem(stored_weights.TOLERANCE, 8, 1e-4)
    with pytest.raises(BundleError, match="an output changes by .* expected 0.01 % at most: leave it"):
        convert_weights(folder, 8)
    assert contents(folder) == files
    assert [file.name for file in folder.parent.iterdir()] == ["tiny"]


def test_command_line(folder, capsys):
    assert program.run(["bundle", "convert", str(folder), "--weight-bits", "8"]) == 0
    said = capsys.readouterr()
    fingerprint = Bundle.load(folder).fingerprint
    assert said.err == "" and said.out.count("\n") == 1
    assert f"now {fingerprint}; " in said.out and "measure it again" in said.out
    assert program.run(["bundle", "verify", str(folder)]) == 0
    assert fingerprint in capsys.readouterr().out
    assert program.run(["bundle", "convert", str(folder), "--weight-bits", "8"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("semisac: ") and said.count("\n") == 1 and "already" in said
    assert program.run(["bundle", "convert", str(folder), "--weight-bits", "4"]) == 2
    assert "expected one of 16, 8" in capsys.readouterr().err
    assert json.loads((folder / "manifest.json").read_text())["format_version"] == 2
