# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the transmitter of every radio does at the end: nothing, or somebody says that it may not be so.

The same question for each radio that there is; a new one must answer it too.
"""

from __future__ import annotations

import errno

import pytest

pytest.importorskip("gnuradio.semisac", reason="radios need GNU Radio and the module")

import radio_labs  # noqa: E402
from gnuradio import blocks, gr, zeromq  # noqa: E402
from gnuradio.semisac.radio import RadioError, RadioSettings, open_front_end, radios  # noqa: E402
from gnuradio.semisac.radio.watch import _thread_names  # noqa: E402
from patience import HANG_S, until  # noqa: E402
from radio_labs import CARRIER_HZ, FRAME, RATE_HZ  # noqa: E402

pytestmark = pytest.mark.slow


class Device:
    """A radio that is made up, and what its transmitter does."""

    name = ""
    address = ""
    sender = ""  # beginning of the name of the thread of the block that sends
    tx_gain_db = 0.0

    def __init__(self, monkeypatch, tmp_path):
        self.lab = None

    def open(self):
        """Front end for the role "transmit", not configured."""
        settings = RadioSettings(
            self.name,
            self.address,
            sample_rate_hz=RATE_HZ,
            center_frequency_hz=CARRIER_HZ,
            tx_gain_db=self.tx_gain_db,
            timeout_s=HANG_S,
        )
        return open_front_end(settings, FRAME, "transmit")

    def start(self, front_end):
        """Flowgraph that sends."""
        flow = radio_labs.station(front_end, 400)
        flow.begin()
        return flow

    def break_set_up(self) -> None:
        """The next set-up fails, behind whatever switches the transmitter on."""
        raise NotImplementedError

    def sends(self) -> bool:
        """Whether the transmitter may be on, read from the device itself."""
        return any(name.startswith(self.sender[:8]) for name in _thread_names())

    def close(self) -> None:
        if self.lab is not None:
            self.lab.close()


class Simulation(Device):
    """Sends while its block runs."""

    name, sender = "simulation", "simulated_transmitter"

    def break_set_up(self):
        pytest.skip("nothing in its set-up can fail")


class File(Device):
    """A recording that is not finished goes on being written."""

    name, sender = "file", "sigmf_sink"

    def __init__(self, monkeypatch, tmp_path):
        super().__init__(monkeypatch, tmp_path)
        self._folder = tmp_path
        self.address = str(tmp_path / "sent")

    def break_set_up(self):
        (self._folder / "sent.sigmf-meta").write_text("{}")
        (self._folder / "sent.sigmf-data").write_bytes(b"")

    def sends(self):
        return super().sends() or any("unfinished" in file.name for file in self._folder.iterdir())


class Zmq(Device):
    """Sends while its block runs."""

    name, sender = "zmq", "push_sink"

    def __init__(self, monkeypatch, tmp_path):
        super().__init__(monkeypatch, tmp_path)
        self.address = f"ipc://{tmp_path}/air"
        self._listener: gr.top_block | None = None

    def start(self, front_end):
        self._listener = gr.top_block()
        source = zeromq.pull_source(gr.sizeof_gr_complex, 1, self.address, 100, True)
        self._listener.connect(source, blocks.null_sink(gr.sizeof_gr_complex))
        self._listener.start()
        return super().start(front_end)

    def close(self):
        if self._listener is not None:
            self._listener.stop()
            self._listener.wait()

    def break_set_up(self):
        self.address = "ipc:///no/such/folder/air"


class Usrp(Device):
    """Its gain is the least at the end."""

    name, tx_gain_db = "usrp", 20.0

    def __init__(self, monkeypatch, tmp_path):
        super().__init__(monkeypatch, tmp_path)
        pytest.importorskip("gnuradio.uhd", reason="the front end needs gr-uhd")
        self.lab = radio_labs.usrp(monkeypatch)
        self._monkeypatch = monkeypatch

    def start(self, front_end):
        self.lab.stub.run_on_samples(front_end)
        return super().start(front_end)

    def break_set_up(self):
        def fail(*arguments):
            raise RuntimeError("the device went")

        import uhd_stub

        self._monkeypatch.setattr(uhd_stub.usrp_sink, "get_clock_rate", fail)

    def sends(self):
        gains = [call[2] for call in self.lab.stub.device.calls if call[:2] == ("usrp_sink", "set_gain")]
        return bool(gains) and gains[-1] != 0.0


class Pluto(Device):
    """Gain, oscillator, buffer and tones of the device, read back."""

    name, tx_gain_db = "pluto", -3.0

    def __init__(self, monkeypatch, tmp_path):
        super().__init__(monkeypatch, tmp_path)
        pytest.importorskip("adi", reason="the front end needs pyadi-iio")
        self.lab = radio_labs.pluto(monkeypatch)
        self.address = self.lab.server.uri

    def break_set_up(self):
        self.lab.server.inject("WRITE .* OUTPUT altvoltage1 powerdown", errno.EIO, times=1)

    def sends(self):
        return not self.lab.server.device.is_silent()


DEVICES = {kind.name: kind for kind in (Simulation, File, Zmq, Usrp, Pluto)}


def test_every_radio_is_asked():
    assert sorted(DEVICES) == radios()


@pytest.fixture(params=radios())
def device(request, monkeypatch, tmp_path):
    monkeypatch.setenv("SEMISAC_CONFIG", str(tmp_path))
    made = DEVICES[request.param](monkeypatch, tmp_path)
    yield made
    made.close()


def test_the_transmitter_is_off_after_a_run(device):
    front_end = device.open()
    front_end.configure()
    flow = device.start(front_end)
    until(lambda: flow.modulator.frames_sent() > 8)
    until(device.sends)
    flow.end()
    until(lambda: not device.sends())


def test_the_transmitter_is_off_after_a_set_up_alone(device):
    front_end = device.open()
    front_end.configure()
    front_end.close()
    front_end.close()
    until(lambda: not device.sends())


def test_the_transmitter_is_off_after_a_set_up_that_failed(device):
    """Before anybody closes the front end, whose set-up failed."""
    device.break_set_up()
    front_end = device.open()
    with pytest.raises(RadioError):
        front_end.configure()
    until(lambda: not device.sends())
    front_end.close()


def test_the_transmitter_is_off_after_a_flowgraph_that_was_never_prepared(device):
    front_end = device.open()
    front_end.configure()
    flow = radio_labs.station(front_end, 4)
    front_end.close()
    until(lambda: not device.sends())
    del flow
