# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np

from semisac_ml.runtime import TargetLink
from semisac_ml.signal.lfm_simo_echo import BELOW_ZERO, LfmSimoRadar, range_angle_power

from .. import bundle_network
from ..frames import frame_tags
from ..frames.frame_join import joined_branches

BOX, STATES = 4, 6
ANGLES = 64  # rows of the map
FLOOR_DB, CEILING_DB = 0.0, 35.0


class target_sink(joined_branches):
    """Show a target as it is seen, heard and received (Qt).

    On the left the camera's picture with the part that the encoder looked at, in the middle the target's
    picture as it arrived with the three values and their deviations, on the right the echo's range-angle map
    with a ring where they say the target is. Joins its inputs by frame_id and shows the newest complete
    frame; frames that come faster than the screen are passed over.

    Input 0: picture of the camera, as of `multimodal_encoder`, tag frame_id.
    Input 1: echo, as of `multimodal_encoder`, tag frame_id.
    Input 2: box, float32[4], output 1 of `multimodal_encoder`, tag frame_id.
    Input 3: picture of the target, output 0 of `multi_head_decoder`, tag frame_id.
    Input 4: states, float32[6], output 1 of `multi_head_decoder`, tags frame_id and snr_db, which is shown.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    refresh_per_s: pictures a second on the screen.

    Raises BundleError when the folder is not a bundle for targets, ValueError for a bad parameter,
    RuntimeError when PyQt5 is missing.
    """

    def __init__(self, bundle, refresh_per_s=10.0):
        link = bundle_network.open_bundle(bundle).interface(TargetLink)
        self._radar = radar = LfmSimoRadar(**link.radar.model_dump())
        self._sides = {"camera": link.frame_pixels, "picture": link.picture_pixels}
        kinds = [
            ("camera", np.uint8, 3 * link.frame_pixels**2),
            ("echo", np.complex64, radar.antennas * link.radar.echo_length),
            ("box", np.float32, BOX),
            ("picture", np.uint8, 3 * link.picture_pixels**2),
            ("state", np.float32, STATES),
        ]
        self._snr_db = np.nan  # of the newest frame
        joined_branches.__init__(self, "target_sink", kinds)
        self._newest = None
        try:
            from .target_view import TargetView
        except ImportError as error:
            raise RuntimeError(f"target_sink needs PyQt5 ({error}): install python3-pyqt5") from error
        ends_m = -(BELOW_ZERO + 0.5) * radar.range_bin_m, radar.farthest_m + 0.5 * radar.range_bin_m
        self._view = TargetView(self.take_newest, ends_m, (FLOOR_DB, CEILING_DB), refresh_per_s)

    def qwidget(self):
        """The Qt widget, to be put into a layout."""
        return self._view

    def take_newest(self) -> dict | None:
        """Newest complete frame, or None when it has been taken already.

        camera, picture: uint8 [side, side, 3]; box: float32 [4]; state: float32 [6]; power_db: float [angles,
        range bins], mean of the pulses over noise, the sine of the azimuth rising; frame_id: int; snr_db:
        float, NaN unknown.
        """
        with self._lock:
            frame, self._newest = self._newest, None
        if frame is not None:
            frame["power_db"] = self._map(frame.pop("echo"))
        return frame

    def _map(self, echo: np.ndarray) -> np.ndarray:
        """Power over noise in dB, float [ANGLES, range bins]."""
        radar = self._radar
        cube = np.nan_to_num(echo).reshape(radar.antennas, radar.range_bins, radar.pulses)
        with np.errstate(over="ignore", invalid="ignore"):  # of damaged samples
            power = range_angle_power(cube.transpose(0, 2, 1), ANGLES)
        return 10.0 * np.log10(np.nan_to_num(power) + 1e-12)

    def _tags_of(self, column):
        return {"snr_db": self._snrs_db} if column == "state" else {}

    def _snrs_db(self, tags):
        snrs_db = tags.held_snrs_db(frame_tags.SNR_DB, self._snr_db)
        self._snr_db = float(snrs_db[-1])
        return snrs_db

    def _take_frames(self, ids, frames):
        frame = {name: values[-1].copy() for name, values in frames.items()}
        for picture, side in self._sides.items():
            frame[picture] = frame[picture].reshape(side, side, 3)
        frame["frame_id"] = int(ids[-1])
        self._newest = frame
