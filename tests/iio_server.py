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
import socket
import sys
import threading
import time

from pluto_air import Air
from pluto_emulator import PlutoEmulator

VERSION = b"0.24.v0.24.0\n"


class IioServer:
    """Serve a device on 127.0.0.1; a context manager.

    device: what answers. port: 0: any that is free; `uri` names it.

    Faults, for all connections: `answer_delay_s` before every reply; `silent()` stops answering and leaves
    connections open; `vanish()` closes all of them, as a device unplugged.
    """

    def __init__(self, device: PlutoEmulator | None = None, port: int = 0):
        self.device = device or PlutoEmulator()
        self.commands: list[str] = []
        self.answer_delay_s = 0.0
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

    def vanish(self) -> None:
        """Close everything."""
        self._gone.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

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
            command = line.decode().strip()
            if not command:
                continue
            self._server.commands.append(command)
            if command == "EXIT":
                return
            try:
                reply = self._answer(command.split())
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

    def _answer(self, words: list[str]) -> bytes:
        name, *arguments = words
        method = getattr(self, f"_answer_{name.lower()}", None)
        if method is None:
            raise OSError(errno.EINVAL, name)
        reply = method(*arguments)
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
        self._timeout_s = int(milliseconds) / 1000.0
        return 0

    def _answer_read(self, device: str, *where: str) -> bytes:
        return self._with_length(self._device.read(device, where) + "\0")

    def _answer_write(self, device: str, *where_and_length: str) -> int:
        *where, length = where_and_length
        value = self._stream.read(int(length)).decode().rstrip("\0\n")
        self._device.write(device, tuple(where), value)
        return int(length)

    def _answer_gettrig(self, device: str) -> int:
        return -errno.ENOENT

    def _answer_set(self, device: str, what: str, count: str) -> int:
        if what != "BUFFERS_COUNT":
            raise OSError(errno.EINVAL, what)
        self._device.set_kernel_buffers(device, int(count))
        return 0

    def _answer_open(self, device: str, samples: str, mask: str, cyclic: str = "") -> int:
        self._device.open(device, int(samples), int(mask, 16), cyclic == "CYCLIC")
        self._open[device] = mask
        return 0

    def _answer_close(self, device: str) -> int:
        if self._open.pop(device, None) is None:
            raise OSError(errno.EBADF, device)
        self._device.finish(device)
        self._device.close(device)
        return 0

    def _answer_readbuf(self, device: str, length: str) -> bytes:
        content = self._device.read_buffer(device, int(length), self._timeout_s)
        return f"{len(content)}\n{self._open[device]}\n".encode() + content

    def _answer_writebuf(self, device: str, length: str) -> int:
        self._send(f"{length}\n".encode())
        content = self._stream.read(int(length))
        if len(content) < int(length):
            raise OSError(errno.EPIPE, "connection closed")
        self._device.write_buffer(device, content, self._timeout_s)
        return int(length)


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
