# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the samples of a SigMF recording are: in its file, and in the time that it tells of.

Captures may begin late, hold bytes that are no samples, or tell by their core:global_index that samples were
lost before them. What was lost has its place: samples there are zeros, so that none behind is shifted.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from . import DataError

LONGEST_GAP_S = 10.0  # as of gap_filler: what is missing for longer is another recording
LONGEST_GAP_SAMPLES = 10_000_000  # where the sample rate is not known
MOST_CLOCK_ERROR_S = 0.1  # of dates that a program gives to captures while they pass
DATATYPE = re.compile(r"c(f32|f64|i8|i16|i32|u8|u16|u32)(_le|_be)?")


@dataclass(frozen=True)
class Format:
    """How the samples of all channels lie in a file: I and Q of the first channel, of the second, ...

    part: type of I and of Q. lanes: channels. scale, zero: a sample is (number - zero) scale.
    """

    part: np.dtype
    lanes: int
    scale: float
    zero: float

    @property
    def item_bytes(self) -> int:
        """Bytes of a sample of all channels."""
        return 2 * self.part.itemsize * self.lanes

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are those of complex64 arrays."""
        return self.part == np.dtype("<f4") and self.lanes == 1

    @classmethod
    def of(cls, file: Path, about: dict) -> Format:
        """Format by the global fields of a metadata file. Raises DataError for samples that are not read."""
        datatype = about["core:datatype"]
        if datatype.startswith("r"):
            raise DataError(
                f"{file}: core:datatype is {datatype}, expected complex samples such as cf32_le: make real "
                "ones complex first, with a Hilbert filter"
            )
        found = DATATYPE.fullmatch(datatype)
        if not found or (found[2] is None and not found[1].endswith("8")):
            raise DataError(
                f"{file}: core:datatype is {datatype}, expected a kind and a byte order such as cf32_le or "
                "ci16_be"
            )
        kind, bits = found[1][0], int(found[1][1:])
        part = np.dtype(f"{'>' if found[2] == '_be' else '<'}{kind}{bits // 8}")
        whole = kind != "f"
        return cls(
            part,
            int(about.get("core:num_channels", 1)),
            2.0 ** (1 - bits) if whole else 1.0,
            2.0 ** (bits - 1) if kind == "u" else 0.0,
        )

    def decode(self, raw: np.ndarray, lane: int) -> np.ndarray:
        """Samples of one channel, complex64, of the numbers of all."""
        parts = raw.reshape(-1, self.lanes, 2)[:, lane]
        if self.scale != 1.0:
            exact = np.float64 if self.part.itemsize > 2 else np.float32
            parts = (parts.astype(exact) - exact(self.zero)) * exact(self.scale)
        return np.ascontiguousarray(parts, np.float32).view(np.complex64).ravel()


@dataclass(frozen=True)
class Piece:
    """Samples that follow one another: from `start` on, `count` of them, from a byte of the file on."""

    start: int
    count: int
    byte: int


@dataclass(frozen=True)
class Break:
    """Samples that are not there, from `sample` on: zeros. why: in words, for people."""

    sample: int
    count: int
    why: str


@dataclass(frozen=True)
class Layout:
    """pieces: in their order. breaks: between them. starts, places: number in the metadata of the first
    sample of each capture, and where it is. sample_count: samples and zeros. stored: samples in the file.
    """

    pieces: tuple[Piece, ...]
    breaks: tuple[Break, ...]
    starts: tuple[int, ...]
    places: tuple[int, ...]
    sample_count: int
    stored: int

    def place(self, sample: int) -> int:
        """Where a sample is that the metadata call so."""
        capture = max(bisect_right(self.starts, sample) - 1, 0)
        return self.places[capture] + int(sample) - self.starts[capture]

    def within(self, start: int, count: int) -> Iterator[tuple[int, int, int, int]]:
        """(place behind `start`, samples, byte of their piece, samples into the piece) of what is stored."""
        for piece in self.pieces:
            first, end = max(piece.start, start), min(piece.start + piece.count, start + count)
            if first < end:
                yield first - start, end - first, piece.byte, first - piece.start


def first_index(metadata: dict) -> int:
    """Number of the first sample of a file in the stream that it was taken from."""
    offset = metadata["global"].get("core:offset", 0)
    first = metadata["captures"][0] if metadata["captures"] else {"core:sample_start": offset}
    start = int(first["core:sample_start"])
    return int(first.get("core:global_index", start)) - start + offset


def layout_of(file: Path, metadata: dict, data: Path, item_bytes: int, late: int = 0) -> Layout:
    """Layout of a recording.

    Parameters
    ----------
    file : path
        Of the metadata, for messages.
    data : path
        Of the samples.
    item_bytes : int
        Bytes of a sample of all channels.
    late : int
        Samples by which another channel began earlier.

    Raises
    ------
    DataError
        If the file does not hold whole samples, ends before a capture or an annotation begins, or captures
        are not in order.
    """
    about, captures = metadata["global"], metadata["captures"] or [{"core:sample_start": 0}]
    offset = about.get("core:offset", 0)
    starts = [int(capture["core:sample_start"]) - offset for capture in captures]
    headers = [int(capture.get("core:header_bytes", 0)) for capture in captures]
    stored = _stored(file, metadata, data, item_bytes, starts, sum(headers))
    rate = about.get("core:sample_rate")
    longest = LONGEST_GAP_S * rate if rate else LONGEST_GAP_SAMPLES
    breaks = [Break(0, late, f"it begins {late} samples behind the other channels")]
    breaks.append(Break(late, starts[0], f"its captures begin at sample {starts[0]}"))
    pieces, places, shift = [], [], late
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], stored], strict=True)):
        lost, why = _lost(file, captures, number, rate) if number else (0, "")
        unknown = bool(why) and not 0 < lost <= longest
        skipped = min(1, end - start) if unknown else 0  # a sample stands for what is not known
        breaks.append(Break(start + shift, skipped if unknown else lost, why))
        shift += 0 if unknown else lost
        places.append(start + shift)
        byte = sum(headers[: number + 1]) + (start + skipped) * item_bytes
        pieces.append(Piece(start + shift + skipped, end - start - skipped, byte))
    return Layout(
        tuple(one for one in pieces if one.count),
        tuple(one for one in breaks if one.count),
        tuple(start + offset for start in starts),
        tuple(places),
        stored + shift,
        stored,
    )


def _stored(
    file: Path, metadata: dict, data: Path, item_bytes: int, starts: list[int], header_bytes: int
) -> int:
    """Samples in the file of samples, checked."""
    about = metadata["global"]
    if starts[0] < 0:
        raise DataError(
            f"{file}: its first capture begins {-starts[0]} samples before core:offset, expected 0"
        )
    marks = [place["core:sample_start"] - about.get("core:offset", 0) for place in metadata["annotations"]]
    other = header_bytes + about.get("core:trailing_bytes", 0)
    size = data.stat().st_size
    stored, rest = divmod(size - other, item_bytes)
    expected = max(about.get("semisac:sample_count", 0), starts[-1], *marks, 0)
    if rest or stored < expected:
        raise DataError(
            f"{data}: holds {size} bytes, expected {other + expected * item_bytes} or more in "
            f"whole samples of {item_bytes} ({about['core:datatype']}): the file was cut off, copy it "
            "again, or core:datatype is not its own"
        )
    return stored


def _lost(file: Path, captures: list[dict], number: int, rate: float | None) -> tuple[int, str]:
    """(samples, why) that were lost before a capture; of an unknown number 0, and why there is a break.

    What this project records comes back as it was: its tags say what happened.
    """
    now, before = captures[number], captures[number - 1]
    known = [k for k in range(number) if "core:global_index" in captures[k]]
    start = int(now["core:sample_start"])
    if "core:global_index" in now:
        last = captures[known[-1]] if known else captures[0]
        passed = int(now["core:global_index"]) - last.get("core:global_index", last["core:sample_start"])
        lost = int(passed) - (start - int(last["core:sample_start"]))
        if lost < 0:
            raise DataError(
                f"{file}: core:global_index of capture {number} is {now['core:global_index']}, expected "
                f"{now['core:global_index'] - lost} or more"
            )
        if lost:
            return lost, f"{lost} samples were lost before sample {start}"
    if any("semisac:tags" in capture for capture in captures):
        return 0, ""
    here, there = (capture.get("core:frequency") for capture in (now, before))
    if here != there and here is not None and there is not None:
        return 0, f"it was tuned from {there:g} to {here:g} Hz at sample {start}"
    dates = [_date(capture.get("core:datetime")) for capture in (before, now)]
    if rate and None not in dates:
        late_s = (dates[1] - dates[0]).total_seconds() - (start - before["core:sample_start"]) / rate
        if abs(late_s) > MOST_CLOCK_ERROR_S and dates[0] != dates[1]:
            return 0, f"its dates jump by {late_s:.3g} s at sample {start}"
    return 0, ""


def _date(text: str | None) -> datetime | None:
    """A date of SigMF, None where there is none that is understood."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else None
