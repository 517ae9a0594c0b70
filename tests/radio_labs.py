# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Radios for the tests that all of them pass: each made up, each with the same air, and with its faults.

A laboratory opens front ends of one kind of radio. The air of role "monostatic" has leakage of -20 dB and one
echo, ECHO_SAMPLES later and ECHO_DB weaker than it.
"""

from __future__ import annotations

import numpy as np
from block_testing import frames as random_symbols
from block_testing import source
from gnuradio import blocks, gr, semisac
from gnuradio.semisac import radio
from gnuradio.semisac.radio.watch import within
from patience import HANG_S, until
from scipy.constants import speed_of_light

from semisac_ml.signal.frame import FrameParameters

RATE_HZ = 1e6
CARRIER_HZ = 2.45e9
FRAME = FrameParameters(sample_rate_hz=RATE_HZ, fft_size=64, prefix_samples=16, images_per_frame=8)
LEAKAGE_DB = -20.0
ECHO_SAMPLES = 6
ECHO_DB = -10.0


class laboratory:
    """A kind of radio and its air."""

    radio = ""
    most_frames_hit = 3
    """By a short loss."""
    least_events_of_a_storm = 35
    """Of forty losses, some of which may meet."""

    def __init__(self):
        self.stations = []

    def settings(self, **changes) -> radio.RadioSettings:
        patient = {"timeout_s": HANG_S, **changes}
        return radio.RadioSettings(
            self.radio, sample_rate_hz=RATE_HZ, center_frequency_hz=CARRIER_HZ, **patient
        )

    def open(self, role: str, **changes) -> radio.front_end:
        """Front end, configured."""
        front_end = radio.open_front_end(self.settings(**changes), FRAME, role)
        self.in_force = front_end.configure()
        return front_end

    def station(self, front_end: radio.front_end, frames: int = 0) -> station:
        """Flowgraph that is ended with the laboratory, if not before."""
        self.stations.append(station(front_end, frames))
        return self.stations[-1]

    def lose(self, front_end: radio.front_end, samples: int) -> None:
        """The receiver loses samples from now on."""
        raise NotImplementedError

    def delay(self, front_end: radio.front_end, frames: int) -> None:
        """The next so many frames come too late. Only where `has_timestamps`."""
        raise NotImplementedError

    def unplug(self, front_end: radio.front_end) -> None:
        """The device is gone."""
        raise NotImplementedError

    def stall(self, front_end: radio.front_end, seconds: float) -> None:
        """The device answers late."""
        raise NotImplementedError

    def close(self) -> None:
        """End of the test."""
        for flow in self.stations:
            flow.end()


class simulation(laboratory):
    radio = "simulation"

    def settings(self, **changes):
        echo_m = ECHO_SAMPLES * speed_of_light / (2.0 * RATE_HZ)
        # power of the echo over noise, from its power over that of what is sent
        snr_db = LEAKAGE_DB + ECHO_DB - 12.0 + 70.0
        options = {
            "leakage_db": LEAKAGE_DB,
            "noise_dbfs": -70.0,
            "targets": f"{echo_m},0,{snr_db}",
            "latency_samples": 53.0,
            "time_scale": 0.0,
        }
        return super().settings(**{**changes, "options": {**options, **changes.get("options", {})}})

    def lose(self, front_end, samples):
        front_end.receiver.inject_loss(samples)

    def delay(self, front_end, frames):
        front_end.transmitter.inject_late(frames)

    def unplug(self, front_end):
        half = front_end.receiver or front_end.transmitter
        half.inject_vanish()

    def stall(self, front_end, seconds):
        front_end.receiver.inject_stall(seconds)


class usrp(laboratory):
    """Over the stub of gr-uhd."""

    radio = "usrp"

    def __init__(self, monkeypatch):
        super().__init__()
        import uhd_stub

        self.stub = uhd_stub.Stub(made_up_air).install(monkeypatch)

    def open(self, role, **changes):
        if role == "monostatic":
            changes["options"] = {"measure_latency": True, **changes.get("options", {})}
        front_end = super().open(role, **changes)
        self.stub.run_on_samples(front_end)
        return front_end

    def lose(self, front_end, samples):
        self.stub.device.receiver.inject_loss(samples)

    def delay(self, front_end, frames):
        self.stub.device.transmitter.inject_late(frames)

    def unplug(self, front_end):
        self.stub.device.unplugged = True
        if self.stub.device.receiver is not None:
            self.stub.device.receiver.inject_vanish()

    def stall(self, front_end, seconds):
        self.stub.device.receiver.inject_stall(seconds)


class pluto(laboratory):
    """Over an IIO daemon with a Pluto that is made up."""

    radio = "pluto"
    most_frames_hit = 48  # where samples are missing is known to two blocks; then the delay is sought anew
    least_events_of_a_storm = 3  # a bit of a register that is asked now and then says that there were some

    def __init__(self, monkeypatch):
        super().__init__()
        from iio_server import IioServer
        from pluto_air import Air
        from pluto_emulator import PlutoEmulator
        from pluto_testing import be_patient

        be_patient(monkeypatch)
        leakage, echo = 10 ** (LEAKAGE_DB / 20), 10 ** ((LEAKAGE_DB + ECHO_DB) / 20)
        paths = ((41.0, leakage, 0.0), (41.0 + ECHO_SAMPLES, echo, 0.0))
        self.server = IioServer(PlutoEmulator(Air(paths, noise_deviation=10**-3.5))).__enter__()

    def settings(self, **changes):
        return super().settings(address=self.server.uri, **changes)

    def lose(self, front_end, samples):
        self.server.device.lose(samples)

    def unplug(self, front_end):
        self.server.vanish()

    def stall(self, front_end, seconds):
        self.server.silent(seconds)

    def close(self):
        super().close()
        self.server.__exit__()


class made_up_air(gr.hier_block2):
    """From one antenna to others: leakage, one echo, noise, 41 samples of delay."""

    def __init__(self, channels: int):
        gr.hier_block2.__init__(
            self, "made_up_air", gr.io_signature(1, 1, 8), gr.io_signature(channels, channels, 8)
        )
        taps = np.zeros(41 + ECHO_SAMPLES + 1, complex)
        taps[41] = 10 ** (LEAKAGE_DB / 20)
        taps[-1] = 10 ** ((LEAKAGE_DB + ECHO_DB) / 20)
        from gnuradio import filter as filters

        self.paths = filters.fir_filter_ccc(1, taps.tolist())
        self.connect(self, self.paths)
        self.channels = []
        for channel in range(channels):
            block = semisac.fading_channel(1, "awgn", 70.0, channel, RATE_HZ)
            self.channels.append(block)
            self.connect(self.paths, block, (self, channel))


class station(gr.top_block):
    """Frames of random symbols into a front end, everything it gives into sinks."""

    def __init__(self, front_end: radio.front_end, frames: int = 0, seed: int = 2):
        gr.top_block.__init__(self, "station")
        self.radio = front_end
        self.symbols = random_symbols(frames * FRAME.images_per_frame, seed=seed)
        if front_end.role != "receive":
            self.source = source(self.symbols)
            self.modulator = semisac.frame_modulator(FRAME)
            self.connect(self.source, self.modulator, front_end.tx)
        outputs = {"transmit": 0, "receive": 1, "monostatic": 2}[front_end.role]
        self.sinks = [blocks.vector_sink_c(1, 1 << 20) for _ in range(outputs)]
        for port, sink in enumerate(self.sinks):
            self.connect((front_end, port), sink)

    def begin(self) -> None:
        self.radio.prepare()
        self.start()

    def end(self) -> None:
        """Stop and close. Raises Overdue when that hangs."""

        def end() -> None:
            self.stop()
            self.wait()
            self.radio.close()

        within(HANG_S, end, "end")

    def received(self) -> int:
        """Samples that came so far."""
        return self.sinks[-1].nitems_read(0)

    def go_on(self, seconds: float) -> None:
        """Until another so many seconds of samples came."""
        enough = self.received() + int(seconds * RATE_HZ)
        until(lambda: self.received() >= enough)

    def output(self, port: int) -> np.ndarray:
        return np.array(self.sinks[port].data(), np.complex64)
