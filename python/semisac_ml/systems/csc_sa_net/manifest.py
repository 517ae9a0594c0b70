# SPDX-FileCopyrightText: gr-semisac contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bundles of csc_sa_net say of themselves: two users' pictures, fused into one segmentation."""

from __future__ import annotations

from semisac_ml.runtime.interfaces import FusionLink


class Interface(FusionLink):
    """Section ``interface`` of the manifest."""
