# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np
import pmt
from gnuradio import gr

from semisac_ml.runtime import BeamPrediction
from semisac_ml.runtime.observations import POWER, Observations
from semisac_ml.signal.beam_choice import choose_beams

from .. import bundle_network
from ..frames import frame_tags
from ..work_errors import ends_flow_on_error
from .beam_messages import WHOLE_NUMBERS, frame_of, pdu, seconds_of, takes_pdus

TIME_S = pmt.intern("time_s")
BEAMS = pmt.intern("beams")
PROBABILITIES = pmt.intern("probabilities")
NETWORK = "beams"


class beam_predictor(takes_pdus, gr.sync_block):
    """Say which beams are likely the strongest, from whatever sensors happen to work.

    Runs the ``beams`` network of a bundle. Which sensors it takes is in the bundle's manifest
    (`semisac_ml.runtime.observations`): ``power`` of some beams and ``position`` with those that ship, others
    by their names; with a network of a sensor's name, observations go through that first. What is missing is
    absent; what is older than the network remembers, or than `longest_age_s`, is left out and counted as
    stale. Observations take their place in its frames by their time stamps, whenever they come.

    Input 0 (optional): power of the beams in dB, float32[beams], one item a frame, NaN for those that were
        not measured; tag time_s (double), else `interval_s` after the item before. Connect it together with
        the output.
    Output 0 (optional): probability of each beam, float32[beams], one item a frame, with tags beams
        (s32vector, the best first), probabilities (f32vector, theirs) and time_s. The input's tags travel on.
    Message in ``observations``: PDU, values of one sensor; {modality, time_s}, and for power the beams'
        numbers. A PDU without modality, {time_s, frame}, asks for a prediction; with new_drive true, it
        forgets what was seen before; with site, it names the base station.
    Message out ``prediction``: PDU, float32[beams], probability of each beam; {frame, time_s, beams,
        probabilities} as the tags; blocked, probability that the straight way is, if the network says it.

    bundle: folder of the bundle, or "<system>/<name>" of one that ships.
    interval_s: time between frames of the network, as trained.
    site: name of the base station as in the bundle; any other is unknown to it.
    longest_age_s: age from which an observation is stale; 0: as long as the network remembers.
    reported: how many beams are ranked; by expected cost, not by probability alone.
    provider, threads: what runs the network, "cpu", "openvino", "cuda" or "tensorrt", and how many threads of
        it; None: as the bundle that is given says, else cpu and one.
    precision: what the network is computed in, "auto", "float32" or "int8"; None: as the bundle that is given
        says, else auto.

    `counters()`: by sensor, observations taken, late, stale, refused, not used; predictions.

    Raises BundleError when the folder is not a bundle, holds no such network, or one that asks for inputs of
    no sensor; ValueError for a bad parameter.
    """

    def __init__(
        self,
        bundle="vi_beam/deepsense",
        interval_s=0.1,
        site="",
        longest_age_s=0.0,
        reported=5,
        provider=None,
        threads=None,
        precision=None,
    ):
        self._bundle = bundle = bundle_network.open_bundle(bundle, provider, threads, precision)
        beams = bundle.interface(BeamPrediction).beams
        session = bundle.session(NETWORK)
        self._session = bundle_network.open_network(bundle, NETWORK, tuple(session.inputs), "probability")
        self._sites = list(beams.sites)
        self._beams = int(beams.count)
        self._tempering = beams.tempering
        longest_s = float(longest_age_s) or np.inf
        self._observations = Observations(bundle, NETWORK, float(interval_s), longest_s=longest_s)
        self.set_site(site)
        if not 1 <= int(reported) <= self._beams:
            raise ValueError(f"reported is {reported}, expected 1 to {self._beams} beams")
        self._reported = int(reported)
        self._interval_s = float(interval_s)
        item = gr.py_io_signature(0, 1, [np.dtype((np.float32, self._beams))])
        gr.sync_block.__init__(self, "beam_predictor", item, item)
        self._next_s = 0.0
        self.listen("observations", self._take)
        self.announce("prediction")

    def set_site(self, site: str) -> None:
        """Change the base station; one that the bundle does not know is any."""
        self._observations.site = self._sites.index(site) if site in self._sites else -1

    def sensors(self) -> list[str]:
        """Sensors that the network takes."""
        return list(self._observations.modalities)

    def counters(self) -> dict[str, int]:
        """What became of observations, "<sensor> <what>", of predictions and of damaged messages."""
        counted = {
            f"{sensor} {what}": count
            for sensor, counts in self._observations.counts.items()
            for what, count in counts.items()
        }
        return {**self.counts, **counted}

    def start(self):
        """A run begins with nothing seen."""
        self._observations.forget()
        self._next_s = 0.0
        return True

    @ends_flow_on_error
    def work(self, input_items, output_items):
        if not input_items or not output_items:
            raise ValueError("beam_predictor has a stream at one end only: connect input and output, or none")
        sweeps = input_items[0]
        count = min(len(sweeps), len(output_items[0]))
        times = frame_tags.CallTags(self, 0, count).doubles(TIME_S).tolist()
        for item, told_s in enumerate(times):
            time_s = self._next_s if np.isnan(told_s) else told_s
            self._next_s = time_s + self._interval_s
            known = np.flatnonzero(np.isfinite(sweeps[item]))
            if len(known):
                self._observations.add(POWER, time_s, sweeps[item][known], known)
            probability, best, _ = self._predict(time_s)
            output_items[0][item] = probability
            place = self.nitems_written(0) + item
            if np.isnan(told_s):
                self.add_item_tag(0, place, TIME_S, pmt.from_double(time_s))
            self.add_item_tag(0, place, BEAMS, pmt.init_s32vector(len(best), best.tolist()))
            ranked = probability[best].tolist()
            self.add_item_tag(0, place, PROBABILITIES, pmt.init_f32vector(len(ranked), ranked))
        return count

    def _take(self, meta: dict, values: np.ndarray) -> None:
        time_s, frame = seconds_of(meta), frame_of(meta)
        if "modality" in meta:
            if len(values):
                self._observations.add(str(meta["modality"]), time_s, values, meta.get("beams"))
            return
        if meta.get("new_drive") is True:
            self._observations.forget(time_s - self._interval_s / 2)
        if isinstance(site := meta.get("site"), str) and site:
            self.set_site(site)
        probability, best, blocked = self._predict(time_s)
        told = {"beams": best.astype(WHOLE_NUMBERS), "probabilities": probability[best], "blocked": blocked}
        self.send("prediction", pdu(probability, frame=frame, time_s=time_s, **told))

    def _predict(self, time_s: float) -> tuple[np.ndarray, np.ndarray, float | None]:
        """Probabilities, ranked beams, and probability that the way is blocked if the network says it."""
        try:
            said = self._session.run(**self._observations.inputs(time_s))
        except ValueError as error:  # not the fault of one message: whoever waits for an answer must know
            raise RuntimeError(str(error)) from error
        self.counts["predictions"] += 1
        blocked = float(said["blocked"].ravel()[0]) if "blocked" in said else None
        probability = said["probability"]
        best = choose_beams(probability, self._reported, tempering=self._tempering)[0]
        return probability[0], best, blocked
