# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import ImageLink
from semisac_ml.signal.channel import FADING_MODELS, echo_samples, range_snr_db
from semisac_ml.signal.complex_pairs import as_pairs

from .. import bundle_network
from ..frames import frame_tags
from ..frames.frame_pairs import FramePairs
from ..frames.received_symbols import usable
from ..work_errors import ends_flow_on_error, pass_over

DETECTIONS = pmt.intern("detections")
KNOWLEDGE = ("symbols", "echo")


class sensing_decoder(gr.basic_block):
    """Say whether a target is present in each echo, and in which range.

    Runs the ``sensing`` network of a bundle (the transmitter knows what it sent), or ``sensing_echo`` (it
    looks at the echo alone), as many echoes a call as the scheduler offers, `batch` at most. Symbols and
    echoes are paired by their frame_id: a frame that one branch lost is counted and skipped, and the pairs
    behind it stay right. A frame that is not finite is passed over and counted as "damaged" in ``counts``.

    Input 0: transmitted symbols, complex64[channel uses], one item a frame, tag frame_id.
    Input 1: echo, complex64[channel uses + (ranges - 1) * delay_symbols_per_range], noise variance 1, tags
        frame_id and sensing_snr_db (dB, of the nearest range; without it the last value, at first the
        bundle's reference).
    Output 0: probability of each hypothesis, float32[1 + ranges]; 0 is "no target", 1 + r "target in range
        r". The tags of the echo travel on.
    Message out ``detections``: a dict for each frame, {frame_id, present, range_bin, probability}; range_bin
        is the most probable range, -1 when no target is reported; probability is that of presence.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    ranges: ranges in which a target may be; each next one is range_step_db dB weaker.
    delay_symbols_per_range: symbols by which the echo of each next range comes later; 0: ranges differ in SNR
        only.
    target_probability: how probable a target is beforehand, 0 to 1; each range equally.
    threshold: probability of presence from which a target is reported, 0 to 1.
    knowledge: "symbols" (network ``sensing``), or "echo" (network ``sensing_echo``, one range; input 0 only
        paces it).
    batch: most echoes in one inference.
    fading: of the echo, "none", "rayleigh" or "two_hop_rayleigh", for a network that is told; "" is what the
        bundle names.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    Raises BundleError when the folder is not a bundle or lacks the network, ValueError for a bad parameter.
    Source: Sagduyu et al., section II, decoder 2; knowing the symbols is the correction that its place at the
    transmitter allows.
    """

    def __init__(
        self,
        bundle,
        ranges=1,
        range_step_db=3.0,
        delay_symbols_per_range=0,
        target_probability=0.5,
        threshold=0.5,
        knowledge="symbols",
        batch=64,
        fading="",
        provider=None,
        threads=None,
        precision=None,
    ):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        if knowledge not in KNOWLEDGE:
            raise ValueError(f"knowledge is {knowledge!r}, expected one of {', '.join(KNOWLEDGE)}")
        self._open(bundle, knowledge, int(ranges), int(delay_symbols_per_range))
        channel_uses = bundle_network.channel_uses(bundle)
        samples = echo_samples(channel_uses, self._ranges, self._delay)
        gr.basic_block.__init__(
            self,
            "sensing_decoder",
            [(np.complex64, channel_uses), (np.complex64, samples)],
            [(np.float32, 1 + self._ranges)],
        )
        self._sensing_snr_db = float(bundle.interface(ImageLink).sensing.reference_snr_db)
        self._range_delay = np.arange(self._ranges, dtype=np.int64) * self._delay
        self._pairs = FramePairs()
        self.set_fading(fading)
        self.set_range_step_db(range_step_db)
        self.set_target_probability(target_probability)
        self.set_threshold(threshold)
        self._batch = bundle_network.check_batch(batch)
        self.set_max_noutput_items(self._batch)
        self.set_min_output_buffer(0, 2 * self._batch)
        self.set_tag_propagation_policy(
            gr.TPP_DONT
        )  # work() copies the tags of the echoes that found their symbols
        self.message_port_register_out(DETECTIONS)

    def _open(self, bundle, knowledge: str, ranges: int, delay: int) -> None:
        most = 1 if knowledge == "echo" else int(bundle.interface(ImageLink).sensing.max_ranges)
        if not 1 <= ranges <= most:
            raise ValueError(
                f"ranges is {ranges}, expected 1 to {most} with {bundle.name} and knowledge {knowledge!r}"
            )
        if delay < 0:
            raise ValueError(f"delay_symbols_per_range is {delay}, expected 0 or more symbols")
        self._ranges, self._delay, self._knowledge = ranges, delay, knowledge
        if knowledge == "echo":
            offered = ("echo", "sensing_snr_db")
            self._session = bundle_network.open_network(bundle, "sensing_echo", offered, "probability")
        else:
            offered = ("symbols", "echo", "range_snr_db", "range_delay", "prior", "fading")
            self._session = bundle_network.open_network(bundle, "sensing", offered, "probability")

    def set_target_probability(self, target_probability: float) -> None:
        """Change the probability of a target beforehand, 0 to 1."""
        if not 0.0 <= target_probability <= 1.0:
            raise ValueError(f"target_probability is {target_probability}, expected 0 to 1")
        each = target_probability / self._ranges
        self._prior = np.array([1.0 - target_probability] + [each] * self._ranges, np.float32)

    def set_threshold(self, threshold: float) -> None:
        """Change the probability of presence from which a target is reported, 0 to 1."""
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"threshold is {threshold}, expected 0 to 1")
        self._threshold = float(threshold)

    def set_fading(self, fading: str) -> None:
        """Change how the echo fades, "" as the bundle names it; networks that are not told take no notice."""
        fading = fading or self._bundle.interface(ImageLink).sensing.fading
        if fading not in FADING_MODELS:
            raise ValueError(f"fading is {fading!r}, expected one of {', '.join(FADING_MODELS)}")
        self._fading = np.array([FADING_MODELS.index(fading)], np.int64)

    def set_range_step_db(self, range_step_db: float) -> None:
        """Change by how many dB the echo of each next range is weaker."""
        self._range_step_db = bundle_network.check_snr("range_step_db", range_step_db)

    def frames_dropped(self) -> int:
        """Items that found no partner so far, in either branch."""
        return sum(self._pairs.dropped)

    def start(self):
        self._pairs.begin_anew()
        return True

    def forecast(self, noutput_items, ninputs):
        return [1] * ninputs

    @ends_flow_on_error
    def general_work(self, input_items, output_items):
        count = min(len(output_items[0]), self._batch)
        counts = [min(len(items), count) for items in input_items]
        chosen_symbols, chosen_echoes = self._pairs.find(self, counts)
        good = usable(input_items[0][chosen_symbols]) & usable(input_items[1][chosen_echoes])
        if not good.all():
            bad = len(good) - np.count_nonzero(good)
            pass_over(self, "damaged", "a frame is not finite", bad)
            chosen_symbols, chosen_echoes = chosen_symbols[good], chosen_echoes[good]
        if len(chosen_echoes):
            symbols, echo = input_items[0][chosen_symbols], input_items[1][chosen_echoes]
            tags = frame_tags.CallTags(self, 1, int(chosen_echoes[-1]) + 1)
            snr_db = tags.held_snrs_db(frame_tags.SENSING_SNR_DB, self._sensing_snr_db)[chosen_echoes]
            probability = self._infer(symbols, echo, snr_db)
            output_items[0][: len(probability)] = probability
            tags.copy_to(self, chosen_echoes)
            self._publish(chosen_echoes, probability)
        for port, read in enumerate(self._pairs.read):
            self.consume(port, read)
        return len(chosen_echoes)

    def _infer(self, symbols: np.ndarray, echo: np.ndarray, snr_db: np.ndarray) -> np.ndarray:
        self._sensing_snr_db = float(snr_db[-1])
        offered = {"echo": as_pairs(echo)}
        if self._knowledge == "echo":
            offered["sensing_snr_db"] = snr_db
        else:
            steps = range_snr_db(0.0, self._ranges, self._range_step_db).astype(np.float32)
            offered["symbols"] = as_pairs(symbols)
            offered["range_snr_db"] = snr_db[:, None] + steps
            offered["range_delay"] = self._range_delay
            offered["prior"] = self._prior
            offered["fading"] = self._fading
        probability = self._session.run(**{name: offered[name] for name in self._session.inputs})[
            "probability"
        ]
        if self._knowledge == "echo":  # trained with a prior of 1/2: carry the posterior over to ours (Bayes)
            probability = probability * self._prior
            probability /= np.maximum(probability.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return probability

    def _publish(self, chosen: np.ndarray, probability: np.ndarray) -> None:
        if pmt.is_null(self.message_subscribers(DETECTIONS)):
            return
        presence = 1.0 - probability[:, 0]
        nearest = probability[:, 1:].argmax(axis=1)
        for frame_id, present, range_bin in zip(
            self._pairs.ids[1][chosen].tolist(), presence.tolist(), nearest.tolist(), strict=True
        ):
            reported = present >= self._threshold
            message = {
                "frame_id": frame_id,
                "present": reported,
                "range_bin": range_bin if reported else -1,
                "probability": present,
            }
            self.message_port_pub(DETECTIONS, pmt.to_pmt(message))
