# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Header of a frame: 88 bits of content, a checksum of 24, and the convolutional code over both.

| bits | field |
|---|---|
| 4 | version of this format |
| 12 | images in the frame |
| 32 | frame_id of its first image, modulo 2^32 |
| 24 | fingerprint of the bundle that encoded the images |
| 16 | checksum of the frame parameters |
| 24 | CRC of all before |

The first bit of each field is its highest. CRC-24 of RFC 4880 (polynomial 0x864CFB, start 0xB704CE): a wrong
header passes once in 2^24. The code is that of Voyager and CCSDS 131.0-B, rate 1/2, constraint length 7,
generators 171 and 133 octal, without the inversion of the second, closed by 6 zeros: the one GNU Radio's
``cc_encoder`` makes from the polynomials 109 and 79. The receiver adds up the repetitions before it decodes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from .frame import CODED_HEADER_BITS, HEADER_BITS, FrameParameters

VERSION = 1
GENERATORS = (109, 79)  # bit 0 is the newest bit of the register
CONSTRAINT_LENGTH = 7
_FIELDS = (("version", 4), ("images", 12), ("frame_id", 32), ("bundle_fingerprint", 24))


def crc(data: bytes, bits: int, polynomial: int, start: int) -> int:
    """Remainder of data, highest bit first, no reflection, as GNU Radio's ``digital.crc``."""
    register = start
    top = 1 << (bits - 1)
    for byte in data:
        register ^= byte << (bits - 8)
        for _ in range(8):
            register = ((register << 1) ^ (polynomial if register & top else 0)) & ((1 << bits) - 1)
    return register


def header_crc(content: bytes) -> int:
    """CRC-24 of the 11 bytes of content."""
    return crc(content, 24, 0x864CFB, 0xB704CE)


def parameters_checksum(parameters: FrameParameters) -> int:
    """CRC-16 (0x1021, start 0xFFFF) of ``parameters.canonical_text()``."""
    return crc(parameters.canonical_text().encode("ascii"), 16, 0x1021, 0xFFFF)


def bundle_fingerprint(manifest: bytes) -> int:
    """First 24 bits of the sha256 of a bundle's manifest.json."""
    return int.from_bytes(hashlib.sha256(manifest).digest()[:3], "big")


@dataclass(frozen=True)
class FrameHeader:
    """What a header says.

    frame_id: id of the first image, modulo 2^32. images: images in the frame. bundle_fingerprint: 24 bits, 0
    for none. checksum: parameters_checksum of the frame.
    """

    frame_id: int
    images: int
    bundle_fingerprint: int
    checksum: int
    version: int = VERSION

    def to_bytes(self) -> bytes:
        """Content and CRC, 14 bytes."""
        number = 0
        for name, width in (*_FIELDS, ("checksum", 16)):
            number = number << width | getattr(self, name) % (1 << width)
        content = number.to_bytes(11, "big")
        return content + header_crc(content).to_bytes(3, "big")


def convolutional_code(bits: np.ndarray) -> np.ndarray:
    """Coded bits, uint8 [2 (n + 6)], of n bits and 6 zeros that close the code."""
    register = 0
    coded = []
    for bit in (*bits, *(CONSTRAINT_LENGTH - 1) * (0,)):
        register = (register << 1 | int(bit)) & ((1 << CONSTRAINT_LENGTH) - 1)
        coded += [(register & generator).bit_count() & 1 for generator in GENERATORS]
    return np.array(coded, dtype=np.uint8)


def coded_header(header: FrameHeader) -> np.ndarray:
    """Coded bits of a header, uint8 [236]."""
    bits = np.unpackbits(np.frombuffer(header.to_bytes(), np.uint8))
    assert len(bits) == HEADER_BITS
    coded = convolutional_code(bits)
    assert len(coded) == CODED_HEADER_BITS
    return coded
