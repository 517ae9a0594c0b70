# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kind of link is one module that the host finds: options, data, figures and sections of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import HANG_S

pytest.importorskip("gnuradio.semisac", reason="links run in flowgraphs")
pytest.importorskip("onnx", reason="the made-up bundle is written with the onnx package")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]
APPS = Path(__file__).resolve().parents[1] / "apps"

MANIFEST = '''
"""Bundles of tones."""
from semisac_ml.runtime.interfaces import Interface as Base
class Interface(Base):
    """length: of a tone, samples."""
    length: int
'''
LINK = '''
"""Tones, some of which are louder."""
from pathlib import Path
from common.results import Row, decimals
from cyclopts import Group, Parameter
from gnuradio import blocks
from loopback.link import Link, link_flowgraph
from loopback.pages import render
from pydantic import Field
from semisac_ml.command_line import Options
from semisac_ml.signal import metrics
from semisac_ml.systems.tones.manifest import Interface

@Parameter(group=Group("Tones"))
class ToneOptions(Options):
    """How loud they are."""
    level_db: float = Field(0.0, le=20, description="Power of a sample.")

class Tones(Link):
    """A constant."""
    INTERFACE = Interface
    SERVES = "tones"
    ITEMS = "tones"
    DATA = "**silence**"
    OPTIONS = (ToneOptions,)
    ROWS = {"power_db": Row("Loudness", decimals(1, " dB"))}
    TILES = ("power_db",)
    def load(self):
        self.source = "nothing but tones"
        return 5
    def flowgraph(self, count):
        length = self.bundle.interface(Interface).length
        return tones_flowgraph(count * length, 10 ** (self.chosen(ToneOptions).level_db / 20))
    def conditions(self):
        return [f"tones at {self.chosen(ToneOptions).level_db:g} dB"]
    def settings(self):
        return self.chosen(ToneOptions).model_dump()
    def sections(self, kept, figures):
        return render(Path(__file__).with_name("tones.html.j2"), heard=kept)

class tones_flowgraph(link_flowgraph):
    def __init__(self, samples, amplitude):
        link_flowgraph.__init__(self, "tones")
        self.source, self.sink = blocks.vector_source_c([amplitude] * samples), blocks.vector_sink_c()
        self.connect(self.source, self.sink)
    def done(self):
        return len(self.sink.data())
    def figures(self, finished, patience_s):
        import numpy as np
        return {"power_db": metrics.mean(20 * np.log10(np.abs(self.sink.data())))}
    def kept(self):
        return f"{self.done()} samples < all"
'''
SECTION = "<h2>Tones of the link</h2><p>{{ heard }}</p>\n"
START = (
    "import sys; sys.path.insert(0, {apps!r}); from loopback import command, links;"
    "links.__path__.append({folder!r}); sys.exit(command.run(sys.argv[1:]))"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Path:
    """A folder with the system `tones`, its bundle tones/first, and the module of its link."""
    from tiny_bundle import encoder

    place = tmp_path_factory.mktemp("own")
    for name, files in {
        "systems/tones": {"__init__.py": "", "manifest.py": MANIFEST},
        "links": {"tones.py": LINK, "tones.html.j2": SECTION},
    }.items():
        (place / name).mkdir(parents=True)
        for file, text in files.items():
            (place / name / file).write_text(text)
    (place / "encoder.onnx").write_bytes(encoder())
    program = """
import sys
from pathlib import Path
from semisac_ml.runtime import write_bundle
training = {"command": "none", "seed": 0, "commit": "none", "date": "2026-01-01", "versions": {}}
write_bundle(
    "models/tones/first", networks={"encoder": Path("encoder.onnx").read_bytes()}, system="tones",
    name="first", description="Tones.", licence="CC0-1.0", interface={"length": 7},
    data={"name": "none", "split": "none"}, training=training, metrics={},
)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=place, env=environment(place), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return place


def environment(place: Path, *models: Path) -> dict[str, str]:
    bundles = os.pathsep.join(map(str, (place / "models", *models)))
    own = {"SEMISAC_SYSTEMS": str(place / "systems"), "SEMISAC_MODELS": bundles}
    return {**os.environ, "COLUMNS": "120", **own}


@pytest.fixture
def call(folder, tiny_models):
    """Call run_loopback.py as if the link's module lay with the others."""
    program = START.format(apps=str(APPS), folder=str(folder / "links"))

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=folder,
            env=environment(folder, tiny_models),
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )

    return run


def test_a_link_is_one_module(folder, call):
    done = call("--bundle", "tones/first", "--level-db", "6", "--json", "figures.json")
    assert done.returncode == 0, done.stderr
    assert "tones at 6 dB" in done.stdout and "Loudness" in done.stdout
    content = json.loads((folder / "figures.json").read_text())
    assert content["metrics"]["power_db"]["value"] == pytest.approx(6.0, abs=1e-5)
    assert content["metrics"]["power_db"]["n"] == 5 * 7
    assert content["settings"] == {"images": 5, "data": "nothing but tones", "level_db": 6.0}
    report = (folder / "report.html").read_text()
    assert "<h2>Tones of the link</h2><p>35 samples &lt; all</p>" in report
    assert "<small>Loudness</small><b>6.0 dB</b>" in report
    assert "Sent and received" not in report and "On the air" not in report


def test_help_shows_the_options_of_all_links(call):
    shown = call("--help").stdout
    for text in ("Tones", "--level-db", "at most 20", "silence", "Pictures of any size", "--picture-size"):
        assert text in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tones/first", "--level-db", "21"), "--level-db is 21, expected at most 20"),
        (("tones/first", "--picture-size", "64"), "--picture-size does nothing with this --bundle, expected"),
        (("tones/first", "--phy", "lfm"), "--phy does nothing with this --bundle, expected one for images"),
        (("jssc/tiny", "--level-db", "3"), "--level-db does nothing with this --bundle, expected one for to"),
        (("vi_beam/street",), "bundle vi_beam/street predicts beams, expected one for images"),
    ],
)
def test_options_of_others_are_refused(call, arguments, said):
    done = call("--bundle", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"run_loopback: {said}")
