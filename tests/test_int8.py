# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles that hold networks in int8 beside those in float32."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from semisac_ml.cli import program
from semisac_ml.data import cifar10
from semisac_ml.processor import machine
from semisac_ml.runtime import Bundle, BundleError, bundle, int8_is_fast
from semisac_ml.runtime.precisions import PRECISIONS

onnx = pytest.importorskip("onnx", reason="networks in int8 are written with the onnx package")
pytest.importorskip("torch", reason="a bundle is measured with the package that trains")

from rich.console import Console  # noqa: E402

from semisac_ml.systems.jssc.measuring import bundle_metrics  # noqa: E402
from semisac_ml.training import quantisation  # noqa: E402
from semisac_ml.training.stored_weights import convert_weights  # noqa: E402

IMAGES, LABELS = cifar10.sample()[:2]


def measure(one: Bundle, part: str) -> dict:
    """Figures of a link on the images that ship."""
    return bundle_metrics(one, IMAGES, LABELS)


@pytest.fixture(scope="module")
def made(tiny_models, tmp_path_factory) -> Path:
    """The made-up bundle with int8; how much faster its networks are is not asked of this machine."""
    folder = tmp_path_factory.mktemp("models") / "jssc" / "tiny"
    shutil.copytree(tiny_models / "jssc" / "tiny", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantisation, "speedup", lambda bundle, name, *given: 3.0)
        patch.setattr(quantisation, "LEAST_SAVING", 0.0)
        quantisation.add_int8(Bundle.load(folder), measure, "the images that ship", Console(quiet=True))
    return folder


@pytest.fixture
def copy(made, tmp_path) -> Path:
    """A folder that a test may change."""
    return shutil.copytree(made, tmp_path / "jssc" / "tiny")


def refused(folder: Path, **how: str) -> str:
    """The one line that says why a bundle is not loaded."""
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_networks_in_int8_multiply_bytes(made):
    stated = Bundle.load(made).manifest.int8
    assert "encoder" in stated.networks
    content = onnx.load(made / stated.networks["encoder"].file)
    kinds = ("Conv", "MatMul", "Gemm")
    products = [node for node in content.graph.node if node.op_type in kinds]
    assert products
    makers = {node.output[0]: node.op_type for node in content.graph.node}
    assert all(makers[name] == "DequantizeLinear" for node in products for name in node.input[:2])
    weights = [onnx.numpy_helper.to_array(one) for one in content.graph.initializer]
    levels = [one for one in weights if one.dtype == np.int8 and one.size > 1]
    assert levels and max(np.abs(one.astype(int)).max() for one in levels) <= 64  # 7 bits


def test_outputs_are_those_of_float32_but_for_the_grid(made):
    chosen = {precision: Bundle.load(made, precision=precision) for precision in ("float32", "int8")}
    unit = IMAGES.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    snr_db = np.full(len(unit), 3.0, np.float32)
    symbols = {
        name: one.session("encoder").run(image=unit, snr_db=snr_db)["symbols"] for name, one in chosen.items()
    }
    error = np.sqrt(np.mean((symbols["int8"] - symbols["float32"]) ** 2) / np.mean(symbols["float32"] ** 2))
    assert 0.0 < error < 0.05  # 256 levels of the input, 127 of the weights, 256 of the output


def test_what_it_costs_stands_in_the_manifest(made):
    loaded = Bundle.load(made)
    stated = loaded.manifest.int8
    found = {name: measure(loaded.placed(precision=name), "test") for name in ("float32", "int8")}
    assert stated.metrics.keys() == stated.change.keys() == found["int8"].keys()
    for name, metric in stated.metrics.items():
        assert metric.value == pytest.approx(found["int8"][name]["value"], rel=1e-6)
        change = found["int8"][name]["value"] - found["float32"][name]["value"]
        assert stated.change[name] == pytest.approx(change, rel=1e-3, abs=1e-9)
    assert stated.speedup["encoder"] == 3.0
    assert stated.calibration == "the images that ship"


@pytest.mark.parametrize("fast", [True, False])
def test_the_session_takes_what_the_processor_is_fast_in(made, monkeypatch, fast):
    monkeypatch.setattr(bundle, "int8_is_fast", lambda: fast)
    loaded = Bundle.load(made, precision="auto")
    assert loaded.precision_of("encoder") == ("int8" if fast else "float32")
    assert (".int8.onnx" in loaded.session("encoder").name) == fast
    assert loaded.placed(precision="int8").precision_of("encoder") == "int8"
    assert loaded.placed(precision="float32").precision_of("encoder") == "float32"
    assert loaded.precision_of("encoder", provider="cuda") == "float32"
    assert Bundle.load(made).precision_of("encoder") == "float32"  # evaluations do not hang on the machine


@pytest.mark.parametrize(
    ("text", "fast"),
    [
        ("model name\t: some\nflags\t\t: fpu sse2 avx avx2 fma\n", True),
        ("flags\t\t: fpu sse2 avx2 avx512f avx512_vnni amx_int8\n", True),
        ("flags\t\t: fpu sse2 avx\n", False),
        ("CPU part\t: 0xd0b\nFeatures\t: fp asimd atomics asimddp\n", True),
        ("Features\t: fp asimd\n", False),
        ("", False),
    ],
)
def test_what_a_processor_says_of_itself(tmp_path, text, fast):
    (tmp_path / "cpuinfo").write_text(text)
    assert int8_is_fast(tmp_path / "cpuinfo") == fast


def test_a_machine_is_named_with_what_tells_it_from_others_of_its_name(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("model name\t: AMD  EPYC\nflags\t\t: fpu avx2 avx512f avx512_vnni\n" * 2)
    assert machine(file).startswith("AMD EPYC with AVX-512 VNNI, ")
    assert machine(tmp_path / "absent").startswith("unknown processor, ")


def test_a_system_that_says_nothing_of_its_processor(tmp_path):
    assert not int8_is_fast(tmp_path / "absent")


def test_a_bundle_without_int8_says_so(tiny_bundle):
    assert "jssc/tiny holds no network in int8: choose float32" in refused(tiny_bundle, precision="int8")
    with pytest.raises(ValueError, match="precision is 'int4', expected one of auto, float32, int8"):
        Bundle.load(tiny_bundle, precision="int4")
    assert PRECISIONS == ("auto", "float32", "int8")


def test_int8_is_for_the_processor(made):
    with pytest.raises(BundleError, match="int8 runs on provider cpu, not on cuda"):
        Bundle.load(made).placed(provider="cuda", precision="int8")


def test_a_damaged_file_is_named(copy):
    file = copy / "encoder.int8.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert f"{file}: networks.encoder.sha256: is " in refused(copy, precision="float32")


def test_int8_of_a_network_that_is_not_there(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["int8"]["networks"]["nobody"] = manifest["int8"]["networks"].pop("encoder")
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert "int8 holds nobody, expected one of encoder" in refused(copy)


def test_all_precisions_are_verified(copy):
    assert Bundle.verify(copy).manifest.int8
    (copy / "encoder.int8.onnx").unlink()
    with pytest.raises(BundleError, match=r"encoder.int8.onnx: networks.encoder.file: is missing"):
        Bundle.verify(copy)


def test_other_weights_have_other_int8(copy):
    after, _ = convert_weights(copy, 8)
    assert after.manifest.int8 is None
    assert not list(copy.glob("*.int8.onnx"))


def test_int8_again_gives_the_same_files(copy, monkeypatch):
    monkeypatch.setattr(quantisation, "speedup", lambda bundle, name, *given: 3.0)
    monkeypatch.setattr(quantisation, "LEAST_SAVING", 0.0)
    before = Bundle.load(copy)
    after = quantisation.add_int8(before, measure, "the images that ship", Console(quiet=True))
    assert after.fingerprint == before.fingerprint


def test_what_saves_nothing_changes_nothing(tiny_bundle, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_bundle, tmp_path / "jssc" / "tiny")
    monkeypatch.setattr(quantisation, "speedup", lambda bundle, name, *given: 0.9)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(BundleError, match="int8 saves less than 2% of the time of all networks on this"):
        quantisation.add_int8(Bundle.load(folder), measure, "", Console(quiet=True))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--run", "x", "--precision", "bf16"),
            "--precision is 'bf16', expected float32 or int8: ONNX Runtime",
        ),
        ((), "--run is missing, expected the folder of a finished training, or --bundle"),
        (("--bundle", "jssc/tiny"), "--bundle is a bundle already, expected --precision int8 with it"),
        (
            ("--bundle", "jssc/tiny", "--precision", "int8", "--output", "y"),
            "--output is given with --bundle, which is changed where it is: leave it out",
        ),
    ],
)
def test_mistakes_of_export_are_one_line(tiny_bundle, capsys, arguments, said):
    assert program.run(["export", "jssc", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"semisac: {said}") and told.count("\n") == 1


def test_verify_names_each_file(made, capsys):
    assert program.run(["bundle", "verify", str(made)]) == 0
    shown = capsys.readouterr().out
    assert "encoder: encoder.onnx, " in shown and "encoder: encoder.int8.onnx, " in shown


def test_show_tells_of_int8(made, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    assert program.run(["bundle", "show", str(made)]) == 0
    shown = capsys.readouterr().out
    assert "in int8" in shown and "encoder 3 times as fast" in shown
