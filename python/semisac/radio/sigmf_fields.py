# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields that the extension "semisac" adds to a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from semisac_ml.signal.frame import FrameParameters


def plain_frame(frame) -> dict[str, object]:
    """Frame parameters, C++ or numpy, by name; either is made of them again."""
    return {field.name: getattr(frame, field.name) for field in fields(FrameParameters)}


def plain_bundle(bundle) -> dict[str, object]:
    """Name and fingerprint of a bundle; frames carry the first 24 bits of the fingerprint."""
    return {"name": bundle.name, "fingerprint": bundle.fingerprint}


def plain_value(value: object) -> object:
    """A value as JSON knows it: arrays become lists, paths text, numpy numbers numbers."""
    if isinstance(value, Mapping):
        return {str(name): plain_value(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain_value(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain_value(part) for part in value]
    if isinstance(value, np.generic):
        return plain_value(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value)
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
