# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of IIO devices, and whether a daemon answers at one."""

from __future__ import annotations

import socket

IIOD_PORT = 30431
BACKENDS = ("ip", "usb", "local", "serial", "xml")
# Where a Pluto is when nobody said otherwise: its network over USB, and its name.
USUAL_ADDRESSES = ("ip:192.168.2.1", "ip:pluto.local")


def complete_address(address: str) -> str:
    """URI from what a user types: a host, or host:port, is one of an IIO daemon."""
    backend = address.partition(":")[0]
    return address if backend in BACKENDS and ":" in address else f"ip:{address}"


def network_place(uri: str) -> tuple[str, int] | None:
    """Host and port of "ip:host", "ip:host:port" or "ip:[host]:port"; None for other URIs.

    Raises ValueError for a port that is no number.
    """
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
        raise ValueError(f"--address is {uri!r}, expected such as ip:192.168.2.1 or ip:host:port") from None


def greet(uri: str, timeout_s: float) -> str:
    """What is wrong with what listens at a network URI, "" for an IIO daemon and for URIs of other backends.

    Looking a host name up may take longer than `timeout_s`. Raises ValueError as `network_place` does.
    """
    place = network_place(uri)
    if place is None:
        return ""
    try:
        with socket.create_connection(place, timeout_s) as connection:
            connection.sendall(b"VERSION\r\n")
            answer = connection.recv(64)
    except TimeoutError:
        return f"does not answer within {timeout_s:g} s"
    except OSError as error:
        return f"cannot be reached ({error.strerror or error})"
    return "" if answer[:1].isdigit() else f"is no IIO daemon (it answered {answer[:20]!r})"
