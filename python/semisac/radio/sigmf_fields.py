# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields that the extension "semisac" adds to a recording."""

from __future__ import annotations

from dataclasses import fields

from semisac_ml.signal.frame import FrameParameters


def plain_frame(frame) -> dict[str, object]:
    """Frame parameters, C++ or numpy, by name; either is made of them again."""
    return {field.name: getattr(frame, field.name) for field in fields(FrameParameters)}


def plain_bundle(bundle) -> dict[str, object]:
    """Name and fingerprint of a bundle; frames carry the first 24 bits of the fingerprint."""
    return {"name": bundle.name, "fingerprint": bundle.fingerprint}
