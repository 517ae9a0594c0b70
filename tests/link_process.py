# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One process of a link: link_process.py transmit|channel|receive BUNDLE IMAGES ADDRESS [ADDRESS|FILE].

The transmitter sends IMAGES random pictures, the channel passes samples from the first address to the second,
the receiver waits for all images and writes them to the file.
"""

from __future__ import annotations

import sys

import block_testing as bt
import numpy as np
from gnuradio import gr, semisac, zeromq
from gnuradio.semisac.radio import RadioSettings, open_front_end
from patience import HANG_S, until

from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.frame import FrameParameters

RATE = 250e3
SNR_DB = 30.0


def layout(bundle: str) -> FrameParameters:
    uses = Bundle.load(bundle).interface(ImageLink).symbols.channel_uses
    return FrameParameters(sample_rate_hz=RATE, images_per_frame=4, channel_uses=uses)


def transmit(bundle: str, images: int, address: str) -> None:
    settings = RadioSettings("zmq", address, sample_rate_hz=RATE, transmit_level_db=0.0)
    front_end = open_front_end(settings, layout(bundle), "transmit")
    front_end.configure()
    top = gr.top_block()
    source, encoder = semisac.image_source(bt.pictures(images)), semisac.jscc_encoder(bundle, SNR_DB)
    modulator = semisac.frame_modulator(layout(bundle))
    top.connect(source, encoder, modulator, front_end)
    front_end.prepare()
    top.run()
    front_end.close()


def channel(bundle: str, images: int, transmitter: str, address: str) -> None:
    top = gr.top_block()
    source = zeromq.pull_source(gr.sizeof_gr_complex, 1, transmitter, 100, True, 16)
    air = semisac.fading_channel(
        1, "awgn", SNR_DB, 5, RATE, carrier_offset_hz=700.0, delay_samples=7.3, clock_offset_ppm=2.0
    )
    sink = zeromq.push_sink(gr.sizeof_gr_complex, 1, address, 100, True, 16)
    top.connect(source, air, sink)
    top.run()


def receive(bundle: str, images: int, address: str, file: str) -> None:
    settings = RadioSettings("zmq", address, sample_rate_hz=RATE, timeout_s=HANG_S)
    front_end = open_front_end(settings, layout(bundle), "receive")
    front_end.configure()
    top = gr.top_block()
    synchronizer = semisac.frame_synchronizer(layout(bundle))
    demodulator = semisac.frame_demodulator(layout(bundle))
    decoder, sink = semisac.jscc_decoder(bundle), bt.sink(np.uint8, bt.IMAGE_LENGTH)
    top.connect(front_end.rx(), synchronizer)
    top.connect(synchronizer, demodulator, decoder, sink)
    front_end.prepare()
    top.start()
    until(lambda: len(sink.data()) >= images * bt.IMAGE_LENGTH)
    top.stop()
    top.wait()
    front_end.close()
    np.savez(file, pictures=bt.contents(sink, np.uint8, bt.IMAGE_LENGTH), ids=bt.tag_values(sink, "frame_id"))


if __name__ == "__main__":
    role, name, number, *rest = sys.argv[1:]
    {"transmit": transmit, "channel": channel, "receive": receive}[role](name, int(number), *rest)
