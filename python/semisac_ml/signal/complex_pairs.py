# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Complex numbers as pairs of reals, I and Q, the form that networks and files hold them in, and back.

Both read memory as another type, so they ask what it holds first: float32 times a float64 scalar is float64
under numpy 2, and read as complex64 it would be noise.
"""

from __future__ import annotations

import numpy as np

_COMPLEX_OF = {np.dtype(np.float32): np.complex64, np.dtype(np.float64): np.complex128}
_REAL_OF = {np.dtype(np.complex64): np.float32, np.dtype(np.complex128): np.float64}


def as_complex(pairs: np.ndarray) -> np.ndarray:
    """float32 (..., 2), last axis I and Q → complex64 (...); float64 → complex128.

    Raises TypeError for any other type, ValueError when the last axis is not of length 2.
    """
    if pairs.dtype not in _COMPLEX_OF:
        raise TypeError(f"pairs are of type {pairs.dtype}, expected float32 or float64: convert them first")
    if pairs.ndim == 0 or pairs.shape[-1] != 2:
        raise ValueError(f"pairs are of shape {pairs.shape}, expected I and Q as a last axis of length 2")
    return np.ascontiguousarray(pairs).view(_COMPLEX_OF[pairs.dtype])[..., 0]


def as_pairs(values: np.ndarray) -> np.ndarray:
    """complex64 (...) → float32 (..., 2), last axis I and Q; complex128 → float64.

    A view where the memory allows. Raises TypeError for any other type.
    """
    if values.dtype not in _REAL_OF:
        raise TypeError(f"values are of type {values.dtype}, expected complex64 or complex128: convert them")
    return np.ascontiguousarray(values)[..., None].view(_REAL_OF[values.dtype])
