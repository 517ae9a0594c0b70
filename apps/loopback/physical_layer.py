# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Between encoder and decoders: the channel that the symbols cross, and the echo that comes back."""

from __future__ import annotations

from gnuradio import gr, semisac

from semisac_ml.runtime import Bundle

from .settings import LinkSettings


class symbols_layer(gr.hier_block2):
    """Symbols go as they are, one complex symbol a channel use; no waveform, no synchronisation.

    Input 0: symbols, complex64[channel uses], one item an image.
    Output 0: received symbols. Output 1: echoes, for `sensing_decoder`.
    """

    def __init__(self, bundle: Bundle, settings: LinkSettings):
        manifest = bundle.manifest
        channel_uses = manifest.symbols.channel_uses
        self.channel = semisac.fading_channel(channel_uses, settings.channel, settings.snr_db, settings.seed)
        self.echo = semisac.echo_channel(
            channel_uses,
            settings.ranges,
            settings.sensing_snr_db,
            settings.range_step_db,
            settings.delay_symbols_per_range,
            manifest.sensing.fading,
            manifest.sensing.random_phase,
            manifest.sensing.max_frequency_offset,
            settings.target_probability,
            settings.seed,
        )
        item = gr.sizeof_gr_complex
        gr.hier_block2.__init__(
            self,
            "symbols_layer",
            gr.io_signature(1, 1, item * channel_uses),
            gr.io_signature.makev(2, 2, [item * channel_uses, item * self.echo.echo_samples()]),
        )
        self.connect(self, self.channel, (self, 0))
        self.connect(self, self.echo, (self, 1))
