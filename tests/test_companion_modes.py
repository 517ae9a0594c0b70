# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every block of GNU Radio Companion in each of its modes: generated, and run for a moment."""

from __future__ import annotations

import os
import runpy
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest

pytest.importorskip("gnuradio.semisac", reason="blocks need GNU Radio and the module")
pytest.importorskip("gnuradio.grc.core.platform", reason="the test needs GNU Radio Companion")
pytest.importorskip("onnx", reason="the made-up bundles are written with the onnx package")
pytest.importorskip("PyQt5", reason="some blocks have a Qt window")

from test_companion import DEFINITIONS, platform, read  # noqa: E402, F401 - a fixture

RUNS_S = 0.1  # nothing depends on how much goes through
ITEMS = {1: 8192}  # of each input by vector length; fewer of vectors
VECTORS = 4
VARIABLES = ("semisac_frame_parameters", "semisac_radar_parameters")
# What a default cannot know: devices, packages and networks that are not there, and files of several blocks.
ONLY_DEFAULT = ("radio", "provider", "precision")
OWN_FILES = {"semisac_sigmf_sink": "path"}
NEEDED = {"semisac_mimo_ofdm_channel": {"combiner": "1.0"}}
"""Without which a mode is refused: pilots have a table of combiners."""
# Where another option asks for more than itself.
WITH = {("semisac_fading_channel", "profile"): {"channel_uses": "1"}}
# Samples without tags: such a flowgraph ends and says so. FFTW's file may be written by others right now.
EXPECTED = ("no frame_id tag", "import_wisdom")


def modes(definition: dict) -> list[dict[str, str]]:
    """Values of parameters by name: the defaults, then each other option of each parameter."""
    found: list[dict[str, str]] = [{}]
    for parameter in definition["parameters"]:
        options = [str(option) for option in parameter.get("options", [])]
        if parameter["dtype"] == "bool":
            options = ["True", "False"]
        if parameter["id"] in ONLY_DEFAULT:
            continue
        more = WITH.get((definition["id"], parameter["id"]), {})
        others = [value for value in options if value != str(parameter.get("default"))]
        found += [{parameter["id"]: value, **more} for value in others]
    return found


def set_up(flowgraph, key: str, name: str, **values: object):
    """A block in a flowgraph of GNU Radio Companion."""
    block = flowgraph.new_block(key)
    for parameter, value in {"id": name, **values}.items():
        block.params[parameter].set_value(str(value))
    return block


def feed_and_drain(flowgraph, block, name: str) -> None:
    """A few zeros to every input, and every output to nowhere."""
    flowgraph.rewrite()
    for place, port in enumerate(port for port in block.sinks if port.domain == "stream" and not port.hidden):
        kind = {"type": port.dtype, "vlen": port.vlen}
        source = set_up(flowgraph, "blocks_null_source", f"{name}_source_{place}", **kind)
        items = ITEMS.get(int(port.vlen), VECTORS)
        head = set_up(flowgraph, "blocks_head", f"{name}_head_{place}", num_items=items, **kind)
        flowgraph.rewrite()
        flowgraph.connect(source.sources[0], head.sinks[0])
        flowgraph.connect(head.sources[0], port)
    for place, port in enumerate(
        port for port in block.sources if port.domain == "stream" and not port.hidden
    ):
        sink = set_up(flowgraph, "blocks_null_sink", f"{name}_sink_{place}", type=port.dtype, vlen=port.vlen)
        flowgraph.rewrite()
        flowgraph.connect(port, sink.sinks[0])
    for port in block.sinks:
        if port.domain == "message" and not port.optional:
            strobe = set_up(flowgraph, "blocks_message_strobe", f"{name}_strobe_{port.key}")
            flowgraph.rewrite()
            flowgraph.connect(strobe.sources[0], port)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folder with bundles under the names of those that ship, and a recording."""
    from block_inputs import heard
    from driven_flow import Flow
    from gnuradio.semisac.radio.sigmf_sink import sigmf_sink
    from PyQt5 import QtWidgets
    from tiny_beam_bundle import make_tiny_beam_bundle
    from tiny_bundle import make_tiny_bundle
    from tiny_fusion_bundle import SHIPPED as SHIPPED_FUSION
    from tiny_fusion_bundle import make_tiny_fusion_bundle
    from tiny_picture_bundle import make_tiny_picture_bundle
    from tiny_target_bundle import SHIPPED, make_tiny_target_bundle

    folder = tmp_path_factory.mktemp("modes")
    make_tiny_bundle(folder / "models" / "jssc" / "awgn")
    make_tiny_picture_bundle(folder / "models" / "jssc" / "hifi", channel_uses=256)
    make_tiny_beam_bundle(folder / "models" / "vi_beam" / "deepsense")
    make_tiny_target_bundle(folder / "models" / "simac" / "small-awgn", sizes=SHIPPED)
    make_tiny_fusion_bundle(folder / "models" / "csc_sa_net" / "street", sizes=SHIPPED_FUSION)
    Flow(sigmf_sink(str(folder / "recording"), 1e6), [heard()]).run()
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMISAC_MODELS", str(folder / "models"))
        patch.chdir(folder)
        yield folder
    application.processEvents()


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.name.split(".")[0])
def test_every_mode_runs(platform, place, file: Path, capfd):  # noqa: F811 - the fixture
    key = file.name.split(".")[0]
    definition = read(file)
    flowgraph = platform.make_flow_graph()
    name = f"modes_of_{key}"
    options = flowgraph.options_block
    options.params["id"].set_value(name)
    gui = "qwidget" in str(definition["templates"].get("make"))
    options.params["generate_options"].set_value("qt_gui" if gui else "no_gui")
    set_up(flowgraph, "variable", "samp_rate", value="1e6")
    for number, mode in enumerate(modes(definition)):
        own = {OWN_FILES[key]: f"recorded_{number}"} if key in OWN_FILES else {}
        block = set_up(flowgraph, key, f"block_{number}", **mode, **own, **NEEDED.get(key, {}))
        if key not in VARIABLES:
            feed_and_drain(flowgraph, block, f"block_{number}")
    flowgraph.rewrite()
    flowgraph.validate()
    assert [f"{where}: {message}" for where, message in flowgraph.iter_error_messages()] == []
    platform.Generator(flowgraph, str(place)).write()
    capfd.readouterr()
    top = runpy.run_path(str(place / f"{name}.py"))[name]()
    top.start()
    time.sleep(RUNS_S)
    top.stop()
    top.wait()
    said = "".join(capfd.readouterr())
    errors = [line for line in said.splitlines() if "rror" in line]
    assert [line for line in errors if not any(known in line for known in EXPECTED)] == []
    assert "Traceback" not in said
