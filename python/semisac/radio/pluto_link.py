# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reach an IIO device without ever waiting for one that does not answer.

libiio waits 5 s for each answer while it opens a context, whatever was asked for, and a host name may take
longer than that to fail. So the address is tried with a socket of our own first, and everything that may
block runs in a thread that is given up when its time is over.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable

from . import watch
from .front_end import RadioError
from .watch import Result

IIOD_PORT = 30431
BACKENDS = ("ip", "usb", "local", "serial", "xml")
# Where a Pluto is when nobody said otherwise: its network over USB, and its name.
USUAL_ADDRESSES = ("ip:192.168.2.1", "ip:pluto.local")
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


def complete_address(address: str) -> str:
    """URI from what a user types: a host, or host:port, is one of an IIO daemon."""
    backend = address.partition(":")[0]
    return address if backend in BACKENDS and ":" in address else f"ip:{address}"


def network_place(uri: str) -> tuple[str, int] | None:
    """Host and port of "ip:host", "ip:host:port" or "ip:[host]:port"; None for other URIs."""
    backend, _, place = uri.partition(":")
    if backend != "ip" or not place:
        return None
    host, _, port = place.rpartition(":")
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    elif not host or ":" in host:  # no port, or an IPv6 address without brackets
        host, port = place, ""
    try:
        return host, int(port) if port else IIOD_PORT
    except ValueError:
        raise RadioError(f"--address is {uri!r}, expected such as ip:192.168.2.1 or ip:host:port") from None


def reach(uri: str, timeout_s: float) -> None:
    """Return when an IIO daemon answers at this URI; URIs of other backends pass.

    Raises RadioError within about timeout_s.
    """
    place = network_place(uri)
    if place is None:
        return
    advice = f"check cable and address, or run `{PROBE_COMMAND}`"

    def ask() -> bytes:
        with socket.create_connection(place, timeout_s) as connection:
            connection.sendall(b"VERSION\r\n")
            return connection.recv(64)

    try:
        answer = within(1.5 * timeout_s, f"{uri} does not answer", ask)
    except TimeoutError:
        raise RadioError(f"{uri} does not answer within {timeout_s:g} s: {advice}") from None
    except OSError as error:
        raise RadioError(f"{uri} cannot be reached ({error.strerror or error}): {advice}") from None
    if not answer[:1].isdigit():
        raise RadioError(
            f"{uri} is no IIO daemon (it answered {answer[:20]!r}), expected a Pluto or another device with "
            f"iiod: {advice}"
        )


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
