# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import numpy as np
import pmt
from gnuradio import gr

from ..message_ports import CANNOT_BE_READ, takes_messages
from ..semisac_python import radar_parameters
from ..work_errors import ends_flow_on_error, pass_over

TARGETS = pmt.intern("targets")
PLACE = ("range_m", "velocity_mps")


class range_doppler_sink(takes_messages, gr.sync_block):
    """Show range-Doppler maps as they come, with rings around what a detector found in them (Qt).

    Maps that come faster than the screen are passed over. Where targets are emulated, crosses and a line of
    text show where they are.

    Input 0: maps of `echo_processor`, complex64[antennas * doppler_bins * range_bins], noise of variance 1;
        their tag targets ([{range_m, velocity_mps, ...}, ...], see `target_emulator`) is the truth.
    Message in ``detections``: what `cfar_detector` says of a map, {frame_id, detections: [{range_m,
        velocity_mps, snr_db, ...}, ...]}; anything else is counted as "damaged" in `counts`.

    parameters: radar_parameters or RadarParameters of the maps.
    longest_range_m: end of the range axis; 0: that of the map.
    floor_db, ceiling_db: power over noise of the darkest and of the brightest colour.
    refresh_per_s: pictures a second on the screen.

    Raises ValueError for a bad parameter, RuntimeError when PyQt5 is missing.
    """

    def __init__(self, parameters, longest_range_m=0.0, floor_db=0.0, ceiling_db=35.0, refresh_per_s=20.0):
        if not isinstance(parameters, radar_parameters):
            parameters = radar_parameters(parameters)
        self._shape = (parameters.antennas, parameters.doppler_bins, parameters.range_bins)
        gr.sync_block.__init__(self, "range_doppler_sink", [(np.complex64, int(np.prod(self._shape)))], None)
        if not ceiling_db > floor_db:
            raise ValueError(f"ceiling_db is {ceiling_db}, expected more than floor_db, {floor_db}")
        bin_m, bin_mps = parameters.range_bin_m, parameters.velocity_bin_mps
        rows = parameters.doppler_bins
        columns = parameters.range_bins
        if longest_range_m > 0:
            columns = int(np.clip(np.ceil(longest_range_m / bin_m), 2, columns))
        self._columns = columns
        self._lock = threading.Lock()
        self._newest: np.ndarray | None = None
        self._detections: list[dict] = []
        self._targets: list[dict] = []  # where they are, of the newest map
        self.listen("detections", self._take_detections)
        try:
            from .range_doppler_view import RangeDopplerView
        except ImportError as error:
            raise RuntimeError(f"range_doppler_sink needs PyQt5 ({error}): install python3-pyqt5") from error
        self._view = RangeDopplerView(
            self.take_newest,
            (-0.5 * bin_m, (columns - 0.5) * bin_m),
            (-(rows + 1) / 2 * bin_mps, (rows - 1) / 2 * bin_mps),
            floor_db,
            ceiling_db,
            refresh_per_s,
        )

    def qwidget(self):
        """The Qt widget, to be put into a layout."""
        return self._view

    def take_newest(self) -> dict | None:
        """Newest map, or None when it has been taken already.

        power_db: float [doppler_bins, range bins shown], mean of the antennas over noise; detections: the
        newest list of dictionaries, {range_m, velocity_mps, snr_db}; targets: the true ones, as the map's tag
        tells, {range_m, velocity_mps}.
        """
        with self._lock:
            cells, self._newest = self._newest, None
            detections, targets = self._detections, self._targets
        if cells is None:
            return None
        with np.errstate(over="ignore", invalid="ignore"):  # of damaged samples
            power = np.mean(np.abs(cells.reshape(self._shape)[:, :, : self._columns]) ** 2, axis=0)
        return {"power_db": 10.0 * np.log10(power + 1e-12), "detections": detections, "targets": targets}

    @ends_flow_on_error
    def work(self, input_items, output_items):
        newest = input_items[0][-1].copy()
        last = self.nitems_read(0) + len(input_items[0]) - 1
        tags = self.get_tags_in_range(0, last, last + 1, TARGETS)
        targets = self._true(tags[-1].value) if tags else []
        with self._lock:
            self._newest, self._targets = newest, targets
        return len(input_items[0])

    def _true(self, value) -> list[dict]:
        try:
            return _numbers(pmt.to_python(value), PLACE)
        except CANNOT_BE_READ as error:
            pass_over(self, "damaged", f"tag targets: {error!r}")
            return []

    def _take_detections(self, message) -> None:
        detections = _numbers(pmt.to_python(message)["detections"], (*PLACE, "snr_db"))
        with self._lock:
            self._detections = detections


def _numbers(told, names: tuple[str, ...]) -> list[dict]:
    """Some numbers of each dictionary of a list."""
    return [{name: float(found[name]) for name in names} for found in told]
