# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USRP through gr-uhd."""

from __future__ import annotations

import contextlib
import os

# Before UHD is loaded: no greeting, and no letter for each event, which are counted here.
os.environ.setdefault("UHD_LOG_CONSOLE_LEVEL", "warning")
os.environ.setdefault("UHD_LOG_FASTPATH_DISABLE", "1")

from gnuradio import uhd  # noqa: E402

from .calibration import CalibrationKey  # noqa: E402
from .front_end import Capabilities, RadioError  # noqa: E402
from .settings import RadioSettings  # noqa: E402
from .timed import add_seconds, timed_front_end  # noqa: E402

START_IN_S = 0.5
MOST_RATE_ERROR = 1e-6
MOST_FREQUENCY_ERROR_HZ = 1e3
MOST_GAIN_ERROR_DB = 0.5


class usrp_front_end(timed_front_end):
    """USRP with bursts at given times, start at a given time, and one or two receive channels.

    address: device arguments of UHD, such as "type=b200" or "addr=192.168.10.2"; "": the first found.

    Options: measure_latency (see `timed_front_end`); tx_subdevice, rx_subdevice ("A:A A:B"),
    master_clock_rate_hz (0: the device's), wire_format ("sc16", "sc8").
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
        )
        timed_front_end.__init__(self, settings, frame, role, self._options["measure_latency"])
        self._sink = self._source = None

    def configure(self) -> dict[str, object]:
        channels = list(range(self.settings.rx_channels))
        try:
            if self.role != "transmit":
                self._source = uhd.usrp_source(self._address(), self._stream(channels))
                self._set_up(self._source, channels, self.settings.rx_gain_db, self.settings.rx_antenna)
                for channel in channels:
                    self._source.set_auto_dc_offset(self.settings.dc_tracking, channel)
            if self.role != "receive":
                self._sink = uhd.usrp_sink(self._address(), self._stream([0]))
                self._set_up(self._sink, [0], self.settings.tx_gain_db, self.settings.tx_antenna)
            self._set_clock()
            warnings = self._warnings()
            in_force = self._in_force()
        except RuntimeError as error:
            self._sink = self._source = None
            raise self._explained(error) from error
        self._join(self._sink, self._source, in_force["sample_rate_hz"])
        return {**in_force, **self._calibrate(), "warnings": warnings}

    def prepare(self) -> None:
        now = self.device_time()
        start = add_seconds(now, START_IN_S)
        for block in self._blocks():
            block.set_start_time(uhd.time_spec(*start))
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
        )

    def close(self) -> None:
        timed_front_end.close(self)
        if self._sink is not None:
            with contextlib.suppress(RuntimeError):  # a device that is gone is silent
                self._sink.set_gain(0.0, 0)

    def _address(self) -> str:
        words = [self.settings.address] if self.settings.address else []
        rate = self._options["master_clock_rate_hz"]
        if rate:
            words.append(f"master_clock_rate={rate:.0f}")
        return ",".join(words)

    def _stream(self, channels: list[int]):
        return uhd.stream_args(
            cpu_format="fc32", otw_format=self._options["wire_format"], args="", channels=channels
        )

    def _blocks(self) -> list:
        return [block for block in (self._source, self._sink) if block is not None]

    def _set_up(self, block, channels: list[int], gain_db: float, antenna: str) -> None:
        settings = self.settings
        if settings.clock_source:
            _one_of("--clock-source", settings.clock_source, block.get_clock_sources(0))
            block.set_clock_source(settings.clock_source)
        if settings.time_source:
            _one_of("--time-source", settings.time_source, block.get_time_sources(0))
            block.set_time_source(settings.time_source)
        subdevice = self._options["tx_subdevice" if block is self._sink else "rx_subdevice"]
        if subdevice:
            block.set_subdev_spec(subdevice)
        block.set_samp_rate(settings.sample_rate_hz)
        self._check_rate(block)
        for channel in channels:
            block.set_center_freq(uhd.tune_request(settings.center_frequency_hz), channel)
            self._check_frequency(block, channel)
            block.set_gain(gain_db, channel)
            block.set_bandwidth(settings.bandwidth_hz or settings.sample_rate_hz, channel)
            if antenna:
                name = "--tx-antenna" if block is self._sink else "--rx-antenna"
                _one_of(name, antenna, block.get_antennas(channel))
                block.set_antenna(antenna, channel)

    def _check_rate(self, block) -> None:
        wanted, got = self.settings.sample_rate_hz, block.get_samp_rate()
        if abs(got - wanted) > MOST_RATE_ERROR * wanted:
            raise RadioError(
                f"--sample-rate-hz is {wanted:g}, the radio would run at {got:g}: take that one, or a clock "
                f"that "
                f"--sample-rate-hz divides (--radio-option master_clock_rate_hz=..., now "
                f"{block.get_clock_rate():g})"
            )

    def _check_frequency(self, block, channel: int) -> None:
        wanted, got = self.settings.center_frequency_hz, block.get_center_freq(channel)
        if abs(got - wanted) > MOST_FREQUENCY_ERROR_HZ:
            raise RadioError(
                f"--center-frequency-hz is {wanted:g}, the radio tunes to {got:g}: it is out of its range"
            )

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
            "device": _info(block, "mboard_id") or "USRP",
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

    def _warnings(self) -> list[str]:
        warnings = []
        for block, direction in ((self._sink, "transmitter"), (self._source, "receiver")):
            if block is None:
                continue
            wanted = self.settings.tx_gain_db if block is self._sink else self.settings.rx_gain_db
            if abs(block.get_gain() - wanted) > MOST_GAIN_ERROR_DB:
                warnings.append(
                    f"the {direction}'s gain is {block.get_gain():g} dB, {wanted:g} is not in its range"
                )
            if "lo_locked" in block.get_sensor_names(0) and not block.get_sensor("lo_locked", 0).to_bool():
                warnings.append(f"the {direction}'s oscillator is not locked: its frequency may be wrong")
        if self.settings.clock_source in ("external", "gpsdo"):
            block = self._blocks()[0]
            if "ref_locked" in block.get_mboard_sensor_names(0):
                if not block.get_mboard_sensor("ref_locked", 0).to_bool():
                    warnings.append("the reference clock is not locked: is the 10 MHz signal connected?")
        return warnings

    def _serial(self) -> str:
        return _info(self._blocks()[0], "mboard_serial") or "unknown"

    def _explained(self, error: RuntimeError) -> RadioError:
        if isinstance(error, RadioError):
            return error
        text = " ".join(str(error).split())
        where = f"at {self.settings.address!r}" if self.settings.address else "connected"
        if "No devices found" in text:
            return RadioError(
                f"no USRP {where}: is it powered and plugged in? `semisac radio probe` lists what is found"
            )
        return RadioError(f"the USRP {where} refused to be set up: {text}")


def _one_of(option: str, value: str, allowed) -> None:
    if value not in list(allowed):
        raise RadioError(f"{option} is {value!r}, this device has {', '.join(allowed)}")


def _info(block, name: str) -> str:
    """What the device says of itself; older ones leave some of it out."""
    try:
        return dict(block.get_usrp_info(0)).get(name, "")
    except RuntimeError:
        return ""
