# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all radios with a clock have in common."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import pmt
from gnuradio import blocks, gr, semisac

from .calibration import CalibrationKey, CalibrationStore
from .front_end import front_end
from .settings import RadioSettings
from .watch import Progress, Watch

# From transmitter to receiver of one device: filters and converters; what comes later is something else.
MOST_LATENCY_S, MOST_LATENCY_SAMPLES = 1e-3, 1024

# A time of a device is that of a tick of its converter before or behind the sample that it is about.
TICKS_AS_SAMPLES = 2
SENT_AFTER_S = 0.2  # a scheduler hands frames on up to 50 ms earlier than the lead time asks for

# Events of a transmitter by the names that gr-uhd gives them (usrp_sink, message port async_msgs).
ACKNOWLEDGED = "burst_ack"
EVENTS = {
    "time_error": "late",
    "underflow": "underflow",
    "underflow_in_packet": "underflow",
    "seq_error": "sequence",
    "seq_error_in_burst": "sequence",
}


class event_listener(gr.basic_block):
    """Hear what a transmitter reports beside its samples.

    Message in ``async_msgs``: as uhd.usrp_sink publishes it, pair of uhd_async_msg and {event_code: list of
    symbols, time_spec: pair of whole seconds and fraction, channel}; a receiver of newer versions:
    {overflows: number}.

    heard: called with the event's name ("time_error", ...) and its time (whole seconds, fraction), None when
        it has none.
    """

    def __init__(self, heard: Callable[[str, tuple[int, float] | None], None]):
        gr.basic_block.__init__(self, "event_listener", None, None)
        self._heard = heard
        self.message_port_register_in(pmt.intern("async_msgs"))
        self.set_msg_handler(pmt.intern("async_msgs"), self._take)

    def _take(self, message) -> None:
        if not (pmt.is_pair(message) and pmt.is_dict(pmt.cdr(message))):
            return
        event = pmt.cdr(message)
        when = _time_of(pmt.dict_ref(event, pmt.intern("time_spec"), pmt.PMT_NIL))
        codes = pmt.dict_ref(event, pmt.intern("event_code"), pmt.PMT_NIL)
        while pmt.is_pair(codes):
            if pmt.is_symbol(pmt.car(codes)):
                self._heard(pmt.symbol_to_string(pmt.car(codes)), when)
            codes = pmt.cdr(codes)


def _time_of(spec) -> tuple[int, float] | None:
    """Whole seconds and fraction of a pair of these; None for anything else."""
    if not (pmt.is_pair(spec) and pmt.is_integer(pmt.car(spec)) and pmt.is_real(pmt.cdr(spec))):
        return None
    full, fraction = pmt.to_long(pmt.car(spec)), pmt.to_double(pmt.cdr(spec))
    return (full, fraction) if full >= 0 and 0.0 <= fraction < 1.0 else None


class timed_front_end(front_end):
    """A radio whose samples carry its time.

    Frames leave in slots of its clock, samples that were lost show in the time stamps, and an echo's delay is
    the calibrated one from transmitter to receiver and the way to the target and back.

    A subclass makes the blocks of the device in `configure`, hands them to `_join`, and knows the device's
    time.

    measure_latency: option; find the delay from the direct leakage instead of taking it from the calibration.
    """

    def __init__(self, settings: RadioSettings, frame, role: str, measure_latency: bool):
        front_end.__init__(self, settings, frame, role)
        self._measure_latency = measure_latency
        self._lock = threading.Lock()
        self._gaps_counted = self._jumps_counted = 0
        self._highest_peak = 0.0
        self._settled = -1  # what became of frames that begin up to this sample is known
        self._named: deque[int] = deque(maxlen=4)  # by the last events
        self._looked = (0, (0, 0.0))  # frames scheduled, and the device's time a moment later
        self._all_scheduled: tuple[int, float] | None = None
        self._filler = self._scheduler = self._aligner = self._transmitter = None
        self._listener = event_listener(self._hear)
        self._watch = Watch(self.events, self._look)
        self._progress = Progress(settings.timeout_s)

    def device_time(self) -> tuple[int, float]:
        """Time of the device in this moment: whole seconds and fraction."""
        raise NotImplementedError

    def calibration_key(self) -> CalibrationKey:
        """What the delay from transmitter to receiver depends on, as it is in force."""
        raise NotImplementedError

    def _join(self, transmitter, receiver, sample_rate_hz: float) -> None:
        """Connect the blocks of the device: samples into `transmitter`, out of `receiver`; None where
        unused.
        """
        channels = self.settings.rx_channels
        for block in filter(None, (transmitter, receiver)):
            self._watch.follow(block, "its driver says why, above")
        self._transmitter = transmitter
        if transmitter is not None:
            self._scheduler = semisac.frame_scheduler(
                sample_rate_hz, "bursts", self.settings.lead_time_s, self.frame.occupied_samples
            )
            level = 10.0 ** (self.settings.transmit_level_db / 20.0)
            # before the scheduler, which hands each burst to the device in one piece
            self._level = blocks.multiply_const_cc(level)
            self.connect(self, self._level, self._scheduler, transmitter)
            self.msg_connect(transmitter, "async_msgs", self._listener, "async_msgs")
        if receiver is not None:
            self._filler = semisac.gap_filler(sample_rate_hz, channels)
            for channel in range(channels):
                self.connect((receiver, channel), (self._filler, channel))
        if self.role == "receive":
            for channel in range(channels):
                self.connect((self._filler, channel), (self, channel))
        if self.role == "monostatic":
            self._aligner = semisac.echo_aligner(
                self.frame,
                channels,
                "leakage" if self._measure_latency else "fixed",
                int(MOST_LATENCY_S * sample_rate_hz) + MOST_LATENCY_SAMPLES,
            )
            self._unit_power = blocks.multiply_const_cc(1.0 / level)
            self.connect(self._scheduler, self._unit_power, (self._aligner, 0))
            for channel in range(channels):
                self.connect((self._filler, channel), (self._aligner, 1 + channel))
            for port in range(1 + channels):
                self.connect((self._aligner, port), (self, port))

    def _calibrate(self) -> dict[str, object]:
        """Set the delay of the direct path; what is in force. Raises CalibrationError when it is not
        known.
        """
        if self.role != "monostatic" or self._measure_latency:
            return {}
        key = self.calibration_key()
        calibration = CalibrationStore().find(key, self._calibration_command())
        self._aligner.set_latency_samples(calibration.latency_samples)
        return {"latency_samples": calibration.latency_samples, "calibrated": calibration.date}

    def _calibration_command(self) -> str:
        settings = self.settings
        words = ["python apps/calibrate.py", f"--radio {settings.radio}"]
        if settings.address:
            words.append(f"--address {settings.address}")
        words.append(f"--center-frequency-hz {settings.center_frequency_hz:g}")
        words.append(f"--sample-rate-hz {settings.sample_rate_hz:g}")
        words.append(f"--tx-gain-db {settings.tx_gain_db:g} --rx-gain-db {settings.rx_gain_db:g}")
        return " ".join(words)

    def _begin(self, now: tuple[int, float], start: tuple[int, float]) -> None:
        """Give the blocks their times and begin to look after the device."""
        self.events.begin_run()
        self._progress.restart()
        self._gaps_counted = self._jumps_counted = 0
        self._settled = -1
        self._named.clear()
        self._looked, self._all_scheduled = (0, now), None
        if self._scheduler is not None:
            self._scheduler.set_start_time(*start)
            self._scheduler.set_time_now(*now)
        if self._filler is not None:
            self._filler.set_start_time(*start)
        self._watch.start()

    def silence(self) -> None:
        self._watch.stop()

    def close(self) -> None:
        self.silence()

    def _disconnect(self) -> None:
        """Let go of the device's blocks; the front end is of no use any more."""
        if self._transmitter is not None:
            self.msg_disconnect(self._transmitter, "async_msgs", self._listener, "async_msgs")
        self.disconnect_all()
        self._transmitter = None

    def has_sent(self, frames: int) -> bool:
        scheduled, now = self._looked
        if self._scheduler is None or scheduled < frames:
            return False
        self._all_scheduled = self._all_scheduled or now
        return now > add_seconds(self._all_scheduled, self.settings.lead_time_s + SENT_AFTER_S)

    def status(self) -> dict[str, object]:
        self._count_gaps()
        numbers = dict(self.events.counts())
        if self._scheduler is not None:
            numbers["frames_scheduled"] = self._scheduler.frames_scheduled()
            numbers["slots_skipped"] = self._scheduler.slots_skipped()
            numbers["clipped_samples"] = self._scheduler.samples_clipped()
        if self._filler is not None:
            numbers["samples_lost"] = self._filler.samples_lost()
            peak = self._filler.take_peak()
            self._highest_peak = max(peak, self._highest_peak)
            numbers |= {"adc_peak": peak, "highest_adc_peak": self._highest_peak}
        if self._aligner is not None:
            numbers["latency_samples"] = self._aligner.latency_samples()
            numbers["leakage_db"] = self._aligner.leakage_db()
            numbers["frames_flagged"] = self._aligner.frames_flagged()
        return numbers

    def _look(self) -> None:
        """Follow the device's clock, count what it lost, and see that samples still come."""
        if self._scheduler is not None:
            scheduled = self._scheduler.frames_scheduled()
            now = self.device_time()
            self._looked = (scheduled, now)
            self._scheduler.set_time_now(*now)
        if self._filler is not None:
            self._count_gaps()
            # a consumer that pauses lets samples pile up, which says nothing of the device
            self._progress.see(self._filler.nitems_written(0), self._filler.waits_for_samples())

    def _count_gaps(self) -> None:
        """A loss of received samples shows in their times alone (gr-uhd tells nothing else): an overflow.

        A clock that jumps by more than a loss can be is a gap of unknown length.
        """
        if self._filler is None:
            return
        with self._lock:
            gaps, jumps = self._filler.gaps(), self._filler.times_backwards()
            new_gaps, new_jumps = gaps - self._gaps_counted, jumps - self._jumps_counted
            self._gaps_counted, self._jumps_counted = gaps, jumps
        if new_gaps > 0:
            self.events.add("overflow", new_gaps)
        if new_jumps > 0:
            self.events.add("gap", new_jumps)
            if self._aligner is not None:
                reason = (
                    "the receiver's clock jumped: what it receives is no longer in step with what is sent; "
                    "start again"
                )
                self.events.add("vanished", reason=reason)

    def _hear(self, code: str, when: tuple[int, float] | None) -> None:
        if self._scheduler is None or when is None:
            if code in EVENTS:
                self.events.add(EVENTS[code])
            return
        sample = self._scheduler.sample_at(*when)
        if code == ACKNOWLEDGED:
            self._settled = max(self._settled, sample)
        elif code in EVENTS:
            self._name_frames(EVENTS[code], sample)

    def _name_frames(self, kind: str, sample: int) -> None:
        """Count the frames that an event is about, found at a sample's time, each once.

        Packets come in their order. Where one is found late, nothing behind the last one that is known to be
        sent has left, and all whose times are past are late too: an event of each packet says so. Where the
        transmitter runs out, the frame is hit that would go on.
        """
        if kind == "late":
            begun = self._scheduler.frames_between(self._settled + 1, sample)
            hit = [frame_id for _, frame_id in begun]
            self._settled = begun[-1][0] if begun else self._settled
        else:
            around = (sample, sample + TICKS_AS_SAMPLES)
            hit = sorted({self._scheduler.frame_at_sample(one) for one in around} - {-1})
            self._settled = max(self._settled, sample - 1)
            if not hit:
                self.events.add(kind)
        for frame_id in hit:
            if frame_id not in self._named:
                self._named.append(frame_id)
                self.events.add(kind, frame_id=frame_id)
                if self._aligner is not None:
                    self._aligner.flag_frame(frame_id, kind)


def add_seconds(when: tuple[int, float], seconds: float) -> tuple[int, float]:
    """Time so many seconds later, as whole seconds and a fraction of 0 to 1."""
    whole, fraction = divmod(when[1] + seconds, 1.0)
    return when[0] + int(whole), fraction
