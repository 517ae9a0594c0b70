# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What images lose over frames, against the same symbols in plain white noise."""

from __future__ import annotations

import numpy as np
from gnuradio import blocks, gr, semisac

from semisac_ml.data import cifar10
from semisac_ml.runtime import Bundle, ImageLink
from semisac_ml.signal import impairments
from semisac_ml.signal.frame import FrameParameters
from semisac_ml.signal.frame_modulation import modulate_frame

from .air_trials import BATCH, PATH_DELAYS, PATH_GAINS_DB, Row, hurt, tag_values

ONE_PATH = (np.zeros(1), np.zeros(1))
THREE_PATHS = (PATH_DELAYS, PATH_GAINS_DB)


class Link:
    """A bundle's networks: encoder, reconstruction and task."""

    def __init__(self, bundle: str):
        self._bundle = Bundle.load(bundle)
        self._sessions = {name: self._bundle.session(name) for name in ("encoder", "reconstruction", "task")}
        self.channel_uses = self._bundle.interface(ImageLink).symbols.channel_uses

    def _run(self, name: str, inputs: dict[str, np.ndarray], output: str) -> np.ndarray:
        session = self._sessions[name]
        kept = {key: value for key, value in inputs.items() if key in session.inputs}
        return session.run(**kept)[output]

    def encode(self, pictures: np.ndarray, snr_db: float) -> np.ndarray:
        """Symbols, complex128 [pictures, channel uses], of pictures uint8 [pictures, 32, 32, 3]."""
        image = (pictures.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)
        snrs = np.full(len(image), snr_db, np.float32)
        pairs = self._run("encoder", {"image": image, "snr_db": snrs}, "symbols")
        return pairs[..., 0] + 1j * pairs[..., 1].astype(np.float64)

    def quality(self, received: np.ndarray, snr_db: np.ndarray, pictures, labels) -> tuple[float, float]:
        """Mean PSNR in dB and per cent of right classes of received symbols."""
        pairs = np.stack([received.real, received.imag], axis=-1).astype(np.float32)
        gain = np.tile(np.float32([1.0, 0.0]), (len(pairs), 1))
        inputs = {"received": pairs, "snr_db": snr_db.astype(np.float32), "channel_gain": gain}
        image = np.clip(self._run("reconstruction", inputs, "image"), 0.0, 1.0)
        errors = np.mean((image - pictures.transpose(0, 3, 1, 2) / 255.0) ** 2, axis=(1, 2, 3))
        probabilities = self._run("task", inputs, next(iter(self._sessions["task"].outputs)))
        right = np.mean(np.argmax(probabilities, axis=1) == labels)
        return float(np.mean(-10 * np.log10(errors))), 100.0 * float(right)


def over_frames(
    symbols: np.ndarray, snr_db: float, paths: tuple[np.ndarray, np.ndarray], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Received symbols and the SNR that the demodulator says, for every image; none may be lost."""
    parameters = FrameParameters(channel_uses=symbols.shape[1])
    images = parameters.images_per_frame
    rng = np.random.default_rng(seed)
    received, snrs = [], []
    for first in range(0, len(symbols), BATCH * images):
        batch = symbols[first : first + BATCH * images]
        frames = [batch[start : start + images] for start in range(0, len(batch), images)]
        sent = [modulate_frame(frame, parameters, images * n) for n, frame in enumerate(frames)]
        samples = np.concatenate([hurt(frame, parameters, rng, paths) for frame in sent])
        samples += impairments.noise(rng, len(samples), snr_db)
        sink = blocks.vector_sink_c(parameters.channel_uses)
        top = gr.top_block()
        top.connect(
            blocks.vector_source_c(samples.astype(np.complex64)),
            semisac.frame_synchronizer(parameters),
            semisac.frame_demodulator(parameters),
            sink,
        )
        top.run()
        ids = tag_values(sink, "frame_id")
        if len(ids) != len(batch):
            raise RuntimeError(f"{len(batch) - len(ids)} of {len(batch)} images were lost")
        received.append(np.array(sink.data()).reshape(len(batch), -1))
        snrs.append(np.repeat(tag_values(sink, "snr_db"), images)[: len(batch)])
    return np.concatenate(received), np.concatenate(snrs)


def images_over_frames(bundle: str, snr_db: float, images: int, repeats: int) -> list[Row]:
    """PSNR and accuracy over frames, less what plain white noise of the same Es/N0 gives.

    images, repeats: pictures, and how often each is sent; the means' standard error is about
    0.6 / sqrt(repeats) points for 10,000 pictures.
    """
    try:
        pictures, labels = (part[:images] for part in cifar10.load("test"))
    except cifar10.DataError:
        pictures, labels = (part[:images] for part in cifar10.sample()[:2])
    link = Link(bundle)
    symbols = link.encode(pictures, snr_db)

    def plain(seed: int) -> tuple[float, float]:
        noise = impairments.noise(np.random.default_rng(seed), symbols.size, snr_db).reshape(symbols.shape)
        return link.quality(symbols + noise, np.full(len(symbols), snr_db), pictures, labels)

    def over(paths, seed: int) -> tuple[float, float]:
        return link.quality(*over_frames(symbols, snr_db, paths, seed), pictures, labels)

    seeds = range(1, repeats + 1)
    reference = np.mean([plain(seed) for seed in seeds], axis=0)
    rows = []
    for name, paths, goals in (
        ("one path", ONE_PATH, (">= -0.2", ">= -0.5")),
        ("3 paths", THREE_PATHS, (">= -1", "")),
    ):
        gained = np.mean([over(paths, 100 + seed) for seed in seeds], axis=0) - reference
        condition = f"{bundle}, Es/N0 {snr_db:g} dB, {name}"
        kinds = (("PSNR", "dB"), ("accuracy", "points"))
        for (measurement, unit), value, goal in zip(kinds, gained, goals, strict=True):
            measurement += " less that of symbols in noise"
            rows.append(Row(measurement, condition, repeats * len(pictures), float(value), unit, goal))
    return rows
