# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import TargetLink
from semisac_ml.signal.complex_pairs import as_complex, as_pairs
from semisac_ml.signal.digital_modulation import constellation, modulation_at

from .. import bundle_network
from ..frames import frame_tags
from ..frames.frame_pairs import FramePairs
from ..frames.received_symbols import usable
from ..message_ports import takes_messages
from ..work_errors import ends_flow_on_error, pass_over

INPUTS = ("frame", "echo", "channel_state", "present")
BOX = 4


class multimodal_encoder(takes_messages, gr.basic_block):
    """Turn what a camera and a radar know of a target into the symbols of one frame.

    Runs the ``encoder`` network of a bundle, as many frames a call as the scheduler offers, `batch` at most.
    Pictures and echoes are paired by their frame_id: a frame that one sensor lost is counted and skipped, and
    the pairs behind it stay right. An echo that is not finite is counted as "damaged" in ``counts``, and its
    frame goes out as if the radar did not work. A sensor that gives nothing any more holds up the other: say
    that it does not work, and put zeros in its place.

    Input 0: picture of the camera, uint8[side * side * 3], rows then columns then RGB, tag frame_id.
    Input 1: echo, complex64[antennas * length], noise variance 1, antenna by antenna, of each one range bin
        after the other, in it all pulses; tag frame_id.
    Output 0: symbols, complex64[channel uses], unit mean power in each frame. Tags of the picture pass
        through.
    Output 1 (optional): where the network looked for the target, float32[4]: middle x and y, half width and
        height, in sides of the picture.
    Message in ``channel``: {snr_db}, mean Es/N0 as the receiver measures it, such as the messages of
        `multi_head_decoder`: what is sent from there on is made for it. The network is told the SNR and the
        bits of the modulation that Eq. (50) chooses by it, none beyond those it was trained for.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    snr_db: mean Es/N0 in dB that the link is expected to have, until a message comes.
    camera, radar: whether they work. The input of one that does not is read, and not looked at.
    batch: most frames in one inference.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is not a bundle or holds no usable ``encoder``, ValueError for a bad
    parameter.
    Source: Peng et al., "SIMAC", sections III and IV; that a sensor may be missing, and that the channel's
    state is three numbers, is ours.
    """

    def __init__(
        self,
        bundle,
        snr_db=10.0,
        camera=True,
        radar=True,
        batch=16,
        provider=None,
        threads=None,
        precision=None,
    ):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        link = bundle.interface(TargetLink)
        self._session = bundle_network.open_network(bundle, "encoder", INPUTS, "symbols")
        self._side = link.frame_pixels
        self._echo = (link.radar.antennas, link.radar.echo_length)
        self._trained_db = link.channel.snr_db
        self._fades = float(link.channel.model == "rayleigh")
        self._batch = bundle_network.check_batch(batch)
        gr.basic_block.__init__(
            self,
            "multimodal_encoder",
            [(np.uint8, self._side**2 * 3), (np.complex64, int(np.prod(self._echo)))],
            gr.py_io_signature(
                1,
                2,
                [
                    np.dtype((np.complex64, bundle_network.channel_uses(bundle))),
                    np.dtype((np.float32, BOX)),
                ],
            ),
        )
        self._pairs = FramePairs()
        self.set_snr_db(snr_db)
        self.set_camera(camera)
        self.set_radar(radar)
        self.set_max_noutput_items(self._batch)
        self.set_min_output_buffer(0, 2 * self._batch)
        self.set_tag_propagation_policy(gr.TPP_DONT)  # work() copies the tags of pictures with an echo
        self.listen("channel", self._hear)

    def set_snr_db(self, snr_db: float) -> None:
        """Change the mean Es/N0 in dB for which the next frames are encoded, as a message does."""
        self._snr_db = bundle_network.check_snr("snr_db", snr_db)

    def snr_db(self) -> float:
        """Mean Es/N0 in dB for which frames are encoded, as it was told."""
        return self._snr_db

    def set_camera(self, works: bool) -> None:
        """Say whether the camera works."""
        self._camera = bool(works)

    def set_radar(self, works: bool) -> None:
        """Say whether the radar works."""
        self._radar = bool(works)

    def frames_dropped(self) -> int:
        """Pictures and echoes so far that found no partner."""
        return sum(self._pairs.dropped)

    def start(self):
        self._pairs.begin_anew()
        return True

    def forecast(self, noutput_items, ninputs):
        return [1] * ninputs

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        count = min(len(output_items[0]), self._batch)
        pictures, echoes = self._pairs.find(self, [min(len(items), count) for items in input_items])
        if len(pictures):
            found = self._encode(input_items[0][pictures], input_items[1][echoes])
            output_items[0][: len(pictures)] = as_complex(found["symbols"].reshape(len(pictures), -1, 2))
            tags = frame_tags.CallTags(self, 0, int(pictures[-1]) + 1)
            for port, items in enumerate(output_items):
                if port:
                    items[: len(pictures)] = found["box"]
                tags.copy_to(self, pictures, port)
        for port, read in enumerate(self._pairs.read):
            self.consume(port, read)
        return len(pictures)

    def _encode(self, pictures: np.ndarray, echoes: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs of the network for as many pictures, uint8, and echoes, complex64."""
        count = len(pictures)
        heard = usable(echoes)
        if not heard.all():
            pass_over(self, "damaged", "an echo is not finite", count - np.count_nonzero(heard))
        present = np.empty((count, 2), np.float32)
        present[:, 0], present[:, 1] = self._camera, heard & self._radar
        pixels = pictures.reshape(count, self._side, self._side, 3).transpose(0, 3, 1, 2)
        offered = {
            "frame": np.divide(pixels, np.float32(255.0), order="C", dtype=np.float32),
            "echo": as_pairs(np.where(heard[:, None], echoes, np.complex64(0)).reshape(count, *self._echo)),
            "channel_state": np.tile(self._channel_state(), (count, 1)),
            "present": present,
        }
        return self._session.run(**{name: offered[name] for name in self._session.inputs})

    def _channel_state(self) -> np.ndarray:
        """SNR in dB over 10, bits of the modulation of Eq. (50), 1 for Rayleigh fading."""
        snr_db = float(np.clip(self._snr_db, *self._trained_db))
        bits = constellation(modulation_at(snr_db)).bits
        return np.array([snr_db / 10.0, bits, self._fades], np.float32)

    def _hear(self, message) -> None:
        told = pmt.to_python(message)
        snr_db = told["snr_db"] if isinstance(told, dict) else None
        if type(snr_db) not in (int, float):
            raise ValueError("expected snr_db, a number")
        self.set_snr_db(snr_db)
