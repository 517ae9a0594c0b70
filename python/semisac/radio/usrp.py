# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USRP through gr-uhd."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

# Before UHD is loaded: no greeting, and no letter for each event, which are counted here.
os.environ.setdefault("UHD_LOG_CONSOLE_LEVEL", "warning")
os.environ.setdefault("UHD_LOG_FASTPATH_DISABLE", "1")

from gnuradio import gr, uhd  # noqa: E402

from . import usrp_checks, usrp_opening  # noqa: E402
from .calibration import CalibrationKey  # noqa: E402
from .front_end import Capabilities, RadioError  # noqa: E402
from .settings import RadioSettings  # noqa: E402
from .timed import add_seconds, timed_front_end  # noqa: E402

OPEN_TIMEOUTS = 5.0  # one that is opened answers many calls, and may load its FPGA


class usrp_front_end(timed_front_end):
    """USRP with bursts at given times, start at a given time, and one or two receive channels.

    address: device arguments of UHD, such as "type=b200" or "addr=192.168.10.2"; "": the first found.

    Options: measure_latency (see `timed_front_end`); tx_subdevice, rx_subdevice ("A:A A:B"),
    master_clock_rate_hz (0: the device's), wire_format ("sc16", "sc8"), start_in_s (from the start of the
    flowgraph to the first sample, for computers that take longer to begin).
    """

    capabilities = Capabilities(
        has_timestamps=True,
        full_duplex=True,
        cyclic=False,
        needs_calibration=True,
        most_rx_channels=2,
        real_time=True,
    )

    def __init__(self, settings: RadioSettings, frame, role: str):
        self._options = settings.take_options(
            measure_latency=False,
            tx_subdevice="",
            rx_subdevice="",
            master_clock_rate_hz=0.0,
            wire_format="sc16",
            start_in_s=0.5,
        )
        if not 0.05 <= self._options["start_in_s"] <= 60.0:
            raise ValueError(
                f"radio option start_in_s is {self._options['start_in_s']:g}, expected 0.05 to 60 seconds"
            )
        timed_front_end.__init__(self, settings, frame, role, self._options["measure_latency"])
        self._sink = self._source = None
        self._tx_gain_db, self._is_silent = settings.tx_gain_db, False
        self._starts_by: tuple[int, float] | None = None  # of the receiver; None: it has begun
        self._restarts = 0

    def configure(self) -> dict[str, object]:
        channels = list(range(self.settings.rx_channels))
        try:
            library = usrp_opening.uhd_library(uhd.get_version_string())
            with usrp_opening.kept_open(library, self._address(), OPEN_TIMEOUTS * self.settings.timeout_s):
                if self.role != "transmit":
                    self._source = uhd.usrp_source(self._address(), self._stream(channels))
                if self.role != "receive":
                    self._sink = uhd.usrp_sink(self._address(), self._stream([0]))
            self._set_sources()
            if self._source is not None:
                self._set_up(self._source, channels, self.settings.rx_gain_db, self.settings.rx_antenna)
                for channel in channels:
                    self._source.set_auto_dc_offset(self.settings.dc_tracking, channel)
            if self._sink is not None:
                self._set_up(self._sink, [0], self.settings.tx_gain_db, self.settings.tx_antenna)
            if self.role == "monostatic":
                usrp_checks.check_ports(self._sink, self._source, channels)
            usrp_checks.wait_for_locks(self._directions(), self.settings)
            self._set_clock()
            warnings = usrp_checks.warnings_of(self._directions(), self.settings)
            in_force = self._in_force()
        except RuntimeError as error:
            self._silence_if_set_up()
            self._sink = self._source = None
            raise self._explained(error) from error
        except BaseException:
            self._silence_if_set_up()
            raise
        self._join(self._sink, self._source, in_force["sample_rate_hz"])
        return {**in_force, **self._calibrate(), "warnings": warnings}

    def prepare(self) -> None:
        if self._is_silent:
            self._sink.set_gain(self._tx_gain_db, 0)
            self._is_silent = False
        now = self.device_time()
        start = add_seconds(now, self._options["start_in_s"])
        for block in self._blocks():
            block.set_start_time(uhd.time_spec(*start))
        self._starts_by = self._start_patience(start) if self._source is not None else None
        self._restarts = 0
        self._begin(now, start)

    def device_time(self) -> tuple[int, float]:
        time = self._blocks()[0].get_time_now()
        return time.get_full_secs(), time.get_frac_secs()

    def calibration_key(self) -> CalibrationKey:
        source, sink = self._source, self._sink
        return CalibrationKey(
            serial=self._serial(),
            driver=f"UHD {uhd.get_version_string()}",
            clock_rate_hz=round(sink.get_clock_rate(), 3),
            sample_rate_hz=round(sink.get_samp_rate(), 3),
            tx_gain_db=round(sink.get_gain(), 3),
            rx_gain_db=round(source.get_gain(), 3),
            tx_antenna=sink.get_antenna(),
            rx_antenna=source.get_antenna(),
            center_frequency_hz=round(self.settings.center_frequency_hz, 3),
            bandwidth_hz=round(source.get_bandwidth(), 3),
            tx_subdevice=sink.get_subdev_spec(0),
            rx_subdevice=source.get_subdev_spec(0),
        )

    def set_center_frequency_hz(self, frequency_hz: float) -> None:
        for one in self._directions():
            for channel in one.channels:
                self._do(one.block.set_center_freq, uhd.tune_request(frequency_hz), channel)
                usrp_checks.check_frequency(one.block, channel, frequency_hz)
        self._flag_now("retuned")

    def set_tx_gain_db(self, gain_db: float) -> None:
        if self._sink is None:
            raise self._cannot("transmit gain")
        self._tx_gain_db = gain_db
        self._do(self._sink.set_gain, gain_db, 0)
        self._flag_now("gain")

    def set_rx_gain_db(self, gain_db: float) -> None:
        if self._source is None:
            raise self._cannot("receive gain")
        for channel in range(self.settings.rx_channels):
            self._do(self._source.set_gain, gain_db, channel)
        self._flag_now("gain")

    def silence(self) -> None:
        timed_front_end.silence(self)
        self._silence_if_set_up()

    def close(self) -> None:
        self.silence()
        if self._sink is not None or self._source is not None:
            self._disconnect()  # else the blocks would keep the device
            self._sink = self._source = None

    def status(self) -> dict[str, object]:
        numbers = timed_front_end.status(self)
        if self._source is not None:
            numbers["starts_repeated"] = self._restarts
        return numbers

    def _look(self) -> None:
        if self._starts_by is not None:
            self._see_the_start()
        timed_front_end._look(self)

    def _start_patience(self, start: tuple[int, float]) -> tuple[int, float]:
        return add_seconds(start, self.settings.timeout_s / 2.0)

    def _see_the_start(self) -> None:
        """A start that comes to the device when its time is past is refused, and nothing comes for ever:
        then it is told to start once more.
        """
        if self._filler.nitems_written(0) > 0 or not self._filler.waits_for_samples():
            self._starts_by = None
            return
        self._progress.restart()
        now = self.device_time()
        if now < self._starts_by:
            return
        if self._restarts:
            raise TimeoutError(
                f"no samples came, nor behind a second start: both came too late for the device, or it does "
                f"not stream; raise --radio-option start_in_s (now {self._options['start_in_s']:g})"
            )
        self._restarts += 1
        start = add_seconds(now, self._options["start_in_s"])
        self._starts_by = self._start_patience(start)
        command = uhd.stream_cmd(uhd.STREAM_MODE_START_CONTINUOUS)
        command.stream_now, command.time_spec = False, uhd.time_spec(*start)
        self._source.issue_stream_cmd(command)
        gr.logger("usrp").warn(
            "no samples came behind the start: it came too late for the device, and is repeated once; raise "
            f"--radio-option start_in_s (now {self._options['start_in_s']:g}) where that happens again"
        )

    def _flag_now(self, reason: str) -> None:
        """Frames that are in the air, or will be before a change is over, are not to be used."""
        if self._aligner is not None:
            now = self._scheduler.sample_at(*self.device_time())
            hold = int(self._source.get_samp_rate() * self.settings.lead_time_s)
            for _, frame_id in self._scheduler.frames_between(now - hold, now + hold):
                self._aligner.flag_frame(frame_id, reason)

    def _do(self, call: Callable, *arguments) -> None:
        try:
            call(*arguments)
        except RuntimeError as error:
            raise self._explained(error) from error

    def _silence_if_set_up(self) -> None:
        if self._sink is not None:
            with contextlib.suppress(RuntimeError):  # a device that is gone is silent
                self._sink.set_gain(0.0, 0)
            self._is_silent = True

    def _address(self) -> str:
        words = [self.settings.address] if self.settings.address else []
        rate = self._options["master_clock_rate_hz"]
        if rate:
            words.append(f"master_clock_rate={rate:.0f}")
        # once, as the device is opened: on some each change resets the clocks and undoes what was tuned
        for name in ("clock_source", "time_source"):
            if getattr(self.settings, name):
                words.append(f"{name}={getattr(self.settings, name)}")
        return ",".join(words)

    def _stream(self, channels: list[int]):
        return uhd.stream_args(
            cpu_format="fc32", otw_format=self._options["wire_format"], args="", channels=channels
        )

    def _blocks(self) -> list:
        return [block for block in (self._source, self._sink) if block is not None]

    def _directions(self) -> list[usrp_checks.Direction]:
        settings, found = self.settings, []
        if self._sink is not None:
            found.append(usrp_checks.Direction("transmitter", self._sink, [0], settings.tx_gain_db))
        if self._source is not None:
            channels = list(range(settings.rx_channels))
            found.append(usrp_checks.Direction("receiver", self._source, channels, settings.rx_gain_db))
        return found

    def _set_sources(self) -> None:
        """Of clock and time, where a device does not take them as it is opened."""
        block, settings = self._blocks()[0], self.settings
        if settings.clock_source and block.get_clock_source(0) != settings.clock_source:
            usrp_checks.one_of("--clock-source", settings.clock_source, block.get_clock_sources(0))
            block.set_clock_source(settings.clock_source)
        if settings.time_source and block.get_time_source(0) != settings.time_source:
            usrp_checks.one_of("--time-source", settings.time_source, block.get_time_sources(0))
            block.set_time_source(settings.time_source)

    def _set_up(self, block, channels: list[int], gain_db: float, antenna: str) -> None:
        settings = self.settings
        subdevice = self._options["tx_subdevice" if block is self._sink else "rx_subdevice"]
        if subdevice:
            block.set_subdev_spec(subdevice)
        block.set_samp_rate(settings.sample_rate_hz)
        usrp_checks.check_rate(block, settings.sample_rate_hz)
        for channel in channels:
            block.set_center_freq(uhd.tune_request(settings.center_frequency_hz), channel)
            usrp_checks.check_frequency(block, channel, settings.center_frequency_hz)
            block.set_gain(gain_db, channel)
            block.set_bandwidth(settings.bandwidth_hz or settings.sample_rate_hz, channel)
            if antenna:
                name = "--tx-antenna" if block is self._sink else "--rx-antenna"
                usrp_checks.one_of(name, antenna, block.get_antennas(channel))
                block.set_antenna(antenna, channel)

    def _set_clock(self) -> None:
        """Set the device's time to 0, at the next pulse where one comes from outside."""
        block = self._blocks()[0]
        if self.settings.time_source in ("", "internal"):
            block.set_time_now(uhd.time_spec(0, 0.0))
        else:
            block.set_time_unknown_pps(uhd.time_spec(0, 0.0))

    def _in_force(self) -> dict[str, object]:
        block = self._blocks()[0]
        found = {
            "device": usrp_checks.information(block, "mboard_id") or "USRP",
            "serial": self._serial(),
            "driver": f"UHD {uhd.get_version_string()}",
            "clock_rate_hz": block.get_clock_rate(),
            "sample_rate_hz": block.get_samp_rate(),
            "center_frequency_hz": block.get_center_freq(0),
        }
        if self._sink is not None:
            found |= {"tx_gain_db": self._sink.get_gain(), "tx_antenna": self._sink.get_antenna()}
        if self._source is not None:
            found |= {"rx_gain_db": self._source.get_gain(), "rx_antenna": self._source.get_antenna()}
        return found

    def _serial(self) -> str:
        return usrp_checks.information(self._blocks()[0], "mboard_serial") or "unknown"

    def _explained(self, error: RuntimeError) -> RadioError:
        if isinstance(error, RadioError):
            return error
        text = " ".join(str(error).split())
        where = f"at {self.settings.address!r}" if self.settings.address else "connected"
        if "No devices found" in text:
            return RadioError(
                f"no USRP {where}: is it powered and plugged in? `semisac radio probe` lists what is found"
            )
        sources = {"--clock-source": self.settings.clock_source, "--time-source": self.settings.time_source}
        asked = [f"; {option} is {value!r}" for option, value in sources.items() if value and value in text]
        return RadioError(f"the USRP {where} refused to be set up: {text}{''.join(asked)}")
