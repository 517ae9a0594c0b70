# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A USRP without a device: the part of gnuradio.uhd that a front end uses, over a simulated radio.

Put it in the place of the module: ``uhd_stub.Stub(air).install(monkeypatch)``. Names, arguments and units are
those of gr-uhd 3.10; `test_usrp.py` checks the names against the installed one. What is transmitted reaches
the receiver through `Air`, and every burst is kept with its tags for the tests to look at. Times, bursts and
events are those of a device's FPGA (see `simulated_transmitter`). The device's clock is that of its samples:
call `run_on_samples` for each front end.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pmt
from gnuradio import gr, semisac

RATES_DIVIDE_HZ = 40e6


class time_spec:
    """Time as whole seconds and a fraction."""

    def __init__(self, full=0, fraction=None):
        whole, part = divmod(float(full), 1.0) if fraction is None else (int(full), float(fraction))
        carry, self._fraction = divmod(part, 1.0)
        self._full = int(whole) + int(carry)

    def get_full_secs(self) -> int:
        return self._full

    def get_frac_secs(self) -> float:
        return self._fraction


@dataclass
class Burst:
    """What the transmitter was given as one burst: offset of its first sample, its tags, its length in
    samples, whether it came in one call of work().
    """

    offset: int
    time: tuple[int, float] | None
    sob: bool
    samples: int = 0
    calls: int = 0
    ended: bool = False


@dataclass
class Device:
    """State that sink and source of one device share."""

    air: Callable
    sample_rate_hz: float = 1e6
    clock_rate_hz: float = RATES_DIVIDE_HZ
    frequency_hz: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    time_set: float = 0.0
    transmitter: object = None
    receiver: object = None
    channels: int = 1
    bursts: list = field(default_factory=list)
    unplugged: bool = False
    locked: bool = True
    name: str = "B210"
    asked_before_lock: int = 0
    """How often a sensor is asked before it says that it is locked."""
    takes_sources: bool = True
    """Whether arguments of the device set its sources."""
    sources: dict = field(default_factory=lambda: {"clock": "internal", "time": "internal"})
    late_starts: int = 0
    """Starts of the receiver still to come too late: it gives nothing until it is told once more."""
    time_set_at_s: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """Time since it was set; it goes by while the transmitter sends, or as the computer's."""
        if self.transmitter is None:
            return self.time_set + time.monotonic() - self.time_set_at_s
        full, fraction = self.transmitter.time_now()
        return max(self.time_set, full + fraction)


class burst_recorder(gr.sync_block):
    """Keep where bursts begin and end, and in how many calls of work() they came."""

    def __init__(self, bursts: list):
        gr.sync_block.__init__(self, "burst_recorder", [np.complex64], None)
        self._bursts = bursts

    def work(self, input_items, output_items):
        count = len(input_items[0])
        first = self.nitems_read(0)
        tags = {}
        for tag in self.get_tags_in_window(0, 0, count):
            tags.setdefault(tag.offset, {})[pmt.symbol_to_string(tag.key)] = pmt.to_python(tag.value)
        ends = sorted(offset for offset, found in tags.items() if "tx_eob" in found)
        begins = sorted(offset for offset, found in tags.items() if "tx_sob" in found)
        if self._bursts and not self._bursts[-1].ended and not (begins and begins[0] == first):
            self._bursts[-1].calls += 1
        for offset in begins:
            found = tags[offset]
            self._bursts.append(Burst(offset, found.get("tx_time"), found["tx_sob"] is True, calls=1))
        for offset in ends:
            burst = next(b for b in reversed(self._bursts) if b.offset <= offset)
            burst.samples, burst.ended = offset + 1 - burst.offset, True
        return count


class _usrp_block(gr.hier_block2):
    """Calls that sink and source have in common, each kept in device.calls."""

    def _open(self, stub: Stub, address: str, stream: stream_args) -> None:
        if stub.refusal:
            raise RuntimeError(stub.refusal)
        assert stream.cpu_format == "fc32" and stream.otw_format in ("sc16", "sc8", "")
        assert isinstance(address, str)
        self.device = stub.device
        self._gain, self._antenna = [0.0, 0.0], [self.ANTENNAS[0]] * 2
        self._subdevices = "A:A A:B"
        arguments = dict(pair.split("=", 1) for pair in address.split(",") if pair)
        if self.device.takes_sources:
            for kind in self.device.sources:
                source = arguments.get(f"{kind}_source", "internal")
                if source not in self.get_clock_sources(0):
                    raise RuntimeError(f"ValueError: Invalid {kind} source: {source}")
                self.device.sources[kind] = source
        self.device.calls.append(("make", type(self).__name__, address, tuple(stream.channels)))

    def _note(self, *call) -> None:
        if self.device.unplugged:
            raise RuntimeError("EnvironmentError: IOError: LIBUSB_TRANSFER_NO_DEVICE")
        self.device.calls.append((type(self).__name__, *call))

    def set_samp_rate(self, rate: float) -> None:
        divisor = max(1, round(self.device.clock_rate_hz / rate))
        self.device.sample_rate_hz = self.device.clock_rate_hz / divisor
        self._note("set_samp_rate", rate)

    def get_samp_rate(self) -> float:
        return self.device.sample_rate_hz

    def get_clock_rate(self, mboard: int = 0) -> float:
        return self.device.clock_rate_hz

    def set_center_freq(self, request, chan: int = 0) -> None:
        self._note("set_center_freq", request, chan)
        self.device.frequency_hz[type(self).__name__] = min(max(request, 70e6), 6e9)

    def get_center_freq(self, chan: int = 0) -> float:
        return self.device.frequency_hz[type(self).__name__]

    def set_gain(self, gain: float, chan: int = 0) -> None:
        self._note("set_gain", gain, chan)
        self._gain[chan] = min(max(gain, 0.0), 76.0)

    def get_gain(self, chan: int = 0) -> float:
        return self._gain[chan]

    def set_bandwidth(self, bandwidth: float, chan: int = 0) -> None:
        self._note("set_bandwidth", bandwidth, chan)
        self._bandwidth = bandwidth

    def get_bandwidth(self, chan: int = 0) -> float:
        return self._bandwidth

    def set_antenna(self, antenna: str, chan: int = 0) -> None:
        self._note("set_antenna", antenna, chan)
        self._antenna[chan] = antenna

    def get_antenna(self, chan: int = 0) -> str:
        return self._antenna[chan]

    def get_antennas(self, chan: int = 0) -> tuple[str, ...]:
        return self.ANTENNAS

    def set_subdev_spec(self, spec: str, mboard: int = 0) -> None:
        self._note("set_subdev_spec", spec)
        self._subdevices = spec

    def get_subdev_spec(self, mboard: int = 0) -> str:
        return self._subdevices

    def get_clock_sources(self, mboard: int) -> tuple[str, ...]:
        return ("internal", "external", "gpsdo")

    get_time_sources = get_clock_sources

    def get_clock_source(self, mboard: int) -> str:
        return self.device.sources["clock"]

    def get_time_source(self, mboard: int) -> str:
        return self.device.sources["time"]

    def set_clock_source(self, source: str, mboard: int = 0) -> None:
        self._note("set_clock_source", source)
        self.device.sources["clock"] = source

    def set_time_source(self, source: str, mboard: int = 0) -> None:
        self._note("set_time_source", source)
        self.device.sources["time"] = source

    def set_time_now(self, when: time_spec, mboard: int = 0) -> None:
        self._note("set_time_now", when.get_full_secs(), when.get_frac_secs())
        self.device.time_set = when.get_full_secs() + when.get_frac_secs()
        self.device.time_set_at_s = time.monotonic()

    def set_time_unknown_pps(self, when: time_spec) -> None:
        self._note("set_time_unknown_pps", when.get_full_secs(), when.get_frac_secs())
        self.device.time_set = when.get_full_secs() + when.get_frac_secs()
        self.device.time_set_at_s = time.monotonic()

    def get_time_now(self, mboard: int = 0) -> time_spec:
        if self.device.unplugged:
            raise RuntimeError("RuntimeError: timeout on control request")
        return time_spec(self.device.now())

    def set_start_time(self, when: time_spec) -> None:
        self._note("set_start_time", when.get_full_secs() + when.get_frac_secs(), self.device.now())

    def get_sensor_names(self, chan: int = 0) -> tuple[str, ...]:
        return ("lo_locked",)

    def get_mboard_sensor_names(self, mboard: int = 0) -> tuple[str, ...]:
        return ("ref_locked", "gps_locked")

    def get_sensor(self, name: str, chan: int = 0) -> Sensor:
        self.device.calls.append((type(self).__name__, "get_sensor", name, chan))
        if self.device.asked_before_lock > 0:
            self.device.asked_before_lock -= 1
            return Sensor(False)
        return Sensor(self.device.locked)

    get_mboard_sensor = get_sensor

    def get_usrp_info(self, chan: int = 0) -> dict[str, str]:
        return {"mboard_id": self.device.name, "mboard_serial": "30AABBC"}


@dataclass
class Sensor:
    value: bool

    def to_bool(self) -> bool:
        return self.value


class usrp_sink(_usrp_block):
    """Bursts go on the air at their times."""

    ANTENNAS = ("TX/RX",)

    def __init__(self, stub: Stub, address: str, stream: stream_args, tsb_tag_name: str = ""):
        assert tsb_tag_name == "", "packet_len includes the silence behind a frame"
        gr.hier_block2.__init__(
            self, "usrp_sink", gr.io_signature(1, 1, gr.sizeof_gr_complex), gr.io_signature(0, 0, 0)
        )
        self._open(stub, address, stream)
        device = self.device
        device.transmitter = semisac.simulated_transmitter(device.sample_rate_hz, 0.0)
        device.recorder = burst_recorder(device.bursts)
        device.antenna = AirQueue()
        self._end = queue_sink(device.antenna)
        self.message_port_register_hier_out("async_msgs")
        self.connect(self, device.recorder)
        self.connect(self, device.transmitter, self._end)
        self.msg_connect(device.transmitter, "async_msgs", self, "async_msgs")


class usrp_source(_usrp_block):
    """What comes back from the air, with rx_time tags."""

    ANTENNAS = ("RX2", "TX/RX")

    def __init__(self, stub: Stub, address: str, stream: stream_args, issue_stream_cmd_on_start: bool = True):
        channels = len(stream.channels)
        gr.hier_block2.__init__(
            self,
            "usrp_source",
            gr.io_signature(0, 0, 0),
            gr.io_signature(channels, channels, gr.sizeof_gr_complex),
        )
        self._open(stub, address, stream)
        device = self.device
        device.receiver = semisac.simulated_receiver(device.sample_rate_hz, 12, channels)
        self._begin = queue_source(device)
        self._air = device.air(channels)
        self.connect(self._begin, self._air)
        for channel in range(channels):
            self.connect((self._air, channel), (device.receiver, channel), (self, channel))

    def issue_stream_cmd(self, command: stream_cmd) -> None:
        when = command.time_spec.get_full_secs() + command.time_spec.get_frac_secs()
        self._note("issue_stream_cmd", command.stream_mode, command.stream_now, when, self.device.now())
        self.device.late_starts -= 1

    def set_auto_dc_offset(self, enable: bool, chan: int = 0) -> None:
        self._note("set_auto_dc_offset", enable, chan)

    def set_start_time(self, when: time_spec) -> None:
        super().set_start_time(when)
        device = self.device
        # the simulated halves begin with the flowgraph, which follows at once
        now = time_spec(device.now())
        device.receiver.set_start_time(now.get_full_secs(), now.get_frac_secs())
        if device.transmitter is not None:
            device.transmitter.set_start_time(now.get_full_secs(), now.get_frac_secs())


class AirQueue(queue.Queue):
    """Samples on their way from the transmitter's block to the receiver's, which share no stream."""


class queue_sink(gr.sync_block):
    """Stream into a queue."""

    def __init__(self, samples: AirQueue):
        gr.sync_block.__init__(self, "queue_sink", [np.complex64], None)
        self._samples = samples

    def work(self, input_items, output_items):
        self._samples.put(input_items[0].copy())
        return len(input_items[0])


class queue_source(gr.sync_block):
    """A queue as a stream; silence, no faster than the device's rate, while nothing transmits."""

    def __init__(self, device: Device):
        gr.sync_block.__init__(self, "queue_source", None, [np.complex64])
        self._device = device
        self._rest = np.empty(0, np.complex64)
        self._since = None
        self._given = 0

    def work(self, input_items, output_items):
        out = output_items[0]
        if self._device.late_starts > 0:
            time.sleep(0.005)
            return 0
        if not len(self._rest):
            self._rest = self._next(len(out))
        count = min(len(out), len(self._rest))
        out[:count], self._rest = self._rest[:count], self._rest[count:]
        self._given += count
        return count

    def _next(self, most: int) -> np.ndarray:
        if self._device.transmitter is not None:
            try:
                return self._device.antenna.get(timeout=0.05)
            except queue.Empty:
                return np.empty(0, np.complex64)
        self._since = self._since or time.monotonic()
        due = int((time.monotonic() - self._since) * self._device.sample_rate_hz) - self._given
        if due <= 0:
            time.sleep(0.005)
        return np.zeros(min(max(due, 0), most), np.complex64)


@dataclass
class stream_args:
    cpu_format: str = ""
    otw_format: str = ""
    args: str = ""
    channels: list = field(default_factory=list)


@dataclass
class stream_cmd:
    stream_mode: str
    stream_now: bool = True
    time_spec: time_spec | None = None


class Stub:
    """Stands in for the module gnuradio.uhd.

    air: makes the block between antennas from the number of channels. refusal: what every device raises.
    """

    def __init__(self, air: Callable, refusal: str = ""):
        self.device = Device(air)
        self.refusal = refusal

    stream_args = stream_args
    stream_cmd = stream_cmd
    time_spec = time_spec
    STREAM_MODE_START_CONTINUOUS = "start_continuous"

    def install(self, monkeypatch) -> Stub:
        """Take the place of gnuradio.uhd in the front end, for one test."""
        from gnuradio.semisac.radio import usrp, usrp_opening

        monkeypatch.setattr(usrp, "uhd", self)
        monkeypatch.setattr(usrp_opening, "uhd_library", lambda version: None)
        return self

    def usrp_sink(self, *arguments, **named) -> usrp_sink:
        return usrp_sink(self, *arguments, **named)

    def usrp_source(self, *arguments, **named) -> usrp_source:
        return usrp_source(self, *arguments, **named)

    @staticmethod
    def run_on_samples(front_end) -> None:
        """Tell a front end that the device waits for its samples."""
        if front_end._scheduler is not None:
            front_end._scheduler.set_time_scale(0.0)

    @staticmethod
    def tune_request(frequency_hz: float) -> float:
        return float(frequency_hz)

    @staticmethod
    def get_version_string() -> str:
        return "4.3.0.0-stub"
