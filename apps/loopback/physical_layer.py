# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Between encoder and decoders: the channel that the symbols cross, and the echo that comes back."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace

import pmt
from common.pictures import map_regularisation
from gnuradio import blocks, gr, semisac

from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal.frame import FrameParameters

from .options import ChannelOptions, LinkOptions, SensingOptions, WayOptions
from .waveform import WaveformSettings


class symbols_layer(gr.hier_block2):
    """Symbols go as they are, one complex symbol a channel use; no waveform, no synchronisation.

    Input 0: symbols, complex64[channel uses], one item an image.
    Output 0: received symbols. Output 1: echoes, for `sensing_decoder`.
    """

    def __init__(self, bundle: Bundle, told: LinkOptions, channel: ChannelOptions, sensing: SensingOptions):
        link = bundle.interface(ImageLink)
        channel_uses = link.symbols.channel_uses
        self.channel = semisac.fading_channel(channel_uses, channel.channel, told.snr_db, told.seed)
        self.echo = semisac.echo_channel(
            channel_uses,
            sensing.ranges,
            sensing.sensing_snr_db,
            sensing.range_step_db,
            sensing.delay_symbols_per_range,
            link.sensing.fading,
            link.sensing.random_phase,
            link.sensing.max_frequency_offset,
            sensing.target_probability,
            told.seed,
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


class detection_log(gr.basic_block):
    """Keep what `cfar_detector` finds.

    Message in ``detections``: {frame_id, detections: [{range_m, ...}, ...]}.
    """

    MOST_MAPS = 100_000

    def __init__(self):
        gr.basic_block.__init__(self, "detection_log", None, None)
        self._lock = threading.Lock()
        self._maps: list[dict] = []
        self.message_port_register_in(pmt.intern("detections"))
        self.set_msg_handler(pmt.intern("detections"), self._take)

    def maps(self) -> list[dict]:
        """Messages so far, as Python values."""
        with self._lock:
            return list(self._maps)

    def _take(self, message) -> None:
        plain = pmt.to_python(message)
        with self._lock:
            if len(self._maps) < self.MOST_MAPS:
                self._maps.append({"frame_id": plain["frame_id"], "detections": list(plain["detections"])})


class frames_layer(gr.hier_block2):
    """Symbols go in frames of samples that could leave an antenna.

    Input 0: symbols, complex64[channel uses], one item an image.
    Output 0: received symbols of the frames that were found. Further outputs are for derived classes.
    """

    def __init__(
        self,
        bundle: Bundle,
        told: LinkOptions,
        channel: ChannelOptions,
        frame: FrameParameters,
        way: WayOptions,
        outputs: int = 1,
    ):
        fingerprint = int(bundle.fingerprint[:6], 16)
        self.modulator = semisac.frame_modulator(frame, fingerprint)
        self.channel = semisac.fading_channel(
            1,
            channel.channel,
            told.snr_db,
            told.seed,
            frame.sample_rate_hz,
            **{"block_length": frame.frame_samples, **way.impairments()},
        )
        self.synchronizer = semisac.frame_synchronizer(frame)
        self.demodulator = semisac.frame_demodulator(frame, fingerprint)
        item = gr.sizeof_gr_complex * frame.channel_uses
        signatures = gr.io_signature(1, 1, item), gr.io_signature(outputs, outputs, item)
        gr.hier_block2.__init__(self, "frames_layer", *signatures)
        self.connect(self, self.modulator, self.channel, self.synchronizer, self.demodulator, (self, 0))

    def counters(self) -> dict[str, int]:
        """Frames and images, by what became of them."""
        return {
            "frames sent": self.modulator.frames_sent(),
            "frames detected": self.synchronizer.frames_detected(),
            "frames received": self.demodulator.frames_received(),
            "frames truncated": self.synchronizer.frames_truncated(),
            "frames with a gap": self.synchronizer.frames_with_gap(),
            "frames with a bad header": self.demodulator.frames_with_bad_header(),
            "frames of other parameters": self.demodulator.frames_with_wrong_parameters(),
            "frames of another bundle": self.demodulator.frames_with_wrong_bundle(),
            "candidates dropped": self.synchronizer.candidates_dropped(),
        }


class waveform_layer(frames_layer):
    """The radar listens to the same samples.

    Output 1: echoes, for `sensing_decoder`.
    """

    def __init__(
        self,
        bundle: Bundle,
        told: LinkOptions,
        channel: ChannelOptions,
        sensing: SensingOptions,
        waveform: WaveformSettings,
    ):
        frames_layer.__init__(self, bundle, told, channel, waveform.frame, waveform.way, outputs=2)
        radar, echoes = waveform.radar, waveform.echoes
        # a bundle whose detector expects fading echoes gets them, one value a frame
        swerling = 0 if bundle.interface(ImageLink).sensing.fading == "none" else 1
        self.targets = self._make_targets(waveform, sensing, told.seed, swerling)
        self.radar = self._make_radar(waveform, sensing, map_regularisation(bundle))
        self.detector = semisac.cfar_detector(
            radar,
            false_alarm_rate=echoes.false_alarm_rate,
            false_alarms_per=echoes.false_alarms_per,
        )
        self.detections = detection_log()
        self.map = blocks.probe_signal_vc(
            radar.antennas * radar.doppler_bins * radar.range_bins
        )  # the newest
        self.connect(self.modulator, self.targets)
        self.connect(self.modulator, (self.radar, 0))
        for antenna in range(radar.antennas):
            self.connect((self.targets, antenna), (self.radar, 1 + antenna))
        self.connect((self.radar, 0), (self, 1))
        self.connect((self.radar, 1), self.detector)
        self.connect((self.radar, 1), self.map)
        self.msg_connect(self.detector, "detections", self.detections, "detections")

    @staticmethod
    def _make_targets(waveform: WaveformSettings, sensing: SensingOptions, seed: int, swerling: int):
        echoes = waveform.echoes
        targets = [
            replace(
                waveform.moving(target),
                swerling=swerling,
                snr_db=sensing.sensing_snr_db if target.snr_db is None else target.snr_db,
            )
            for target in echoes.targets
        ]
        leakage = {} if echoes.leakage_db is None else {"leakage_gain_db": echoes.leakage_db}
        return semisac.target_emulator(
            waveform.frame.sample_rate_hz,
            waveform.carrier_hz,
            echoes.antennas,
            seed=seed,
            targets=[asdict(target) for target in targets],
            noise_variance=1.0,
            target_probability=sensing.target_probability,
            frames_per_interval=echoes.frames_per_map,
            **leakage,
        )

    @staticmethod
    def _make_radar(waveform: WaveformSettings, sensing: SensingOptions, regularisation: float):
        block = semisac.echo_processor(
            waveform.radar,
            sensing_snr_db=sensing.sensing_snr_db,
            regularisation=regularisation,
            leakage_removal="none" if waveform.echoes.leakage_db is None else "zero_delay",
        )
        block.set_follow_target(True)
        return block
