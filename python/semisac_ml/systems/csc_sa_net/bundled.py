# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bundle's whole protocol in numpy: pilots down, feedback up, pictures up, one segmentation.

What blocks do frame by frame, over the same channel (:mod:`semisac_ml.signal.mimo_ofdm`): the reference that
they are tested against, and how the figures of a bundle are measured. Needs no PyTorch.

Users hear pilots with their antennas and combine them themselves. The noise of Eq. (9) comes behind the
combiner; that of the channel is at antennas, and becomes as many times as strong as there are of them, which
the pilots' power makes good (``ArrayFrame.pilot_power_db``). Noise of two chains of a user is then not
independent, as that of Eq. (9) is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from semisac_ml.runtime import Bundle, FusionLink
from semisac_ml.signal.complex_pairs import as_complex, as_pairs
from semisac_ml.signal.mimo_ofdm import MimoOfdm, PathArrays, drawn_paths, transmit

CHUNK = 8
"""Frames that are computed at a time."""


@dataclass(frozen=True)
class Outcome:
    """What came of some frames.

    classes: of pixels, uint8 [frames, height, width]. precoder: complex64 [frames, users, user antennas,
    user chains]. combiner: complex64 [frames, station chains, station antennas]. bits: that were fed back,
    float32 [frames, users, numbers, bits], 0 of a silent user. symbols: complex64 [frames, users, symbols,
    subcarriers, user chains].
    """

    classes: np.ndarray
    precoder: np.ndarray
    combiner: np.ndarray
    bits: np.ndarray
    symbols: np.ndarray


class BundledLink:
    """Sessions of a bundle, and frames through them.

    Raises BundleError where the bundle is of another kind or lacks a network.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.interface = bundle.interface(FusionLink)
        self.cell = MimoOfdm(**self.interface.cell.model_dump())
        names = ["pilots", "station", "segmentation"]
        for user in self.interface.users:
            names += [user.channel_network, user.picture_network]
        self._sessions = {name: bundle.session(name) for name in dict.fromkeys(names)}

    def _run(self, network: str, **offered: np.ndarray) -> dict[str, np.ndarray]:
        session = self._sessions[network]
        return session.run(**{name: np.ascontiguousarray(offered[name]) for name in session.inputs})

    def pilots(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The first pilots, complex64: sent [pilots, subcarriers, station chains], their beams [pilots,
        station antennas, station chains], users' combiners [pilots, user chains, user antennas].
        """
        found = self._run("pilots", number=np.arange(count, dtype=np.int64))
        gain = np.float32(10.0 ** (self.interface.frame.pilot_power_db / 20.0))
        digital, analog, combiner = (as_complex(found[name]) for name in ("digital", "analog", "combiner"))
        return gain * digital, analog, combiner

    def run(
        self,
        pictures: Sequence[np.ndarray],
        *,
        pilots: int | None = None,
        feedback_bits: int | None = None,
        symbols: int | None = None,
        snr_db: float,
        seed: int = 0,
        recorded: PathArrays | None = None,
        silent: Sequence[int] = (),
        speed_mps: float | None = None,
    ) -> Outcome:
        """Send frames 0, 1, ...

        Parameters
        ----------
        pictures : sequence of ndarray
            Of each user, uint8 [frames, height, width, channels].
        pilots, feedback_bits, symbols : int, optional
            By default the most.
        snr_db : float
            Of a user at an antenna.
        seed : int
            Of channels and noise.
        recorded : PathArrays, optional
            In the place of drawn paths.
        silent : sequence of int
            Users who send nothing.
        speed_mps : float, optional
            In the place of the cell's.
        """
        frame = self.interface.frame
        given = (pilots or frame.pilots, feedback_bits or frame.feedback_bits, symbols or frame.symbols)
        sizes = frame.checked(*given)
        cell = self.cell if speed_mps is None else replace(self.cell, speed_mps=speed_mps)
        parts = []
        for first in range(0, len(pictures[0]), CHUNK):
            chunk = [one[first : first + CHUNK] for one in pictures]
            parts.append(self._chunk(chunk, first, sizes, snr_db, seed, cell, recorded, silent))
        return Outcome(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _chunk(
        self,
        pictures: Sequence[np.ndarray],
        first: int,
        sizes: tuple[int, int, int],
        snr_db: float,
        seed: int,
        cell: MimoOfdm,
        recorded: PathArrays | None,
        silent: Sequence[int],
    ) -> tuple[np.ndarray, ...]:
        count, frame, how = len(pictures[0]), self.interface.frame, {"seed": seed, "snr_db": snr_db}
        how |= {"first_frame": first, "recorded": recorded}
        pilots, _, symbols = sizes
        ids = first + np.arange(count)
        paths = recorded.at(ids) if recorded else drawn_paths(cell, seed, first, count)
        link = self._told(sizes, snr_db, np.abs(paths.doppler_hz).max(axis=-1))

        sent, analog, listening = self.pilots(pilots)
        ears = np.eye(cell.user_antennas, dtype=np.complex64)[None, None, None]
        at_antennas = replace(cell, user_chains=cell.user_antennas)
        down = np.broadcast_to(sent, (count, 1, *sent.shape))
        heard = transmit("down", down, ears, analog[None, None], at_antennas, **how)
        received = np.einsum("lca,fulna->funcl", listening, heard)
        received = np.pad(received, [(0, 0)] * 4 + [(0, frame.pilots - pilots)])

        ends = []
        for number, (user, shown) in enumerate(zip(self.interface.users, pictures, strict=True)):
            own = link[:, number]
            found = self._run(user.channel_network, received=as_pairs(received[:, number]), link=own)
            pixels = shown.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255.0)
            beams, semantics = found["beams"], found["semantics"]
            made = self._run(user.picture_network, picture=pixels, semantics=semantics, beams=beams, link=own)
            quiet = 0.0 if number in silent else 1.0
            ends.append((as_complex(beams), quiet * found["bits"], quiet * as_complex(made["symbols"])))
        precoder, bits, made = (np.stack(one, axis=1) for one in zip(*ends, strict=True))
        bits, made = bits.astype(np.float32), made.astype(np.complex64)
        bits[:, :, sizes[1] // frame.number_bits :] = 0.0

        there = np.array([[number not in silent for number in range(cell.users)]] * count, np.float32)
        at_station = link[:, 0].copy()
        at_station[:, -1] = (there * link[:, :, -1]).max(axis=1)
        station = self._run("station", bits=bits, heard=there, link=at_station)
        combiner = as_complex(station["beams"])
        up = made.transpose(0, 1, 3, 2, 4)
        heard = transmit(
            "up",
            up,
            combiner[:, None, None],
            precoder[:, :, None],
            cell,
            first_symbol=pilots + frame.gap_symbols,
            **how,
        )[:, 0]
        scores = self._run(
            "segmentation",
            received=as_pairs(heard.transpose(0, 2, 1, 3)),
            beams=station["beams"],
            semantics=station["semantics"],
            link=at_station,
        )["scores"]
        return scores.argmax(axis=1).astype(np.uint8), precoder, combiner, bits, up

    def _told(self, sizes: tuple[int, int, int], snr_db: float, doppler_hz: np.ndarray) -> np.ndarray:
        """Numbers LINK of each user, float32 [frames, users, 5]."""
        low, high = self.interface.snr_db
        told = np.empty((*doppler_hz.shape, len(FusionLink.LINK)), np.float32)
        told[..., 0] = np.clip(snr_db, low, high)
        told[..., 1:4] = sizes
        told[..., 4] = np.minimum(doppler_hz, self.cell.most_doppler_hz)
        return told
