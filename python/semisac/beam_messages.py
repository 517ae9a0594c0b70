# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages between the blocks of beam tracking: PDUs, a dictionary and a uniform vector.

| message | vector | dictionary |
|---|---|---|
| frame | none | frame, time_s; new_drive, site where known |
| observation | values of one sensor, flat | modality ("power", "position", ...), time_s, frame; beams |
| world | linear gain of each path, complex64 | azimuth_rad; elevation_rad, delay_s; frame, time_s |
| world | power of all beams in dB, float32 | frame, time_s |
| measure | numbers of the beams to measure, int32 | frame, or none for any |
| prediction | probability of each beam, float32 | frame, time_s; beams, probabilities: the best, ranked |
| beam | power of the beams that were measured in dB, float32 | frame, time_s; beam, measured: their numbers |

`time_s` is in seconds on one clock for all of them: that of the recording, or since the epoch.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.data import DataError

WHOLE_NUMBERS = np.int32


def pdu(values: np.ndarray, **meta):
    """A PDU; values uint8, int32, float32 or complex64. What is None is left out of the dictionary."""
    plain = {key: value for key, value in meta.items() if value is not None}
    return pmt.cons(pmt.to_pmt(plain), _vector(np.ascontiguousarray(values)))


def tick(**meta):
    """A PDU without values."""
    return pdu(np.empty(0, np.float32), **meta)


def _vector(values: np.ndarray):
    made = {
        "u": pmt.init_u8vector,
        "i": pmt.init_s32vector,
        "f": pmt.init_f32vector,
        "c": pmt.init_c32vector,
    }[values.dtype.kind]
    return made(values.size, values.ravel().tolist())


def read(message) -> tuple[dict, np.ndarray]:
    """Dictionary and vector of a PDU. Raises ValueError for anything else."""
    if not pmt.is_pair(message) or not pmt.is_uniform_vector(pmt.cdr(message)):
        raise ValueError("a message is no PDU, expected a dictionary and a uniform vector")
    meta = pmt.to_python(pmt.car(message)) if pmt.is_dict(pmt.car(message)) else None
    if not isinstance(meta, dict):
        if not pmt.is_null(pmt.car(message)):
            raise ValueError("a message has no dictionary, expected a PDU")
        meta = {}
    return meta, np.asarray(pmt.to_python(pmt.cdr(message)))


class takes_pdus:
    """Mixin of a block: message ports whose handlers are given dictionary and vector.

    What is no PDU, or lacks what the handler reads, is counted as "damaged" in `counts` and logged once. Any
    other exception becomes the block's ``error``.
    """

    error: Exception | None = None

    def listen(self, port: str, handler) -> None:
        """Register a message input. handler: function of (meta, values)."""
        self.counts = getattr(self, "counts", Counter())
        name = pmt.intern(port)
        self.message_port_register_in(name)

        def guarded(message):
            try:
                handler(*read(message))
            except DataError as error:
                self.error = error
                gr.logger(self.name()).error(f"{port}: {error}")
            except (ValueError, KeyError, TypeError) as error:
                self.counts["damaged"] += 1
                if self.counts["damaged"] == 1:
                    gr.logger(self.name()).warn(f"{port}: message passed over: {error!r}")
            except Exception as error:  # noqa: BLE001 - the block's thread would die of it in silence
                self.error = error
                gr.logger(self.name()).error(f"{port}: {error}")

        guarded.__name__ = f"on_{port}"  # GNU Radio looks a handler up by its name
        setattr(self, guarded.__name__, guarded)
        self.set_msg_handler(name, guarded)

    def announce(self, *ports: str) -> None:
        """Register message outputs."""
        for port in ports:
            self.message_port_register_out(pmt.intern(port))

    def send(self, port: str, message) -> None:
        """Publish on an output."""
        self.message_port_pub(pmt.intern(port), message)

    def is_heard(self, port: str) -> bool:
        """Whether anybody is connected to an output."""
        return not pmt.is_null(self.message_subscribers(pmt.intern(port)))
