# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Message ports of Python blocks, whose handlers may be given anything."""

from __future__ import annotations

from collections import Counter

import pmt
from gnuradio import gr

from semisac_ml.data import DataError

from .work_errors import pass_over

CANNOT_BE_READ = (ValueError, KeyError, TypeError, IndexError, OverflowError)


class takes_messages:
    """Mixin of a block with message ports.

    A message that a handler cannot read is counted as "damaged" in `counts`, and the first one is logged.
    Any other exception becomes the block's ``error``.
    """

    error: Exception | None = None

    def listen(self, port: str, handler) -> None:
        """Register a message input. handler: function of the message."""
        self.counts = getattr(self, "counts", Counter())
        name = pmt.intern(port)
        self.message_port_register_in(name)

        def guarded(message):
            try:
                handler(message)
            except DataError as error:
                self._fails(port, error)
            except CANNOT_BE_READ as error:
                pass_over(self, "damaged", f"{port}: a message cannot be read: {error!r}")
            except Exception as error:  # noqa: BLE001 - the block's thread would die of it in silence
                self._fails(port, error)

        guarded.__name__ = f"on_{port}"  # GNU Radio looks a handler up by its name
        setattr(self, guarded.__name__, guarded)
        self.set_msg_handler(name, guarded)

    def _fails(self, port: str, error: Exception) -> None:
        self.error = error
        gr.logger(self.name()).error(f"{port}: {error}")

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
