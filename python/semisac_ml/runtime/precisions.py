# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the networks of a bundle are computed in: float32, and int8 where a bundle holds them in it too.

int8: weights and what flows between layers are bytes, with scales found on training data; products are summed
in int32, so that processors agree. x86 was faster in them than in float32 with AVX2; VNNI and AMX of newer
ones, and Arm's dot product, are made for them and were not measured.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

from semisac_ml.processor import FILE, fields

Precision = Literal["auto", "float32", "int8"]
PRECISIONS = ("auto", "float32", "int8")
FAST_WITH = {"avx2", "asimddp"}
"""Names of Linux for what makes products of bytes fast; whoever has VNNI or AMX has AVX2."""


@functools.cache
def int8_is_fast(file: Path = FILE) -> bool:
    """Whether this processor multiplies bytes faster than float32."""
    return any(not FAST_WITH.isdisjoint(told.split()) for told in fields("flags", "Features", file=file))


def check_precision(precision: str) -> None:
    """Raise ValueError unless there is such a precision."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}")
