# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned picture code as the comparison runs it: a bundle's networks, or a training not yet exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from semisac_ml.runtime import Bundle, BundleError
from semisac_ml.signal import picture_packets
from semisac_ml.signal.complex_pairs import as_complex, as_pairs
from semisac_ml.systems.jssc_hifi import air

BATCH_PIXELS = 128 * 32 * 32


class Networks(Protocol):
    """Encoder and decoder on numpy arrays."""

    def encode(self, image: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray) -> np.ndarray: ...

    def decode(
        self, received: np.ndarray, worth: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray
    ) -> np.ndarray: ...


class BundleNetworks:
    """Networks of a bundle, by ONNX Runtime. Raises BundleError for one that is no picture code."""

    def __init__(self, source: str | Bundle) -> None:
        bundle = Bundle.load(source)
        if "sent_channels" not in bundle.session("encoder").inputs:
            raise BundleError(
                f"{bundle.name}: its encoder has no input sent_channels, expected a picture code such as "
                "jssc/hifi"
            )
        self.name = bundle.name
        self._encoder, self._decoder = bundle.session("encoder"), bundle.session("reconstruction")

    def encode(self, image: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray) -> np.ndarray:
        return self._encoder.run(image=image, snr_db=snr_db, sent_channels=sent_channels)["code"]

    def decode(
        self, received: np.ndarray, worth: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray
    ) -> np.ndarray:
        return self._decoder.run(received=received, worth=worth, snr_db=snr_db, sent_channels=sent_channels)[
            "image"
        ]


class TrainingNetworks:
    """Networks of a training's folder, as far as it has come. Raises ValueError if there is none."""

    def __init__(self, source: str) -> None:
        import torch

        from semisac_ml.systems.jssc_hifi.train_code import trained_model

        self._torch = torch
        self._model, _ = trained_model(Path(source))
        self.name = source

    def _run(self, network: object, *arrays: np.ndarray) -> np.ndarray:
        with self._torch.no_grad():
            return network(*(self._torch.from_numpy(array) for array in arrays)).numpy()

    def encode(self, image: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray) -> np.ndarray:
        return self._run(self._model.encoder, image, snr_db, sent_channels)

    def decode(
        self, received: np.ndarray, worth: np.ndarray, snr_db: np.ndarray, sent_channels: np.ndarray
    ) -> np.ndarray:
        return self._run(self._model.decoder, received, worth, snr_db, sent_channels)


def _is_bundle(source: str | Bundle) -> bool:
    if isinstance(source, Bundle):
        return True
    folder = Path(source)
    return (folder / "manifest.json").is_file() or not (folder / "settings.json").is_file()


class LearnedCode:
    """Sends pictures through the learned code.

    source: a bundle, its name or folder, or the folder of a training.
    """

    def __init__(self, source: str | Bundle) -> None:
        self.networks: Networks = BundleNetworks(source) if _is_bundle(source) else TrainingNetworks(source)

    def reconstruct(
        self,
        pictures: np.ndarray,
        snr_db: float,
        sent_channels: int,
        channel: str,
        seed: int,
        gains: np.ndarray | None = None,
    ) -> np.ndarray:
        """Pictures as received, float32 (count, height, width, 3) in [0, 1].

        Parameters
        ----------
        pictures : uint8 (count, height, width, 3), height and width multiples of 4.
        gains : |h|^2 (count, channel uses); drawn for the channel and seed if not given.
        """
        arrivals = self.arrivals(pictures, snr_db, sent_channels, channel, seed, gains)
        rebuilt = [self.networks.decode(**arrival) for arrival in arrivals]
        return np.concatenate(rebuilt).transpose(0, 2, 3, 1)

    def arrivals(
        self,
        pictures: np.ndarray,
        snr_db: float,
        sent_channels: int,
        channel: str,
        seed: int,
        gains: np.ndarray | None = None,
    ) -> Iterator[dict[str, np.ndarray]]:
        """What the decoders are given, some pictures at a time: received, worth, snr_db, sent_channels.

        Parameters: as of reconstruct.
        """
        count, height, width, _ = pictures.shape
        channel_uses = height // 4 * (width // 4) * sent_channels // 2
        if gains is None:
            gains = air.power_gains(channel, count, channel_uses, seed)
        order = picture_packets.permutation(height // 4, width // 4, sent_channels)  # as in frames
        each = max(1, BATCH_PIXELS // (height * width))
        for at in range(0, count, each):
            yield self._send(
                pictures[at : at + each], snr_db, sent_channels, gains[at : at + each], order, (seed, at)
            )

    def _send(
        self,
        pictures: np.ndarray,
        snr_db: float,
        sent_channels: int,
        gains: np.ndarray,
        order: np.ndarray,
        place: tuple[int, int],
    ) -> dict[str, np.ndarray]:
        count = len(pictures)
        told = {
            "snr_db": np.full(count, snr_db, np.float32),
            "sent_channels": np.full(count, sent_channels, np.float32),
        }
        image = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        code = self.networks.encode(image=image, **told)
        values = code[:, :sent_channels].reshape(count, -1).astype(np.float64)
        symbols = as_complex(values[:, order].reshape(count, -1, 2)) / np.sqrt(2.0)
        snr = np.maximum(10.0 ** (snr_db / 10.0) * gains, 1e-2)
        arrived = as_pairs(air.received_symbols(symbols, snr, *place)).reshape(count, -1) * np.sqrt(2.0)
        received, worth = np.zeros_like(code), np.zeros_like(code)
        flat = np.empty_like(values)
        for target, source in ((received, arrived), (worth, np.repeat(snr / (1.0 + snr), 2, axis=1))):
            flat[:, order] = source
            target[:, :sent_channels] = flat.reshape(count, sent_channels, *code.shape[2:])
        return {"received": received, "worth": worth, **told}
