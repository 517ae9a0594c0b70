# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening a USRP within a time, so that Ctrl-C is heard meanwhile.

The constructors of gr-uhd hold Python's lock until the device has answered, which one that hangs in its
start-up does for minutes: no signal is heard and no other thread can give it up. The C interface of the same
library does not; UHD gives a device that is open already to whoever asks for it next in the same process, so
that gr-uhd finds this one.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import threading
from collections.abc import Iterator

from .front_end import RadioError
from .watch import Overdue, within

MOST_TEXT = 2048


def uhd_library(version: str) -> ctypes.CDLL | None:
    """UHD's library of a version as gr-uhd says it, which is loaded already; None where it has another
    name, or no C interface.
    """
    numbers = re.match(r"\d+\.\d+\.\d+", version)
    for name in ("libuhd.so.{}", "libuhd.{}.dylib") if numbers else ():
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(name.format(numbers[0]))
            _ = library.uhd_usrp_make, library.uhd_usrp_free, library.uhd_get_last_error
            return library
    return None


@contextlib.contextmanager
def kept_open(library: ctypes.CDLL | None, arguments: str, timeout_s: float) -> Iterator[None]:
    """Open a device and keep it so for the `with`, in which gr-uhd takes it over.

    arguments: of the device. timeout_s: after which it is given up; None of the library: nothing is bounded.

    Raises RuntimeError with UHD's own words, RadioError when it takes too long.
    """
    if library is None:
        yield
        return
    opening = _Opening(library, arguments)
    try:
        within(timeout_s, opening.open, "usrp_open")
    except Overdue:
        where = f"at {arguments!r}" if arguments else "connected"
        raise RadioError(
            f"the USRP {where} did not open within {timeout_s:g} s: is it started up, and does no other "
            "program use it? Raise --timeout-s, of which this is five times, for one that loads its FPGA"
        ) from None
    finally:
        opening.abandon_unless_open()
    try:
        yield
    finally:
        opening.free()


class _Opening:
    """A device that is being opened by a thread that may be given up: then it frees the device itself."""

    def __init__(self, library: ctypes.CDLL, arguments: str):
        self._library = library
        self._arguments = arguments.encode()
        self._handle = ctypes.c_void_p()
        self._lock = threading.Lock()
        self._is_open = self._is_abandoned = False

    def open(self) -> None:
        failed = self._library.uhd_usrp_make(ctypes.byref(self._handle), self._arguments)
        text = ctypes.create_string_buffer(MOST_TEXT)
        if failed:
            self._library.uhd_get_last_error(text, ctypes.c_size_t(MOST_TEXT))
            raise RuntimeError(text.value.decode(errors="replace") or f"UHD's error {failed}")
        with self._lock:
            self._is_open = True
            if not self._is_abandoned:
                return
        self.free()

    def abandon_unless_open(self) -> None:
        with self._lock:
            self._is_abandoned = not self._is_open

    def free(self) -> None:
        self._library.uhd_usrp_free(ctypes.byref(self._handle))
