# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much came in, and how strong it was: what to look at first when nothing was understood."""

from __future__ import annotations

import math

from gnuradio import analog, gr
from gnuradio.semisac.radio import front_end

AVERAGE = 1e-4  # of the newest sample: over about 10,000 of them


class ReceivedLevel:
    """Meter at the first receive channel of a radio; connects itself."""

    def __init__(self, flowgraph: gr.top_block, radio: front_end):
        self._replays = radio.settings.radio == "file"
        self._meter = analog.probe_avg_mag_sqrd_c(-100.0, AVERAGE)
        flowgraph.connect(radio.rx(0), self._meter)

    def said_without(self, what: str) -> str:
        """What to tell a person when none of something came, such as "frame was detected"."""
        samples, power = self._meter.nitems_read(0), self._meter.level()
        if not samples:
            again = "is the recording empty?" if self._replays else "does the radio run, or whoever sends?"
            return f"no {what}: no samples came; {again}"
        level = f"{10.0 * math.log10(power):.0f} dB of full scale" if power > 0.0 else "no level at all"
        if self._replays:
            check = "the recording: are datatype, sample rate and frame options those of its transmitter?"
        else:
            check = (
                "frequency, gain, antenna and --most-cfo-hz: are the frame options those of the transmitter?"
            )
        return f"no {what} in {samples:,} samples at {level}: check {check}"
