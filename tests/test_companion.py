# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GNU Radio Companion: the blocks' definitions, and the example flowgraphs from opening to running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("gnuradio.semisac", reason="the examples need GNU Radio and the module")
companion = pytest.importorskip("gnuradio.grc.core.platform", reason="the examples need GNU Radio Companion")

ROOT = Path(__file__).resolve().parents[1]
DEFINITIONS = sorted((ROOT / "grc").glob("*.block.yml"))
EXAMPLES = sorted((ROOT / "examples").glob("*.grc"))
COMPILER = "/usr/bin/grcc"


def read(file: Path) -> dict:
    """Content of a block's definition."""
    import yaml

    return yaml.safe_load(file.read_text())


@pytest.fixture(scope="module")
def platform():
    """GNU Radio Companion with the blocks of this source tree."""
    from gnuradio import gr

    versions = (gr.major_version(), gr.api_version(), gr.minor_version())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRC_BLOCKS_PATH", str(ROOT / "grc"))
        made = companion.Platform(name="test", prefs=gr.prefs(), version=gr.version(), version_parts=versions)
        made.build_library()
        yield made


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.name.split(".")[0])
def test_every_parameter_and_port_is_documented(platform, file):
    block = platform.blocks[file.name.split(".")[0]]
    assert block.category == ["semisac"]
    documentation = " ".join(block.documentation[""].split())
    for parameter in read(file)["parameters"]:
        name = re.sub(r" +\(.*\)$", "", parameter["label"])
        assert name == "GUI hint" or f"{name}:" in documentation, f"{name} is not documented"
    for port in read(file).get("inputs", []) + read(file).get("outputs", []):
        name = port.get("label") or port["id"]
        assert re.search(rf"\b{name}\b( \(message\))?:", documentation), f"{name} is not documented"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_opens_without_errors(platform, file):
    flowgraph = platform.make_flow_graph(str(file))
    flowgraph.rewrite()
    flowgraph.validate()
    assert [f"{element}: {message}" for element, message in flowgraph.iter_error_messages()] == []
    assert not any(block.is_dummy_block for block in flowgraph.blocks)
    assert str(ROOT.parent) not in file.read_text()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_runs(tmp_path, example):
    """With a made-up bundle under the shipped one's name; Qt draws off screen."""
    pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")
    pytest.importorskip("PyQt5", reason="the example has a Qt window")
    if not Path(COMPILER).exists():
        pytest.skip("grcc is not installed")
    from tiny_bundle import make_tiny_bundle

    make_tiny_bundle(tmp_path / "models" / "jssc" / "awgn")
    environment = {
        **os.environ,
        "GRC_BLOCKS_PATH": str(ROOT / "grc"),
        "SEMISAC_MODELS": str(tmp_path / "models"),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(tmp_path),
        "HOME": str(tmp_path),  # FFTW's wisdom of its own: others may write theirs at the same moment
    }
    compiled = subprocess.run(
        [sys.executable, COMPILER, "-o", str(tmp_path), str(example)],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    program = subprocess.Popen(
        [sys.executable, str(tmp_path / f"{example.stem}.py")],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        while program.poll() is None and not thread_runs(program.pid, "image_source"):
            time.sleep(0.05)
        time.sleep(2.0)  # so that some images are shown
        program.send_signal(signal.SIGTERM)
        output, _ = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 0, output
    assert "rror" not in output, output


def thread_runs(process_id: int, name: str) -> bool:
    """Whether GNU Radio's thread of a block runs (it bears the block's name)."""
    names = []
    for thread in Path(f"/proc/{process_id}/task").glob("*/comm"):
        try:
            names.append(thread.read_text())
        except OSError:  # ended meanwhile
            continue
    return any(found.startswith(name) for found in names)
