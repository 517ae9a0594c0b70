# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import numpy as np

from semisac_ml.runtime import SymbolLink
from semisac_ml.signal.complex_pairs import as_pairs

from ..work_errors import pass_over
from . import frame_tags

LARGEST = 1e6  # of symbols of about unit power: what is 120 dB above is none, and networks square it


def usable(items: np.ndarray) -> np.ndarray:
    """Which items, complex64 [items, length], hold nothing but symbols; bool [items]."""
    return np.abs(items.view(np.float32)).max(axis=1) <= LARGEST  # not so for what is not a number


class ReceivedSymbols:
    """Inputs that a receiver's network takes, gathered from the items and tags of a work call.

    A frame without an snr_db or channel_gain tag keeps the value of the frame before it; until the first tag
    comes these are the bundle's reference SNR and a gain of 1. Networks are told no SNR beyond those they
    were trained for: they guess wildly outside, and lose little where the link is better than they know.
    Of a frame that holds anything but symbols nothing is taken as received, zeros; the block's ``counts`` say
    how many were "damaged".

    A network that asks for worth gets symbols that are equalised: least mean squared error, received
    h* / (|h|^2 + N0), and worth = |h|^2 / (|h|^2 + N0), one minus that error. Where the channel fades it
    knows bad frames, and is told of SNRs below those of its training as they are.
    """

    INPUTS = ("received", "channel_gain", "snr_db", "worth")

    def __init__(self, bundle, session):
        self._wants = session.inputs.keys()
        self._gain = 1.0 + 0.0j
        channel = bundle.interface(SymbolLink).channel
        self._snr_db = float(channel.reference_snr_db)
        fades = channel.model == "rayleigh" and "worth" in self._wants
        self._trained_db = (-frame_tags.MOST_SNR_DB if fades else channel.snr_db[0], channel.snr_db[1])

    def gather(self, block, received: np.ndarray) -> dict[str, np.ndarray]:
        """Named inputs for received, complex64 [frames, channel uses], the items of input 0 of this call."""
        count = len(received)
        good = usable(received)
        if not good.all():
            received = np.where(good[:, None], received, np.complex64(0))
            bad = count - np.count_nonzero(good)
            pass_over(block, "damaged", "a frame is not finite", bad)
        tags = frame_tags.CallTags(block, 0, count)
        inputs: dict[str, np.ndarray] = {}
        if self._wants & {"channel_gain", "worth"}:
            gain = tags.held_gains(self._gain)
            self._gain = complex(gain[-1])
            inputs["channel_gain"] = as_pairs(gain)
        if self._wants & {"snr_db", "worth"}:
            self.told_db = tags.held_snrs_db(frame_tags.SNR_DB, self._snr_db)
            self._snr_db = float(self.told_db[-1])
            inputs["snr_db"] = np.clip(self.told_db, *self._trained_db)
        if "worth" in self._wants:
            received, inputs["worth"] = equalised(received, gain, inputs["snr_db"])
        inputs["received"] = as_pairs(received)
        return {name: inputs[name] for name in self._wants}


def equalised(received: np.ndarray, gain: np.ndarray, snr_db: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates of symbols of unit power with the least mean squared error, and their worth.

    Parameters
    ----------
    received : ndarray, complex64 [frames, symbols]
    gain : ndarray, complex64 [frames]
    snr_db : ndarray, float32 [frames]

    Returns
    -------
    estimate : ndarray, complex64 [frames, symbols]
    worth : ndarray, float32 [frames]
        1 - mean squared error.
    """
    power = gain.real**2 + gain.imag**2
    whole = power + np.float32(10.0) ** (-snr_db / np.float32(10.0))
    return received * (np.conj(gain) / whole)[:, None], power / whole
