# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reach an IIO device without ever waiting for one that does not answer.

libiio waits 5 s for each answer while it opens a context, whatever was asked for, and a host name may take
longer than that to fail. So the address is tried with a socket of our own first, and everything that may
block runs in a thread that is given up when its time is over.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from semisac_ml.iio_address import USUAL_ADDRESSES, greet

from . import watch
from .front_end import RadioError
from .watch import Result

PROBE_COMMAND = "semisac radio probe"


def within(seconds: float, what: str, function: Callable[[], Result]) -> Result:
    """Result of a function, or its exception, or RadioError when it takes longer than `seconds`."""
    try:
        return watch.within(seconds, function, "pluto-call")
    except watch.Overdue:
        raise RadioError(
            f"{what}: no answer within {seconds:g} s, expected a device that answers at once; check it with "
            f"`{PROBE_COMMAND}`, or raise --timeout-s"
        ) from None


def reach(uri: str, timeout_s: float) -> None:
    """Return when an IIO daemon answers at this URI; URIs of other backends pass.

    Raises RadioError within about timeout_s.
    """
    try:
        trouble = within(1.5 * timeout_s, f"{uri} does not answer", lambda: greet(uri, timeout_s))
    except ValueError as error:
        raise RadioError(str(error)) from None
    if trouble:
        expected = ", expected a Pluto or another device with iiod" if "no IIO daemon" in trouble else ""
        raise RadioError(f"{uri} {trouble}{expected}: check cable and address, or run `{PROBE_COMMAND}`")


def first_found(timeout_s: float) -> str:
    """URI of the first Pluto on USB or at its usual addresses. Raises RadioError when there is none."""
    for uri, description in scan(timeout_s).items():
        if "pluto" in description.lower() or "ad936" in description.lower():
            return uri
    for uri in USUAL_ADDRESSES:
        try:
            reach(uri, min(timeout_s, 1.0))
        except RadioError:
            continue
        return uri
    raise RadioError(
        f"no Pluto found on USB or at {', '.join(USUAL_ADDRESSES)}: plug it in, or name its --address, such "
        "as ip:192.168.2.1 or usb:1.2.5"
    )


def scan(timeout_s: float) -> dict[str, str]:
    """Contexts that libiio finds by itself: URI to description. In a process of its own: a scan may hang."""
    program = "import iio, json; print(json.dumps(iio.scan_contexts()))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, OSError, ValueError, IndexError):
        return {}
