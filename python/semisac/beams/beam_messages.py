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

import numpy as np
import pmt

from ..message_ports import takes_messages

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


def seconds_of(meta: dict) -> float:
    """time_s of a dictionary. Raises ValueError when it is not finite, KeyError without one."""
    time_s = float(meta["time_s"])
    if not np.isfinite(time_s):
        raise ValueError(f"time_s is {time_s}, expected seconds")
    return time_s


def frame_of(meta: dict) -> int | None:
    """Number of the frame; None without one. Raises ValueError for anything else."""
    frame = meta.get("frame")
    if not isinstance(frame, (int, type(None))):
        raise ValueError(f"frame is {frame!r}, expected a whole number")
    return frame


def real(values: np.ndarray, length: int, what: str) -> np.ndarray:
    """`values`; raises ValueError unless they are so many finite real numbers."""
    if len(values) != length or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise ValueError(f"{what}: {len(values)} of {values.dtype}, expected {length} finite numbers")
    return values


class takes_pdus(takes_messages):
    """Mixin of a block: message ports whose handlers are given dictionary and vector."""

    def listen(self, port: str, handler) -> None:
        """Register a message input. handler: function of (meta, values)."""
        takes_messages.listen(self, port, lambda message: handler(*read(message)))
