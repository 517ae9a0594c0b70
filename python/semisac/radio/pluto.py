# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""ADALM-Pluto, and boards with an AD936x that look like one to libiio."""

from __future__ import annotations

import math
import time

import pmt
from gnuradio import blocks, gr, semisac

from .front_end import Capabilities, RadioError, front_end
from .pluto_attributes import reason
from .pluto_device import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, PlutoDevice, lose
from .pluto_link import within
from .pluto_receiver import pluto_receiver
from .pluto_silence import SILENT_GAIN_DB
from .pluto_transmitter import pluto_cycle_transmitter, pluto_stream_transmitter
from .settings import RadioSettings
from .watch import Watch

# The kernel's buffer of a cycle lies in one piece in the memory of the device.
MOST_CYCLE_SAMPLES = 2**22
# Of a cycle whose frames nobody counted: a quarter of a second at 1 MS/s is found by correlation at once.
USUAL_CYCLE_SAMPLES = {"transmit": 2**21, "monostatic": 2**18}
MOST_CYCLE_FRAMES = 4096
# A source that is slower is not waited for: the cycle is made of what came.
COLLECT_S = 2.0
LEAST_AIR_S = 0.5
# How far a stream is ahead of the aligner, and how long it may take in all from there to the air and back:
# beside that, a third of a second in queues and kernel.
AHEAD_S = 0.5
SEARCH_S = 2.0
WATCH_S = 0.2  # a look that takes longer is not waited for at the end


class pluto_front_end(front_end):
    """Pluto: no clock that a program can see, so the direct leakage is range zero, found at each start.

    address: URI of libiio, "ip:192.168.2.1", "ip:host:port", "usb:1.2.5"; a host alone is completed; "": the
    first found on USB or at the usual addresses.
    tx_gain_db: -89.75 to 0, the negative of the attenuation. rx_gain_db: of the manual gain control.

    Options:
    cyclic: repeat the first frames for ever, without a gap; otherwise all frames are sent as a stream, which
        a busy host may tear.
    cycle_frames: frames that are repeated; 0: as many as fit into 2^18 samples (2^21 when only
        transmitting), fewer when no more came within 2 s.

    Role "transmit" ends when its input has and all of the cycle was sent; frames behind the cycle are not
    taken. What another program changes meanwhile is counted ("changed"); one that uses the device already is
    found before anything is written.

    A lower rate than 2.083 MS/s needs the FIR filter of the AD936x, which is set; 520.8 kS/s is the lowest.
    """

    capabilities = Capabilities(
        has_timestamps=False,
        full_duplex=True,
        cyclic=True,
        needs_calibration=False,
        most_rx_channels=2,
        real_time=True,
    )

    def __init__(self, settings: RadioSettings, frame, role: str):
        options = settings.take_options(cyclic=True, cycle_frames=0)
        _check(settings)
        self._cyclic = options["cyclic"]
        self._collect = options["cycle_frames"] == 0
        self._cycle_frames = _cycle_frames(
            options["cycle_frames"], frame.frame_samples, USUAL_CYCLE_SAMPLES.get(role, 0)
        )
        front_end.__init__(self, settings, frame, role)
        self.device = PlutoDevice(settings, transmit=role != "receive", receive=role != "transmit")
        self._watch = Watch(self.events, self._look)
        self._transmitter = self._receiver = self._scheduler = self._aligner = None
        self._has_tx_status = self._sends = False
        self._first_frame_s: float | None = None
        self._told = self._configured = False
        if role != "receive":
            self._connect_transmitter()
        if role != "transmit":
            # A stream would run dry while the receiver gives nothing. It has no leakage in old samples.
            self._receiver = pluto_receiver(
                self.device,
                settings.rx_channels,
                settings.sample_rate_hz,
                self.events,
                begins=self._is_on_air,
                stale=role == "monostatic" and not self._cyclic,
            )
        self._connect_outputs()

    def _connect_transmitter(self) -> None:
        settings = self.settings
        level = 10.0 ** (settings.transmit_level_db / 20.0)
        mode = "cyclic" if self._cyclic else "stream"
        self._scheduler = semisac.frame_scheduler(
            settings.sample_rate_hz, mode, cycle_frames=self._cycle_frames if self._cyclic else 0
        )
        if self._cyclic:
            self._transmitter = pluto_cycle_transmitter(
                self.device,
                level,
                self.events,
                self.frame.frame_samples,
                settings.sample_rate_hz,
                self._cycle_frames * self.frame.frame_samples,
                hold=self.role == "transmit",
            )
            # All of the cycle goes out before anything is received that the aligner would take it for.
            ahead = (self._cycle_frames + 2) * self.frame.frame_samples
        else:
            self._transmitter = pluto_stream_transmitter(
                self.device, level, self.events, self.frame.frame_samples, settings.sample_rate_hz
            )
            # The transmitter must not wait for the aligner while that searches.
            ahead = round(AHEAD_S * settings.sample_rate_hz) if self.role == "monostatic" else 0
        if ahead:
            self._scheduler.set_min_output_buffer(0, ahead)
        self._entrance = blocks.copy(gr.sizeof_gr_complex)  # tells when the input has ended
        self.connect(self, self._entrance, self._scheduler, self._transmitter)

    def _connect_outputs(self) -> None:
        channels = range(self.settings.rx_channels)
        if self.role == "receive":
            for channel in channels:
                self.connect((self._receiver, channel), (self, channel))
        if self.role == "monostatic":
            search = round(SEARCH_S * self.settings.sample_rate_hz)
            if self._cyclic:
                search = self._cycle_frames * self.frame.frame_samples
            self._aligner = semisac.echo_aligner(self.frame, len(channels), "leakage", search)
            self.connect(self._scheduler, (self._aligner, 0))
            for channel in channels:
                self.connect((self._receiver, channel), (self._aligner, 1 + channel))
            for port in range(1 + len(channels)):
                self.connect((self._aligner, port), (self, port))

    @property
    def cycle_frames(self) -> int:
        return self._cycle_frames if self._cyclic and self.role != "receive" else 0

    def frames_in_cycle(self) -> int:
        return self._transmitter.cycle_samples // self.frame.frame_samples if self.cycle_frames else 0

    def frames_sent(self) -> int | None:
        return None if self._transmitter is None else self._transmitter.frames_sent

    def configure(self) -> dict[str, object]:
        try:
            return self._configure()
        except BaseException as error:
            trouble = self._silence()
            if trouble and isinstance(error, RadioError):
                self._told = True
                raise RadioError(f"{error}; {trouble}") from None
            raise

    def _configure(self) -> dict[str, object]:
        report = self.device.open()
        self._told, self._configured = False, True
        if self._transmitter is not None:
            self._has_tx_status = self.device.clear_status(transmitter=True)
            report["cyclic"] = self._cyclic
            if self._cyclic:
                report["cycle_frames"] = self._cycle_frames
        if self._receiver is not None and not self.device.clear_status(transmitter=False):
            report["warnings"].append(
                "the device does not say when samples are lost: only frames that do not arrive show it"
            )
        return report

    def prepare(self) -> None:
        if not self.device.is_open:
            if not self._configured:
                raise RadioError("the Pluto is not open: call configure first")
            self.configure()  # it was let go of behind the run before
        seconds = 2.0 * self.settings.timeout_s
        self._first_frame_s = None
        if self._transmitter is not None:
            self._transmitter.reset()
        if self._receiver is not None:
            within(seconds, f"{self.device.uri} opens no buffer", self._receiver.open)
        if self._transmitter is not None and not self._cyclic:
            within(seconds, f"{self.device.uri} opens no buffer", self._transmitter.open)
        self._watch.start()

    def _is_on_air(self) -> bool:
        """Whether what is received holds all of the cycle; without it, the leakage of a part of it would be
        taken for that of all.
        """
        return self.role == "receive" or not self._cyclic or self._transmitter.cycle_samples > 0

    def close(self) -> None:
        trouble = self._silence() if self.events.vanished() else ""
        for block in (self._transmitter, self._receiver):
            if block is not None:
                block.stop()
        trouble = trouble or self._silence()
        self._watch.stop(WATCH_S)
        if trouble and not self._told:
            self._told = True
            raise RadioError(trouble)

    def _silence(self) -> str:
        """Why the transmitter may not be silent, "" when it is."""
        self._watch.end()
        return self.device.close(answers=not self.events.vanished())

    def status(self) -> dict[str, object]:
        numbers: dict[str, object] = dict(self.events.counts())
        if self._transmitter is not None:
            numbers["clipped_samples"] = self._transmitter.clipped_samples
            if self._cyclic:
                numbers["cycle_samples"] = self._transmitter.cycle_samples
        if self._receiver is not None:
            numbers["adc_peak"] = self._receiver.adc_peak
            numbers["highest_adc_peak"] = self._receiver.highest_adc_peak
        if self._aligner is not None:
            numbers["alignment"] = self._aligner.alignment_problem()
            if self._aligner.aligned():
                numbers["latency_samples"] = self._aligner.latency_samples()
                numbers["leakage_db"] = self._aligner.leakage_db()
            numbers["frames_flagged"] = self._aligner.frames_flagged()
            numbers["realignments"] = self._aligner.realignments()
        return numbers

    def set_center_frequency_hz(self, frequency_hz: float) -> None:
        """Retune while running. What was received before becomes a gap; the phase of echoes is another one
        afterwards. Raises RadioError.
        """
        self.device.set_center_frequency_hz(frequency_hz)
        self._flush()

    def set_rx_gain_db(self, gain_db: float) -> None:
        """Gain of the receiver, while running; what was received before becomes a gap. Raises RadioError."""
        self.device.set_rx_gain_db(gain_db)
        self._flush()

    def set_tx_gain_db(self, gain_db: float) -> None:
        """Gain of the transmitter, while running, in the same way. Raises RadioError."""
        self.device.set_tx_gain_db(gain_db)
        self._flush()

    def _flush(self) -> None:
        if self._receiver is not None:
            self._receiver.flush()

    def _look(self) -> None:
        """Count underflows and changes, see that the device answers, and end what has to be ended."""
        if self.events.vanished():
            return
        try:
            self._ask()
        except (OSError, RadioError) as error:
            if self.device.is_open:
                lose(self.events, reason(error) if isinstance(error, OSError) else str(error))
            return
        if self._transmitter is not None and self._cyclic:
            if self._collect:
                self._end_collection()
            entrance = self._entrance.detail()  # none before the start
            if self.role == "transmit" and entrance is not None and entrance.done():
                self._transmitter.finish(LEAST_AIR_S)

    def _ask(self) -> None:
        changed = self.device.change()
        if changed:
            self.events.add("changed", reason=changed)
        if self._transmitter is None or not self._has_tx_status:
            return
        # Before the first sample and behind the last one the converter is dry by right.
        sent_before, self._sends = self._sends, self._transmitter.sends
        if self.device.status_event(transmitter=True) and sent_before and self._sends:
            self.events.add("underflow")

    def _end_collection(self) -> None:
        if self._scheduler.cycle_samples() or self._scheduler.nitems_read(0) < self.frame.frame_samples:
            return
        now = time.monotonic()
        if self._first_frame_s is None:
            self._first_frame_s = now
        elif now - self._first_frame_s > COLLECT_S:
            self._scheduler.to_basic_block()._post(pmt.intern("flush"), pmt.PMT_T)


def _check(settings: RadioSettings) -> None:
    rate = settings.sample_rate_hz
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise ValueError(
            f"--sample-rate-hz is {rate:.10g}, a Pluto has {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ:.0f}: "
            "choose one of these (below 2083333 through its FIR filter)"
        )
    if not SILENT_GAIN_DB <= settings.tx_gain_db <= 0.0:
        raise ValueError(
            f"--tx-gain-db is {settings.tx_gain_db:g}, a Pluto has {SILENT_GAIN_DB:g} to 0 (attenuation)"
        )
    for name, value in (("--clock-source", settings.clock_source), ("--time-source", settings.time_source)):
        if value not in ("", "internal"):
            raise ValueError(f"{name} is {value!r}, a Pluto has internal only")


def _cycle_frames(wanted: int, frame_samples: int, usual_samples: int) -> int:
    """Frames of a cycle; with an even number of samples: memory is moved in words of two."""
    if not 0 <= wanted <= MOST_CYCLE_FRAMES:
        raise ValueError(
            f"radio option cycle_frames is {wanted}, expected 0 (automatic) to {MOST_CYCLE_FRAMES}"
        )
    count = wanted or max(1, min(MOST_CYCLE_FRAMES, usual_samples // frame_samples))
    if count * frame_samples % 2:
        count += 1 if count < MOST_CYCLE_FRAMES else -1
    if count * frame_samples > MOST_CYCLE_SAMPLES:
        raise ValueError(
            f"a cycle of {count} frames has {count * frame_samples} samples, a Pluto holds "
            f"{MOST_CYCLE_SAMPLES}: take fewer with cycle_frames (now at most "
            f"{math.floor(MOST_CYCLE_SAMPLES / frame_samples)}), or shorter frames"
        )
    return count
