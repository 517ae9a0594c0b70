# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture codecs for the digital baselines, and how many bits of their files are counted.

At 32 x 32 pixels most bytes of a file are headers that two ends could agree on beforehand. So only coded data
are counted ("data"); what is left out, in favour of the digital schemes:

- JPEG: everything outside the scans (tables of quantisers and of optimised Huffman codes too, although these
  suit the picture), and the zero bytes stuffed after FF.
- JPEG 2000: main and tile-part headers; counted are the packets (packet headers too: they say which code
  blocks follow).
- AVIF: the container, and AV1's sequence and frame headers; counted are the tiles.

"stream" counts instead what a decoder needs that knows nothing but the format: all but application data,
comments, and AVIF's container.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from semisac_ml.systems.jssc_hifi.av1_headers import tile_sizes

COUNTED = ("data", "stream")
SMALL_PIXELS = 64 * 64


class Codec:
    """One picture format with its settings, from the smallest files to the largest.

    name: for CSV files. format: Pillow's name. settings: of quality, ascending.
    """

    name = ""
    format = ""
    settings: Sequence[float] = ()

    def variants(self, pixels: int) -> list[dict[str, object]]:
        """Options of the encoder of which the best is taken for each picture."""
        raise NotImplementedError

    def options(self, setting: float) -> dict[str, object]:
        """Options of the encoder for a quality."""
        raise NotImplementedError

    def data_bytes(self, file: bytes) -> int:
        """Bytes of coded data."""
        raise NotImplementedError

    def stream_bytes(self, file: bytes) -> int:
        """Bytes that a decoder needs which knows the format only."""
        raise NotImplementedError

    def encode(self, picture: np.ndarray, variant: dict[str, object], setting: float) -> bytes:
        """File of a picture, uint8 (height, width, 3)."""
        file = io.BytesIO()
        Image.fromarray(picture).save(file, self.format, **variant, **self.options(setting))
        return file.getvalue()

    def counted_bits(self, file: bytes, counted: str) -> int:
        """Bits of a file that are to be sent; counted: "data" or "stream"."""
        return 8 * (self.data_bytes(file) if counted == "data" else self.stream_bytes(file))


def decode(file: bytes) -> np.ndarray:
    """Picture of a file, uint8 (height, width, 3)."""
    with Image.open(io.BytesIO(file)) as picture:
        return np.asarray(picture.convert("RGB"))


class Jpeg(Codec):
    """Baseline JPEG with Huffman codes made for each picture, chroma halved or not."""

    name, format, settings = "JPEG", "JPEG", tuple(range(1, 101))

    def variants(self, pixels: int) -> list[dict[str, object]]:
        return [{"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}]

    def options(self, setting: float) -> dict[str, object]:
        return {"quality": int(setting), "optimize": True}

    @staticmethod
    def _parts(file: bytes) -> tuple[int, int]:
        """Bytes of scans without stuffing, and of application data and comments."""
        at, scans, application = 2, 0, 0
        while file[at : at + 2] != b"\xff\xd9":
            marker, length = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
            if marker == 0xFE or 0xE0 <= marker <= 0xEF:
                application += 2 + length
            at += 2 + length
            if marker == 0xDA:
                start = at
                while file[at] != 0xFF or file[at + 1] == 0 or 0xD0 <= file[at + 1] <= 0xD7:
                    at += 1
                scans += at - start - file[start:at].count(b"\xff\x00")
        return scans, application

    def data_bytes(self, file: bytes) -> int:
        return self._parts(file)[0]

    def stream_bytes(self, file: bytes) -> int:
        return len(file) - self._parts(file)[1]


class Jpeg2000(Codec):
    """JPEG 2000, irreversible 9/7 wavelet, one tile, one layer of a quality in dB."""

    name, format = "JPEG 2000", "JPEG2000"
    settings = tuple(np.arange(6.0, 60.0, 0.25))

    def variants(self, pixels: int) -> list[dict[str, object]]:
        # each resolution costs a byte or more a colour, which counts in small pictures
        return [{"num_resolutions": n} for n in ((2, 3, 4) if pixels <= SMALL_PIXELS else (6,))]

    def options(self, setting: float) -> dict[str, object]:
        return {
            "quality_mode": "dB",
            "quality_layers": [float(setting)],
            "irreversible": True,
            "no_jp2": True,
            "mct": 1,
        }

    @staticmethod
    def _parts(file: bytes) -> tuple[int, int]:
        """Bytes of packets, and of comments."""
        at, packets, comments = 2, 0, 0
        while file[at : at + 2] != b"\xff\xd9":
            marker, length = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
            if marker == 0x64:
                comments += 2 + length
            if marker != 0x90:
                at += 2 + length
                continue
            end = at + int.from_bytes(file[at + 6 : at + 10], "big")  # Psot counts from the marker
            at += 2 + length
            while file[at : at + 2] != b"\xff\x93":
                at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
            packets += end - at - 2
            at = end
        return packets, comments

    def data_bytes(self, file: bytes) -> int:
        return self._parts(file)[0]

    def stream_bytes(self, file: bytes) -> int:
        return len(file) - self._parts(file)[1]


class Avif(Codec):
    """AVIF by libaom, tuned for PSNR (libavif's own choice loses 0.7 dB to it), chroma halved or not.

    speed: 0 (slowest) to 10; 4 is within 0.2 dB of 2.
    """

    name, format = "AVIF", "AVIF"
    # one quality for each of libaom's 64 quantisers, by libavif's rule
    settings = tuple(sorted({((100 - quality) * 63 + 50) // 100: quality for quality in range(101)}.values()))

    def __init__(self, speed: int = 4) -> None:
        self.speed = speed

    def variants(self, pixels: int) -> list[dict[str, object]]:
        return [{"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}]

    def options(self, setting: float) -> dict[str, object]:
        return {
            "quality": int(setting),
            "speed": self.speed,
            "max_threads": 1,
            "advanced": {"tune": "psnr"},
        }

    @staticmethod
    def units(file: bytes) -> bytes:
        """AV1 units of a file with one picture: what its box "mdat" holds."""
        at = 0
        while at < len(file):
            size, kind, header = int.from_bytes(file[at : at + 4], "big"), file[at + 4 : at + 8], 8
            if size == 1:
                size, header = int.from_bytes(file[at + 8 : at + 16], "big"), 16
            size = size or len(file) - at
            if kind == b"mdat":
                return file[at + header : at + size]
            at += size
        raise ValueError("the AVIF file holds no box 'mdat', expected one")

    def data_bytes(self, file: bytes) -> int:
        return sum(tile_sizes(self.units(file)))

    def stream_bytes(self, file: bytes) -> int:
        return len(self.units(file))


def codecs(avif_speed: int = 4) -> dict[str, Codec]:
    """All codecs by name."""
    return {codec.name: codec for codec in (Jpeg(), Jpeg2000(), Avif(avif_speed))}


class CodedPicture:
    """A picture, and what a codec makes of it within so many bits; files once made are remembered.

    picture: uint8 (height, width, 3).
    """

    def __init__(self, picture: np.ndarray, codec: Codec, counted: str = "data") -> None:
        if counted not in COUNTED:
            raise ValueError(f"counted is {counted!r}, expected one of {', '.join(COUNTED)}")
        self.picture, self.codec, self.counted = np.ascontiguousarray(picture), codec, counted
        self._variants = codec.variants(picture.shape[0] * picture.shape[1])
        self._bits: dict[tuple[int, int], int] = {}
        self._decoded: dict[tuple[int, int], np.ndarray] = {}

    def _file(self, variant: int, index: int) -> bytes:
        return self.codec.encode(self.picture, self._variants[variant], self.codec.settings[index])

    def _size(self, variant: int, index: int) -> int:
        if (variant, index) not in self._bits:
            file = self._file(variant, index)
            self._bits[variant, index] = self.codec.counted_bits(file, self.counted)
        return self._bits[variant, index]

    def _largest(self, variant: int, bits: float) -> int:
        """Index of the best setting that fits, -1 if none does (sizes grow with it, or nearly so)."""
        low, high = -1, len(self.codec.settings)
        while high - low > 1:
            middle = (low + high) // 2
            if self._size(variant, middle) <= bits:
                low = middle
            else:
                high = middle
        return low

    def within(self, bits: float) -> np.ndarray:
        """The picture as decoded from the best file of at most so many bits, uint8 (height, width, 3).

        Where none fits, or all are worse: its mean colour, which is sent for nothing.
        """
        colour = np.rint(self.picture.mean((0, 1))).astype(np.uint8)
        pictures = [np.broadcast_to(colour, self.picture.shape)]
        for variant in range(len(self._variants)):
            index = self._largest(variant, bits)
            if index >= 0:
                if (variant, index) not in self._decoded:
                    self._decoded[variant, index] = decode(self._file(variant, index))
                pictures.append(self._decoded[variant, index])
        true = self.picture.astype(np.float32)
        return min(pictures, key=lambda one: float(np.square(one - true).mean()))

    def fits(self, bits: float) -> bool:
        """Whether there is a file of at most so many bits."""
        return any(self._size(variant, 0) <= bits for variant in range(len(self._variants)))
