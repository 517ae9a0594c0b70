# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``semisac bundle import``: a bundle round anybody's ONNX file, told by options or at a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG_S

pytest.importorskip("onnx", reason="the files are made with the onnx package")

import onnx
import onnx_files as made

import semisac_ml
from semisac_ml.cli import program
from semisac_ml.runtime import AnyNetwork, Bundle

pytestmark = pytest.mark.slow
WORDS = ("--description", "Mixes", "--licence", "MIT", "--source", "tests")


@pytest.fixture
def mixer(tmp_path):
    (tmp_path / "Mixer 2.onnx").write_bytes(made.mixer())
    return tmp_path / "Mixer 2.onnx"


@pytest.fixture
def semisac(capsys, tmp_path, monkeypatch):
    """Run a command line where nobody sits at the terminal: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = program.run(["bundle", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_options_say_what_the_file_does_not(semisac, mixer, tmp_path):
    code, out, err = semisac(
        "import", str(mixer), *WORDS, "--data", "noise", "--complex", "symbols", "--complex", "mixed",
        "--unit", "weight=1", "--range", "weight=0:2",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.startswith("imported/mixer_2: fingerprint ")
    assert (
        "inputs=[('complex', 12), ('float', 3)], outputs=[('complex', 12), ('float', 3), ('int', 1)]" in out
    )
    bundle = Bundle.verify(tmp_path / "models" / "imported" / "mixer_2")
    manifest = bundle.manifest
    assert (manifest.description, manifest.licence, manifest.data.name) == ("Mixes", "MIT", "noise")
    assert bundle.interface(AnyNetwork).source == "tests"
    assert bundle.interface(AnyNetwork).complex_tensors == ["symbols", "mixed"]
    weight = manifest.networks["network"].inputs[1]
    assert (weight.shape, weight.unit, weight.range) == (["batch", 3], "1", [0.0, 2.0])
    assert semisac("verify", str(bundle.path))[0] == 0
    assert "tests" in semisac("show", str(bundle.path))[1]


def test_as_json(semisac, mixer, tmp_path):
    code, out, err = semisac("import", str(mixer), *WORDS, "--output", "own", "--name", "mix", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["bundle"] == "imported/mix"
    assert told["inputs"] == [["float", 24], ["float", 3]]
    assert told["fingerprint"] == Bundle.load(tmp_path / "own").fingerprint


def test_the_file_may_say_it_itself(semisac, mixer):
    model = onnx.load(mixer)
    model.doc_string = "Mixes symbols"
    onnx.helper.set_model_props(model, {"license": "MIT", "url": "example.org"})
    mixer.write_bytes(model.SerializeToString())
    code, out, err = semisac("import", str(mixer), "--output", "own", "--json")
    assert (code, err) == (0, "")
    manifest = Bundle.load("own").manifest
    assert (manifest.description, manifest.licence) == ("Mixes symbols", "MIT")
    assert manifest.interface.source == "example.org"


def test_open_axes_are_fixed(semisac, tmp_path):
    (tmp_path / "pictures.onnx").write_bytes(made.pictures())
    code, _, err = semisac("import", "pictures.onnx", *WORDS)
    assert code == 2
    assert "--axis height=LENGTH is missing" in err
    code, out, _ = semisac("import", "pictures.onnx", *WORDS, "--axis", "height=4", "--axis", "width=5")
    assert code == 0
    assert "inputs=[('float', 60), ('float', 3)]" in out
    (picture, _), _ = (getattr(Bundle.load("models/imported/pictures").manifest.networks["network"], kind)
                       for kind in ("inputs", "outputs"))  # fmt: skip
    assert picture.shape == ["batch", 3, 4, 5]


def test_a_network_that_takes_one_item(semisac, tmp_path):
    (tmp_path / "rows.onnx").write_bytes(made.rows(3))
    assert semisac("import", "rows.onnx", *WORDS)[0] == 0
    assert Bundle.verify("models/imported/rows").manifest.networks["network"].inputs[0].shape == [1, 3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--description is missing, and the file does not say it: there is no terminal to ask at"),
        (("--description", "Mixes"), "--licence is missing"),
        (("--description", "Mixes", "--licence", "MIT"), "--source is missing"),
        (
            (*WORDS, "--complex", "weight"),
            "complex names weight, expected real numbers with a last axis of two",
        ),
        ((*WORDS, "--complex", "sound"), "complex names sound, the network has symbols, weight, mixed"),
        ((*WORDS, "--unit", "sound=m"), "--unit names sound, the network has symbols"),
        ((*WORDS, "--unit", "weight"), "--unit is 'weight', expected NAME=VALUE"),
        ((*WORDS, "--range", "weight=2:1"), "--range weight is '2:1', expected LOW:HIGH such as -1:1"),
        ((*WORDS, "--range", "weight=0:inf"), "--range weight is '0:inf'"),
        ((*WORDS, "--axis", "height=4"), "axes names height, the network has batch"),
        ((*WORDS, "--axis", "batch=no"), "--axis batch is 'no', expected a length of 1 or more"),
        ((*WORDS, "--name", "Big Mixer"), "--name is 'Big Mixer', expected lower-case letters"),
        ((*WORDS, "--output", "."), "holds Mixer 2.onnx, no part of a bundle"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(semisac, mixer, tmp_path, words, said):
    code, out, err = semisac("import", str(mixer), *words)
    assert (code, out) == (2, "")
    assert err.startswith("semisac: ") and err.count("\n") == 1
    assert said in err
    assert [file.name for file in tmp_path.iterdir()] == [mixer.name]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no network", "network.onnx: it is "),
        (made.external(), "weights w lie in another file"),
        (made.custom(), "the operator com.example:Foo is a custom one"),
        (made.broken(float("nan")), "weights w hold NaN"),
        (made.broken(float("inf")), "weights w hold infinity"),
        (made.rows(3, "batch"), "says that its axis batch may have any length, and takes one item alone"),
    ],
)
def test_files_that_cannot_be_run(semisac, tmp_path, content, said):
    (tmp_path / "network.onnx").write_bytes(content)
    code, _, err = semisac("import", "network.onnx", *WORDS)
    assert code == 2
    assert said in err and err.count("\n") == 1


def test_a_terminal_is_asked(mixer, tmp_path):
    """Every answer in its place; the last questions are passed by with Enter."""
    there, here = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(semisac_ml.__file__).parents[1])}
    asking = subprocess.Popen(
        [sys.executable, "-m", "semisac_ml.cli", "bundle", "import", str(mixer), "--licence", "MIT"],
        stdin=here, stderr=here, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    os.close(here)
    answers = [
        "",
        "Mixes",
        "a drawer",
        "",
        "symbols, mixed",
        *[""] * 5,
        "-3:3",
        "",
    ]  # Enter is no description
    os.write(there, "".join(f"{answer}\n" for answer in answers).encode())
    out, _ = asking.communicate(timeout=HANG_S)
    said = os.read(there, 1 << 16).decode()
    os.close(there)
    assert asking.returncode == 0, said
    assert "what it does, in a line: " in said and "range of symbols, LOW:HIGH, or nothing: " in said
    assert "inputs=[('complex', 12), ('float', 3)]" in out
    manifest = Bundle.load(tmp_path / "models" / "imported" / "mixer_2").manifest
    assert (manifest.description, manifest.licence, manifest.data.name) == ("Mixes", "MIT", "unknown")
    assert manifest.interface.source == "a drawer"
    assert manifest.networks["network"].inputs[0].range == [-3.0, 3.0]
