# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ONNX files without a manifest: what they take and give, and what is not run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx", reason="the files are made with the onnx package")

import onnx_files as made

from semisac_ml.runtime import Bundle, BundleError, open_onnx, signature
from semisac_ml.runtime.onnx_file import said_of_itself
from semisac_ml.runtime.onnx_model import item_types


@pytest.fixture
def file(tmp_path):
    def write(content: bytes) -> Path:
        (tmp_path / "network.onnx").write_bytes(content)
        return tmp_path / "network.onnx"

    return write


def shapes(file: Path, **how) -> dict[str, list]:
    found = signature(open_onnx(file), **how)
    return {name: tensor.shape for name, tensor in {**found.inputs, **found.outputs}.items()}


def test_batches_are_found_whatever_the_axis_is_called(file):
    assert shapes(file(made.mixer())) == {
        "symbols": ["batch", 12, 2],
        "weight": ["batch", 3],
        "mixed": ["batch", 12, 2],
        "power": ["batch", 3],
        "strongest": ["batch"],
    }
    expected = {"audio": ["batch", 12], "level": ["batch", 2], "smooth": ["batch", 12]}
    assert shapes(file(made.smoother(12))) == expected


def test_a_network_that_takes_one_item_whatever_it_says(file):
    assert shapes(file(made.rows(3))) == {"values": [1, 3], "sums": [1, 3]}


def test_open_axes_get_their_lengths(file):
    path = file(made.pictures())
    found = shapes(path, axes={"height": 4, "width": 5})
    assert found == {"picture": ["batch", 3, 4, 5], "gain": [3], "brightness": ["batch", 3]}
    with pytest.raises(BundleError, match="and height may have any length: say which, axes="):
        shapes(path)
    with pytest.raises(BundleError, match="axes names depth, the network has batch, height, width"):
        shapes(path, axes={"depth": 3})
    with pytest.raises(BundleError, match="constants names loudness, the network has gain, picture"):
        shapes(path, constants={"loudness": 3})


@pytest.mark.parametrize("value", ["loud", np.nan, [[1.0], [2.0, 3.0]]])
def test_constants_that_are_none(file, value):
    with pytest.raises(BundleError, match="constant gain is .*, expected float32 values"):
        shapes(file(made.pictures()), axes={"height": 4, "width": 5}, constants={"gain": value})


def test_items_that_can_hold_a_tensor(file):
    found = signature(open_onnx(file(made.mixer())))
    assert item_types(found.inputs["symbols"]) == [("float", 24), ("complex", 12)]
    assert item_types(found.inputs["weight"]) == [("float", 3)]
    assert item_types(found.outputs["strongest"]) == [("int", 1)]


def test_a_network_whose_inference_fails_says_why(file):
    path = file(made.pictures())
    with pytest.raises(BundleError, match="constant gain has shape \\[2\\], expected \\[3\\]"):
        shapes(path, axes={"height": 4, "width": 5}, constants={"gain": [1.0, 2.0]})


def test_what_a_file_says_of_itself(file):
    assert said_of_itself(made.mixer()) == {}
    import onnx

    model = onnx.load_from_string(made.mixer())
    model.doc_string, model.producer_name, model.producer_version = "Mixes\n symbols", "nobody", "1.0"
    onnx.helper.set_model_props(model, {"License": "MIT", "url": "example.org"})
    assert said_of_itself(model.SerializeToString()) == {
        "description": "Mixes symbols",
        "license": "MIT",
        "source": "example.org",
        "producer": "nobody 1.0",
    }


def test_the_network_of_others_that_ships_hears_notes():
    """Sines of the middle C, E and G; what ONNX Runtime itself gives for them."""
    bundle = Bundle.verify("imported/basic_pitch")
    samples = np.arange(43844) / 22050
    keys = [39, 43, 46]  # of a piano, from A0, 27.5 Hz
    chord = sum(0.3 * np.sin(2 * np.pi * 27.5 * 2 ** (key / 12) * samples) for key in keys)
    sound = chord.astype(np.float32)[None, :, None]
    found = bundle.session("network").run(**{"serving_default_input_2:0": sound})
    heard = found["StatefulPartitionedCall:1"][0, 20:150].mean(axis=0)
    assert sorted(np.argsort(heard)[-3:]) == keys
    runtime = onnxruntime.InferenceSession(
        str(bundle.path / "network.onnx"), providers=["CPUExecutionProvider"]
    )
    (expected,) = runtime.run(["StatefulPartitionedCall:1"], {"serving_default_input_2:0": sound})
    assert found["StatefulPartitionedCall:1"] == pytest.approx(expected, abs=1e-5)
