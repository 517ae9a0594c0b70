# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import FusionLink
from semisac_ml.signal.mimo_ofdm import pattern_db

from .. import bundle_network
from ..message_ports import takes_messages

POINTS = 361  # directions of a pattern
STATION = "base station"


class beam_pattern_sink(takes_messages, gr.basic_block):
    """Show where the beams of a base station and of its users go (Qt): the newest of each.

    Message in ``beams``: PDUs of `fusion_user`, ({frame_id, user} . c32vector), a precoder as [antennas]
        [chains].
    Message in ``combiner``: PDUs of `fusion_station`, ({frame_id} . c32vector), [chains][antennas].

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    refresh_per_s: pictures a second on the screen.

    Raises BundleError when the folder is not a bundle of this kind, ValueError for a bad parameter,
    RuntimeError when PyQt5 is missing.
    """

    def __init__(self, bundle, refresh_per_s=10.0):
        link = bundle_network.open_bundle(bundle).interface(FusionLink)
        self._cell = link.cell
        gr.basic_block.__init__(self, "beam_pattern_sink", None, None)
        self._lock = threading.Lock()
        self._users = [user.modality for user in link.users]
        self._newest: dict[str, np.ndarray] = {}
        self._frame_id, self._is_new = -1, False
        self.listen("beams", self._hear_user)
        self.listen("combiner", self._hear_station)
        try:
            from .beam_pattern_view import BeamPatternView
        except ImportError as error:
            raise RuntimeError(f"beam_pattern_sink needs PyQt5 ({error}): install python3-pyqt5") from error
        self._view = BeamPatternView(self.take_newest, [STATION, *self._users], refresh_per_s)

    def qwidget(self):
        """The Qt widget, to be put into a layout."""
        return self._view

    def take_newest(self) -> dict | None:
        """Newest beams, or None when they have been taken already.

        Of STATION and each user by its name: gain in dB over that of all antennas in phase, float [chains,
        directions], at sines from -1 to 1; where known. frame_id: int, of the newest.
        """
        with self._lock:
            if not self._is_new:
                return None
            self._is_new = False
            newest, frame_id = dict(self._newest), self._frame_id
        sine = np.linspace(-1.0, 1.0, POINTS)
        return {name: pattern_db(beams, sine) for name, beams in newest.items()} | {"frame_id": frame_id}

    def _hear_user(self, message) -> None:
        head, values = _of(message, self._cell.user_antennas * self._cell.user_chains)
        if type(head["user"]) is not int or not 0 <= head["user"] < len(self._users):
            raise ValueError("expected a user of the cell")
        self._keep(head, self._users[head["user"]], values.reshape(self._cell.user_antennas, -1).conj().T)

    def _hear_station(self, message) -> None:
        head, values = _of(message, self._cell.station_antennas * self._cell.station_chains)
        self._keep(head, STATION, values.reshape(-1, self._cell.station_antennas))

    def _keep(self, head: dict, name: str, beams: np.ndarray) -> None:
        if type(head["frame_id"]) is not int:
            raise ValueError("expected a frame_id")
        with self._lock:
            self._newest[name] = beams
            self._frame_id, self._is_new = head["frame_id"], True


def _of(message, length: int) -> tuple[dict, np.ndarray]:
    """Head of a PDU, and so many complex values. Raises ValueError for any other message."""
    if not (pmt.is_pair(message) and pmt.is_dict(pmt.car(message)) and pmt.is_c32vector(pmt.cdr(message))):
        raise ValueError("expected a PDU of complex values")
    values = np.array(pmt.to_python(pmt.cdr(message)), np.complex64)
    if len(values) != length or not np.isfinite(values).all():
        raise ValueError(f"expected {length} finite values")
    return pmt.to_python(pmt.car(message)), values
