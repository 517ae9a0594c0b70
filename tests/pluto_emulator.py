# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Pluto that is made up: attributes, buffers, a sample clock, and the air between its antennas."""

from __future__ import annotations

import errno
import threading
import time

import numpy as np
from patience import HANG_S
from pluto_air import Air, Receiver, Transmitter
from pluto_description import ADC, DAC, DOCUMENT_TYPE, PHY, Device, pluto
from scipy.signal import oaconvolve

STATUS_REGISTER = 0x80000088
UNDERFLOW, OVERFLOW = 1, 4
RATE_WITHOUT_FIR, RATE_WITH_FIR = 25_000_000 // 12, 25_000_000 // 48  # whole numbers, as the driver divides
REFERENCE_RX_GAIN_DB = 30.0
WRITER_POLL_S = 0.01


class PlutoEmulator:
    """What is behind an IIO daemon.

    speed: seconds of sample clock a second at the most. lossless: the clock waits for a late reader and for a
    late writer, instead of losing samples. stale_buffers: buffers that a receiver opens hold so many blocks
    of an earlier time.
    """

    def __init__(
        self,
        air: Air | None = None,
        *,
        rx_channels: int = 1,
        seed: int = 0,
        speed: float = 1.0,
        lossless: bool = True,
        stale_buffers: int = 4,
    ):
        self.air = air or Air()
        self.devices: dict[str, Device] = {device.id: device for device in pluto(rx_channels)}
        self.speed, self.lossless, self.stale_buffers = speed, lossless, stale_buffers
        self.now = 0  # samples since the start
        self.pushed: list[np.ndarray] = []  # what was written to the DAC, int16 [samples, 2]
        self.lost_samples = self.clipped_samples = 0
        self._rng = np.random.default_rng(seed)
        self._registers = {ADC: 0, DAC: 0}
        self._register = {ADC: 0, DAC: 0}
        self._kernel_buffers = {ADC: 4, DAC: 4}
        self._values = {
            (device.id, file): value
            for device in self.devices.values()
            for channel in device.channels
            for file, value in channel.attributes.values()
        }
        self._change = threading.Condition()
        self._stopped = threading.Event()
        self._rx: Receiver | None = None
        self._tx: Transmitter | None = None
        self._skip = 0
        self._history = np.zeros(0, np.complex64)

    # Attributes

    def xml(self) -> str:
        parts = "".join(device.xml() for device in self.devices.values())
        return (
            f'<?xml version="1.0" encoding="utf-8"?>{DOCUMENT_TYPE}'
            '<context name="local" description="made-up Pluto">'
            '<context-attribute name="hw_model" value="Analog Devices PlutoSDR Rev.B (made up)" />'
            '<context-attribute name="hw_serial" value="1044730a1997" />'
            f'<context-attribute name="fw_version" value="v0.38" />{parts}</context>'
        )

    def value(self, file: str, device: str = PHY) -> str:
        """Value of an attribute by its file name."""
        return self._values[device, file]

    def number(self, file: str, device: str = PHY) -> float:
        return float(self.value(file, device).split()[0])

    def set_value(self, file: str, value: str, device: str = PHY) -> None:
        """Change an attribute, as another program would."""
        with self._change:
            self._values[device, file] = value

    def is_silent(self) -> bool:
        """Whether its transmitter is: least gain, oscillator powered down, no buffer, no tone."""
        scales = [
            value
            for (device, file), value in self._values.items()
            if device == DAC and file.endswith("_scale")
        ]
        return (
            self.number("out_voltage0_hardwaregain") == -89.75
            and self.number("out_altvoltage1_TX_LO_powerdown") == 1
            and self._tx is None
            and not any(map(float, scales))
        )

    def device_id(self, name: str) -> str:
        """Id of a device from its id or name."""
        return self._device(name).id

    def _device(self, name: str) -> Device:
        for device in self.devices.values():
            if name in (device.id, device.name):
                return device
        raise OSError(errno.ENODEV, name)

    def _file(self, device: Device, where: tuple[str, ...]) -> str:
        side, channel, attribute = where
        for found in device.channels:
            if found.id == channel and found.output == (side == "OUTPUT") and attribute in found.attributes:
                return found.attributes[attribute][0]
            if found.id == channel and found.output == (side == "OUTPUT"):
                raise OSError(errno.ENOENT, attribute)
        raise OSError(errno.ENXIO, channel)

    def read(self, name: str, where: tuple[str, ...]) -> str:
        device = self._device(name)
        name = device.id
        with self._change:
            if where[0] == "BUFFER":  # the kernel has some, libiio lists none of them
                raise OSError(errno.ENOENT, where[1])
            if where[0] == "DEBUG":
                if where[1] == "direct_reg_access" and where[1] in device.debug and name in self._registers:
                    known = self._register[name] == STATUS_REGISTER
                    return hex(self._registers[name] if known else 0)
                return self._named(device.debug, where[1])
            if len(where) == 1:
                if where[0].endswith("_path_rates"):
                    rate = int(self.number("in_voltage_sampling_frequency"))
                    return (
                        f"BBPLL:983040000 DAC:{rate * 16} T2:{rate * 8} T1:{rate * 4} TF:{rate * 4} "
                        f"TXSAMP:{rate}"
                    )
                return self._named(device.attributes, where[0])
            return self._values[name, self._file(device, where)]

    @staticmethod
    def _named(values: dict[str, str], name: str) -> str:
        if name not in values:
            raise OSError(errno.ENOENT, name)
        return values[name]

    def write(self, name: str, where: tuple[str, ...], value: str) -> None:
        device = self._device(name)
        name = device.id
        with self._change:
            if where[0] == "DEBUG":
                self._named(device.debug, where[1])
                if where[1] == "direct_reg_access":
                    words = [int(word, 0) for word in value.split()]
                    self._register[name] = words[0]
                    if len(words) > 1 and words[0] == STATUS_REGISTER:
                        self._registers[name] &= ~words[1]
                return
            if len(where) == 1:
                self._named(device.attributes, where[0])
                device.attributes[where[0]] = value
                return
            file = self._file(device, where)
            self._check(file, value)
            self._store(name, file, value)

    def _check(self, file: str, value: str) -> None:
        def within(low: float, high: float) -> None:
            if not low <= float(value.split()[0]) <= high:
                raise OSError(errno.EINVAL, file)

        if file.endswith("sampling_frequency") and "altvoltage" not in file:
            filtered = self.number("in_out_voltage_filter_fir_en") > 0
            within(RATE_WITH_FIR if filtered else RATE_WITHOUT_FIR, 61.44e6)
        elif file == "in_out_voltage_filter_fir_en" and float(value) == 0:
            if self.number("in_voltage_sampling_frequency") < RATE_WITHOUT_FIR:
                raise OSError(errno.EINVAL, file)
        elif file.startswith("out_voltage") and file.endswith("hardwaregain"):
            within(-89.75, 0.0)
        elif file.startswith("in_voltage") and file.endswith("hardwaregain"):
            within(-3.0, 71.0)
        elif file.endswith("LO_frequency"):
            within(325e6, 3.8e9)
        elif file.endswith(("gain_control_mode", "rf_port_select")):
            if value not in self.value(f"{file}_available").split():
                raise OSError(errno.EINVAL, file)

    def _store(self, name: str, file: str, value: str) -> None:
        if file.endswith("hardwaregain"):
            value = f"{float(value.split()[0]):.6f} dB"
        self._values[name, file] = value
        if file.endswith("voltage_sampling_frequency"):
            for side in ("in", "out"):
                self._values[PHY, f"{side}_voltage_sampling_frequency"] = value
        if file == "in_out_voltage_filter_fir_en":
            for side in ("in", "out"):
                self._values[PHY, f"{side}_voltage_filter_fir_en"] = value

    # Buffers

    def set_kernel_buffers(self, name: str, count: int) -> None:
        device = self._device(name).id
        if count < 1:
            raise OSError(errno.EINVAL, name)
        self._kernel_buffers[device] = count

    def open(self, name: str, samples: int, mask: int, cyclic: bool) -> None:
        """Open a buffer, or share one that is open: only a cycle belongs to one client, as with iiod."""
        channels = [c.scan[0] for c in self._device(name).channels if c.scan and mask >> c.scan[0] & 1]
        with self._change:
            if not channels or samples < 1:
                raise OSError(errno.EINVAL, name)
            there = self._tx if name == DAC else self._rx
            if there is not None:
                if cyclic or (name == DAC and there.cyclic):
                    raise OSError(errno.EBUSY, name)
                there.clients += 1
                return
            if name == DAC:
                late = int(self._rng.integers(0, self.air.most_start_samples + 1))
                self._tx = Transmitter(cyclic, self._kernel_buffers[DAC], late, len(channels))
            else:
                self._rx = Receiver(samples, channels, self._kernel_buffers[ADC])
                for _ in range(self.stale_buffers):
                    old = self._rng.integers(-300, 300, (samples, len(channels)))
                    self._rx.blocks.append(old.astype(np.int16))
            self._change.notify_all()

    def finish(self, name: str) -> None:
        """What was written is sent before its buffer is closed: a client waits as long as a device would
        take that is not late.
        """
        with self._change:
            transmitter = self._tx
            if name == DAC and self.lossless and transmitter is not None and not transmitter.cyclic:
                self._change.wait_for(lambda: not transmitter.waiting() or self._stopped.is_set(), HANG_S)

    def close(self, name: str) -> None:
        with self._change:
            there = self._tx if name == DAC else self._rx
            there.clients -= 1
            if there.clients == 0 and name == DAC:
                self._tx = None
            elif there.clients == 0:
                self._rx = None
            self._change.notify_all()

    def read_buffer(self, name: str, length: int, timeout_s: float) -> bytes:
        with self._change:
            receiver = self._rx
            if name != ADC or receiver is None:
                raise OSError(errno.EBADF, name)
            given: list[np.ndarray] = []
            receiver.waiting.append(given)
            self._change.wait_for(lambda: given or receiver.blocks or self._rx is not receiver, timeout_s)
            if self._rx is not receiver:
                raise OSError(errno.EBADF, name)
            if not (given or receiver.blocks):
                receiver.waiting.remove(given)
                raise OSError(errno.ETIMEDOUT, name)
            if not given:
                receiver.give()
            self._change.notify_all()
            return given[0].tobytes()[:length]

    def write_buffer(self, name: str, content: bytes, timeout_s: float) -> None:
        with self._change:
            transmitter = self._tx
            if name != DAC or transmitter is None:
                raise OSError(errno.EBADF, name)
            samples = np.frombuffer(content, "<i2").reshape(-1, transmitter.width)
            self.pushed.append(samples[:, :2].copy())
            if transmitter.cyclic and transmitter.blocks:
                raise OSError(errno.EBUSY, name)
            room = self._change.wait_for(
                lambda: len(transmitter.blocks) < transmitter.most or self._tx is not transmitter, timeout_s
            )
            if not room:
                raise OSError(errno.ETIMEDOUT, name)
            transmitter.push((samples[:, 0] + 1j * samples[:, 1]).astype(np.complex64) / 32768, self.now)
            self._change.notify_all()

    # The sample clock

    def start(self) -> None:
        threading.Thread(target=self._run, name="pluto-clock", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        with self._change:
            self._change.notify_all()

    def lose(self, samples: int) -> None:
        """Lose received samples once, and say so in the status register, as after a late reader."""
        with self._change:
            self._skip += samples

    def run_dry(self) -> None:
        """Say in the status register that the transmitter had no samples, as behind a late writer."""
        with self._change:
            self._registers[DAC] |= UNDERFLOW

    def rate_hz(self) -> float:
        return self.number("in_voltage_sampling_frequency")

    def _run(self) -> None:
        started, begun = time.monotonic(), self.now
        while not self._stopped.is_set():
            rate = self.rate_hz() * self.speed
            with self._change:
                step = self._rx.samples if self._rx else max(256, int(rate * 2e-3))
                full = self._rx is not None and len(self._rx.blocks) >= self._rx.most
                idle = self._rx is None and self._tx is None
                if self.lossless and self._tx is not None and self._tx.may_run_dry():
                    step = min(step, self._tx.waiting())
                if idle or step == 0 or (self.lossless and full):
                    self._change.wait(0.1 if idle or full else WRITER_POLL_S)
                    started, begun = time.monotonic(), self.now
                    continue
                due = started + (self.now + step - begun) / rate - time.monotonic()
                if due < -2.0 * step / rate:  # this computer was late, not the reader
                    started -= due
                if due <= 0:
                    self._advance(step, full)
                    self._change.notify_all()
                    continue
            time.sleep(min(due, 0.05))

    def _advance(self, count: int, full: bool) -> None:
        sent = self._transmit(count)
        if self._rx is not None:
            if self._skip or full:
                self._registers[ADC] |= OVERFLOW
            if full:
                self.lost_samples += count
            elif self._skip:
                self._skip, lost = max(0, self._skip - count), min(self._skip, count)
                self.lost_samples += lost
                self._rx.add(self._convert(self._receive(sent))[lost:])
            else:
                self._rx.add(self._convert(self._receive(sent)))
        self.now += count

    def _transmit(self, count: int) -> np.ndarray:
        """Full scale 1 at the antenna, with attenuation."""
        if self._tx is not None:
            samples, missing = self._tx.take(self.now, count)
            if missing:
                self._registers[DAC] |= UNDERFLOW
        else:
            prefix = "out_altvoltage0_TX1_I_F1_"
            scale, tone = (self.number(prefix + name, DAC) for name in ("scale", "frequency"))
            samples = scale * np.exp(2j * np.pi * tone / self.rate_hz() * (self.now + np.arange(count)))
        if self.number("out_altvoltage1_TX_LO_powerdown"):
            return np.zeros(count, np.complex64)
        return (samples * 10 ** (self.number("out_voltage0_hardwaregain") / 20)).astype(np.complex64)

    def _receive(self, sent: np.ndarray) -> np.ndarray:
        filters = self.air.filters()
        length = len(filters[0][1]) - 1
        history = np.concatenate([np.zeros(length, np.complex64), self._history])[-length:]
        line = np.concatenate([history, sent])
        self._history = line[-length:]
        times = (self.now + np.arange(len(sent))) / self.rate_hz()
        received = np.zeros(len(sent), np.complex64)
        for doppler_hz, taps in filters:
            path = oaconvolve(line, taps, "valid")
            received += path * np.exp(2j * np.pi * doppler_hz * times) if doppler_hz else path
        carriers = ("out_altvoltage1_TX_LO_frequency", "out_altvoltage0_RX_LO_frequency")
        offset_hz = self.number(carriers[0]) - self.number(carriers[1])
        if offset_hz:
            received *= np.exp(2j * np.pi * offset_hz * times)
        noise = self._rng.standard_normal((len(sent), 2), np.float32).view(np.complex64)[:, 0]
        received += (self.air.noise_deviation / np.sqrt(2)) * noise
        gain_db = self.number("in_voltage0_hardwaregain") - REFERENCE_RX_GAIN_DB
        return received * np.float32(10 ** (gain_db / 20)) + np.complex64(self.air.dc)

    def _convert(self, received: np.ndarray) -> np.ndarray:
        """12 bits, [samples, channels of the buffer]; the second receiver is a quarter turn ahead."""
        pairs = [received, received * 1j]
        columns = [(pairs[index // 2].real, pairs[index // 2].imag)[index % 2] for index in self._rx.channels]
        levels = np.rint(np.stack(columns, axis=1) * 2048.0)
        self.clipped_samples += int(np.count_nonzero((levels < -2048) | (levels > 2047)))
        return np.clip(levels, -2048, 2047).astype(np.int16)
