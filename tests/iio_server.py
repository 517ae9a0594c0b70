# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""IIO daemon for tests: what libiio speaks to over TCP, in front of a Pluto that is made up.

Protocol of libiio 0.x: a line a command, a number a reply (bytes that follow, or a negative errno). A context
is one connection, each buffer another one.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pluto_air import Air
from pluto_emulator import PlutoEmulator

VERSION = b"0.24.v0.24  \n"
IGNORED = "ignored"


@dataclass
class Fault:
    """What becomes of commands that match a pattern; that of WRITE ends with "=" and the value.

    does: an errno: refused. Bytes: the reply, and nothing else happens. IGNORED: a WRITE is taken and
    forgotten. Another text: the value that is read. A function: called before the command is carried out.
    times: so many commands are left.
    """

    pattern: str
    does: int | bytes | str | Callable[[], object]
    times: float = float("inf")


class IioServer:
    """Serve a device on 127.0.0.1; a context manager.

    device: what answers. port: 0: any that is free; `uri` names it.

    Faults, for all connections: `answer_delay_s` before every reply; `silent()` stops answering and leaves
    connections open; `disconnect()` closes all of them; `vanish()` does so for ever, as a device unplugged;
    `inject()` changes what single commands do.
    """

    def __init__(self, device: PlutoEmulator | None = None, port: int = 0):
        self.device = device or PlutoEmulator()
        self.commands: list[str] = []
        self.answer_delay_s = 0.0
        self.faults: list[Fault] = []
        self._silent = threading.Event()
        self._gone = threading.Event()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.uri = f"ip:127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> IioServer:
        self.device.start()
        threading.Thread(target=self._accept, name="iio-accept", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.vanish()
        self.device.stop()

    def silent(self, seconds: float | None = None) -> None:
        """Answer nothing more, or nothing for a while."""
        self._silent.set()
        if seconds is not None:
            threading.Timer(seconds, self._silent.clear).start()

    def inject(self, pattern: str, does: int | bytes | str | Callable, times: float = float("inf")) -> None:
        """Change what commands do that match a regular expression: see `Fault`."""
        self.faults.append(Fault(pattern, does, times))

    def fault(self, command: str) -> Fault | None:
        """What is to happen to a command, if anything unusual is."""
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.pattern, command):
                fault.times -= 1
                return fault
        return None

    def answers_again(self) -> None:
        """End `silent()`."""
        self._silent.clear()

    def disconnect(self) -> None:
        """Close all connections; new ones are taken."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def vanish(self) -> None:
        """Close everything."""
        self._gone.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disconnect()

    def connections(self) -> int:
        """Clients connected now."""
        return len(self._connections)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        client = _Client(self, connection)
        try:
            client.run()
        except (OSError, ValueError, IndexError):
            pass
        finally:
            client.close_buffers()
            self._connections.discard(connection)
            connection.close()

    def wait_to_answer(self) -> None:
        """Be as slow, or as mute, as the test wants."""
        if self.answer_delay_s:
            self._gone.wait(self.answer_delay_s)
        while self._silent.is_set() and not self._gone.is_set():
            time.sleep(0.02)
        if self._gone.is_set():
            raise OSError(errno.EPIPE, "gone")


class _Client:
    """One connection."""

    def __init__(self, server: IioServer, connection: socket.socket):
        self._server, self._device = server, server.device
        self._stream = connection.makefile("rb")
        self._connection = connection
        self._open: dict[str, str] = {}  # device: mask
        self._timeout_s = 5.0

    def run(self) -> None:
        while line := self._stream.readline():
            words = line.decode().split()
            if not words:
                continue
            value = self._stream.read(int(words[-1])) if words[0] == "WRITE" and len(words) > 2 else b""
            command = " ".join(words) + ("=" + value.decode().rstrip("\0\n") if value else "")
            self._server.commands.append(command)
            if command == "EXIT":
                return
            try:
                reply = self._faulty(self._server.fault(command), words, value)
            except OSError as error:
                if error.errno == errno.EPIPE:
                    raise
                reply = f"{-error.errno}\n".encode()
            self._send(reply)

    def close_buffers(self) -> None:
        for device in list(self._open):
            self._device.close(device)
        self._open.clear()

    def _send(self, reply: bytes) -> None:
        self._server.wait_to_answer()
        self._connection.sendall(reply)

    def _faulty(self, fault: Fault | None, words: list[str], value: bytes) -> bytes:
        does = None if fault is None else fault.does
        if isinstance(does, int):
            raise OSError(does, " ".join(words))
        if isinstance(does, bytes):
            return does
        if does == IGNORED:
            return f"{len(value)}\n".encode()
        if isinstance(does, str):
            return self._with_length(does + "\0")
        if does is not None:
            does()
        return self._answer(words, value)

    def _answer(self, words: list[str], value: bytes) -> bytes:
        name, *arguments = words
        method = getattr(self, f"_answer_{name.lower()}", None)
        if method is None:
            raise OSError(errno.EINVAL, name)
        if name == "WRITE":
            arguments[-1:] = [value]
        try:
            reply = method(*arguments)
        except (TypeError, ValueError):  # too few words, or other ones
            raise OSError(errno.EINVAL, name) from None
        return reply if isinstance(reply, bytes) else f"{reply}\n".encode()

    @staticmethod
    def _with_length(text: str) -> bytes:
        content = text.encode()
        return f"{len(content)}\n".encode() + content + b"\n"

    def _answer_version(self) -> bytes:
        return VERSION

    def _answer_print(self) -> bytes:
        return self._with_length(self._device.xml())

    def _answer_timeout(self, milliseconds: str) -> int:
        self._timeout_s = int(milliseconds) / 1000.0 if milliseconds.isdecimal() else 0.0  # as atoi
        return 0

    def _answer_read(self, device: str, *where: str) -> bytes:
        return self._with_length(self._device.read(device, where) + "\0")

    def _answer_write(self, device: str, *where_and_value: str | bytes) -> int:
        *where, value = where_and_value
        if not value:
            return -errno.EPIPE
        self._device.write(device, tuple(where), value.decode().rstrip("\0\n"))
        return len(value)

    def _answer_gettrig(self, device: str) -> int:
        self._device.device_id(device)
        return -errno.ENOENT

    def _answer_set(self, device: str, what: str, count: str) -> int:
        if what != "BUFFERS_COUNT":
            raise OSError(errno.EINVAL, what)
        self._device.set_kernel_buffers(device, int(count))
        return 0

    def _answer_open(self, device: str, samples: str, mask: str, cyclic: str = "") -> int:
        device = self._device.device_id(device)
        if device in self._open:
            raise OSError(errno.EBUSY, device)
        self._device.open(device, int(samples), int(mask, 16), cyclic == "CYCLIC")
        self._open[device] = mask
        return 0

    def _answer_close(self, device: str) -> int:
        device = self._device.device_id(device)
        if self._open.pop(device, None) is None:
            raise OSError(errno.ENXIO, device)
        self._device.finish(device)
        self._device.close(device)
        return 0

    def _answer_readbuf(self, device: str, length: str) -> bytes:
        device = self._opened(device)
        content = self._device.read_buffer(device, int(length), self._timeout_s)
        return f"{len(content)}\n{self._open[device]}\n".encode() + content

    def _answer_writebuf(self, device: str, length: str) -> int:
        device = self._opened(device)
        self._send(f"{length}\n".encode())
        content = self._stream.read(int(length))
        if len(content) < int(length):
            raise OSError(errno.EPIPE, "connection closed")
        self._device.write_buffer(device, content, self._timeout_s)
        return int(length)

    def _opened(self, device: str) -> str:
        device = self._device.device_id(device)
        if device not in self._open:
            raise OSError(errno.EBADF, device)
        return device


def main() -> None:
    """Serve until stdin ends: for clients that hold Python's lock while they wait, and for real time.

    Prints the URI. Takes the methods of the server, such as "vanish", as lines.
    """
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--lossy", action="store_true", help="lose samples that nobody takes in time")
    parser.add_argument("--path", nargs=3, action="append", type=float, metavar=("SAMPLES", "GAIN", "HZ"))
    parser.add_argument("--noise", type=float, default=1e-3)
    parser.add_argument("--start-samples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    paths = tuple(map(tuple, chosen.path or [(3.0, 0.1, 0.0)]))
    air = Air(paths, chosen.noise, most_start_samples=chosen.start_samples)
    device = PlutoEmulator(air, seed=chosen.seed, lossless=not chosen.lossy)
    with IioServer(device, chosen.port) as server:
        print(server.uri, flush=True)
        for line in sys.stdin:
            getattr(server, line.strip())()


if __name__ == "__main__":
    main()
