# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stream tags as JSON and back, without loss.

A tag is {"key": text, kind: value}. The kind tells GNU Radio's integers apart, as JSON does not: a frame_id
is {"key": "frame_id", "uint64": 7}, a gap {"key": "gap", "long": 300}, an rx_time {"key": "rx_time", "tuple":
[{"uint64": 12}, {"double": 0.5}]}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pmt


def to_json(value) -> dict[str, object]:
    """{kind: value} of a PMT. Raises ValueError for a kind that is not recorded."""
    for kind, (belongs, encode, _) in KINDS.items():
        if belongs(value):
            return {kind: encode(value)}
    raise ValueError(f"tag value {pmt.write_string(value)[:80]} is of a kind that is not recorded")


def from_json(tag: dict[str, object]):
    """PMT of {kind: value}, whatever else the object holds. Raises ValueError when there is no known kind."""
    for kind, (_, _, decode) in KINDS.items() if isinstance(tag, dict) else ():
        if kind in tag:
            try:
                return decode(tag[kind])
            except (TypeError, ValueError, OverflowError, RuntimeError) as error:
                raise ValueError(f"tag {str(tag)[:120]}: {kind} cannot be read ({error})") from error
    raise ValueError(f"tag {str(tag)[:120]} has no value, expected one of {', '.join(KINDS)}")


def radio_time(tag: Mapping[str, object]) -> tuple[int, float] | None:
    """Whole seconds and fraction of a tag rx_time as it is recorded; None of any other."""
    parts = tag.get("tuple") if tag["key"] == "rx_time" else None
    if not isinstance(parts, list) or len(parts) != 2:
        return None
    full, fraction = parts[0].get("uint64", parts[0].get("long")), parts[1].get("double")
    usable = isinstance(full, int) and isinstance(fraction, float) and math.isfinite(fraction)
    return (full, fraction) if usable else None


def tag_of(tag, first: int) -> tuple[int, str, object]:
    """Place, key and value of a GNU Radio tag; `first` is the place of the recording's first sample."""
    return tag.offset - first, pmt.symbol_to_string(tag.key), tag.value


def _real(value: float) -> float | str:
    return value if math.isfinite(value) else repr(value)  # JSON has no infinity


def _items(value) -> list:
    return [to_json(pmt.tuple_ref(value, place)) for place in range(pmt.length(value))]


def _decode_tuple(items: list):
    return pmt.make_tuple(*[from_json(item) for item in items])


def _complex(value) -> list:
    number = pmt.to_complex(value)
    return [_real(number.real), _real(number.imag)]


KINDS = {
    "bool": (pmt.is_bool, pmt.to_bool, lambda value: pmt.PMT_T if value else pmt.PMT_F),
    "symbol": (pmt.is_symbol, pmt.symbol_to_string, lambda value: pmt.intern(str(value))),
    "uint64": (pmt.is_uint64, pmt.to_uint64, lambda value: pmt.from_uint64(int(value))),
    "long": (pmt.is_integer, pmt.to_long, lambda value: pmt.from_long(int(value))),
    "double": (
        pmt.is_real,
        lambda value: _real(pmt.to_double(value)),
        lambda value: pmt.from_double(float(value)),
    ),
    "complex": (
        pmt.is_complex,
        _complex,
        lambda value: pmt.from_complex(complex(float(value[0]), float(value[1]))),
    ),
    "null": (pmt.is_null, lambda value: None, lambda value: pmt.PMT_NIL),
    "tuple": (pmt.is_tuple, _items, _decode_tuple),
}
