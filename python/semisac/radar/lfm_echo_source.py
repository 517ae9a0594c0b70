# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
from gnuradio import gr

from semisac_ml.runtime import TargetLink
from semisac_ml.signal import random_stream
from semisac_ml.signal.lfm_simo_echo import LfmSimoRadar, lfm_simo_echo

from .. import bundle_network
from ..frames import frame_tags
from ..work_errors import ends_flow_on_error


class lfm_echo_source(gr.sync_block):
    """Emulate the echoes of one target at an array of antennas, one item a frame.

    What `semisac_ml.signal.lfm_simo_echo` gives for the radar that a bundle was trained with: linear chirps
    behind the matched filter of each pulse, amplitude by the radar equation, noise of variance 1. Frames are
    numbered as by `image_source`, so that picture n and echo n are of the same frame.

    Output 0: echo, complex64[antennas * length], antenna by antenna, of each one range bin after the other,
        in it all pulses; tag frame_id (0, 1, 2, ...).

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    states: of the target in each frame: distance in m (above 0), azimuth from broadside in rad, closing speed
        in m/s; float [frames, 3].
    repeat: start again after the last, for ever.
    count: when not repeating for ever, how many to send; 0: each once.
    seed: of the noise, 0 to 2^64 - 1.
    batch: most echoes a call.

    Raises BundleError when the folder is not a bundle for targets, ValueError for a bad parameter.
    """

    def __init__(self, bundle, states, repeat=False, count=0, seed=0, batch=16):
        radar = bundle_network.open_bundle(bundle).interface(TargetLink).radar
        self._radar = LfmSimoRadar(**radar.model_dump())
        self._states = np.asarray(states, dtype=np.float64)
        if self._states.ndim != 2 or self._states.shape[1] != 3 or not len(self._states):
            raise ValueError(
                f"states have shape {list(self._states.shape)}, expected distance, azimuth and closing speed "
                "of at least one frame, [frames, 3]"
            )
        if not (np.isfinite(self._states).all() and (self._states[:, 0] > 0).all()):
            raise ValueError("states are not all finite with distances above 0 m, expected them so")
        if int(count) < 0:
            raise ValueError(f"count is {count}, expected 0 or more frames")
        self._total = None if repeat else int(count) or len(self._states)
        self._seed = int(seed)
        random_stream.complex_normal(self._seed, random_stream.Stream.ECHO_NOISE, 0, 1)  # a bad seed raises
        self._batch = bundle_network.check_batch(batch)
        self._length = radar.antennas * radar.echo_length
        gr.sync_block.__init__(self, "lfm_echo_source", None, [(np.complex64, self._length)])
        self._sent = self._begun_at = 0
        self._ended = False
        self.set_max_noutput_items(self._batch)
        self.set_min_output_buffer(0, 2 * self._batch)

    def start(self):
        if self._ended:
            self._begun_at, self._ended = self._sent, False
        return True

    @ends_flow_on_error
    def work(self, input_items, output_items):
        first = self._sent - self._begun_at
        count = min(len(output_items[0]), self._batch)
        if self._total is not None:
            count = min(count, self._total - first)
            if count == 0:
                self._ended = True
                return -1  # WORK_DONE
        for item in range(count):
            output_items[0][item] = self.echo(first + item)
        ids = np.arange(self._sent, self._sent + count, dtype=np.uint64)
        frame_tags.tag_items(self, 0, frame_tags.FRAME_ID, ids)
        self._sent += count
        return count

    def echo(self, number: int) -> np.ndarray:
        """Echo of a frame, the first of a run being 0, complex64 [antennas * length]."""
        state = self._states[number % len(self._states)]
        echo = lfm_simo_echo(*map(float, state), self._radar).transpose(0, 2, 1).ravel()
        noise = random_stream.complex_normal(
            self._seed, random_stream.Stream.ECHO_NOISE, number, self._length
        )
        return echo + noise.astype(np.complex64)
