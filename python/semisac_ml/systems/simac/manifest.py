# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bundles of simac say of themselves: a target, seen and heard, over the air."""

from __future__ import annotations

from semisac_ml.runtime.interfaces import TargetLink


class Interface(TargetLink):
    """Section ``interface`` of the manifest."""
