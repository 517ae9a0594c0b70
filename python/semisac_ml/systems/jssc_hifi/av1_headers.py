# SPDX-License-Identifier: GPL-3.0-or-later
"""How many bytes of a coded still picture of AV1 are tile data, and how many are headers.

Only what the syntax of still pictures needs: reduced headers, one frame, no film grain. Section numbers are
those of the AV1 Bitstream & Decoding Process Specification, version 1.0.0 with errata 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

OBU_SEQUENCE_HEADER, OBU_FRAME = 1, 6
SEGMENTATION_FEATURE_BITS = (8, 6, 6, 6, 6, 3, 0, 0)
SEGMENTATION_FEATURE_SIGNED = (1, 1, 1, 1, 1, 0, 0, 0)


class BitReader:
    """Bits of a byte string, most significant first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def read(self, bits: int = 1) -> int:
        """Unsigned number of so many bits. Raises ValueError at the end of the data."""
        value = 0
        for _ in range(bits):
            byte, bit = divmod(self.position, 8)
            if byte >= len(self.data):
                raise ValueError("AV1 header is cut off: expected more bits")
            value = value << 1 | (self.data[byte] >> (7 - bit)) & 1
            self.position += 1
        return value

    def read_signed(self, bits: int) -> int:
        """Two's complement number, su(bits)."""
        value = self.read(bits)
        return value - (1 << bits) if value >> (bits - 1) else value

    def align(self) -> int:
        """Go to the next whole byte; its number."""
        self.position = -(-self.position // 8) * 8
        return self.position // 8


@dataclass(frozen=True)
class Sequence:
    """What the sequence header says that the frame header's length depends on (5.5)."""

    width: int
    height: int
    use_128x128_superblock: int
    enable_superres: int
    enable_cdef: int
    enable_restoration: int
    planes: int
    subsampled: bool
    separate_uv_delta_q: int
    film_grain: int


def units(data: bytes) -> list[tuple[int, bytes]]:
    """Type and payload of each open bitstream unit (5.3)."""
    found, at = [], 0
    while at < len(data):
        header = data[at]
        at += 2 if header & 0b100 else 1
        if not header & 0b10:
            raise ValueError("an AV1 unit states no size, expected one that does, as in AVIF files")
        size = shift = 0
        while True:
            byte = data[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        found.append((header >> 3 & 0xF, data[at : at + size]))
        at += size
    return found


def read_sequence(data: bytes) -> Sequence:
    """Sequence header of a still picture (5.5.1). Raises ValueError for one that is not reduced."""
    bits = BitReader(data)
    profile = bits.read(3)
    bits.read()  # still picture
    if not bits.read():
        raise ValueError("the AV1 sequence header is not reduced, expected that of a still picture")
    bits.read(5)  # level
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    superblock = bits.read()
    bits.read(2)  # filter intra, intra edge filter
    superres, cdef, restoration = bits.read(), bits.read(), bits.read()
    high_depth = bits.read()  # colour configuration (5.5.2)
    twelve = profile == 2 and high_depth and bits.read()
    planes = 1 if profile != 1 and bits.read() else 3
    primaries, transfer, matrix = (bits.read(8), bits.read(8), bits.read(8)) if bits.read() else (2, 2, 2)
    separate, subsampled = 0, planes == 1
    if planes == 1:
        bits.read()
    else:
        if (primaries, transfer, matrix) != (1, 13, 0):
            bits.read()
            subsampled = profile == 0
            if profile == 2 and twelve and bits.read():
                subsampled = bool(bits.read())
            if subsampled:
                bits.read(2)
        separate = bits.read()
    return Sequence(
        width,
        height,
        superblock,
        superres,
        cdef,
        restoration,
        planes,
        subsampled,
        separate,
        bits.read(),
    )


def _log2_tiles(block: int, target: int) -> int:
    """Smallest k with block 2^k >= target (tile_log2)."""
    k = 0
    while block << k < target:
        k += 1
    return k


def _read_tiles(bits: BitReader, sequence: Sequence, width: int) -> tuple[int, int]:
    """Number of tiles and bytes of a tile's size field (5.9.15)."""
    size = 7 if sequence.use_128x128_superblock else 6
    columns, rows = -(-width // (1 << size)), -(-sequence.height // (1 << size))
    least_columns = _log2_tiles(4096 >> size, columns)
    least = max(least_columns, _log2_tiles((4096 * 2304) >> (2 * size), rows * columns))
    if not bits.read():
        raise ValueError("AV1 tiles are of unequal size, expected uniform spacing")

    def read_log2(least_log2: int, blocks: int) -> int:
        log2, most = least_log2, _log2_tiles(1, min(blocks, 64))
        while log2 < most and bits.read():
            log2 += 1
        return log2

    columns_log2 = read_log2(least_columns, columns)
    rows_log2 = read_log2(max(least - columns_log2, 0), rows)
    field = 0
    if columns_log2 or rows_log2:
        bits.read(columns_log2 + rows_log2)
        field = bits.read(2) + 1

    def tiles(blocks: int, log2: int) -> int:
        each = (blocks + (1 << log2) - 1) >> log2
        return -(-blocks // each)

    return tiles(columns, columns_log2) * tiles(rows, rows_log2), field


def _read_quantisation(bits: BitReader, sequence: Sequence) -> tuple[int, bool]:
    """Base quantiser index, and whether all differences from it are 0 (5.9.12)."""
    base = bits.read(8)
    coded = [bits.read_signed(7) if bits.read() else 0]
    if sequence.planes > 1:
        pairs = 2 if sequence.separate_uv_delta_q and bits.read() else 1
        coded += [bits.read_signed(7) if bits.read() else 0 for _ in range(2 * pairs)]
    if bits.read():  # quantiser matrices
        bits.read(12 if sequence.separate_uv_delta_q else 8)
    return base, not any(coded)


def _read_segmentation(bits: BitReader) -> list[int]:
    """Quantiser offsets of the segments (5.9.14)."""
    offsets = [0] * 8
    if bits.read():
        for segment in range(8):
            for feature, (size, signed) in enumerate(
                zip(SEGMENTATION_FEATURE_BITS, SEGMENTATION_FEATURE_SIGNED, strict=True)
            ):
                if bits.read():
                    value = bits.read_signed(1 + size) if signed else bits.read(size)
                    if feature == 0:
                        offsets[segment] = value
    return offsets


def _read_loop_filter(bits: BitReader, planes: int) -> None:
    """Loop filter (5.9.11)."""
    levels = bits.read(6), bits.read(6)
    if planes > 1 and any(levels):
        bits.read(12)
    bits.read(3)
    if bits.read() and bits.read():
        for _ in range(10):
            if bits.read():
                bits.read(7)


def _read_restoration(bits: BitReader, sequence: Sequence) -> None:
    """Loop restoration (5.9.20)."""
    types = [bits.read(2) for _ in range(sequence.planes)]
    if any(types):
        if bits.read() and not sequence.use_128x128_superblock:
            bits.read()
        if sequence.subsampled and any(types[1:]):
            bits.read()


def read_frame(data: bytes, sequence: Sequence) -> tuple[int, int, int]:
    """Frame header of a key frame with reduced headers (5.9.2).

    Returns
    -------
    Bytes of the header, number of tiles, bytes of a tile's size field.
    """
    bits = BitReader(data)
    bits.read()  # disable_cdf_update
    screen_content = bits.read()
    if screen_content:
        bits.read()  # force_integer_mv
    width, superres = sequence.width, sequence.enable_superres and bits.read()
    if superres:
        denominator = bits.read(3) + 9
        width = (8 * width + denominator // 2) // denominator
    if bits.read():
        bits.read(32)  # size of rendering
    block_copy = bool(screen_content and not superres and bits.read())
    tiles, field = _read_tiles(bits, sequence, width)
    base, no_differences = _read_quantisation(bits, sequence)
    offsets = _read_segmentation(bits)
    if base and bits.read():  # delta_q_params, delta_lf_params
        bits.read(2)
        if not block_copy and bits.read():
            bits.read(3)
    lossless = no_differences and all(base + offset <= 0 for offset in offsets)
    if not lossless and not block_copy:
        _read_loop_filter(bits, sequence.planes)
        if sequence.enable_cdef:
            bits.read(2)
            strengths = 1 << bits.read(2)
            bits.read(strengths * (12 if sequence.planes > 1 else 6))
    if sequence.enable_restoration and not block_copy and not (lossless and not superres):
        _read_restoration(bits, sequence)
    if not lossless:
        bits.read()  # tx_mode_select
    bits.read()  # reduced_tx_set
    if sequence.film_grain and bits.read():
        raise ValueError("an AV1 picture has film grain, expected one without")
    return bits.align(), tiles, field


def tile_sizes(data: bytes) -> list[int]:
    """Bytes of each tile of a still picture, given the units of its file.

    Raises ValueError for anything that is not one frame with reduced headers.
    """
    sequence, sizes = None, []
    for kind, payload in units(data):
        if kind == OBU_SEQUENCE_HEADER:
            sequence = read_sequence(payload)
        elif kind == OBU_FRAME:
            if sequence is None or sizes:
                raise ValueError("expected one AV1 sequence header and one frame after it")
            at, tiles, field = read_frame(payload, sequence)
            if tiles > 1:
                at += 1  # flag that all tiles are in this unit, aligned
            ends = [at]
            for _ in range(tiles - 1):
                start = ends[-1]
                size = int.from_bytes(payload[start : start + field], "little") + 1
                sizes.append(size)
                ends.append(start + field + size)
            if any(later <= earlier for earlier, later in pairwise(ends)) or ends[-1] >= len(payload):
                raise ValueError("the sizes of AV1 tiles exceed their frame: its header was misread")
            sizes.append(len(payload) - ends[-1])
    if not sizes:
        raise ValueError("expected an AV1 frame, found none")
    return sizes
