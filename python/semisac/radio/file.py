# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recordings in the place of a radio."""

from __future__ import annotations

import threading

from gnuradio import blocks, gr

from semisac_ml.data import DataError
from semisac_ml.data.sigmf_checks import sigmf_package
from semisac_ml.data.sigmf_recording import Recording

from .. import frame_parameters, gap_filler
from .front_end import Capabilities, RadioError, front_end
from .settings import RadioSettings
from .sigmf_fields import plain_frame
from .sigmf_sink import sigmf_sink
from .sigmf_source import sigmf_source

RECORDED_FIELDS = ("bundle", "radio", "targets", "calibration", "counters")
BREAKS_TOLD = 3


class file_front_end(front_end):
    """SigMF recordings: writes what would be sent, gives back what was received.

    address: path of the recording, with or without ending. Role "transmit" writes it; "receive" replays its
    receive channels; "monostatic" replays a collection, the first channel of which is what was sent, and
    takes no notice of the frames at its input.

    Options: paced (false): replay at the sample rate, not as fast as possible. repeat (false): again and
    again. check_hash (false): compare the hash of all samples first. overwrite (false): replace a recording.
    author: of a recording that is written.

    Sample rate and frame parameters must be those of the recording. Where it tells that samples were lost, by
    its captures or by tags rx_time (role "receive"), zeros stand in their place, as with a radio.
    """

    capabilities = Capabilities(
        has_timestamps=False,
        full_duplex=True,
        cyclic=False,
        needs_calibration=False,
        most_rx_channels=2,
        real_time=False,
    )

    def __init__(self, settings: RadioSettings, frame, role: str):
        front_end.__init__(self, settings, frame, role)
        self.replays = role == "monostatic"
        if not settings.address:
            raise ValueError("--address is empty, expected the path of a recording with --radio file")
        self._options = settings.take_options(
            paced=False, repeat=False, check_hash=False, overwrite=False, author=""
        )
        self._replayed: sigmf_source | None = None
        self._recorded: sigmf_sink | None = None
        self._lock = threading.Lock()
        self._gap_samples: list[int] = []
        self._gaps_told = 0
        self._filler = None

    def configure(self) -> dict[str, object]:
        try:
            found = self._write() if self.role == "transmit" else self._replay()
        except (DataError, ValueError) as error:
            raise RadioError(str(error)) from error
        driver = f"sigmf {sigmf_package().__version__}"
        return {"device": f"recording {self.settings.address}", "serial": "", "driver": driver, **found}

    def close(self) -> None:
        if self._recorded is not None:
            self._recorded.finish()

    def set_metadata(self, name: str, value: object) -> None:
        """Set a field of the extension in a recording that is written, such as "bundle", until it ends."""
        if self._recorded is not None:
            self._recorded.set_metadata(name, value)

    def status(self) -> dict[str, object]:
        sent = self._replayed.samples_sent() if self._replayed is not None else 0
        gaps = sum(sample < sent for sample in self._gap_samples)
        gaps += self._filler.gaps() if self._filler is not None else 0
        with self._lock:
            if gaps > self._gaps_told:
                self.events.add("gap", gaps - self._gaps_told)
                self._gaps_told = gaps
        counts = front_end.status(self)
        if self._replayed is not None:
            counts["samples"] = sent
        if self._recorded is not None:
            counts["samples"] = self._recorded.samples_recorded()
        return counts

    def _failed(self, error: Exception) -> None:
        self.events.add("vanished", reason=str(error))

    def _write(self) -> dict[str, object]:
        settings = self.settings
        self._recorded = sigmf_sink(
            settings.address,
            settings.sample_rate_hz,
            settings.center_frequency_hz,
            ["sent"],
            author=self._options["author"],
            description="What would be sent",
            metadata={"frame": plain_frame(self.frame), "radio": settings.plain()},
            overwrite=self._options["overwrite"],
        )
        self._recorded.on_error = self._failed
        self._level = blocks.multiply_const_cc(10.0 ** (settings.transmit_level_db / 20.0))
        self.connect(self, self._level, self._recorded)
        return {
            "sample_rate_hz": settings.sample_rate_hz,
            "center_frequency_hz": settings.center_frequency_hz,
            "warnings": [],
        }

    def _replay(self) -> dict[str, object]:
        options, settings = self._options, self.settings
        channels = settings.rx_channels + (self.role == "monostatic")
        self._replayed = sigmf_source(
            settings.address, channels, options["paced"], options["repeat"], options["check_hash"]
        )
        self._replayed.on_error = self._failed
        recording = self._replayed.recording
        warnings = self._check(recording)
        self._gap_samples = sorted(sample for sample, _ in recording.channels[channels - 1].gaps())
        if self.role == "receive":
            self._filler = gap_filler(settings.sample_rate_hz, channels)
        for port in range(channels):
            if self._filler is not None:
                self.connect((self._replayed, port), (self._filler, port))
            self.connect((self._filler or self._replayed, port), (self, port))
        if self.role == "monostatic":
            self._ignored = blocks.null_sink(gr.sizeof_gr_complex)
            self.connect(self, self._ignored)
        recorded = {name: value for name in RECORDED_FIELDS if (value := recording.field(name)) is not None}
        return {
            "sample_rate_hz": settings.sample_rate_hz,
            "center_frequency_hz": recording.center_frequency_hz or settings.center_frequency_hz,
            "duration_s": recording.sample_count / settings.sample_rate_hz,
            "recorded": recorded,
            "warnings": warnings,
        }

    def _check(self, recording: Recording) -> list[str]:
        """Warnings; raises ValueError where the recording is of other samples or frames than the settings."""
        base, settings, warnings = recording.base, self.settings, []
        if recording.sample_rate_hz not in (None, settings.sample_rate_hz):
            raise ValueError(
                f"{base} has {recording.sample_rate_hz:g} samples a second, expected those of "
                f"--sample-rate-hz {settings.sample_rate_hz:g}: give that of the recording"
            )
        if recording.sample_rate_hz is None:
            warnings.append(f"{base} does not say its sample rate: taken as {settings.sample_rate_hz:g} Hz")
        frequency = recording.center_frequency_hz
        if frequency not in (None, settings.center_frequency_hz):
            warnings.append(
                f"{base} was recorded at {frequency:g} Hz, --center-frequency-hz is "
                f"{settings.center_frequency_hz:g}: speeds are wrong by that factor"
            )
        told = list(dict.fromkeys(one.why for channel in recording.channels for one in channel.breaks))
        if told:
            more = f", and {len(told) - BREAKS_TOLD} more" if len(told) > BREAKS_TOLD else ""
            warnings.append(
                f"{base} has gaps, in which frames are lost: {', '.join(told[:BREAKS_TOLD])}{more}"
            )
        names = [channel.name for channel in recording.channels]
        if self.role == "monostatic" and names[0] not in ("sent", ""):
            raise ValueError(
                f"the channels of {base} are {', '.join(names)}, expected what was sent as the first: record "
                "with apps/run_sensing.py --record"
            )
        if self.role == "receive" and names[0] == "sent" and len(names) > 1:
            raise ValueError(
                f"{base} holds what was sent beside what was received: give the recording of one channel, "
                f"{recording.channels[1].data_file.with_suffix('')}"
            )
        recorded = recording.field("frame")
        if recorded is not None and self.frame is not None:
            self._check_frame(base, recorded)
        return warnings

    def _check_frame(self, base, recorded: dict) -> None:
        ours = plain_frame(self.frame)
        try:
            same = frame_parameters(**recorded).canonical_text() == frame_parameters(**ours).canonical_text()
        except (TypeError, ValueError) as error:
            raise ValueError(f"{base}: its frame parameters cannot be read ({error})") from error
        if not same:
            names = [name for name in ours if ours[name] != recorded.get(name) and name != "gap_samples"]
            raise ValueError(
                f"{base} holds frames with {', '.join(f'{name} {recorded.get(name)}' for name in names)}, "
                f"expected {', '.join(str(ours[name]) for name in names)}: give those of the recording"
            )
