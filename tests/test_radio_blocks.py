# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radios as blocks of a flowgraph: in hierarchical blocks, run after run, changed while they run; and the
blocks around a radio's clock as GNU Radio Companion makes them.
"""

from __future__ import annotations

import runpy
import threading
from pathlib import Path

import numpy as np
import pmt
import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")

from block_testing import frames as random_symbols  # noqa: E402
from block_testing import source  # noqa: E402
from gnuradio import blocks, gr, semisac  # noqa: E402
from gnuradio.semisac.radio import companion  # noqa: E402
from patience import until  # noqa: E402
from radio_testing import message_log  # noqa: E402

from semisac_ml.signal.frame import FrameParameters  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
RATE_HZ = 1e6
FRAME = FrameParameters(sample_rate_hz=RATE_HZ, fft_size=64, prefix_samples=16, images_per_frame=8)
SIMULATION = {"radio": "simulation", "sample_rate_hz": RATE_HZ, "options": {"time_scale": 0.0}}


class station(gr.hier_block2):
    """Frames of random symbols, and the radio that sends them: what Companion makes of a Hier Block."""

    def __init__(self):
        gr.hier_block2.__init__(self, "station", gr.io_signature(0, 0, 0), gr.io_signature(0, 0, 0))
        self.symbols = source(random_symbols(40 * FRAME.images_per_frame))
        self.modulator = semisac.frame_modulator(FRAME)
        self.sink = companion.radio_sink(self, FRAME, **SIMULATION)
        self.connect(self.symbols, self.modulator, self.sink)

    def scheduled(self) -> int:
        return self.sink.status()["frames_scheduled"]


def watched() -> int:
    """Radios that are looked after: those that run."""
    return sum(one.name == "radio_watch" for one in threading.enumerate())


def run_until(flowgraph, condition) -> None:
    flowgraph.start()
    until(condition)
    flowgraph.stop()
    flowgraph.wait()


@pytest.mark.parametrize("deep", [False, True])
def test_a_radio_in_a_hierarchical_block_begins_and_ends_with_the_flowgraph(deep):
    inner = station()
    top = gr.top_block()
    if deep:
        top.room = gr.hier_block2("room", gr.io_signature(0, 0, 0), gr.io_signature(0, 0, 0))
        top.room.parts = [inner]
        top.room.connect(inner)
        top.connect(top.room)
    else:
        top.inner = inner
        top.connect(inner)
    for _ in range(2):
        before = watched()
        run_until(top, lambda: inner.scheduled() == 40)
        assert watched() == before
        inner.symbols.rewind()


def test_a_flowgraph_without_the_radio_leaves_it_alone():
    inner, other = station(), gr.top_block()
    before = watched()
    other.connect(blocks.vector_source_c([0.0]), blocks.null_sink(8))
    other.run()
    assert inner.scheduled() == 0
    assert watched() == before


class sending(gr.top_block):
    """The same without a hierarchical block."""

    def __init__(self, **changes):
        gr.top_block.__init__(self, "sending")
        self.symbols = source(random_symbols(40 * FRAME.images_per_frame))
        self.modulator = semisac.frame_modulator(FRAME)
        self.sink = companion.radio_sink(self, FRAME, **{**SIMULATION, **changes})
        self.keeper = message_log()
        self.connect(self.symbols, self.modulator, self.sink)
        self.msg_connect(self.sink, "events", self.keeper, "in")

    def command(self, message) -> None:
        self.sink._messages.to_basic_block()._post(pmt.intern("command"), message)


def test_a_device_that_was_lost_runs_again():
    top = sending()
    top.start()
    top.sink.radio.events.add("vanished", reason="unplugged")
    top.wait()  # the block stops the flowgraph
    top.symbols.rewind()
    run_until(top, lambda: top.sink.status()["frames_scheduled"] == 40)


def test_events_are_messages():
    top = sending()
    top.sink.radio.transmitter.inject_late(2)
    run_until(top, lambda: len(top.keeper.messages) >= 2)
    first, second = map(pmt.to_python, top.keeper.messages)
    assert (first["kind"], first["count"], first["frame_id"]) == ("late", 1, 0)
    assert second["frame_id"] == 8


def test_gain_and_carrier_change_by_message_and_slider(monkeypatch, tmp_path):
    pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")
    import uhd_stub

    stub = uhd_stub.Stub(lambda channels: None).install(monkeypatch)
    top = sending(radio="usrp", options={})
    uhd_stub.Stub.run_on_samples(top.sink.radio)
    top.start()
    top.sink.set_tx_gain_db(11.0)  # as Companion's slider does
    top.sink.set_rx_gain_db(5.0)  # it has no receiver: told in the log
    for message in (
        pmt.cons(pmt.intern("tx_gain_db"), pmt.from_double(12.5)),
        pmt.dict_add(pmt.make_dict(), pmt.intern("center_frequency_hz"), pmt.from_long(2_400_000_000)),
        pmt.intern("louder"), pmt.cons(pmt.intern("tx_gain_db"), pmt.intern("much")), pmt.PMT_NIL,
        pmt.cons(pmt.intern("tx_gain_db"), pmt.from_long(13)),
    ):  # fmt: skip
        top.command(message)
    until(lambda: ("usrp_sink", "set_gain", 13.0, 0) in stub.device.calls)
    top.stop()
    top.wait()
    gains = [call[2] for call in stub.device.calls if call[1] == "set_gain"]
    assert gains == [0.0, 11.0, 12.5, 13.0, 0.0]
    assert ("usrp_sink", "set_center_freq", 2.4e9, 0) in stub.device.calls


def test_a_radio_whose_gain_is_fixed_goes_on():
    top = sending()
    top.start()
    top.sink.set_tx_gain_db(3.0)
    top.stop()
    top.wait()


@pytest.fixture(scope="module")
def platform():
    """GNU Radio Companion with the blocks of this source tree."""
    made = pytest.importorskip("gnuradio.grc.core.platform", reason="GNU Radio Companion is missing")
    versions = (gr.major_version(), gr.api_version(), gr.minor_version())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRC_BLOCKS_PATH", str(ROOT / "grc"))
        found = made.Platform(name="test", prefs=gr.prefs(), version=gr.version(), version_parts=versions)
        found.build_library()
        yield found


def generated(platform, folder: Path, blocks: list[dict], wires: list[tuple[str, str]]):
    """The flowgraph that Companion makes of blocks, and of wires between their first ports."""
    import yaml

    for block in blocks:
        block["states"] = {"state": "enabled"}
    graph = {
        "options": {
            "parameters": {"id": "made", "generate_options": "no_gui"}, "states": {"state": "enabled"},
        },
        "blocks": blocks, "connections": [[one, "0", other, "0"] for one, other in wires],
        "metadata": {"file_format": 1},
    }  # fmt: skip
    (folder / "made.grc").write_text(yaml.safe_dump(graph))
    _, file = platform.load_and_generate_flow_graph(str(folder / "made.grc"), str(folder))
    assert file
    return runpy.run_path(str(folder / "made.py"))["made"]()


@pytest.mark.parametrize("start_s", [0.0, 1234.5])
def test_a_radio_of_blocks_works_in_companion(platform, tmp_path, start_s):
    """Bursts through Simulated Transmitter, Receiver and Gap Filler: without a start time none ever left."""
    uses = random_symbols(1).shape[1]
    start = {"start_time_s": str(start_s)}
    rate = {"sample_rate_hz": str(RATE_HZ)}
    blocks_of = [
        {"name": "symbols", "id": "blocks_vector_source_x",
         "parameters": {"type": "complex", "vector": f"[1 + 1j] * {uses}", "vlen": str(uses),
                        "repeat": "True"}},
        {"name": "modulator", "id": "semisac_frame_modulator", "parameters": {}},
        {"name": "scheduler", "id": "semisac_frame_scheduler",
         "parameters": {"mode": "bursts", "lead_time_s": "0.5", **rate, **start}},
        {"name": "transmitter", "id": "semisac_simulated_transmitter", "parameters": {**rate, **start}},
        {"name": "receiver", "id": "semisac_simulated_receiver", "parameters": {**rate, **start}},
        {"name": "filler", "id": "semisac_gap_filler", "parameters": {**rate, **start}},
        {"name": "sink", "id": "blocks_vector_sink_x", "parameters": {"type": "complex"}},
    ]  # fmt: skip
    names = [block["name"] for block in blocks_of]
    top = generated(platform, tmp_path, blocks_of, list(zip(names, names[1:], strict=False)))
    top.start()
    until(lambda: top.scheduler.frames_scheduled() > 5)
    until(lambda: np.any(np.abs(top.sink.data()) > 0.1))
    top.stop()
    top.wait()
    assert top.scheduler.start_time() == divmod(start_s, 1.0)
    assert top.filler.start_time() == divmod(start_s, 1.0)
    assert top.filler.gaps() == 0


def test_the_scheduler_follows_the_clock_of_the_computer(platform, tmp_path):
    """As for UHD: USRP Sink whose time is set from it."""
    made = [
        {"name": "scheduler", "id": "semisac_frame_scheduler",
         "parameters": {"mode": "bursts", "sample_rate_hz": "1e6", "start_time_s": "1000.25",
                        "time_now_s": "1000.0"}},
        {"name": "source", "id": "blocks_null_source", "parameters": {}},
        {"name": "sink", "id": "blocks_null_sink", "parameters": {}},
    ]  # fmt: skip
    top = generated(platform, tmp_path, made, [("source", "scheduler"), ("scheduler", "sink")])
    assert top.scheduler.start_time() == (1000, 0.25)
