# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a flowgraph when a Python block cannot go on, or cannot use what it is given."""

from __future__ import annotations

from collections import Counter
from functools import wraps

from gnuradio import gr

WORK_DONE = -1


def ends_flow_on_error(work):
    """Log an exception of work() and end the stream.

    The scheduler would only end the block's own thread, and the flowgraph would wait for it for ever. The
    exception is kept as the block's ``error``.
    """

    @wraps(work)
    def guarded(self, input_items, output_items):
        try:
            return work(self, input_items, output_items)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the flowgraph must end and say so
            self.error = error
            gr.logger(self.name()).error(f"stops the flowgraph: {error}")
            return WORK_DONE

    return guarded


def pass_over(block, what: str, why: str, count: int = 1) -> None:
    """Count what a Python block passes over in its ``counts``, by kind; the first of a kind is logged."""
    counts = block.__dict__.setdefault("counts", Counter())
    counts[what] += count
    if counts[what] == count:
        gr.logger(block.name()).warn(f"{why}; passed over, and counted from now on")


class announces_error:
    """Mixin of a block: its ``error`` is told to ``on_error``, a function, as soon as there is one."""

    _error: Exception | None = None

    @staticmethod
    def on_error(error: Exception) -> None:
        """Replaced by whoever wants to know."""

    @property
    def error(self) -> Exception | None:
        """What ended the stream; None as long as nothing did."""
        return self._error

    @error.setter
    def error(self, error: Exception) -> None:
        self._error = error
        self.on_error(error)
