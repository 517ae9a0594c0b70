# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import numpy as np
from gnuradio import gr

from semisac_ml.data import beam_recordings
from semisac_ml.data.beam_recordings import POSITION, BeamRecording
from semisac_ml.sensors import declared

from .beam_messages import pdu, takes_pdus, tick


class beam_replay(takes_pdus, gr.basic_block):
    """Replay vehicles that pass a base station: recorded, ray-traced or made up.

    A flowgraph that is started again goes on where it was stopped; one that had replayed all begins with the
    first frame again. Numbers of frames and times go on in either case.

    Message in ``next``: any PDU: the frame is done, send the next. Only with frames_per_s 0.
    Message out ``frame``: PDU that begins a frame, {frame, time_s, new_drive, site}. Sent last.
    Message out ``observations``: PDU of what a sensor told, {modality, time_s, frame}: position in metres
        east and north of the base station, float32[2]; camera (uint8), lidar, radar (float32) and what
        else `semisac_ml.sensors` declares as it makes them for networks, flat, where they were recorded.
    Message out ``world``: PDU for `beam_codebook`, {frame, time_s}: recorded power of all beams in dB,
        float32, or paths, complex64.

    data: "made-up"; "sample", ray-traced steps that ship; "deepsense6g", wherever SEMISAC_DATA says; a folder
        of DeepSense 6G or of `semisac data scenes`; or a BeamRecording.
    scenario: one of them; 0: the first of DeepSense, all of a set of scenes.
    frames_per_s: 0: as fast as ``next`` asks.
    repeat: whether to begin again at the end.
    sensors: those that work, of "position", "camera", "lidar", "radar" and others that are declared.
    count: frames at most; 0: all.

    Raises DataError when the data are not there or damaged, ValueError for a bad parameter.
    """

    def __init__(
        self,
        data="made-up",
        scenario=0,
        frames_per_s=10.0,
        repeat=False,
        sensors=(POSITION,),
        count=0,
        seed=0,
    ):
        gr.basic_block.__init__(self, "beam_replay", None, None)
        if not 0 <= frames_per_s < np.inf:
            raise ValueError(f"frames_per_s is {frames_per_s}, expected 0 or a rate")
        if not isinstance(data, BeamRecording):
            data = beam_recordings.load(data, int(scenario), int(seed))
        self._recording = data.first(int(count)) if count else data
        self._frames_per_s = float(frames_per_s)
        self._repeat = bool(repeat)
        self.set_sensors(sensors)
        self._sent = self._begun_at = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._sending = threading.Lock()  # the first frame comes from a thread, others from messages' own
        self.listen("next", lambda meta, values: self._go_on())
        self.announce("frame", "observations", "world")

    @staticmethod
    def before_frame(row: int) -> None:
        """Called before each frame with its place in the recording; replaced by whoever wants to know."""

    def recording(self) -> BeamRecording:
        """What is replayed."""
        return self._recording

    def set_sensors(self, sensors) -> None:
        """Change which sensors work."""
        known = (POSITION, *declared())
        if set(sensors) - set(known):
            raise ValueError(f"sensors are {', '.join(sensors)}, expected some of {', '.join(known)}")
        self._sensors = tuple(sensors)

    def frames_sent(self) -> int:
        """Frames so far."""
        return self._sent

    def start(self):
        if not self._has_more():
            self._begun_at = self._sent
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="beam_replay", daemon=True)
        self._thread.start()
        return True

    def stop(self):
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        return True

    def _run(self) -> None:
        try:
            self._send_in_time()
        except Exception as error:  # noqa: BLE001 - the thread would die of it in silence
            self.error = error
            gr.logger(self.name()).error(f"stops: {error}")

    def _send_in_time(self) -> None:
        if not self._frames_per_s:
            self._send()
            return
        while not self._stopped.wait(1.0 / self._frames_per_s) and self._has_more():
            self._send()

    def _go_on(self) -> None:
        if not self._frames_per_s and not self._stopped.is_set():
            self._send()

    def _has_more(self) -> bool:
        return self._repeat or self._sent - self._begun_at < len(self._recording)

    def _send(self) -> None:
        with self._sending:
            if self._has_more():
                self._send_frame()

    def _send_frame(self) -> None:
        recording, frame = self._recording, self._sent
        turn, row = divmod(frame, len(recording))
        lasting_s = recording.time_s[-1] + beam_recordings.BETWEEN_DRIVES_S
        at = {"frame": frame, "time_s": float(recording.time_s[row] + turn * lasting_s)}
        self.before_frame(row)
        new_drive = row == 0 or recording.drive[row] != recording.drive[row - 1]
        self._sent += 1
        if recording.power_db is not None:
            self.send("world", pdu(recording.power_db[row], **at))
        else:
            paths = recording.paths[row]
            angles = {"azimuth_rad": paths.azimuth_rad, "elevation_rad": paths.elevation_rad}
            gain = paths.gain.astype(np.complex64)
            self.send("world", pdu(gain, **at, **angles, delay_s=paths.delay_s))
        for sensor in self._sensors:
            told = recording.position_m[row] if sensor == POSITION else recording.sensed(sensor, row)
            if told is not None:
                self.send("observations", pdu(told, modality=sensor, **at))
        self.send("frame", tick(**at, new_drive=bool(new_drive), site=recording.site[row]))
